//! Usage counted in PostgreSQL: the promises of every store, and those that only a store has which
//! outlives its process and is shared by several.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

mod conformance;
mod crowd;
mod cutter;
mod exactness;
mod fixture;
mod lost_answers;
mod pooler;
mod rates;
mod residue;
mod restarts;
mod set_up;
mod waiting;
