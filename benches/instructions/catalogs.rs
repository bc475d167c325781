//! Reading a catalog.

use gungraun::{library_benchmark, library_benchmark_group};
use tiergate::Catalog;

/// One is as good as many, and takes as long under valgrind as everything else.
pub(crate) const TIMES: u32 = 1;

#[library_benchmark]
#[bench::tiers_8_features_22(include_str!("../../feature-flags.yaml"))]
fn from_yaml(text: &str) -> Catalog {
    Catalog::from_yaml(text).expect("it is sound")
}

library_benchmark_group!(name = catalogs, benchmarks = [from_yaml]);
