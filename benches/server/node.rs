//! The same guard in Node, on Express.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process;

/// Express and the server that is written on it, in a folder of their own.
pub(crate) struct Express {
    folder: PathBuf,
}

const FILES: [(&str, &str); 2] = [
    ("package.json", include_str!("node/package.json")),
    ("server.js", include_str!("node/server.js")),
];

impl Express {
    /// None if there is no Node, or no way to its packages, which is told.
    pub(crate) fn installed() -> Option<Self> {
        if !runs("node") || !runs("npm") {
            eprintln!("skipped: Node is not installed (apt-get install nodejs npm)");
            return None;
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("server-express");
        fs::create_dir_all(&folder).expect("the target folder can be written");
        for (name, text) in FILES {
            fs::write(folder.join(name), text).expect("the target folder can be written");
        }
        if !folder.join("node_modules/express").is_dir() {
            let installed = Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
                .current_dir(&folder)
                .stdout(Stdio::null())
                .status();
            if !installed.is_ok_and(|status| status.success()) {
                eprintln!("skipped: Express is not installed (it needs a way to npm's registry)");
                return None;
            }
        }
        Some(Self { folder })
    }

    /// The command that serves, `bare` or `guarded`.
    pub(crate) fn command(&self, mode: &str) -> Command {
        let mut command = process::pinned(Path::new("node"));
        command
            .args(["server.js", mode])
            .current_dir(&self.folder)
            .env("NODE_ENV", "production");
        command
    }
}

fn runs(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
