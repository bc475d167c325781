#![doc = include_str!("../README.md")]

mod admin;
mod billing;
mod catalog;
mod change;
mod context;
mod error;
mod id;
mod invoices;

pub mod api;
pub mod auth;
pub mod database;
pub mod payment;
pub mod record;
pub mod reports;
pub mod server;
pub mod subscriptions;
pub mod usage;
pub mod webhook;

mod push;
mod table;
mod telemetry;
#[cfg(test)]
mod testing;

pub use billing::{Billing, Replaced};
pub use catalog::Seeding;
pub use change::{IdempotencyKey, Reply};
pub use context::{Actor, ActorKind, Context, ExpectedVersion};
pub use error::{BillingError, FieldFault};
pub use id::{AuditId, InboxId, InvoiceId, OperationId, PaymentId, SubscriptionId, UsageId};
