//! Over real sockets.

mod bounds;
mod events;
mod latency;
mod logs;
mod requests;
mod shutdown;
mod support;
