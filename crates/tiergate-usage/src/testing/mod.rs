//! What the tests of a store, and of those who use one, need.
//!
//! * [`conformance`] checks that a store keeps every promise of [`UsageStore`](crate::UsageStore).
//! * [`ScriptedStore`] fails, hangs and loses answers on command.

pub mod conformance;
mod scripted;

pub use scripted::{Call, Fault, ScriptedStore};
