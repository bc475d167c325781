//! One file for each table: its statements, and how its rows become records.
//!
//! A function that changes something takes a [`Write`](crate::database::Write), so that nothing is
//! changed outside a transaction.

/// Lists all statements of a file for the test that prepares each of them on the database it is for: on
/// both, unless its name ends with one of theirs. The test also finds those that are not listed.
macro_rules! statements {
    ($($name:ident),+ $(,)?) => {
        #[cfg(test)]
        pub(super) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}

pub(crate) mod audit;
pub(crate) mod audit_search;
pub(crate) mod catalog;
pub(crate) mod customers;
mod filter;
pub(crate) mod idempotency;
pub(crate) mod inbox;
pub(crate) mod inbox_admin;
pub(crate) mod invoices;
pub(crate) mod outbox;
pub(crate) mod overrides;
pub(crate) mod payments;
pub(crate) mod reports;
pub(crate) mod subscription_search;
pub(crate) mod subscriptions;
#[cfg(test)]
mod tests;
pub(crate) mod upkeep;
pub(crate) mod usage;
pub(crate) mod usage_ledger;
pub(crate) mod usage_owners;
pub(crate) mod usage_reports;
pub(crate) mod usage_running;
pub(crate) mod usage_totals;
