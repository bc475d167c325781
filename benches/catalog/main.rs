//! What a catalog costs by its size: to load, to load again, to hold, and to ask.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that is set up wrong has to stop"
)]

mod blueprint;
mod checks;

use std::cell::Cell;
use std::hint::black_box;

use blueprint::Blueprint;
use side_by_side::{Comparison, Effort, Stopwatch};
use tiergate::gate::{Reloaded, TierGate};
use tiergate::{Catalog, StaticLookup};

/// As large as the catalog that comes with tiergate, as large as one can be that people write, and ten
/// times the features of that. The largest is more than a file may hold, and is made in code.
const SIZES: [Blueprint; 3] = [
    Blueprint {
        tiers: 8,
        features: 22,
    },
    Blueprint {
        tiers: 50,
        features: 1_000,
    },
    Blueprint {
        tiers: 200,
        features: 10_000,
    },
];

fn main() {
    let effort = Effort::from_args();
    let [small, medium, large] = SIZES;
    from_text("Loading a catalog of 8 tiers × 22 features", small, effort);
    from_text(
        "Loading a catalog of 50 tiers × 1,000 features",
        medium,
        effort,
    );
    in_code(
        "Making a catalog of 200 tiers × 10,000 features in code",
        large,
        effort,
    );
    checks::measure(SIZES, effort);
    memory();
}

/// Reading a text, and putting what it says in force.
fn from_text(title: &'static str, size: Blueprint, effort: Effort) {
    let [text, changed] = [size.yaml(), size.yaml().replace("USD", "EUR")];
    println!("\n{title}: {} KiB of YAML", text.len() / 1_024);
    let folder = tempfile::tempdir().expect("a folder");
    let paths = ["one.yaml", "other.yaml"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], &text).expect("a file");
    std::fs::write(&paths[1], &changed).expect("a file");
    let load = || Catalog::from_yaml(&text).expect("it is sound");
    let gate = gate(load());
    let turn = Cell::new(0);
    Comparison::new(title)
        .by(Stopwatch::ThreadCpu)
        .column("the text as an untyped tree (yaml_serde, peer)", |times| {
            for _ in 0..times {
                let tree: serde_yaml::Value = serde_yaml::from_str(&text).expect("it is YAML");
                black_box(tree);
            }
        })
        .column("Catalog::from_yaml", |times| {
            for _ in 0..times {
                black_box(load());
            }
        })
        .column("TierGate::reload_catalog, unchanged", |times| {
            for _ in 0..times {
                let path = &paths[turn.get() % 2];
                let reloaded = gate.reload_catalog(path).expect("it is sound");
                black_box(reloaded);
            }
        })
        .column("TierGate::reload_catalog, changed", |times| {
            for _ in 0..times {
                turn.set(turn.get() + 1);
                let reloaded = gate.reload_catalog(&paths[turn.get() % 2]);
                let reloaded = reloaded.expect("it is sound");
                assert!(matches!(reloaded, Reloaded::Changed { .. }));
            }
        })
        .run(effort.at_most_rounds(15));
}

fn in_code(title: &'static str, size: Blueprint, effort: Effort) {
    let builder = size.builder();
    let one = builder.clone().build().expect("it is sound");
    let other = builder
        .clone()
        .currency("EUR")
        .build()
        .expect("it is sound");
    let gate = gate(one.clone());
    let turn = Cell::new(0);
    Comparison::new(title)
        .by(Stopwatch::ThreadCpu)
        .column("copying what it is made of", |times| {
            for _ in 0..times {
                let _ = black_box(builder.clone());
            }
        })
        .column("CatalogBuilder::build, with the copy", |times| {
            for _ in 0..times {
                black_box(builder.clone().build().expect("it is sound"));
            }
        })
        .column("TierGate::replace_catalog, changed, with a copy", |times| {
            for _ in 0..times {
                turn.set(turn.get() + 1);
                let next = if turn.get() % 2 == 0 { &one } else { &other };
                let replaced = gate.replace_catalog(next.clone()).expect("it fits");
                assert!(matches!(replaced, Reloaded::Changed { .. }));
            }
        })
        .run(effort.at_most_rounds(7));
}

fn gate(catalog: Catalog) -> TierGate {
    TierGate::builder(catalog)
        .lookup(StaticLookup::default())
        .build()
        .expect("nothing is missing")
}

fn memory() {
    println!("\n### What a catalog takes\n");
    println!("| | held | for a value of a tier | at most while it is loaded |");
    println!("|---|--:|--:|--:|");
    for size in SIZES {
        let text = size.yaml();
        let builder = size.builder();
        let mut catalog = None;
        let is_file = text.len() <= Catalog::MAX_BYTES;
        let info = allocation_counter::measure(|| {
            catalog = Some(if is_file {
                Catalog::from_yaml(&text).expect("it is sound")
            } else {
                builder.build().expect("it is sound")
            });
        });
        let held = catalog.map(|catalog| allocation_counter::measure(|| drop(catalog)));
        let held = held.map_or(0, |info| info.bytes_current.unsigned_abs());
        println!(
            "| {} × {} | {} KiB | {:.1} bytes | {} |",
            size.tiers,
            size.features,
            held / 1_024,
            bytes_each(held, size.tiers * size.features),
            if is_file {
                format!("{} KiB", info.bytes_max / 1_024)
            } else {
                "made in code".to_owned()
            },
        );
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes are far below the precision of a double"
)]
fn bytes_each(bytes: u64, count: usize) -> f64 {
    bytes as f64 / count as f64
}
