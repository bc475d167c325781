//! Servers as processes, and what they cost.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::PATIENCE;

/// A server that runs. It ends when this is dropped, or with this process.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

/// The beginning of a command that has a processor to itself, where there is another for the load.
pub(crate) fn pinned(program: &Path) -> Command {
    on_processor("0", program)
}

/// The beginning of a command that runs on one processor, if `taskset` is there to say so.
pub(crate) fn on_processor(number: &str, program: &Path) -> Command {
    let two = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
    let taskset = Command::new("taskset")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if two && taskset.is_ok_and(|status| status.success()) {
        let mut command = Command::new("taskset");
        command.args(["-c", number]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

impl Server {
    /// Starts a server that says its port on a line, and ends when its input does.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server's program");
        let output = child.stdout.take().expect("it is a pipe");
        let mut line = String::new();
        // A server that cannot listen ends, and its line with it.
        let said = BufReader::new(output).read_line(&mut line);
        said.expect("it can be read");
        let port = line.trim().parse().expect("a port, and nothing else");
        Self { child, port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The status that a user is answered with.
    pub(crate) fn status_for(&self, user: &str) -> u16 {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        let request = format!(
            "GET / HTTP/1.1\r\nhost: localhost\r\nx-user-id: {user}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let status = answer.split_whitespace().nth(1);
        status.and_then(|status| status.parse().ok()).expect("HTTP")
    }

    /// The time that processors have spent on all of its threads.
    pub(crate) fn processor_time(&self) -> Duration {
        let tasks = format!("/proc/{}/task", self.child.id());
        let nanoseconds = fs::read_dir(tasks)
            .expect("it runs, on Linux")
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            .filter_map(|told| told.split_whitespace().next()?.parse::<u64>().ok());
        Duration::from_nanos(nanoseconds.sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
