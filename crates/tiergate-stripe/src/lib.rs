#![doc = include_str!("../README.md")]

pub mod event;
pub mod history;
pub mod id;
pub mod signature;

pub use event::{Event, EventKind, EventObject};
pub use history::{InvoiceStanding, Standing, invoice_standing, newest, standing};
pub use signature::{SignatureError, WebhookSecrets};
