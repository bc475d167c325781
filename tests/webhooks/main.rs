//! What the billing service promises of Stripe's webhooks, over real sockets and real databases: who may
//! send, what becomes of what was sent, and that neither order, nor repetition, nor loss that is made
//! good, nor the end of a process can change it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

mod account;
mod burst;
mod delivery;
mod events;
mod histories;
mod interpreter;
mod office;
mod owners;
mod random;
mod receiving;
mod records;
mod signatures;
mod sql;
mod waiting;
mod workers;
