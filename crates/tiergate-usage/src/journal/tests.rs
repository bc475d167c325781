//! The journal on a disk that fails in every way it can.

mod bench;
mod crashes;
mod damage;
mod faults;
mod life;
mod power;
