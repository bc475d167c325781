//! The store in a SQLite file, on real files.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a scenario that cannot be set up has to fail"
)]

mod conformance;
mod exactness;
mod faults;
mod killed;
mod leftovers;
mod measure;
mod restart;
mod room;
mod support;
mod twin;
