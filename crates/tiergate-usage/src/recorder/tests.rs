//! A recorder over a simulated disk, with a sink that does as it is told.

mod bench;
mod bounds;
mod delivery;
mod disks;
mod endings;
