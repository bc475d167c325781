use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::sync::Cache;
use tiergate_core::Subject;

use super::config::CacheConfig;
use super::entry::Entry;

/// How much longer than it can be used an entry may stay in memory.
const LINGER: Duration = Duration::from_secs(60);

/// Where entries are kept. The board decides what goes in.
pub(crate) trait Store: Send + Sync + 'static {
    fn get(&self, subject: &Subject) -> Option<Arc<Entry>>;
    /// Whether there is something, without counting as a use.
    fn contains(&self, subject: &Subject) -> bool;
    fn put(&self, subject: &Subject, entry: Arc<Entry>);
    fn remove(&self, subject: &Subject);
    /// Gives the memory back, sooner or later. The board no longer counts on what is there.
    fn remove_all(&self);
}

/// Entries within a bound of number and bytes. What is asked for often stays: TinyLFU keeps a flood
/// of subjects that come once from driving out those that come always.
#[derive(Debug)]
pub(crate) struct BoundedStore {
    entries: Cache<Subject, Arc<Entry>, foldhash::fast::RandomState>,
    evictions: Arc<AtomicU64>,
}

impl BoundedStore {
    pub(crate) fn new(config: &CacheConfig) -> Self {
        let evictions = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&evictions);
        // One weigher keeps both bounds: an entry weighs its bytes, but never less than its share.
        let least = config.max_bytes().div_ceil(config.max_entries().max(1));
        let entries = Cache::builder()
            .max_capacity(config.max_bytes())
            .weigher(move |subject: &Subject, entry: &Arc<Entry>| weight(subject, entry, least))
            .time_to_live(config.stale_for().saturating_add(LINGER))
            .eviction_listener(move |_, _, cause| {
                if matches!(cause, RemovalCause::Size | RemovalCause::Expired) {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build_with_hasher(foldhash::fast::RandomState::default());
        Self { entries, evictions }
    }

    pub(crate) fn len(&self) -> u64 {
        self.entries.entry_count()
    }

    pub(crate) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn settle(&self) {
        self.entries.run_pending_tasks();
    }

    #[cfg(test)]
    pub(crate) fn weight(&self) -> u64 {
        self.entries.weighted_size()
    }
}

impl Store for BoundedStore {
    fn get(&self, subject: &Subject) -> Option<Arc<Entry>> {
        self.entries.get(subject)
    }

    fn contains(&self, subject: &Subject) -> bool {
        self.entries.contains_key(subject)
    }

    fn put(&self, subject: &Subject, entry: Arc<Entry>) {
        self.entries.insert(subject.clone(), entry);
    }

    fn remove(&self, subject: &Subject) {
        self.entries.invalidate(subject);
    }

    fn remove_all(&self) {
        self.entries.invalidate_all();
    }
}

/// What the bookkeeping of the cache itself takes for each entry, roughly.
const BOOKKEEPING_BYTES: usize = 200;

fn weight(subject: &Subject, entry: &Entry, least: u64) -> u32 {
    let bytes = entry
        .bytes()
        .saturating_add(subject.id().len())
        .saturating_add(BOOKKEEPING_BYTES);
    u32::try_from(least.max(bytes as u64)).unwrap_or(u32::MAX)
}
