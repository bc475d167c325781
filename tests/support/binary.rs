//! Builds the program that is tested.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::target::Target;
use crate::{installed, tool};

/// Names a `tiergate` program to be used instead of one that is built.
const GIVEN: &str = "TIERGATE_PROGRAM";

/// The longest that it may take to build. From nothing, on a small machine, it takes minutes.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

static BUILT: OnceCell<PathBuf> = OnceCell::const_new();

/// The `tiergate` program, built once by each test program, in the profile and target folder of the
/// tests. One that is there may be older than its sources, so cargo is always asked.
pub(crate) async fn tiergate() -> PathBuf {
    BUILT.get_or_init(build).await.clone()
}

async fn build() -> PathBuf {
    if let Some(given) = env::var_os(GIVEN) {
        let given = PathBuf::from(given);
        assert!(
            installed::is_program(&given),
            "{GIVEN} is {}, which is no program",
            given.display()
        );
        return given;
    }
    let target = Target::of_this_test();
    let cargo = env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from);
    let mut command = tool::tool(&cargo);
    command
        .args([
            "build",
            "--quiet",
            "-p",
            "tiergate-cli",
            "--bin",
            "tiergate",
        ])
        .args(["--profile", &target.profile])
        .arg("--target-dir")
        .arg(&target.folder)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if let Some(platform) = &target.platform {
        command.args(["--target", platform]);
    }
    // What cargo tells a test about its package is not so for the program's.
    for (name, _) in env::vars_os() {
        let told = name.to_str().unwrap_or_default();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    let built = tool::run("cargo build", PATIENCE, command).await;
    built
        .success("cargo build -p tiergate-cli")
        .unwrap_or_else(|why| panic!("{why}"));
    let name = format!("tiergate{}", env::consts::EXE_SUFFIX);
    target.programs.join(name)
}
