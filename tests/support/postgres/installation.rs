use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::installed::is_program;

/// The folder below which Debian and its descendants keep one installation for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The programs of one version of PostgreSQL.
#[derive(Clone, Debug)]
pub struct Installation {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
}

impl Installation {
    /// The first of `PATH`, else the newest that the system has.
    #[must_use]
    pub fn find() -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<_> = env::split_paths(&path).collect();
        folders.extend(debian(Path::new(DEBIAN)));
        Self::find_in(folders)
    }

    /// That of the first folder that has both programs.
    #[must_use]
    pub fn find_in(folders: impl IntoIterator<Item = PathBuf>) -> Option<Self> {
        folders
            .into_iter()
            .map(|folder| Self {
                initdb: folder.join("initdb"),
                postgres: folder.join("postgres"),
            })
            .find(|found| is_program(&found.initdb) && is_program(&found.postgres))
    }
}

/// Every version's folder of programs, newest first.
fn debian(root: &Path) -> Vec<PathBuf> {
    let versions = fs::read_dir(root).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by(|one, other| other.cmp(one));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// Who a server runs as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) user: u32,
    pub(super) group: u32,
}

impl Account {
    /// An account without rights. PostgreSQL refuses to run as root.
    pub(super) fn unprivileged() -> Self {
        ["postgres", "nobody"]
            .into_iter()
            .find_map(Self::named)
            .expect("who runs the tests as root needs an account `postgres` or `nobody`")
    }

    fn named(name: &str) -> Option<Self> {
        let id = |option| {
            let told = Command::new("id").args([option, name]).output().ok()?;
            String::from_utf8(told.stdout).ok()?.trim().parse().ok()
        };
        Some(Self {
            user: id("-u")?,
            group: id("-g")?,
        })
    }
}
