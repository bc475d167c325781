//! Programs that a machine may have or not, and what follows if it has not.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What a test does that needs a program which is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It says so and ends, so that everybody can run the tests.
    Skips,
    /// It fails, so that no check is left out unseen.
    Fails,
}

impl Absence {
    /// What holds where this runs: with `CI=true` in the environment absence is a failure.
    #[must_use]
    pub fn here() -> Self {
        if env::var_os("CI").is_some_and(|ci| ci == "true") {
            Self::Fails
        } else {
            Self::Skips
        }
    }

    /// Tells that something is not there, with the command that brings it.
    ///
    /// # Panics
    ///
    /// When absence is a failure.
    pub fn tell(self, missing: &str, remedy: &str) {
        match self {
            Self::Fails => panic!("{missing}, and CI=true makes that a failure ({remedy})"),
            // Not with `println!`, which shows nothing of a test that passes. That nobody may be there
            // to read it is no fault.
            Self::Skips => {
                let _ = writeln!(std::io::stderr(), "skipped: {missing} ({remedy})");
            }
        }
    }
}

/// Where a program is, of those in `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| is_program(candidate))
}

pub(crate) fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
