//! Processes that never outlive the one that started them.
//!
//! A destructor is not enough: it does not run when a test is killed, nor for what a `static` holds.
//! So each process has a watchdog, a shell that reads from a pipe. The system closes the pipe however
//! this process ends, and then the watchdog ends what is left and removes its folder. The signal that
//! Linux can send on the death of a parent would be no help: it comes when the starting *thread* ends,
//! and every test is a thread.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Waits for a word before it becomes the program: until the watchdog knows of it. Without a word,
/// because this process is gone, it ends.
const HOLD: &str = r#"read -r go && exec "$@" </dev/null"#;

/// Every line that is read is the process to watch, or empty for none. `$1` is the signal that asks it
/// to end at once, which has 5 seconds; `$2` is the folder.
const WATCH: &str = r#"
runs() {
    kill -s 0 "$1" || return 1
    # One that has ended is there until it is asked for, which is up to init now.
    read -r told <"/proc/$1/stat" || return 0
    case $told in *") Z "*) return 1 ;; esac
}
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
    kill -s "$1" "$pid"
    tries=0
    while runs "$pid" && [ "$tries" -lt 250 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
    kill -s KILL -- "-$pid"
fi
rm -rf -- "$2"
"#;

/// How a process is ended when nobody is there to wait for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// `SIGKILL`.
    Kill,
    /// `SIGQUIT`, on which PostgreSQL ends its own processes at once.
    Quit,
}

/// A folder, and at most one process that works in it. Both are gone when this is dropped, or when
/// this process has ended in whatever way.
#[derive(Debug)]
pub(crate) struct Guard {
    folder: PathBuf,
    watchdog: Child,
    running: Option<Child>,
    last: Option<ExitStatus>,
}

impl Guard {
    /// An empty folder in the system's folder for temporary files, and nothing that runs.
    pub(crate) fn new(name: &str, ending: Ending) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("tiergate-{name}-"))
            .tempdir()
            .expect("a folder for temporary files is needed: set TMPDIR to one that can be written")
            .keep();
        let signal = match ending {
            Ending::Kill => "KILL",
            Ending::Quit => "QUIT",
        };
        let watchdog = Command::new("/bin/sh")
            .args(["-c", WATCH, "tiergate-watchdog", signal])
            .arg(&folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            // It must not keep the pipes open that the output of the tests goes through.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // The terminal's interrupt is for the tests; what follows from it is the watchdog's.
            .process_group(0)
            .spawn()
            .expect("the tests need /bin/sh");
        Self {
            folder,
            watchdog,
            running: None,
            last: None,
        }
    }

    /// The folder, which is its own.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The beginning of a command that [`start`](Self::start) takes.
    pub(crate) fn command(program: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", HOLD, "tiergate-hold"])
            .arg(program)
            .stdin(Stdio::piped())
            .process_group(0);
        command
    }

    /// Starts the one process.
    ///
    /// # Panics
    ///
    /// When there is one that runs.
    pub(crate) fn start(&mut self, command: &mut Command) {
        assert!(self.ended().is_some() || self.running.is_none(), "it runs");
        let mut child = command.spawn().expect("the tests need /bin/sh");
        self.tell(&child.id().to_string());
        let mut go = child.stdin.take().expect("it is held by a pipe");
        go.write_all(b"go\n").expect("it waits for the word");
        self.running = Some(child);
        self.last = None;
    }

    /// The number of the process that runs, or has ended and was not yet asked for.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(Child::id)
    }

    /// How the last process ended; none while it runs, or when there never was one.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let Some(running) = &mut self.running else {
            return self.last;
        };
        let status = running.try_wait().expect("it is this process's child")?;
        // From here on the number can be somebody else's.
        self.tell("");
        self.running = None;
        self.last = Some(status);
        self.last
    }

    /// Sends a signal, if there is a process. One that has ended gets it without effect: its number
    /// is kept until it is asked for.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(running) = &self.running {
            kill_process(Pid::from_child(running), signal).expect("it is this process's child");
        }
    }

    fn tell(&mut self, line: &str) {
        let pipe = self.watchdog.stdin.as_mut().expect("it is open until drop");
        writeln!(pipe, "{line}").expect("the watchdog reads");
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Nothing here may panic: this may run because of a panic. The watchdog does the work, within
        // its time; without being waited for, the process would seem to be there still.
        drop(self.watchdog.stdin.take());
        if let Some(running) = &mut self.running {
            let _ = running.wait();
        }
        let _ = self.watchdog.wait();
    }
}
