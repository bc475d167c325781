//! Measures several ways to do the same work side by side.
//!
//! Machines change their speed from second to second. Columns are therefore not run one after the
//! other to their end: every round runs each of them for a short slice, in an order that rotates, and
//! a ratio is taken inside of a round. What is printed is the median over the rounds, with the tenth
//! and the ninetieth percentile, so that it can be seen how much to believe.

mod zipf;

use std::fmt::Write;
use std::time::{Duration, Instant};

pub use zipf::Zipf;

/// One way to do the work.
pub struct Column<'a> {
    name: &'static str,
    work: Box<dyn FnMut(u64) + 'a>,
}

impl std::fmt::Debug for Column<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Column").field(&self.name).finish()
    }
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    rounds: usize,
    slice: Duration,
}

impl Effort {
    /// A quick look with `--quick`, or when cargo runs benches as tests; otherwise long enough to
    /// quote.
    #[must_use]
    pub fn from_args() -> Self {
        let quick = std::env::args().any(|arg| arg == "--quick" || arg == "--test");
        if quick {
            Self {
                rounds: 5,
                slice: Duration::from_millis(2),
            }
        } else {
            Self {
                rounds: 31,
                slice: Duration::from_millis(30),
            }
        }
    }
}

/// A table of columns; the first is what the others are compared with.
#[derive(Debug)]
pub struct Comparison<'a> {
    title: &'static str,
    columns: Vec<Column<'a>>,
}

impl<'a> Comparison<'a> {
    /// An empty table.
    #[must_use]
    pub fn new(title: &'static str) -> Self {
        Self {
            title,
            columns: Vec::new(),
        }
    }

    /// Adds a way to do the work. `work` does it as many times as it is told.
    #[must_use]
    pub fn column(mut self, name: &'static str, work: impl FnMut(u64) + 'a) -> Self {
        self.columns.push(Column {
            name,
            work: Box::new(work),
        });
        self
    }

    /// Measures, and prints the table as Markdown.
    pub fn run(mut self, effort: Effort) {
        let batches: Vec<u64> = self
            .columns
            .iter_mut()
            .map(|column| batch_size(&mut column.work, effort.slice))
            .collect();
        let count = self.columns.len();
        let mut samples = vec![Vec::with_capacity(effort.rounds); count];
        for round in 0..effort.rounds {
            for turn in 0..count {
                let index = (round + turn) % count;
                if let (Some(column), Some(batch), Some(samples)) = (
                    self.columns.get_mut(index),
                    batches.get(index),
                    samples.get_mut(index),
                ) {
                    samples.push(nanoseconds_each(&mut column.work, *batch));
                }
            }
        }
        print!("{}", self.table(&samples));
    }

    fn table(&self, samples: &[Vec<f64>]) -> String {
        let mut text = format!(
            "\n### {}\n\n| | ns (p10 – p90) | ratio |\n|---|--:|--:|\n",
            self.title
        );
        let base = samples.first().map_or(&[][..], Vec::as_slice);
        for (column, times) in self.columns.iter().zip(samples) {
            let ratios: Vec<f64> = times
                .iter()
                .zip(base)
                .map(|(time, base)| time / base)
                .collect();
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {} | {:.1} ({:.1} – {:.1}) | {:.2} |",
                column.name,
                percentile(times, 50),
                percentile(times, 10),
                percentile(times, 90),
                percentile(&ratios, 50),
            );
        }
        text
    }
}

/// Has two threads do the work at once, each as many times as it is told, and each from a place of its
/// own in the walk.
pub fn on_two_threads(times: u64, walk: &Zipf, work: impl Fn(u64, Zipf) + Sync) {
    let (here, mut there) = (walk.clone(), walk.clone());
    for _ in 0..1_000 {
        there.step();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| work(times, there));
        work(times, here);
    });
}

/// How many times to do the work in one slice.
fn batch_size(work: &mut dyn FnMut(u64), slice: Duration) -> u64 {
    let mut batch = 1;
    loop {
        let spent = time(work, batch);
        if spent >= slice / 2 {
            return batch;
        }
        batch = batch.saturating_mul(2);
    }
}

fn nanoseconds_each(work: &mut dyn FnMut(u64), batch: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of repetitions is far below the precision of a double"
    )]
    let count = batch as f64;
    time(work, batch).as_secs_f64() * 1e9 / count
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the real time"
)]
fn time(work: &mut dyn FnMut(u64), batch: u64) -> Duration {
    let start = Instant::now();
    work(batch);
    start.elapsed()
}

fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = sorted.len().saturating_sub(1) * percent / 100;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
