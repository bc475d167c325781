use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::Response;
use tiergate_core::{Catalog, Denial, SubjectKind};
use tiergate_lookup::TierWord;

/// Denials that were made once and hold for all of a kind, with how they are said.
///
/// Where nothing but the tier decides, whoever is on it is denied alike, by one revision of the catalog.
/// So there are no more of them than two for each tier of the catalog. Reading takes no lock.
#[derive(Default)]
pub(crate) struct KeptDenials {
    current: ArcSwap<Kept>,
}

#[derive(Clone, Default)]
struct Kept {
    /// Of the catalog.
    revision: u32,
    denials: BTreeMap<Kind, Arc<KeptDenial>>,
}

/// Who is denied alike: the kind of a subject decides which tiers are proposed to it.
pub(crate) type Kind = (TierWord, SubjectKind);

/// A denial, and the response that says it where that is the same each time.
#[derive(Debug)]
pub(crate) struct KeptDenial {
    pub(crate) denial: Denial,
    pub(crate) response: Option<Response<Bytes>>,
}

impl KeptDenials {
    pub(crate) fn get(&self, catalog: &Catalog, kind: Kind) -> Option<Arc<KeptDenial>> {
        let current = self.current.load();
        let denials = (current.revision == catalog.revision()).then_some(&current.denials)?;
        denials.get(&kind).cloned()
    }

    /// Keeps one, unless a newer catalog has come.
    pub(crate) fn keep(&self, catalog: &Catalog, kind: Kind, denial: KeptDenial) {
        let (revision, denial) = (catalog.revision(), Arc::new(denial));
        self.current.rcu(|current| {
            let mut next = if current.revision < revision {
                Kept::default()
            } else {
                Kept::clone(current)
            };
            if current.revision <= revision {
                next.revision = revision;
                next.denials.insert(kind, Arc::clone(&denial));
            }
            next
        });
    }
}

impl Clone for KeptDenials {
    /// Without any: they are said as the settings are that they were kept with.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for KeptDenials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptDenials")
            .field("count", &self.current.load().denials.len())
            .finish_non_exhaustive()
    }
}
