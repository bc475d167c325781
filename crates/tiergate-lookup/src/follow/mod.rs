//! Follows the changes that a billing service tells of, so that a cache knows them at once.

mod catalog;
mod event_stream;
mod follower;
mod message;
mod pace;
mod position;
mod statistics;

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::{CachedLookup, HttpLookup};

use catalog::CatalogNews;
pub use catalog::{CatalogChange, CatalogChanges};
use follower::Follower;
use pace::Pace;
pub(crate) use position::EventId;
pub use statistics::FollowStatistics;
pub(crate) use statistics::Outcome;
use statistics::Progress;

impl CachedLookup {
    /// Keeps this cache up to date with the changes that the billing service behind `source` tells
    /// of, until what this returns is dropped.
    ///
    /// A task reads `GET {base}/api/events`, a stream of server-sent events, with the credential and
    /// the bounds of `source`:
    ///
    /// * A changed subscription holds at once, if its subject is remembered or is being asked about.
    ///   Of others nothing is kept, so that a flood of changes drives out nobody.
    /// * When changes may have been missed, everything known is put in doubt, as
    ///   [`revalidate_all`](Self::revalidate_all) does: at the first connection, and whenever the
    ///   service cannot go on where the stream broke off.
    /// * While there is no stream, answers grow old as they do without it. It is opened again after
    ///   half a second at most, and 30 seconds at most after many failures, or later if the service
    ///   asks for that; after five minutes if it says that it has no such stream. When nothing comes
    ///   for 45 seconds, the stream counts as broken.
    ///
    /// Reads from the cache take no notice of any of this.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tiergate_clock::SystemClock;
    /// use tiergate_lookup::{CacheConfig, CachedLookup, HttpLookup};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let billing = HttpLookup::new("http://127.0.0.1:3001")?;
    /// let lookup = CachedLookup::new(
    ///     Arc::new(billing.clone()),
    ///     CacheConfig::default(),
    ///     Arc::new(SystemClock::new()),
    /// );
    /// let following = lookup.follow(&billing)?;
    /// assert!(!following.statistics().connected, "it has only begun");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Outside of a tokio runtime. It must have its I/O and its timer on.
    pub fn follow(&self, source: &HttpLookup) -> Result<Following, FollowError> {
        self.follow_at(source, Pace::default())
    }

    fn follow_at(&self, source: &HttpLookup, pace: Pace) -> Result<Following, FollowError> {
        let runtime = Handle::try_current().map_err(|_| FollowError { _private: () })?;
        let shared = Arc::new(Shared::default());
        let follower = Follower::new(self.clone(), source.clone(), pace, Arc::clone(&shared));
        let task = runtime.spawn(follower.run()).abort_handle();
        Ok(Following { task, shared })
    }
}

/// Follows the changes of a billing service, see [`CachedLookup::follow`]. Dropping it ends that.
#[must_use = "nothing is followed any more when this is dropped"]
pub struct Following {
    task: AbortHandle,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    progress: Progress,
    catalog: CatalogNews,
}

impl Following {
    /// What was done so far.
    #[must_use]
    pub fn statistics(&self) -> FollowStatistics {
        self.shared.progress.read()
    }

    /// Hears of changes to the billing service's catalog. Nothing else is done about them: a catalog
    /// is put in force by whoever has it.
    ///
    /// If anything was heard before, the latest of it is what
    /// [`next`](CatalogChanges::next) gives first.
    #[must_use]
    pub fn catalog_changes(&self) -> CatalogChanges {
        self.shared.catalog.listen()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following")
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}

/// Changes cannot be followed here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "following the changes of the billing service takes a tokio runtime, call this from inside one"
)]
pub struct FollowError {
    _private: (),
}

#[cfg(test)]
mod tests;
