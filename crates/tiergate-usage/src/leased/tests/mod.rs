//! The local part in simulated worlds.

mod model;
mod racing;
mod rates;
