//! How long it takes from a commit to the client. Run with
//! `cargo test --release -p tiergate-billing --lib -- --ignored --nocapture latency`.

use std::time::Duration;

use serde_json::json;
use tiergate_core::Subject;
use tokio::time::Instant;

use super::support::{Listening, Running, tell, user};
use crate::Billing;
use crate::testing::Office;

const CLIENTS: usize = 10;
const CHANGES: i64 = 1_000;

/// Makes changes one after the other, and says for each client and change how long it took from the
/// moment in which the commit had returned; nothing where the client was faster than that.
async fn measure(running: &Running, writer: &Billing) -> Vec<Duration> {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Listening::to(&running.url("/api/events"), &user("ada"), None).await;
        client.next().await.unwrap();
        clients.push(tokio::spawn(async move {
            let mut heard = Vec::new();
            for n in 0..CHANGES {
                assert_eq!(client.numbers(1).await, [n]);
                heard.push(Instant::now());
            }
            heard
        }));
    }
    let mut committed = Vec::new();
    for n in 0..CHANGES {
        let ada = Subject::user("ada");
        tell(writer, "subscription", Some(ada), json!({ "n": n })).await;
        committed.push(Instant::now());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut took = Vec::new();
    for client in clients {
        let heard = client.await.unwrap();
        let pairs = heard.iter().zip(&committed);
        took.extend(pairs.map(|(heard, committed)| heard.saturating_duration_since(*committed)));
    }
    took.sort_unstable();
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn latency_from_commit_to_client() {
    for office in Office::each().await {
        let kind = office.billing.database().kind();
        let running = Running::with(office, |_| {}, |api| api).await;
        let other = super::events::another(&running).await;
        for (whose, writer) in [("the same", &running.office.billing), ("another", &other)] {
            let took = measure(&running, writer).await;
            let at = |percent: usize| took[(took.len() - 1) * percent / 100];
            println!(
                "{kind:?}, written by {whose} process: p50 {:?}, p99 {:?}, most {:?}",
                at(50),
                at(99),
                at(100)
            );
        }
    }
}
