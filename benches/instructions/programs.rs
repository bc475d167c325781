//! The programs that counting needs.

use std::process::{Command, Stdio};

/// What to do where a program is missing.
const REMEDY: &str = "\
skipped: instructions are counted by valgrind and gungraun-runner
    apt-get install valgrind
    cargo install --debug --locked gungraun-runner@0.20.0";

/// # Errors
///
/// Says how to get them, when one is missing.
pub(crate) fn are_there() -> Result<(), &'static str> {
    let starts = |program: &str| {
        let status = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    if starts("valgrind") && starts("gungraun-runner") {
        Ok(())
    } else {
        Err(REMEDY)
    }
}

/// Whether it is a fault when one is missing.
pub(crate) fn are_expected() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}
