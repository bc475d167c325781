//! An example that is running.

use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// What every server prints last before it serves.
const END_OF_GUIDE: &str = "Ctrl-C ends it.";
/// How long the next line of a guide is waited for, on a machine that is busy elsewhere.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, ended when this is dropped.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    guide: String,
}

/// One thing that a server tells its user to try.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) curl: String,
    /// What to expect of each time that it is tried, such as `200` or `403 TIER_REQUIRED`.
    pub(crate) expectations: Vec<String>,
}

impl Server {
    /// Starts an example on ports that are free, and reads its guide.
    pub(crate) fn start(example: &str) -> Self {
        Self::spawn(example, command(example).stderr(Stdio::null()))
    }

    /// The same with more arguments, and with its log in a file.
    pub(crate) fn start_with(example: &str, arguments: &[&str], log: File) -> Self {
        Self::spawn(example, command(example).args(arguments).stderr(log))
    }

    /// The same with more arguments, and a variable in its environment.
    pub(crate) fn start_in(example: &str, arguments: &[&str], variable: (&str, &str)) -> Self {
        let mut command = command(example);
        let command = command.env(variable.0, variable.1).args(arguments);
        Self::spawn(example, command.stderr(Stdio::null()))
    }

    fn spawn(example: &str, command: &mut Command) -> Self {
        let mut child = command
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let stdout = BufReader::new(child.stdout.take().expect("its output is piped"));
        let (sender, lines) = channel();
        // Ends with the example, whose output ends then.
        thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        let mut server = Self {
            child,
            lines,
            guide: String::new(),
        };
        while !server.guide.contains(END_OF_GUIDE) {
            let Ok(line) = server.lines.recv_timeout(PATIENCE) else {
                panic!("`{example}` printed no more than {:?}", server.guide);
            };
            server.guide.push_str(&line);
            server.guide.push('\n');
        }
        server
    }

    /// The address in the first line of its guide that begins with `name`.
    pub(crate) fn address(&self, name: &str) -> &str {
        self.guide
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().strip_prefix("http://"))
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or_else(|| panic!("no address of `{name}` in {:?}", self.guide))
    }

    /// A command with the variables filled in that the guide tells its user to set.
    pub(crate) fn filled_in(&self, command: &str) -> String {
        let set = self
            .guide
            .lines()
            .filter_map(|line| line.trim().strip_prefix("export ")?.split_once('='));
        let command = set.fold(command.to_owned(), |command, (name, value)| {
            command.replace(&format!("${name}"), value)
        });
        assert!(
            !command.contains('$'),
            "nobody said what to put in {command:?}"
        );
        command
    }

    /// What it tells its user to try, in order.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut lines = self.guide.lines();
        let mut steps = Vec::new();
        while let Some(line) = lines.next() {
            let Some((_, expected)) = line.split_once(" Expect ") else {
                continue;
            };
            let curl = lines.next().unwrap_or_default().trim();
            assert!(
                curl.starts_with("curl "),
                "nothing to try after {line:?}: {curl:?}"
            );
            steps.push(Step {
                curl: curl.to_owned(),
                expectations: expected
                    .trim_end_matches('.')
                    .split(", ")
                    .map(str::to_owned)
                    .collect(),
            });
        }
        steps
    }

    /// Presses Ctrl-C. Returns the rest of what is printed, and the exit code.
    #[cfg(unix)]
    pub(crate) fn interrupt(mut self) -> (String, Option<i32>) {
        let kill = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(kill.expect("`kill` is there").success());
        let rest: Vec<String> = self.lines.iter().collect();
        (rest.join("\n"), self.child.wait().expect("it ends").code())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs an example to its end.
pub(crate) fn output(example: &str, arguments: &[&str]) -> Output {
    command(example)
        .args(arguments)
        .output()
        .expect("the example starts")
}

fn command(example: &str) -> Command {
    let path = path(example);
    assert!(
        path.exists(),
        "`{}` is not built, run `cargo build -p tiergate-examples --examples`",
        path.display()
    );
    let mut command = Command::new(path);
    // From a directory of no meaning: the examples find their files wherever they are started.
    command.current_dir(env::temp_dir());
    // What the shell of whoever runs the tests has set is not meant for them.
    command.env_remove("TIERGATE_TOKEN");
    command
}

/// Cargo puts this test in `deps`, and the examples in `examples` beside that.
fn path(example: &str) -> PathBuf {
    let this = env::current_exe().expect("this test has a path");
    this.ancestors()
        .nth(2)
        .expect("this test is in a directory of the target directory")
        .join("examples")
        .join(format!("{example}{}", env::consts::EXE_SUFFIX))
}
