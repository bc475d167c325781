//! Everything that is counted, and the part of this program that gungraun writes.

use crate::catalogs::catalogs;
use crate::decisions::decisions;
use crate::limits::limits;
use crate::requests::requests;

gungraun::main!(
    config = gungraun::LibraryBenchmarkConfig::default().tool(
        // Only instructions are the same on every machine.
        gungraun::Callgrind::with_args(["--cache-sim=no", "--dump-instr=no"])
    );
    library_benchmark_groups = decisions, requests, limits, catalogs
);

pub(crate) fn run() {
    main();
}

/// How often a group does for one count what it counts.
pub(crate) fn times_of(group: &str) -> u32 {
    match group {
        "catalogs" => crate::catalogs::TIMES,
        _ => crate::TIMES,
    }
}
