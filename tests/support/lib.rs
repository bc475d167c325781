//! What the scenarios share: a billing service that misbehaves on command, a server to guard, a
//! client to ask it, and ways to wait that always end.
//!
//! Everything listens on loopback, on a port that the system chose.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

mod billing;
mod client;
mod gates;
mod identity;
mod log;
mod room;
mod server;
mod waiting;
mod wire;

pub use billing::{Act, Billing, Received};
pub use client::{Ask, Client, Reply, Visitor};
pub use gates::{active, gate_on, http_gate, limited, metered_gate, patient_cache, patient_lookup};
pub use identity::{ORGANIZATION, USER, authenticate, signed_in};
pub use log::{Log, Seen};
pub use room::Room;
pub use server::Server;
pub use waiting::{eventually, within};
