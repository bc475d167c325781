//! The store in a file keeps every promise of a store, and of one that processes share.

use std::sync::Arc;

use tiergate_clock::ManualClock;
use tiergate_usage::{SharedStore, UsageStore};

use crate::support::Folder;

mod alone {
    use super::*;

    tiergate_usage::usage_store_conformance!(async |clock: ManualClock| {
        let folder = Folder::new();
        let store = folder.store_at(clock).await;
        folder.keep();
        Arc::new(store) as Arc<dyn UsageStore>
    });
}

mod shared {
    use super::*;

    tiergate_usage::shared_store_conformance!(async |clock: ManualClock| {
        let folder = Folder::new();
        let store = folder.store_at(clock).await;
        folder.keep();
        Arc::new(store) as Arc<dyn SharedStore>
    });
}
