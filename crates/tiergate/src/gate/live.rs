use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tiergate_core::Catalog;
use tiergate_core::catalog::SuccessionError;

/// The catalog in force. Reading takes no lock; a successor takes over as a whole.
#[derive(Debug)]
pub(super) struct LiveCatalog {
    current: ArcSwap<Catalog>,
    /// Held while a successor is made, so that each succeeds the one before it.
    succession: Mutex<()>,
}

impl LiveCatalog {
    pub(super) fn new(catalog: Catalog) -> Self {
        Self {
            current: ArcSwap::from_pointee(catalog),
            succession: Mutex::new(()),
        }
    }

    pub(super) fn load(&self) -> Arc<Catalog> {
        self.current.load_full()
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
        Ok(Some(next))
    }
}
