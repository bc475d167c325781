//! Invoices: who may see them, and what the operator may make of those that no provider keeps.

mod mark;
mod read;

pub(crate) use mark::{Mark, mark};
pub(crate) use read::{by_id, of_subscription};
