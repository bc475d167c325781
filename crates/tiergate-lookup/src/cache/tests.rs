//! The promises of the cache, on tokio's paused clock and a manual one.

mod support;

mod doubts;
mod faults;
mod flights;
mod freshness;
mod memory;
mod pushes;
mod rereads;
