//! What a program writes, in files: the program never waits for a reader, and what it wrote stays.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Standard output and standard error of a program, over all its runs.
#[derive(Debug)]
pub(crate) struct Output {
    stdout: PathBuf,
    stderr: PathBuf,
}

/// How far a program has written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mark {
    stdout: usize,
    stderr: usize,
}

impl Output {
    /// Files in a folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self {
            stdout: folder.join("stdout"),
            stderr: folder.join("stderr"),
        }
    }

    /// Lets a command write there, behind what is there.
    pub(crate) fn capture(&self, command: &mut Command) {
        command
            .stdout(Stdio::from(append(&self.stdout)))
            .stderr(Stdio::from(append(&self.stderr)));
    }

    /// How far it has written.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            stdout: bytes(&self.stdout).len(),
            stderr: bytes(&self.stderr).len(),
        }
    }

    /// Every line that it has written since then. One that has no end yet is none.
    pub(crate) fn lines_since(&self, mark: Mark) -> Vec<String> {
        let written = [(&self.stdout, mark.stdout), (&self.stderr, mark.stderr)];
        let mut lines = Vec::new();
        for (path, earlier) in written {
            let bytes = bytes(path);
            let since = bytes.get(earlier..).unwrap_or_default();
            let whole = since.split_inclusive(|byte| *byte == b'\n');
            let whole = whole.filter_map(|line| line.strip_suffix(b"\n"));
            lines.extend(whole.map(|line| String::from_utf8_lossy(line).into_owned()));
        }
        lines
    }

    pub(crate) fn stdout(&self) -> String {
        text(&self.stdout)
    }

    pub(crate) fn stderr(&self) -> String {
        text(&self.stderr)
    }
}

fn append(path: &Path) -> File {
    let file = File::options().create(true).append(true).open(path);
    file.expect("the folder is its own")
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&bytes(path)).into_owned()
}

/// Nothing, before the program was started.
fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}
