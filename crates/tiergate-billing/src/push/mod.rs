//! Changes, told to those who follow as soon as they are committed.
//!
//! The outbox is the only source: a change is written there in its own transaction, and read from there
//! in the order of the commits. One [`Follower`] in each process reads it once for all; a [`Feed`] is
//! what one client sees of it. Nothing is kept for a client but its place in the order, so one that
//! reads slowly costs no memory.

mod event;
mod feed;
mod follower;
mod places;
mod ring;

pub(crate) use event::Event;
pub(crate) use feed::{Feed, Rest};
pub(crate) use follower::{Follower, Start};
pub(crate) use places::{MOST_OF_ONE_USER, NoPlace, Place, Places};
