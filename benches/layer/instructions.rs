//! Counts the instructions of a request by valgrind, which says the same on every machine.

use std::process::{Command, Stdio};

use side_by_side::Effort;

use crate::columns::Column;

/// How many requests are counted.
const TIMES: u64 = 2_000;
/// How many subscribers there are then: valgrind is slow, and does not see what memory costs.
const SUBSCRIBERS: usize = 500;

/// Whether instructions are counted, and how.
pub(crate) enum Instructions {
    /// They are not asked for, or valgrind is not there.
    NotCounted,
    /// By running this program again, for one column at a time.
    ByValgrind,
}

/// This program was started to do one column's work.
pub(crate) struct Repeat {
    column: String,
}

/// How many subscribers there are.
pub(crate) fn subscribers(repeat: Option<&Repeat>, effort: Effort) -> usize {
    match repeat {
        Some(_) => SUBSCRIBERS,
        None if effort.is_quick() => 1_000,
        None => 100_000,
    }
}

impl Instructions {
    /// With `--instructions` on the command line.
    pub(crate) fn from_args() -> Self {
        if !std::env::args().any(|argument| argument == "--instructions") {
            return Self::NotCounted;
        }
        let found = Command::new("valgrind")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match found {
            Ok(status) if status.success() => Self::ByValgrind,
            _ => {
                eprintln!("skipped: valgrind is not installed (apt-get install valgrind)");
                Self::NotCounted
            }
        }
    }

    /// How many instructions a request of a column takes.
    pub(crate) fn of(&self, column: &str) -> String {
        match self {
            Self::NotCounted => "–".to_owned(),
            Self::ByValgrind => match count(column) {
                Some(total) => (total / TIMES).to_string(),
                None => "?".to_owned(),
            },
        }
    }
}

fn count(column: &str) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*counted_requests*")
        .arg(std::env::current_exe().ok()?)
        .args(["--repeat", column])
        .stdout(Stdio::null())
        .output()
        .ok()?;
    let told = String::from_utf8(output.stderr).ok()?;
    let (_, collected) = told.split_once("Collected :")?;
    collected.split_whitespace().next()?.parse().ok()
}

impl Repeat {
    /// With `--repeat COLUMN` on the command line.
    pub(crate) fn from_args() -> Option<Self> {
        let mut arguments = std::env::args().skip_while(|argument| argument != "--repeat");
        arguments.next()?;
        let column = arguments.next()?;
        Some(Self { column })
    }

    /// Does that column's work, if it is one of these.
    pub(crate) fn run(&self, columns: &mut [Column<'_>]) {
        for column in columns {
            if column.name == self.column {
                (column.work)(TIMES / 2);
                counted_requests(&mut column.work);
            }
        }
    }
}

/// What valgrind looks at.
#[inline(never)]
fn counted_requests(work: &mut dyn FnMut(u64)) {
    work(TIMES);
}
