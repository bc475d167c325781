use std::time::Duration;

use side_by_side::{Effort, Stopwatch, percentile, uuid_of};
use tiergate::lookup::Resolution;
use tiergate::{Subject, SubscriptionLookup};
use tokio::task::JoinSet;

use super::records::Records;

pub(crate) const TITLE: &str = "A storm of misses";

/// How long the source takes for an answer.
const DELAY: Duration = Duration::from_millis(5);

/// Many tasks ask at once, for so many subjects of whom nothing is known yet.
pub(crate) fn measure(effort: Effort) {
    let tasks: u32 = if effort.is_quick() { 1_000 } else { 10_000 };
    let rounds = if effort.is_quick() { 3 } else { 15 };
    let most = tiergate::CacheConfig::default().max_flights();
    println!("\n### {TITLE}: {tasks} tasks at once, a source that takes {DELAY:?}\n");
    println!("| | lookups | at most at once | ms until all know (p10–p90) |");
    println!("|---|--:|--:|--:|");
    for subjects in [1, 100, 1_000] {
        let name = format!("tiergate, {subjects} subjects");
        told(&name, rounds, || {
            let records = Records::after(DELAY);
            let cache = super::cache_of(10_000, &records);
            let wall = ask(tasks, |number| {
                let cache = cache.clone();
                async move {
                    let known = cache.resolve(&subject(number % subjects)).await;
                    assert!(matches!(known, Resolution::Known(_)), "{known:?}");
                }
            });
            assert_eq!(records.calls(), u64::from(subjects), "one for each subject");
            assert!(records.most_under_way() <= most as u64, "it is bounded");
            (records, wall)
        });
    }
    told("no cache, each asks for itself", rounds, || {
        let records = Records::after(DELAY);
        let wall = ask(tasks, |number| {
            let records = records.clone();
            async move {
                records.lookup(&subject(number)).await;
            }
        });
        (records, wall)
    });
}

fn subject(number: u32) -> Subject {
    Subject::user(uuid_of(number))
}

/// How long it takes until all tasks have ended.
fn ask<F: Future<Output = ()> + Send + 'static>(tasks: u32, task: impl Fn(u32) -> F) -> Duration {
    let runtime = super::runtime();
    Stopwatch::Wall.time(|| {
        runtime.block_on(async {
            let asking: JoinSet<()> = (0..tasks).map(&task).collect();
            asking.join_all().await;
        });
    })
}

fn told(name: &str, rounds: usize, round: impl Fn() -> (Records, Duration)) {
    let (mut calls, mut most, mut times) = (0, 0, Vec::new());
    for _ in 0..rounds {
        let (records, wall) = round();
        calls = records.calls();
        most = most.max(records.most_under_way());
        times.push(wall.as_secs_f64() * 1e3);
    }
    let at = |percent| percentile(&times, percent);
    println!(
        "| {name} | {calls} | {most} | {:.1} ({:.1}–{:.1}) |",
        at(50),
        at(10),
        at(90)
    );
}
