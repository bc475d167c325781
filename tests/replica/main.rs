//! One of several processes that guard the same route and count in one store. The scenarios of
//! `tests/replicas` start it, ask it and kill it.
//!
//! It takes two arguments: a `Replica` as JSON, and the address to listen at.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a replica that cannot be set up has to end, and tells where it listens"
)]

mod sabotage;

use std::env;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tiergate::TierGate;
use tiergate::gate::StoreOutage;
use tiergate::testing::platform_catalog;
use tiergate::usage::{LeasedUsage, SharedStore, UsageStore};
use tiergate_tests::{Admission, Outage, QUOTA, Replica, Sabotage, open_usage, signed_in};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

/// The longest that giving back may take.
const GIVING_BACK: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() {
    // What it warns of is what the scenarios ask it about when it has ended.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let mut arguments = env::args().skip(1);
    let replica = Replica::from_json(&arguments.next().unwrap());
    let listener = TcpListener::bind(arguments.next().unwrap()).await.unwrap();
    let mut stop = signal(SignalKind::terminate()).unwrap();

    let store = open_usage(&replica.store, replica.store_deadline).await;
    let front = Front::new(&replica, store);
    let gate = TierGate::builder(platform_catalog())
        .lookup(replica.accounts())
        .usage(sabotaged(replica.sabotage, front.usage()))
        .reservation_ttl(replica.reservation_ttl)
        .answer_wait(replica.answer_wait)
        .during_store_outage(match replica.outage {
            Outage::Deny => StoreOutage::Deny,
            Outage::Allow => StoreOutage::Allow,
            Outage::Allowance(units) => StoreOutage::Allowance(units),
        })
        .build()
        .unwrap();
    let guard = gate.check_usage_limit(QUOTA).unwrap();
    let work = move || sleep(replica.work);
    let app = Router::new().route("/", get(work).layer(guard));
    println!("listening on http://{}", listener.local_addr().unwrap());
    axum::serve(listener, signed_in(app))
        .with_graceful_shutdown(async move {
            stop.recv().await;
        })
        .await
        .unwrap();
    front.give_back().await;
}

/// What the gate counts in.
enum Front {
    /// The store itself.
    Direct(Arc<dyn SharedStore>),
    /// What leases from it.
    Leased(Arc<LeasedUsage>),
}

impl Front {
    fn new(replica: &Replica, store: Arc<dyn SharedStore>) -> Self {
        match replica.admission {
            Admission::Direct => Self::Direct(store),
            Admission::Leased { ttl, ahead } => {
                let leased = LeasedUsage::builder(store)
                    .ttl(ttl)
                    .max_wait(replica.store_deadline);
                let leased = match ahead {
                    Some(most) => leased.ahead(most).ahead_share(NonZeroU64::MIN),
                    None => leased,
                };
                Self::Leased(Arc::new(leased.build()))
            }
        }
    }

    fn usage(&self) -> Arc<dyn UsageStore> {
        match self {
            Self::Direct(store) => Arc::new(Arc::clone(store)),
            Self::Leased(leased) => Arc::clone(leased) as Arc<dyn UsageStore>,
        }
    }

    /// Gives back what nobody has used.
    async fn give_back(&self) {
        match self {
            Self::Direct(_) => {}
            Self::Leased(leased) => leased.shutdown(GIVING_BACK).await.unwrap(),
        }
    }
}

fn sabotaged(sabotage: Sabotage, store: Arc<dyn UsageStore>) -> Arc<dyn UsageStore> {
    match sabotage {
        Sabotage::None => store,
        Sabotage::LooksBeforeItCounts => Arc::new(sabotage::LooksBeforeItCounts(store)),
        Sabotage::CommitsLater => Arc::new(sabotage::CommitsLater(store)),
    }
}
