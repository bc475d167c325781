//! What changes at the billing service is enforced by a service that is guarded elsewhere: at its next
//! request after the change was told, over real sockets and both databases. The guard's clock stands
//! still throughout, so nothing grows old by itself, and nothing is asked again because of its age.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

mod line;
mod missed;
mod told;

use tiergate_tests::{Service, Store, Trial};

/// A service over each database that is there.
async fn services() -> Vec<Service> {
    let mut services = Vec::new();
    for store in [Store::Sqlite, Store::Postgres] {
        services.extend(Service::start(store, Trial::Days).await);
    }
    services
}
