//! Many at once, over real sockets and both databases: what one owner has stays one thing, numbers have
//! no gaps, and nobody overwrites what they have not seen.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

mod admins;
mod crowd;
mod invoices;
mod processes;
mod subscriptions;

use tiergate_tests::{Service, Store, Trial};

/// A service over each database that is there.
async fn services(trial: Trial) -> Vec<Service> {
    let mut services = Vec::new();
    for store in [Store::Sqlite, Store::Postgres] {
        services.extend(Service::start(store, trial).await);
    }
    services
}
