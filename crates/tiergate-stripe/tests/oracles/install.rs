//! Stripe's own libraries, installed into the build directory when a test first needs them.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const PYTHON: &str = "stripe==16.1.0";
const NODE: &str = "stripe@23.1.0";

const INSTALL_SECONDS: u32 = 300;
const RUN_SECONDS: u32 = 60;

/// One of Stripe's libraries, with a script that calls it.
pub(crate) struct Library {
    program: PathBuf,
    script: PathBuf,
    directory: PathBuf,
}

impl Library {
    /// The library for Python, or why there is none.
    pub(crate) fn python() -> Result<Self, String> {
        let directory = install(PYTHON, |directory| {
            let mut venv = Command::new("python3");
            run(
                venv.args(["-m", "venv"]).arg(directory),
                "",
                INSTALL_SECONDS,
            )?;
            let mut pip = Command::new(directory.join("bin/pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check", PYTHON]);
            run(&mut pip, "", INSTALL_SECONDS)
        })?;
        Ok(Self {
            program: directory.join("bin/python"),
            script: script("signatures.py"),
            directory,
        })
    }

    /// The library for Node, or why there is none.
    pub(crate) fn node() -> Result<Self, String> {
        let directory = install(NODE, |directory| {
            let mut npm = Command::new("npm");
            npm.args([
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
            ]);
            run(
                npm.arg("--prefix").arg(directory).arg(NODE),
                "",
                INSTALL_SECONDS,
            )
        })?;
        Ok(Self {
            program: "node".into(),
            script: script("signatures.cjs"),
            directory,
        })
    }

    /// What the script says to `input`.
    pub(crate) fn ask(&self, input: &str) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).current_dir(&self.directory);
        run(&mut command, input, RUN_SECONDS)
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/oracles")
        .join(name)
}

/// The directory where a library is, installed there if it isn't yet.
fn install(
    library: &str,
    install: impl FnOnce(&Path) -> Result<String, String>,
) -> Result<PathBuf, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(library);
    let done = directory.join("installed");
    if !done.exists() {
        // What was left by a run that was cut off.
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        install(&directory)?;
        fs::write(done, "").map_err(|error| error.to_string())?;
    }
    Ok(directory)
}

/// Runs a command to its end, or kills it after `seconds`.
fn run(command: &mut Command, input: &str, seconds: u32) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let told = |error: std::io::Error| format!("{program}: {error}");
    // A file, because nobody reads a pipe while this waits.
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
        "output-{}-{:?}",
        std::process::id(),
        thread::current().id()
    ));
    let file = File::create(&output).map_err(told)?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(file)
        .spawn()
        .map_err(told)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(told)?;
    }
    let mut status = None;
    for _ in 0..seconds * 20 {
        status = child.try_wait().map_err(told)?;
        if status.is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let text = fs::read_to_string(&output).map_err(told);
    let _ = fs::remove_file(&output);
    match status {
        Some(status) if status.success() => text,
        Some(status) => Err(format!("{program}: {status}")),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            Err(format!("{program}: not done after {seconds} seconds"))
        }
    }
}
