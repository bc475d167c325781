use std::fmt::Write;
use std::sync::Barrier;
use std::time::Duration;

use crate::questions::Ways;
use crate::summary::Samples;
use crate::walk::split_mix;
use crate::{Effort, Stopwatch};

/// How many threads do the work at once. What is measured is one of them, on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One.
    One,
    /// Two.
    Two,
}

/// Which part of the questions to answer: so many, from there on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: usize,
    pub(crate) times: u64,
}

/// One way to do the work.
pub(crate) struct Way<'a> {
    pub(crate) name: &'static str,
    pub(crate) work: Box<dyn Fn(Span) + Sync + 'a>,
}

/// A row for each way, a column for each population.
#[derive(Debug)]
pub struct Table {
    title: &'static str,
    stopwatch: Stopwatch,
    effort: Effort,
    /// In the order in which they were first seen.
    ways: Vec<&'static str>,
    populations: Vec<Population>,
}

#[derive(Debug)]
struct Population {
    name: String,
    /// The first is the base.
    samples: Vec<(&'static str, Samples)>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(title: &'static str, stopwatch: Stopwatch, effort: Effort) -> Self {
        Self {
            title,
            stopwatch,
            effort,
            ways: Vec::new(),
            populations: Vec::new(),
        }
    }

    /// Whether a population is to be measured, for those that take long to set up.
    #[must_use]
    pub fn wants(&self, population: &str) -> bool {
        self.effort.wants(self.title, population)
    }

    /// Measures a population. The first way is what the others are compared with.
    pub fn measure(&mut self, population: &str, threads: Threads, ways: Ways<'_>) {
        if !self.wants(population) {
            return;
        }
        let mut ways = ways.into_vec();
        let samples = in_turns(&mut ways, &self.effort, |way, span| {
            (way.name, spent(way, span, threads, self.stopwatch))
        });
        self.add(population, samples);
    }

    pub(crate) fn add(&mut self, population: &str, samples: Vec<(&'static str, Samples)>) {
        for (name, _) in &samples {
            if !self.ways.contains(name) {
                self.ways.push(name);
            }
        }
        self.populations.push(Population {
            name: population.to_owned(),
            samples,
        });
    }

    /// Prints the table as Markdown, unless nothing of it was wanted.
    pub fn print(&self) {
        if !self.populations.is_empty() {
            print!("{}", self.markdown());
        }
    }

    fn markdown(&self) -> String {
        let base = self.ways.first().copied().unwrap_or_default();
        let mut text = format!("\n### {}\n\n", self.title);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} for one: the median of {} rounds (p10–p90) · ratio to *{base}*, taken inside of each round.\n",
            match self.stopwatch {
                Stopwatch::ThreadCpu => "Processor time",
                Stopwatch::Wall => "Time",
            },
            self.effort.rounds,
        );
        let names = self.populations.iter().map(|population| &*population.name);
        let _ = writeln!(text, "| | {} |", names.collect::<Vec<_>>().join(" | "));
        let _ = writeln!(text, "|---|{}", "--:|".repeat(self.populations.len()));
        for way in &self.ways {
            let cells = self
                .populations
                .iter()
                .map(|population| population.cell(way));
            let _ = writeln!(
                text,
                "| {way} | {} |",
                cells.collect::<Vec<_>>().join(" | ")
            );
        }
        text
    }
}

impl Population {
    fn cell(&self, way: &str) -> String {
        let base = self.samples.first().map(|(_, samples)| samples);
        let own = self.samples.iter().position(|(name, _)| *name == way);
        match own.and_then(|at| Some((at, self.samples.get(at)?))) {
            Some((at, (_, samples))) => samples.cell(base.filter(|_| at > 0)),
            None => "–".to_owned(),
        }
    }
}

/// Has the ways take turns, and gives what each took in each round.
pub(crate) fn in_turns<W>(
    ways: &mut [W],
    effort: &Effort,
    mut spent: impl FnMut(&mut W, Span) -> (&'static str, Duration),
) -> Vec<(&'static str, Samples)> {
    let batches: Vec<u64> = ways
        .iter_mut()
        .map(|way| batch_size(effort.slice, |span| spent(way, span).1))
        .collect();
    let count = ways.len();
    let mut samples = vec![("", Samples::default()); count];
    let mut order: Vec<usize> = (0..count).collect();
    let mut draws = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..effort.rounds {
        // Never in one order, so that nobody profits each time from what the one before has fetched.
        shuffle(&mut order, &mut draws);
        for &index in &order {
            if let (Some(way), Some(&times), Some((name, samples))) = (
                ways.get_mut(index),
                batches.get(index),
                samples.get_mut(index),
            ) {
                // Each goes on somewhere else, so that what the last one left behind in the processor's
                // caches is of no use.
                let from = usize::try_from(split_mix(&mut draws) >> 33).unwrap_or(0);
                let (own, duration) = spent(way, Span { from, times });
                *name = own;
                samples.add(duration, times);
            }
        }
    }
    samples
}

/// Puts them into some order, each as likely as any other (R. Durstenfeld, algorithm 235).
fn shuffle(order: &mut [usize], draws: &mut u64) {
    for left in (1..order.len()).rev() {
        let other = u128::from(split_mix(draws)) * (left as u128 + 1);
        order.swap(left, usize::try_from(other >> 64).unwrap_or(0));
    }
}

/// How many times to do the work in one slice.
fn batch_size(slice: Duration, mut spent: impl FnMut(Span) -> Duration) -> u64 {
    let mut times = 1;
    while spent(Span { from: 0, times }) < slice / 2 {
        times = times.saturating_mul(2);
    }
    times
}

fn spent(way: &Way<'_>, span: Span, threads: Threads, stopwatch: Stopwatch) -> Duration {
    match threads {
        Threads::One => stopwatch.time(|| (way.work)(span)),
        Threads::Two => {
            let together = Barrier::new(2);
            let one = |from| {
                together.wait();
                stopwatch.time(|| (way.work)(Span { from, ..span }))
            };
            std::thread::scope(|scope| {
                let there = scope.spawn(|| one(span.from.wrapping_add(1 << 16)));
                let here = one(span.from);
                // What panicked there panics here, at the end of the scope.
                (here + there.join().unwrap_or(here)) / 2
            })
        }
    }
}
