//! The client against a server that misbehaves in every way it can, over real sockets.

pub(crate) mod server;

mod answers;
mod faults;
mod tokens;
mod usage;
