use std::sync::atomic::{AtomicU32, Ordering};

/// A tier of a loaded catalog.
///
/// Only a catalog gives these out, so that having one means that the tier exists. It stays valid
/// for every later version of that catalog, as [`Catalog::succeed`](super::Catalog::succeed) makes
/// them; another catalog refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TierId {
    pub(super) birth: Birth,
    pub(super) index: u16,
}

/// A feature of a loaded catalog.
///
/// Only a catalog gives these out, so that having one means that the feature exists. It stays valid
/// for every later version of that catalog, as [`Catalog::succeed`](super::Catalog::succeed) makes
/// them; another catalog refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeatureId {
    pub(super) birth: Birth,
    pub(super) index: u16,
}

impl TierId {
    /// Its place among the tiers of its catalog, from 0. The same in every later version.
    #[must_use]
    pub fn position(self) -> usize {
        self.index.into()
    }
}

impl FeatureId {
    /// Its place among the features of its catalog, from 0. The same in every later version.
    #[must_use]
    pub fn position(self) -> usize {
        self.index.into()
    }
}

/// The id belongs to another catalog: one that is unrelated, a later version of this one, or another
/// successor of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id was given out by another catalog")]
pub struct ForeignIdError {
    _private: (),
}

impl ForeignIdError {
    pub(super) const fn new() -> Self {
        Self { _private: () }
    }
}

/// The catalog in which a tier or a feature came to be. Its successors hand it on, so that two
/// catalogs that succeed the same one share what that had, and nothing that either added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Birth(u32);

impl Birth {
    /// A mark that no other catalog of this process has.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
