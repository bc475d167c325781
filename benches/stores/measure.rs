//! Measures checks that wait: how many a second, and how long one takes.
//!
//! As everywhere in these benchmarks, the ways take turns in short slices, and a ratio is taken inside
//! of a round.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One check of a limit.
pub(crate) trait Check: Send + Sync + 'static {
    /// Takes a unit of the counter of that number, and says that it was used.
    fn check(&self, number: usize) -> impl Future<Output = ()> + Send;
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
}

type Slice = dyn Fn(usize, Duration) -> Pin<Box<dyn Future<Output = Sample>>>;

/// One way to check.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// The way that this one stands in front of, if it does.
    pub(crate) over: Option<&'static str>,
    slice: Box<Slice>,
}

impl Way {
    pub(crate) fn new(name: &'static str, check: impl Check) -> Self {
        let check = Arc::new(check);
        Self {
            name,
            over: None,
            slice: Box::new(move |tasks, length| {
                Box::pin(slice(Arc::clone(&check), tasks, length))
            }),
        }
    }

    pub(crate) fn over(name: &'static str, direct: &'static str, check: impl Check) -> Self {
        Self {
            over: Some(direct),
            ..Self::new(name, check)
        }
    }
}

/// What one slice came to.
struct Sample {
    per_second: f64,
    latencies: Vec<Duration>,
}

/// Every so many checks one is timed, so that reading the clock does not cost more than the check.
const TIMED: usize = 16;

async fn slice<C: Check>(check: Arc<C>, tasks: usize, length: Duration) -> Sample {
    let start = Instant::now();
    let end = start + length;
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let check = Arc::clone(&check);
            tokio::spawn(async move {
                let (mut done, mut latencies) = (0_usize, Vec::new());
                loop {
                    let began = Instant::now();
                    check
                        .check(task.wrapping_mul(7_919).wrapping_add(done))
                        .await;
                    let ended = Instant::now();
                    latencies.push(ended - began);
                    done += 1;
                    if ended >= end {
                        return (done, latencies);
                    }
                    for _ in 1..TIMED {
                        check
                            .check(task.wrapping_mul(7_919).wrapping_add(done))
                            .await;
                        done += 1;
                    }
                    // What answers at once would keep the thread from all others.
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let (mut done, mut latencies) = (0, Vec::new());
    for task in running {
        let (more, timed) = task.await.expect("a check does not panic");
        done += more;
        latencies.extend(timed);
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of checks is small")]
    let per_second = done as f64 / start.elapsed().as_secs_f64();
    Sample {
        per_second,
        latencies,
    }
}

/// The ways side by side; the first is what the others are compared with.
pub(crate) async fn compare(what: &str, ways: &[Way], tasks: usize, effort: Effort) {
    let mut samples: Vec<Vec<Sample>> = ways.iter().map(|_| Vec::new()).collect();
    for way in ways {
        (way.slice)(tasks, effort.slice).await;
    }
    for round in 0..effort.rounds {
        for turn in 0..ways.len() {
            let index = (round + turn) % ways.len();
            samples[index].push((ways[index].slice)(tasks, effort.slice).await);
        }
    }
    let noun = if tasks == 1 { "task" } else { "tasks" };
    println!("\n### A check of a shared {what}, from {tasks} {noun}\n");
    println!("| | checks/s (p10 – p90) | of memory | over direct | p50 µs | p99 µs |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (way, own) in ways.iter().zip(&samples) {
        let rates: Vec<f64> = own.iter().map(|sample| sample.per_second).collect();
        let direct = ways.iter().position(|other| Some(other.name) == way.over);
        let over = direct.map(|direct| format!("{:.1}", median_ratio(own, &samples[direct])));
        let mut latencies: Vec<f64> = own
            .iter()
            .flat_map(|sample| &sample.latencies)
            .map(|latency| latency.as_secs_f64() * 1e6)
            .collect();
        println!(
            "| {} | {:.0} ({:.0} – {:.0}) | {:.4} | {} | {:.1} | {:.1} |",
            way.name,
            percentile(&mut rates.clone(), 50),
            percentile(&mut rates.clone(), 10),
            percentile(&mut rates.clone(), 90),
            median_ratio(own, &samples[0]),
            over.as_deref().unwrap_or("–"),
            percentile(&mut latencies, 50),
            percentile(&mut latencies, 99),
        );
    }
}

fn median_ratio(own: &[Sample], base: &[Sample]) -> f64 {
    let ratios = own.iter().zip(base);
    let mut ratios: Vec<f64> = ratios
        .map(|(own, base)| own.per_second / base.per_second)
        .collect();
    percentile(&mut ratios, 50)
}

fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = values.len().saturating_sub(1) * percent / 100;
    values.get(index).copied().unwrap_or(f64::NAN)
}
