//! Measures several ways to do the same work side by side.
//!
//! Machines change their speed from second to second. Ways are therefore not run one after the other to
//! their end: every round runs each of them for a short slice, in an order that changes, and a ratio is
//! taken inside of a round. What is printed is the median over the rounds, with the tenth and the
//! ninetieth percentile, so that it can be seen how much to believe.
//!
//! A [`Table`] has a row for each way and a column for each population. What answers questions goes
//! through [`Questions`]: no way is timed before its answers were held against the right ones. A
//! [`Comparison`] is a table of one column for work of any other kind.

mod comparison;
mod effort;
mod ids;
mod questions;
mod stopwatch;
mod summary;
mod table;
mod walk;

pub use comparison::Comparison;
pub use effort::Effort;
pub use ids::uuid_of;
pub use questions::{Questions, Ways, at_once};
pub use stopwatch::Stopwatch;
pub use summary::percentile;
pub use table::{Table, Threads};
pub use walk::{Zipf, on_two_threads, uniform, zipf};
