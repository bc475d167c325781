//! May this subject use this feature, when its subscription is cached?
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that is set up wrong has to stop"
)]

mod gate;
mod maps;
#[cfg(feature = "peers")]
mod peers;
mod population;
mod resolved;

use population::{Asked, Population, Spread};
use side_by_side::{Effort, Stopwatch, Table, Threads, Ways};

/// What peers that are far from the floor are measured at.
const ORDINARY: u32 = 100_000;

fn main() {
    let effort = Effort::from_args();
    let sizes: &[u32] = if effort.is_quick() {
        &[1, ORDINARY]
    } else {
        &[1, 10_000, ORDINARY, 1_000_000]
    };
    let table = |title| Table::new(title, Stopwatch::ThreadCpu, effort);
    let mut tables = [
        (
            Threads::One,
            table("A decision about a cached subject, one thread"),
        ),
        (
            Threads::Two,
            table("A decision about a cached subject, two threads at once"),
        ),
    ];
    for &size in sizes {
        measure(size, &mut tables);
    }
    for (_, table) in &tables {
        table.print();
    }
    resolved::measure(effort);
}

/// Measures everything that is measured of a number of subjects, in both tables.
fn measure(size: u32, tables: &mut [(Threads, Table)]) {
    let mut asked = vec![(Spread::Zipf, Asked::Granted)];
    if size > 1 {
        asked.insert(0, (Spread::Uniform, Asked::Granted));
    }
    if size == ORDINARY {
        asked.push((Spread::Zipf, Asked::Denied));
    }
    let wanted = |name: &str| tables.iter().any(|(_, table)| table.wants(name));
    let asked: Vec<_> = asked
        .into_iter()
        .map(|(spread, asked)| (name_of(size, spread, asked), spread, asked))
        .filter(|(name, ..)| wanted(name))
        .collect();
    if asked.is_empty() {
        return;
    }
    let population = Population::new(size);
    let maps = maps::Maps::of(&population);
    let gate = gate::Gate::of(&population);
    #[cfg(feature = "peers")]
    let peers = (size == ORDINARY).then(|| peers::Peers::of(&population));
    for (name, spread, asked) in &asked {
        let questions = population.questions(*spread, *asked);
        for (threads, table) in &mut *tables {
            let mut ways = Ways::new();
            maps.add_floor(&questions, &mut ways);
            gate.add(&questions, &mut ways);
            maps.add_peers(&questions, &mut ways);
            #[cfg(feature = "peers")]
            if let Some(peers) = &peers {
                peers.add(&questions, &mut ways);
            }
            table.measure(name, *threads, ways);
        }
    }
}

fn name_of(size: u32, spread: Spread, asked: Asked) -> String {
    let size = match size {
        1 => return "1".to_owned(),
        1_000_000.. => format!("{} M", size / 1_000_000),
        _ => format!("{} k", size / 1_000),
    };
    let spread = match spread {
        Spread::Uniform => "uniform",
        Spread::Zipf => "Zipf",
    };
    match asked {
        Asked::Granted => format!("{size}, {spread}"),
        Asked::Denied => format!("{size}, {spread}, denied"),
    }
}
