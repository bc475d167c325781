//! Compiles and runs the Rust code of every README, so that none of it can go stale.
//!
//! The files are taken in by `cargo test --doc` only; there is nothing else in this library.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub mod root {}

#[cfg(doctest)]
#[doc = include_str!("../crates/tiergate/README.md")]
pub mod tiergate {}

#[cfg(doctest)]
#[doc = include_str!("../crates/tiergate-clock/README.md")]
pub mod clock {}

#[cfg(doctest)]
#[doc = include_str!("../crates/tiergate-core/README.md")]
pub mod core {}

#[cfg(doctest)]
#[doc = include_str!("../crates/tiergate-lookup/README.md")]
pub mod lookup {}

#[cfg(doctest)]
#[doc = include_str!("../crates/tiergate-usage/README.md")]
pub mod usage {}

#[cfg(doctest)]
#[doc = include_str!("../crates/tiergate-stripe/README.md")]
pub mod stripe {}

#[cfg(doctest)]
#[doc = include_str!("../crates/tiergate-billing/README.md")]
pub mod billing {}
