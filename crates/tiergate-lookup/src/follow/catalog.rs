use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// What is known of the billing service's catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogChange {
    /// It is now at this revision.
    Published {
        /// The service's name for it.
        revision: Arc<str>,
    },
    /// It may have changed: the stream was interrupted or has just begun, or the announcement could
    /// not be read.
    Unsure,
}

/// Hears of changes to the billing service's catalog, see
/// [`Following::catalog_changes`](super::Following::catalog_changes).
pub struct CatalogChanges {
    latest: watch::Receiver<Option<CatalogChange>>,
}

impl CatalogChanges {
    /// Waits for news, and gives the latest: of several since the last call, only the last one
    /// counts. `None` when nobody follows any more.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<CatalogChange> {
        self.latest.changed().await.ok()?;
        self.latest.borrow_and_update().clone()
    }
}

impl fmt::Debug for CatalogChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogChanges")
            .field("latest", &*self.latest.borrow())
            .finish_non_exhaustive()
    }
}

/// Where news of the catalog is put. Keeps the latest only.
#[derive(Debug, Default)]
pub(super) struct CatalogNews(watch::Sender<Option<CatalogChange>>);

impl CatalogNews {
    pub(super) fn tell(&self, change: CatalogChange) {
        self.0.send_replace(Some(change));
    }

    pub(super) fn listen(&self) -> CatalogChanges {
        let mut latest = self.0.subscribe();
        // Who comes late hears what was said last, if anything was.
        if latest.borrow().is_some() {
            latest.mark_changed();
        }
        CatalogChanges { latest }
    }
}
