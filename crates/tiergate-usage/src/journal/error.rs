//! Why a journal cannot be opened.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The journal of a recorder cannot be opened. Nothing in the folder was changed that matters.
#[derive(Debug)]
pub struct OpenError {
    folder: PathBuf,
    problem: Problem,
}

/// What keeps a journal from being opened.
#[derive(Debug)]
pub(crate) enum Problem {
    InUse,
    UnknownVersion {
        file: String,
        version: u32,
    },
    Disk {
        doing: &'static str,
        error: io::Error,
    },
    Setting(&'static str),
    NoRuntime,
    NoThread(io::Error),
}

/// The kinds of [`OpenError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenErrorKind {
    /// Another recorder, of this process or another, has the folder.
    InUse,
    /// The folder was written by a later version of this library.
    UnknownVersion,
    /// The folder or a file in it cannot be used.
    Disk,
    /// A setting makes no sense.
    Setting,
    /// It was not called within a tokio runtime, or no thread could be started.
    Runtime,
}

impl OpenError {
    pub(crate) fn new(folder: &Path, problem: Problem) -> Self {
        Self {
            folder: folder.to_owned(),
            problem,
        }
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> OpenErrorKind {
        match self.problem {
            Problem::InUse => OpenErrorKind::InUse,
            Problem::UnknownVersion { .. } => OpenErrorKind::UnknownVersion,
            Problem::Disk { .. } => OpenErrorKind::Disk,
            Problem::Setting(_) => OpenErrorKind::Setting,
            Problem::NoRuntime | Problem::NoThread(_) => OpenErrorKind::Runtime,
        }
    }

    /// The folder of the journal.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Problem {
    /// Says what was being done when the disk failed.
    pub(crate) fn disk(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Disk { doing, error }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.display();
        match &self.problem {
            Problem::InUse => write!(
                f,
                "the usage journal in `{folder}` is in use by another recorder: give each process a \
                 folder of its own, or stop the other first"
            ),
            Problem::UnknownVersion { file, version } => write!(
                f,
                "`{file}` in the usage journal `{folder}` has the format version {version}, which \
                 this version of tiergate does not know: run the one that wrote it until everything \
                 is delivered, or give another folder"
            ),
            Problem::Disk { doing, error } => write!(
                f,
                "the usage journal in `{folder}` cannot be opened, {doing} failed: {error}; the \
                 folder has to be on a local disk that this process may write to"
            ),
            Problem::Setting(what) => write!(f, "the usage recorder cannot be set up: {what}"),
            Problem::NoRuntime => f.write_str(
                "the usage recorder delivers from a task: open it within a tokio runtime",
            ),
            Problem::NoThread(error) => {
                write!(
                    f,
                    "the thread of the usage journal cannot be started: {error}"
                )
            }
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Disk { error, .. } | Problem::NoThread(error) => Some(error),
            Problem::InUse
            | Problem::UnknownVersion { .. }
            | Problem::Setting(_)
            | Problem::NoRuntime => None,
        }
    }
}
