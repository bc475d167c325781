//! Answers that need no more than a look at the cache.

use std::sync::atomic::{AtomicU64, Ordering};

use tiergate_core::catalog::ForeignIdError;
use tiergate_core::{Catalog, FeatureId, Subject, TierId};
use tiergate_lookup::TierWord;

use super::TierGate;

/// Which tiers have each feature and meet each minimum, as far as it was asked: what makes an answer
/// out of a tier without going to the catalog.
///
/// Only what is allowed is noted. Anything else may have to be confirmed, and is decided the longer way.
#[derive(Debug)]
pub(super) struct Verdicts {
    features: Box<[Allowed]>,
    tiers: Box<[Allowed]>,
}

/// The tiers that were found to be allowed something by one revision of the catalog, in one number:
/// the revision above, a bit for each tier below.
#[derive(Debug, Default)]
struct Allowed(AtomicU64);

/// How many tiers have a bit. Those that came later are looked up in the catalog each time.
const TIERS: u16 = 32;

impl Verdicts {
    /// Room for what is in `catalog`. What a later one adds is decided the longer way.
    pub(super) fn new(catalog: &Catalog) -> Self {
        let room = |count: usize| (0..count).map(|_| Allowed::default()).collect();
        Self {
            features: room(catalog.features().len()),
            tiers: room(catalog.tiers().len()),
        }
    }
}

impl Allowed {
    #[inline]
    fn has(&self, revision: u32, tier: TierWord) -> bool {
        let noted = self.0.load(Ordering::Relaxed);
        noted >> 32 == u64::from(revision) && noted & bit(tier) != 0
    }

    fn note(&self, revision: u32, tier: TierWord) {
        let revision = u64::from(revision) << 32;
        // Two who note at once may lose one of the notes, which is then made again.
        let noted = self.0.load(Ordering::Relaxed);
        let is_same = noted >> 32 == revision >> 32;
        let known = if is_same { noted } else { revision };
        self.0.store(known | bit(tier), Ordering::Relaxed);
    }
}

/// None for a tier that has no bit.
#[inline]
fn bit(tier: TierWord) -> u64 {
    let number = tier.number();
    if number < TIERS { 1 << number } else { 0 }
}

impl TierGate {
    /// Whether a subject has a feature by its tier alone, as the cache has it. False says nothing. The
    /// id is one of this gate's catalog: that is not checked here.
    #[inline]
    pub(super) fn has_at_a_glance(&self, subject: &Subject, feature: FeatureId) -> bool {
        let allowed = self.inner.verdicts.features.get(feature.position());
        self.glance(subject, allowed, |catalog, tier| {
            catalog.grants(tier, feature)
        })
    }

    /// The same of a minimum tier.
    #[inline]
    pub(super) fn meets_at_a_glance(&self, subject: &Subject, minimum: TierId) -> bool {
        let allowed = self.inner.verdicts.tiers.get(minimum.position());
        self.glance(subject, allowed, |catalog, tier| {
            catalog.satisfies(tier, minimum)
        })
    }

    #[inline]
    fn glance(
        &self,
        subject: &Subject,
        allowed: Option<&Allowed>,
        gives: impl Fn(&Catalog, TierId) -> Result<bool, ForeignIdError>,
    ) -> bool {
        let Some(allowed) = allowed else {
            return false;
        };
        let revision = self.inner.catalog.revision();
        let accept = |tier| allowed.has(revision, tier) || self.find_out(tier, allowed, &gives);
        self.inner.lookup.glance(subject, accept).is_some()
    }

    #[cold]
    fn find_out(
        &self,
        word: TierWord,
        allowed: &Allowed,
        gives: impl Fn(&Catalog, TierId) -> Result<bool, ForeignIdError>,
    ) -> bool {
        let catalog = self.inner.catalog.peek();
        let tier = if word == TierWord::NONE {
            Some(catalog.default_tier())
        } else {
            let key = self.inner.lookup.tier_key(word);
            key.and_then(|key| catalog.tier_id(&key))
        };
        // What is not the catalog's is a mistake, and told by the longer way.
        let is_allowed = tier.is_some_and(|tier| gives(&catalog, tier).unwrap_or(false));
        if is_allowed {
            allowed.note(catalog.revision(), word);
        }
        is_allowed
    }
}
