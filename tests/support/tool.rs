//! Programs that are run to their end, within a time.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use crate::guard::{Ending, Guard};
use crate::output::Output;
use crate::waiting::eventually_in;

/// What a program that ended has said.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Finished {
    /// What it said, or everything about it when it did not succeed.
    pub(crate) fn success(self, what: &str) -> Result<String, String> {
        if self.status.success() {
            return Ok(self.stdout);
        }
        Err(format!(
            "{what} ended with {}\n{}\n{}",
            self.status,
            self.stdout.trim_end(),
            self.stderr.trim_end()
        ))
    }
}

/// A command that [`run`] takes.
pub(crate) fn tool(program: &Path) -> Command {
    Guard::command(program)
}

/// Runs a command of [`tool`] to its end.
///
/// # Panics
///
/// When it takes longer than `limit`, after which it is gone.
pub(crate) async fn run(what: &str, limit: Duration, mut command: Command) -> Finished {
    let mut guard = Guard::new("run", Ending::Kill);
    let output = Output::in_folder(guard.folder());
    output.capture(&mut command);
    guard.start(&mut command);
    let mut status = None;
    eventually_in(limit, what, || {
        status = guard.ended();
        status.is_some()
    })
    .await;
    Finished {
        status: status.expect("it has ended"),
        stdout: output.stdout(),
        stderr: output.stderr(),
    }
}
