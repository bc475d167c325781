use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tiergate_core::Catalog;
use tiergate_core::catalog::{CatalogError, SuccessionError};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::TierGate;

/// Why a catalog was not put in force. The one before it stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// It cannot be read, or has faults.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Something is gone that a guard may have been made for.
    #[error(transparent)]
    Succession(#[from] SuccessionError),
    /// Reading it came to no end. This is a mistake in tiergate; the watch goes on.
    #[error("reading the catalog was interrupted")]
    Interrupted,
}

/// What putting a catalog in force came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// It says something new, and is in force.
    Changed {
        /// Its revision.
        revision: u32,
    },
    /// It says what the one in force says.
    Unchanged,
}

impl TierGate {
    /// Puts a new catalog in force, as a whole: every decision is made by the old one or by the new
    /// one. Returns whether anything changed.
    ///
    /// # Errors
    ///
    /// When something is gone that a guard may have been made for. The old catalog stays in force.
    pub fn replace_catalog(&self, next: Catalog) -> Result<Reloaded, SuccessionError> {
        Ok(match self.inner.catalog.succeed(next)? {
            Some(catalog) => {
                self.observer().reloaded(catalog.revision());
                Reloaded::Changed {
                    revision: catalog.revision(),
                }
            }
            None => Reloaded::Unchanged,
        })
    }

    /// Reads the catalog again from a file, and puts it in force.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, has faults, or cannot succeed the catalog in force, which then
    /// stays.
    pub fn reload_catalog(&self, path: impl AsRef<Path>) -> Result<Reloaded, ReloadError> {
        let next = Catalog::from_path(path.as_ref())?;
        Ok(self.replace_catalog(next)?)
    }

    /// Reads the catalog again whenever the file changes, looking `every` so often. A file that
    /// cannot be put in force leaves the last good catalog, and says so in an event and to
    /// [`CatalogWatcher::last_error`].
    ///
    /// It looks at what the file holds rather than at when it was written, so that it also sees a
    /// file that was swapped, as deployments do.
    ///
    /// Dropping what this returns ends the watch.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn watch_catalog(&self, path: impl AsRef<Path>, every: Duration) -> CatalogWatcher {
        watch(self.clone(), path.as_ref().to_owned(), every)
    }
}

/// Watches a catalog file, see [`TierGate::watch_catalog`]. Dropping it ends the watch.
#[must_use = "the watch ends when this is dropped"]
pub struct CatalogWatcher {
    task: JoinHandle<()>,
    last_error: LastError,
}

type LastError = Arc<Mutex<Option<Arc<ReloadError>>>>;

impl CatalogWatcher {
    /// Why the file as it is now could not be put in force; none if it is in force.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<ReloadError>> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for CatalogWatcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for CatalogWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogWatcher")
            .field("last_error", &self.last_error())
            .finish_non_exhaustive()
    }
}

pub(super) fn watch(gate: TierGate, path: PathBuf, every: Duration) -> CatalogWatcher {
    let last_error = LastError::default();
    let task = tokio::spawn(look_again_and_again(
        gate,
        path,
        every.max(Duration::from_millis(1)),
        Arc::clone(&last_error),
    ));
    CatalogWatcher { task, last_error }
}

async fn look_again_and_again(
    gate: TierGate,
    path: PathBuf,
    every: Duration,
    last_error: LastError,
) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said: Option<String> = None;
    loop {
        ticks.tick().await;
        let reading = path.clone();
        // Reading and checking takes milliseconds of somebody else's time.
        let read = tokio::task::spawn_blocking(move || Catalog::from_path(reading)).await;
        let read = match read {
            Ok(read) => read.map_err(ReloadError::from),
            Err(error) if error.is_panic() => Err(ReloadError::Interrupted),
            // The runtime is shutting down.
            Err(_cancelled) => return,
        };
        let result = read.and_then(|next| Ok(gate.replace_catalog(next)?));
        let error = result.err();
        let text = error.as_ref().map(ToString::to_string);
        if let (Some(error), true) = (&error, text != said) {
            // Once for each new mistake, not once for each look.
            gate.observer().reload_failed(error);
        }
        said = text;
        *last_error.lock().unwrap_or_else(PoisonError::into_inner) = error.map(Arc::new);
    }
}
