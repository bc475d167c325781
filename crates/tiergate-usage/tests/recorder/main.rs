//! A recorder in a process of its own, which is killed: `kill -9` at random moments, and two processes at
//! one folder.
//!
//! The process is this very program, started again. The moments come from a seed that is told;
//! `TIERGATE_SEED` sets it, and `TIERGATE_KILLS` how often the process is killed.

#![expect(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail, and tells how to repeat it"
)]

mod child;
mod kills;
mod locks;
mod office;
#[cfg(feature = "metrics")]
mod told;
