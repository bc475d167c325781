//! A stream of changes that breaks in every way it can, over real sockets.

mod bench;

mod changes;
mod observed;
mod openings;
mod reconnections;
