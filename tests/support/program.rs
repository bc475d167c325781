//! A program as a child process: the `tiergate` binary, or another that serves.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use std::{env, fs};

use rustix::process::Signal;

use crate::guard::{Ending, Guard};
use crate::output::{Mark, Output};
use crate::ports::free_port;
use crate::tool::{self, Finished};
use crate::waiting::eventually_in;
use crate::{Client, binary};

/// The longest that a program may take to begin, to stop or to say something. Migrations are part of a
/// beginning.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a program is to be run. It sees no more of this process's environment than `PATH`.
#[derive(Clone, Debug)]
#[must_use]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    address: SocketAddr,
    announcement: fn(&str) -> Option<SocketAddr>,
}

/// A program that runs, in a folder of its own that was empty. It ends with this, or with this process
/// however that ends, and the folder is removed.
#[derive(Debug)]
pub struct Program {
    launch: Launch,
    guard: Mutex<Guard>,
    home: PathBuf,
    output: Output,
    address: Mutex<Option<SocketAddr>>,
}

impl Launch {
    /// The `tiergate` program of this workspace, made from what its sources say now. It is told by
    /// `TIERGATE_LISTEN` to listen at [`address`](Self::address).
    ///
    /// # Panics
    ///
    /// When it cannot be built.
    pub async fn tiergate() -> Self {
        let launch = Self::new(binary::tiergate().await);
        let address = launch.address.to_string();
        launch.env("TIERGATE_LISTEN", address)
    }

    /// Another program.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())),
            announcement: announced,
        }
    }

    /// An address that is free, and stays so while the program is down. The program does not know of it
    /// unless it is told.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Finds the address that the program listens at in a line of its output, if it is that line. By
    /// default it is [`announced`].
    pub fn announced_by(mut self, find: fn(&str) -> Option<SocketAddr>) -> Self {
        self.announcement = find;
        self
    }

    /// Starts the program, and waits until it says where it listens.
    ///
    /// # Panics
    ///
    /// When it ends before, or says nothing.
    pub async fn start(self) -> Program {
        let program = self.begin();
        program.ready(Mark::default()).await;
        program
    }

    /// Starts the program, and waits for nothing.
    #[must_use]
    pub fn begin(self) -> Program {
        let guard = Guard::new("program", Ending::Kill);
        let home = guard.folder().join("home");
        fs::create_dir(&home).expect("the folder is its own");
        let program = Program {
            output: Output::in_folder(guard.folder()),
            guard: Mutex::new(guard),
            launch: self,
            home,
            address: Mutex::new(None),
        };
        program.run();
        program
    }

    /// Runs the program to its end, in an empty folder.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn finish(self) -> Finished {
        let home = tempfile::tempdir().expect("a folder for temporary files is needed");
        let what = self.program.display().to_string();
        tool::run(&what, PATIENCE, self.command(home.path())).await
    }

    fn command(&self, home: &Path) -> Command {
        let mut command = Guard::command(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", home)
            .envs(&self.environment)
            .current_dir(home);
        command
    }
}

impl Program {
    /// Where it listens.
    ///
    /// # Panics
    ///
    /// When it has not said so.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address.lock().unwrap().expect("it was started")
    }

    /// A client that asks it.
    ///
    /// # Panics
    ///
    /// When it has not said where it listens.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address())
    }

    /// The folder it works in, which was empty.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.home
    }

    /// Runs the same program with other arguments to its end, in the same folder and environment.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn run_beside(&self, arguments: &[&str]) -> Finished {
        let mut launch = self.launch.clone();
        launch.arguments = arguments.iter().map(OsString::from).collect();
        let what = launch.program.display().to_string();
        tool::run(&what, PATIENCE, launch.command(&self.home)).await
    }

    /// What it has written to standard output so far, over all its runs.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.output.stdout()
    }

    /// What it has written to standard error so far, over all its runs.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.output.stderr()
    }

    /// Waits until it has written a line like that, over all its runs.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn line(&self, what: &str, like: impl Fn(&str) -> bool) -> String {
        let mut found = None;
        eventually_in(PATIENCE, what, || {
            let lines = self.output.lines_since(Mark::default());
            found = lines.into_iter().find(|line| like(line));
            found.is_some()
        })
        .await;
        found.expect("it is there")
    }

    /// The number of its process; none when it has ended.
    ///
    /// # Panics
    ///
    /// When another thread panicked in here.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        let mut guard = self.guard();
        guard.ended();
        guard.pid()
    }

    /// Asks it to stop, with `SIGTERM`, and does not wait.
    ///
    /// # Panics
    ///
    /// When another thread panicked in here.
    pub fn ask_to_stop(&self) {
        self.guard().signal(Signal::TERM);
    }

    /// Asks it to stop, with `SIGTERM`, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn stop(&self) -> ExitStatus {
        self.ask_to_stop();
        self.ended().await
    }

    /// Ends it with `SIGKILL`, as `kill -9` does: nothing of it runs any more.
    ///
    /// # Panics
    ///
    /// Only when the system fails.
    pub async fn kill(&self) {
        self.guard().signal(Signal::KILL);
        self.ended().await;
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn ended(&self) -> ExitStatus {
        let mut status = None;
        eventually_in(PATIENCE, "the program", || {
            status = self.guard().ended();
            status.is_some()
        })
        .await;
        status.expect("it has ended")
    }

    /// Starts it again in the same folder, after it has ended, and waits until it says where it
    /// listens.
    ///
    /// # Panics
    ///
    /// When it has not ended, does not begin, or listens elsewhere than before.
    pub async fn restart(&self) {
        let before = self.address.lock().unwrap().take();
        let said = self.output.mark();
        self.run();
        self.ready(said).await;
        assert!(before.is_none_or(|before| before == self.address()));
    }

    /// Starts it again in the same folder, after it has ended, and waits for nothing.
    ///
    /// # Panics
    ///
    /// When it has not ended.
    pub fn rerun(&self) {
        self.run();
    }

    fn run(&self) {
        let mut command = self.launch.command(&self.home);
        self.output.capture(&mut command);
        self.guard().start(&mut command);
    }

    /// Waits until it says where it listens, after what is of earlier runs.
    async fn ready(&self, earlier: Mark) {
        let find = self.launch.announcement;
        let mut ended = None;
        let mut address = None;
        eventually_in(PATIENCE, "the program's beginning", || {
            // Whether it has ended is asked first, or its last words could be missed.
            ended = self.guard().ended();
            let lines = self.output.lines_since(earlier);
            address = lines.iter().find_map(|line| find(line));
            address.is_some() || ended.is_some()
        })
        .await;
        assert!(
            address.is_some(),
            "the program does not begin: {ended:?}\n{}\n{}",
            self.stdout(),
            self.stderr()
        );
        *self.address.lock().unwrap() = address;
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap()
    }
}

/// The address in a line that says `listening on http://127.0.0.1:8080`, or that has a field of the
/// name `address`, as a log of text or of JSON writes it.
#[must_use]
pub fn announced(line: &str) -> Option<SocketAddr> {
    ["listening on http://", "address=", "\"address\":"]
        .into_iter()
        .find_map(|before| {
            let (_, rest) = line.split_once(before)?;
            let rest = rest.trim_start_matches(['"', ' ']);
            let rest = rest.strip_prefix("http://").unwrap_or(rest);
            let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || "[].:".contains(c)));
            rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
        })
}
