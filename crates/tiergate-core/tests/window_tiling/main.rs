//! Windows tile time: every moment lies in exactly one, and they are those that a calendar written
//! anew for these tests gives.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, helpers included"
)]

mod anchors;
mod civil;
mod random;
mod range;
mod tiling;
mod zones;
