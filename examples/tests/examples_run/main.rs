//! Runs every example as the program that it is, and holds what it prints, and what the README says
//! of it, to what really happens.
//!
//! Cargo builds the examples before it runs this, unless it is told to build this test alone; then
//! `cargo build -p tiergate-examples --examples` comes first.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod curl;
mod pattern;
mod process;
mod programs;
mod quickstart;
mod readme;
mod usage;
