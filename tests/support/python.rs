//! Python programs of others, in an environment of their own.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::cached::cached;
use crate::installed::{self, Absence};
use crate::tool::{self, Finished};

/// The longest that the packages may take to be fetched.
const INSTALLATION: Duration = Duration::from_secs(10 * 60);

/// The longest that a program may run.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// A virtual environment with some packages, kept in the target folder.
#[derive(Clone, Debug)]
pub struct Python {
    folder: PathBuf,
}

impl Python {
    /// An environment with these packages, by the text of a requirements file. Every package has to be
    /// pinned, those that others need too, or what is kept and what is fetched anew would differ. None
    /// when there is no Python or no way to the packages, which is told.
    ///
    /// # Panics
    ///
    /// When `CI=true` and they are not there.
    pub async fn with(requirements: &str) -> Option<Self> {
        let Some(python) = installed::find("python3") else {
            let remedy = "apt-get install python3 python3-venv";
            Absence::here().tell("Python is not installed", remedy);
            return None;
        };
        let mut version = tool::tool(&python);
        version.args(["-c", "import sys; print(sys.version, sys.prefix)"]);
        let version = tool::run("python3", PATIENCE, version).await;
        let key = format!("{}{requirements}", version.stdout);
        let folder = cached("python", &key, async |folder| {
            let mut venv = tool::tool(&python);
            venv.args(["-m", "venv"]).arg(folder);
            let made = tool::run("python3 -m venv", INSTALLATION, venv).await;
            made.success("python3 -m venv").map_err(|why| {
                format!("{why}\napt-get install python3-venv brings what it needs")
            })?;
            let list = folder.join("requirements.txt");
            std::fs::write(&list, requirements).expect("the folder is there");
            let mut pip = tool::tool(&folder.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
                .args(["--disable-pip-version-check", "--no-deps"])
                // What is built on the way would be code that nobody named.
                .args(["--only-binary", ":all:", "--requirement"])
                .arg(list);
            let fetched = tool::run("pip", INSTALLATION, pip).await;
            fetched.success("pip install").map(drop)
        })
        .await;
        match folder {
            Ok(folder) => Some(Self { folder }),
            Err(why) => {
                let missing = format!("a Python package is not installed: {why}");
                Absence::here().tell(&missing, "it needs python3-venv and a way to PyPI");
                None
            }
        }
    }

    /// A command of one of the environment's programs, which [`run`](Self::run) takes.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        tool::tool(&self.folder.join("bin").join(name))
    }

    /// Runs a program to its end.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn run(&self, command: Command) -> Finished {
        tool::run("a Python program", PATIENCE, command).await
    }

    /// Runs a script to its end.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn script(&self, text: &str) -> Finished {
        let mut command = self.program("python");
        command.args(["-c", text]);
        self.run(command).await
    }
}
