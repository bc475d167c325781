//! Blocks of units, from grant to end.

use tiergate_core::Limit;

use crate::LeaseId;

/// Units that the store granted.
#[derive(Debug)]
pub(in crate::leased) struct Block {
    pub(super) id: LeaseId,
    /// How many were granted.
    pub(super) units: u64,
    /// How many the store has acknowledged to keep, whatever becomes of the rest. Never falls.
    pub(super) kept: u64,
    /// How many the store was asked to keep, whether or not it has acknowledged that. Never below `kept`.
    pub(super) told: u64,
    pub(super) standing: Standing,
    /// Until when the store holds it for certain.
    pub(super) deadline: u64,
    /// When it is to be extended.
    pub(super) renew_at: u64,
    /// What all that was used of the counter came to with it. Under a limit of as much or more it
    /// would have been granted too.
    pub(super) floor: u64,
}

/// What is known of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The store holds it open.
    Open,
    /// The store may have let it expire: it was not extended in time.
    Doubted,
    /// The store has let it expire. Only telling what was used changes anything.
    Over,
}

impl Block {
    /// The units that the store may keep without having acknowledged it, and will when it is asked again.
    pub(super) fn in_doubt(&self) -> u64 {
        match self.standing {
            Standing::Open | Standing::Doubted => self.told - self.kept,
            Standing::Over => 0,
        }
    }

    /// The units that may be used.
    pub(super) fn usable(&self) -> u64 {
        match self.standing {
            Standing::Open => self.units,
            Standing::Doubted | Standing::Over => self.kept,
        }
    }
}

/// A block that is being ended.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) id: LeaseId,
    pub(super) used: u64,
    /// What the store counts for it at most, until it has acknowledged the end.
    pub(super) at_store: u64,
}

/// A block that was asked for. It is asked for under the same id, in the same words, until the store
/// has answered: whoever heard nothing can't know whether it was granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking {
    pub(super) id: LeaseId,
    pub(super) units: u64,
    pub(super) kept: u64,
    pub(super) limit: Limit,
    pub(super) first_sent: u64,
    pub(super) purpose: Purpose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Somebody waits for its units, or soon will.
    Demand,
    /// Its units are used already: more was committed than reserved.
    Debt,
}
