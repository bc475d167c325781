//! What the scenarios share: a billing server that misbehaves on command, a server to guard, a
//! client to ask it, and ways to wait that always end. For the billing service itself: a database
//! server, the program as a process, its contract, tokens for its callers, and programs of others
//! that know the same standards.
//!
//! Everything listens on loopback, on a port that nobody else has. No process outlives the tests.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

mod billing;
mod binary;
mod cached;
mod changes;
mod client;
mod fleet;
mod gates;
mod guard;
mod guarded;
mod identity;
mod installed;
mod load;
mod log;
mod network;
mod node;
pub mod openapi;
mod output;
mod pause;
mod ports;
mod postgres;
mod program;
mod proxy;
mod python;
mod redis;
mod replica;
mod room;
mod schemathesis;
mod server;
mod service;
mod stripe;
mod target;
pub mod tokens;
mod tool;
mod usage;
mod waiting;
mod wire;

pub use billing::{Act, Billing, Received};
pub use client::{Ask, Client, Reply, Visitor};
pub use fleet::Fleet;
pub use gates::{active, gate_on, http_gate, limited, metered_gate, patient_cache, patient_lookup};
pub use guarded::Guarded;
pub use identity::{ORGANIZATION, USER, authenticate, signed_in};
pub use installed::Absence;
pub use load::{Answers, Ledger, Outcome};
pub use log::{Log, Seen};
pub use network::{Network, Way};
pub use node::Node;
pub use openapi::Contract;
pub use pause::Pause;
pub use postgres::{Durability, Installation, Postgres, Shutdown};
pub use program::{Launch, Program, announced};
pub use proxy::{Cut, Proxy};
pub use python::Python;
pub use redis::{Redis, RedisCluster, Saving};
pub use replica::{Account, Accounts, Admission, Outage, QUOTA, Replica, Sabotage};
pub use room::Room;
pub use schemathesis::{Check, Effort, Report, schemathesis, schemathesis_with};
pub use server::Server;
pub use service::{Rows, Service, Store, Trial, fresh_key};
pub use stripe::{Happening, Stripe, StripeEvent, StripeSubscription};
pub use tokens::{Mint, Token};
pub use tool::Finished;
pub use usage::open_usage;
pub use waiting::{eventually, eventually_in, within};
