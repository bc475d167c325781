//! How long it takes from the answer to an upgrade, and from the delivery of a webhook, until a guarded
//! service has heard of it, and until it admits a request. `cargo bench -p tiergate-tests --bench
//! push_latency` measures it on both databases; `UPGRADES` says how many, 1,000 if nothing is said.
//!
//! The guard follows the changes and its clock stands still, so it is admitted by what was told and by
//! nothing else. What is admitted before the upgrade itself is answered counts as no time at all.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot be set up has to fail, and says what it found"
)]

use std::time::Duration;

use http::StatusCode;
use tiergate_clock::{Clock, SystemClock};
use tiergate_tests::{Guarded, Happening, Service, Store, StripeSubscription, Trial, within};

/// How long things took, in the order in which they were measured.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn at(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let most = sorted.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a share of a small number"
        )]
        let index = (most as f64 * share).ceil() as usize;
        let time = sorted.get(index).copied().unwrap_or_default();
        time.as_secs_f64() * 1e3
    }

    fn print(&self, what: &str) {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| self.at(share));
        let count = self.0.len();
        println!("{what:38} {count:5} p50 {p50:8.2} ms  p99 {p99:8.2} ms  max {most:8.2} ms");
    }
}

/// What follows from one upgrade.
struct Followed {
    told: Duration,
    admitted: Duration,
}

#[tokio::main]
async fn main() {
    // `cargo test --benches` runs this too, to see that it runs.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let usual = if is_measured { 1_000 } else { 4 };
    let upgrades = std::env::var("UPGRADES").ok();
    let upgrades = upgrades.map_or(usual, |count| count.parse().unwrap());
    for store in [Store::Sqlite, Store::Postgres] {
        let Some(service) = Service::start(store, Trial::Days).await else {
            continue;
        };
        Box::pin(measure(store, &service, upgrades)).await;
    }
}

async fn measure(store: Store, service: &Service, upgrades: usize) {
    let guarded = Guarded::start(service).await;
    let [mut api, mut webhook] = [(); 2].map(|()| (Times::default(), Times::default()));
    for number in 0..upgrades {
        let user = format!("user_{number}");
        let (followed, times) = if number % 2 == 0 {
            let upgrade = async {
                let reply = service.subscribe(&user, "pro").send().await;
                assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
            };
            (Box::pin(follow(&guarded, &user, upgrade)).await, &mut api)
        } else {
            let pro = StripeSubscription::active(&user, &user, "pro");
            let event = service.stripe().event(Happening::Created, &pro);
            let upgrade = async {
                let status = service.deliver(&event).status().await;
                assert_eq!(status, StatusCode::OK);
            };
            (
                Box::pin(follow(&guarded, &user, upgrade)).await,
                &mut webhook,
            )
        };
        times.0.0.push(followed.told);
        times.1.0.push(followed.admitted);
    }
    for (what, (told, admitted)) in [("API", api), ("webhook", webhook)] {
        told.print(&format!("{store:?}: {what} to event received"));
        admitted.print(&format!("{store:?}: {what} to admitted"));
    }
}

/// Upgrades a user, and asks for what takes that upgrade until it is given.
async fn follow(guarded: &Guarded, user: &str, upgrade: impl Future<Output = ()>) -> Followed {
    guarded.knows_of(user).await;
    let before = guarded.applied();
    let clock = SystemClock::new();
    let answered = async {
        upgrade.await;
        clock.elapsed()
    };
    let told = async {
        while guarded.applied() == before {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        clock.elapsed()
    };
    let admitted = async {
        while guarded.asks(user, "/pro").await != StatusCode::OK {
            tokio::task::yield_now().await;
        }
        clock.elapsed()
    };
    let all = async { tokio::join!(answered, told, admitted) };
    let (answered, told, admitted) = within("an upgrade", all).await;
    Followed {
        told: told.saturating_sub(answered),
        admitted: admitted.saturating_sub(answered),
    }
}
