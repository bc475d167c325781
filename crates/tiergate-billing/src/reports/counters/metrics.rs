//! Which metrics' counters are compared.

use std::collections::BTreeSet;

use tiergate_core::Catalog;

use super::{CountersError, counted};

/// The metrics whose counters are compared with the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Metrics {
    /// All of them.
    #[default]
    All,
    /// Those with these keys.
    Only(BTreeSet<String>),
}

impl Metrics {
    pub(super) fn include(&self, metric: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(keys) => keys.contains(metric),
        }
    }

    /// Fails when nothing counts one of them: it would seem to be in step.
    pub(super) fn check(&self, catalog: &Catalog) -> Result<(), CountersError> {
        let Self::Only(keys) = self else {
            return Ok(());
        };
        let known: BTreeSet<_> = counted(catalog).map(|(metric, ..)| metric).collect();
        match keys.iter().find(|key| !known.contains(key.as_str())) {
            None => Ok(()),
            Some(unknown) => Err(CountersError::UnknownMetric {
                metric: unknown.clone(),
                known: known.into_iter().map(str::to_owned).collect(),
            }),
        }
    }
}
