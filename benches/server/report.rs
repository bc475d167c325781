//! What is told of the servers.

use side_by_side::percentile;

use crate::load::Wrk;
use crate::process::Server;

/// A server, and what came of each round.
pub(crate) struct Measured {
    name: &'static str,
    pub(crate) server: Server,
    rounds: Vec<Round>,
}

struct Round {
    per_second: f64,
    processor_us: f64,
    p50_us: f64,
    p99_us: f64,
}

impl Measured {
    pub(crate) fn new(name: &'static str, server: Server) -> Self {
        Self {
            name,
            server,
            rounds: Vec::new(),
        }
    }

    /// One round.
    pub(crate) fn measure(&mut self, wrk: &Wrk, seconds: u64) {
        let before = self.server.processor_time();
        let load = wrk.load(self.server.port(), seconds);
        let spent = self.server.processor_time().saturating_sub(before);
        self.rounds.push(Round {
            per_second: load.requests / load.duration.as_secs_f64(),
            processor_us: spent.as_secs_f64() * 1e6 / load.requests,
            p50_us: load.p50.as_secs_f64() * 1e6,
            p99_us: load.p99.as_secs_f64() * 1e6,
        });
    }

    fn median(&self, of: fn(&Round) -> f64) -> f64 {
        percentile(&self.rounds.iter().map(of).collect::<Vec<_>>(), 50)
    }

    fn ratio(&self, base: &Self, of: fn(&Round) -> f64) -> f64 {
        let rounds = self.rounds.iter().zip(&base.rounds);
        let ratios: Vec<f64> = rounds.map(|(own, base)| of(own) / of(base)).collect();
        percentile(&ratios, 50)
    }
}

/// Prints a table. The first server is what the others are compared with.
pub(crate) fn print(title: &str, servers: &[Measured], rounds: usize, seconds: u64) {
    let Some(base) = servers.first() else {
        return;
    };
    println!("\n### {title}\n");
    println!(
        "The median of {rounds} rounds of {seconds} s · ratio to *{}*, taken inside of each round.\n",
        base.name
    );
    println!("| | processor µs/request | requests/s | p50 µs | p99 µs |");
    println!("|---|--:|--:|--:|--:|");
    for own in servers {
        let cell = |of: fn(&Round) -> f64, decimals: usize| {
            let (median, ratio) = (own.median(of), own.ratio(base, of));
            format!("{median:.decimals$} · **{ratio:.3}×**")
        };
        println!(
            "| {} | {} | {} | {} | {} |",
            own.name,
            cell(|round| round.processor_us, 2),
            cell(|round| round.per_second, 0),
            cell(|round| round.p50_us, 0),
            cell(|round| round.p99_us, 0),
        );
    }
}
