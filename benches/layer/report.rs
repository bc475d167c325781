//! Measures columns and prints them as one table.

use allocation_counter::measure;
use side_by_side::{Comparison, Effort, Stopwatch, percentile};

use crate::columns::Column;
use crate::instructions::Instructions;

/// How many requests the allocations are counted of.
const COUNTED: u64 = 1_000;

/// What a request allocates.
#[derive(Clone, Copy)]
struct Memory {
    allocations: f64,
    bytes: f64,
}

/// Prints what each column costs, and what it costs more than a layer that does nothing in its place.
pub(crate) fn print(
    title: &'static str,
    mut columns: Vec<Column<'_>>,
    effort: Effort,
    instructions: &Instructions,
) {
    columns.retain(|column| effort.wants(title, column.name));
    let Some(base) = columns.first().map(|column| column.name) else {
        return;
    };
    let memory: Vec<Memory> = columns.iter_mut().map(memory_of).collect();
    let names: Vec<_> = columns
        .iter()
        .map(|column| (column.name, column.beside))
        .collect();
    let comparison = Comparison::new(title).by(Stopwatch::ThreadCpu);
    let comparison = columns.into_iter().fold(comparison, |comparison, column| {
        comparison.column(column.name, column.work)
    });
    let times = comparison.measure(effort);

    println!("\n### {title}\n");
    println!(
        "| | ns (p10–p90) | of *{base}* | more than nothing: ns | allocations | bytes | instructions |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for (index, (name, beside)) in names.iter().enumerate() {
        let own = &times[index].1;
        let nothing = names.iter().position(|(name, _)| Some(*name) == *beside);
        let more = nothing.map_or("–".to_owned(), |nothing| {
            let base = &times[nothing].1;
            let more: Vec<f64> = own.iter().zip(base).map(|(own, base)| own - base).collect();
            format!(
                "{:+.0} ({:+.1} allocations)",
                percentile(&more, 50),
                memory[index].allocations - memory[nothing].allocations,
            )
        });
        let ratios: Vec<f64> = own
            .iter()
            .zip(&times[0].1)
            .map(|(own, base)| own / base)
            .collect();
        println!(
            "| {name} | {:.0} ({:.0}–{:.0}) | {:.2}× | {more} | {:.1} | {:.0} | {} |",
            percentile(own, 50),
            percentile(own, 10),
            percentile(own, 90),
            percentile(&ratios, 50),
            memory[index].allocations,
            memory[index].bytes,
            instructions.of(name),
        );
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a thousand requests are small"
)]
fn memory_of(column: &mut Column<'_>) -> Memory {
    (column.work)(COUNTED);
    let counted = measure(|| (column.work)(COUNTED));
    let each = |total: u64| total as f64 / COUNTED as f64;
    Memory {
        allocations: each(counted.count_total),
        bytes: each(counted.bytes_total),
    }
}
