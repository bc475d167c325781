use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use tiergate_core::catalog::{SuccessionError, UnknownFeatureError, UnknownTierError};
use tiergate_core::{Catalog, FeatureId, TierId};

use super::names::Names;

/// The catalog in force. Reading takes no lock; a successor takes over as a whole.
#[derive(Debug)]
pub(super) struct LiveCatalog {
    current: ArcSwap<Catalog>,
    /// The revision of the current one, for who only has to know whether it is still the same.
    revision: AtomicU32,
    names: Names,
    /// Held while a successor is made, so that each succeeds the one before it.
    succession: Mutex<()>,
}

impl LiveCatalog {
    pub(super) fn new(catalog: Catalog) -> Self {
        Self {
            revision: AtomicU32::new(catalog.revision()),
            names: Names::of(&catalog),
            current: ArcSwap::from_pointee(catalog),
            succession: Mutex::new(()),
        }
    }

    pub(super) fn load(&self) -> Arc<Catalog> {
        self.current.load_full()
    }

    /// The same for a moment, without counting a reference.
    pub(super) fn peek(&self) -> Guard<Arc<Catalog>> {
        self.current.load()
    }

    /// The feature of that key, as the catalog in force has it.
    #[inline]
    pub(super) fn feature_id(&self, key: &str) -> Result<FeatureId, UnknownFeatureError> {
        match self.names.feature(key) {
            Some(feature) => Ok(feature),
            None => self.peek().require_feature(key),
        }
    }

    /// The tier of that key, as the catalog in force has it.
    #[inline]
    pub(super) fn tier_id(&self, key: &str) -> Result<TierId, UnknownTierError> {
        match self.names.tier(key) {
            Some(tier) => Ok(tier),
            None => self.peek().require_tier(key),
        }
    }

    /// The revision in force. It follows the catalog by a moment.
    #[inline]
    pub(super) fn revision(&self) -> u32 {
        self.revision.load(Ordering::Acquire)
    }

    /// Puts `next` in force. Returns the catalog that is in force then, or none if `next` says
    /// nothing new.
    pub(super) fn succeed(&self, next: Catalog) -> Result<Option<Arc<Catalog>>, SuccessionError> {
        let _turn = self
            .succession
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let current = self.load();
        if *current == next {
            return Ok(None);
        }
        let next = Arc::new(current.succeed(next)?);
        self.current.store(Arc::clone(&next));
        self.revision.store(next.revision(), Ordering::Release);
        Ok(Some(next))
    }
}
