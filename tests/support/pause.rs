//! Processes that are stopped for a while, as a machine is that swaps or a virtual one that moves.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tokio::task::spawn_blocking;

/// Stops all, and lets them run again when its input ends: however this process does.
const HOLD: &str = r#"kill -s STOP "$@" && echo stopped && read -r go; kill -s CONT "$@""#;

/// A process and its children that do not run. They go on when this is dropped, or when this process has
/// ended in whatever way.
#[derive(Debug)]
pub struct Pause {
    holder: Child,
}

impl Pause {
    /// Stops a process, with the children that it has now.
    pub(crate) async fn of(process: u32) -> Self {
        spawn_blocking(move || Self::begin(process)).await.unwrap()
    }

    fn begin(process: u32) -> Self {
        let children = format!("/proc/{process}/task/{process}/children");
        let children = fs::read_to_string(children).expect("the system tells a process' children");
        let mut holder = Command::new("/bin/sh")
            .args(["-c", HOLD, "tiergate-pause"])
            // It first, so that it makes no more of them.
            .arg(process.to_string())
            .args(children.split_whitespace())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the tests need /bin/sh");
        let mut told = String::new();
        let stdout = holder.stdout.take().expect("it is a pipe");
        let read = BufReader::new(stdout).read_line(&mut told);
        assert!(
            read.is_ok() && told == "stopped\n",
            "{process} is not stopped"
        );
        Self { holder }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        // Nothing here may panic: this may run because of a panic.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
