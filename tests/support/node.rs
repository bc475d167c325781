//! JavaScript packages of others, run by Node.

use std::path::PathBuf;
use std::time::Duration;

use crate::cached::cached;
use crate::installed::{self, Absence};
use crate::tool::{self, Finished};

/// The longest that the packages may take to be fetched.
const INSTALLATION: Duration = Duration::from_secs(10 * 60);

/// The longest that a script may run.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// A folder with some packages, kept in the target folder.
#[derive(Clone, Debug)]
pub struct Node {
    node: PathBuf,
    folder: PathBuf,
}

impl Node {
    /// A folder with these packages, each as `name@1.2.3`. None when there is no Node or no way to the
    /// packages, which is told.
    ///
    /// # Panics
    ///
    /// When a package has no version, or `CI=true` and something is not there.
    pub async fn with(packages: &[&str]) -> Option<Self> {
        for package in packages {
            let version = package.rsplit_once('@').map(|(_, version)| version);
            assert!(
                version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())),
                "{package} has to be pinned, as in name@1.2.3"
            );
        }
        let (Some(node), Some(npm)) = (installed::find("node"), installed::find("npm")) else {
            Absence::here().tell("Node is not installed", "apt-get install nodejs npm");
            return None;
        };
        let folder = cached("node", &packages.join(" "), async |folder| {
            let mut install = tool::tool(&npm);
            install
                .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
                .arg("--prefix")
                .arg(folder)
                .args(packages)
                .current_dir(folder);
            let fetched = tool::run("npm install", INSTALLATION, install).await;
            fetched.success("npm install").map(drop)
        })
        .await;
        match folder {
            Ok(folder) => Some(Self { node, folder }),
            Err(why) => {
                let missing = format!("a package of npm is not installed: {why}");
                Absence::here().tell(&missing, "it needs a way to npm's registry");
                None
            }
        }
    }

    /// Node alone, for scripts that need no package. None when there is no Node, which is told.
    ///
    /// # Panics
    ///
    /// When `CI=true` and there is none.
    #[must_use]
    pub fn alone() -> Option<Self> {
        let Some(node) = installed::find("node") else {
            Absence::here().tell("Node is not installed", "apt-get install nodejs");
            return None;
        };
        let folder = std::env::temp_dir();
        Some(Self { node, folder })
    }

    /// Runs a script, which may `require` the packages, to its end. It finds `arguments` in
    /// `process.argv`, from the second on.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn script(&self, text: &str, arguments: &[&str]) -> Finished {
        let mut command = tool::tool(&self.node);
        command
            .args(["--eval", text, "--"])
            .args(arguments)
            .current_dir(&self.folder);
        tool::run("a script of Node", PATIENCE, command).await
    }
}
