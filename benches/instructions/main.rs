//! How many instructions the hot paths take, held against the counts that are kept in `counts.json`.
//!
//! gungraun runs each by callgrind, a tool of valgrind's, and counts what the work takes without what
//! sets it up. With arguments of gungraun's own it does only what they say.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that is set up wrong has to stop"
)]
#![expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::exit,
    reason = "what gungraun writes"
)]

mod catalogs;
mod clock;
mod counted;
mod decisions;
mod limits;
mod programs;
mod purpose;
mod requests;
mod subscribers;
mod verdict;

use std::process::ExitCode;

use purpose::Purpose;
use side_by_side::Effort;

/// How often each is done for one count, by as many subjects: what is rare or grows now and then is in
/// every count.
const TIMES: u32 = 500;

const TITLE: &str = "Instructions";

fn main() -> ExitCode {
    let purpose = Purpose::from_args();
    if purpose == Purpose::Gungraun {
        counted::run();
        return ExitCode::SUCCESS;
    }
    let effort = Effort::from_args();
    if effort.is_quick() || !effort.wants(TITLE, "") {
        println!("instructions: not counted in a quick look, nor some of them only");
        return ExitCode::SUCCESS;
    }
    if let Err(missing) = programs::are_there() {
        eprintln!("{missing}");
        return if programs::are_expected() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        };
    }
    verdict::of(purpose)
}
