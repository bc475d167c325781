//! Counting for those of whom nothing but the tier decides, which nearly all are.

use std::sync::Arc;

use tiergate_core::decision::Grant;
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, LimitId, Subject};
use tiergate_lookup::{Sight, TierWord};
use tiergate_usage::{Claim, CounterKey};

use super::TierGate;
use super::charged::Account;
use super::metering::Counting;
use super::tab::{Item, Tab};

/// A subject of whom nothing but its tier decides, at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByTier<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) catalog: &'a Arc<Catalog>,
    pub(crate) sight: &'a Sight,
    pub(crate) tier: TierWord,
    pub(crate) now: Timestamp,
}

impl TierGate {
    /// Decides which units the subject may ask the store for, as [`begin_count`](Self::begin_count) does,
    /// from what is known of its tier. None says nothing.
    #[inline]
    pub(crate) fn begin_count_by_tier(
        &self,
        who: ByTier<'_>,
        asking: impl Iterator<Item = (LimitId, u64)>,
    ) -> Option<Counting> {
        // The grant is that of each limit.
        let mut tab = Tab::open(Grant::known(who.catalog.default_tier()), who.now);
        for (limit, units) in asking {
            if self.put_on(&mut tab, who, limit, units).is_none() {
                tab.put_away();
                return None;
            }
        }
        if self.inner.listeners.are_any() {
            tab.account = Some(Account {
                subject: who.subject.clone(),
                catalog: Arc::clone(who.catalog),
                idempotency_key: None,
                at: who.now,
            });
        }
        Some(Counting::of(tab))
    }

    #[inline]
    fn put_on(&self, tab: &mut Tab, who: ByTier<'_>, limit: LimitId, units: u64) -> Option<()> {
        self.with_given(who.catalog, limit, who.tier, |given| {
            if units == 0 || !given.limit.admits(0, units) {
                return None;
            }
            let window = given.window(who.catalog, || period_of(who.sight), who.now);
            let feature = Arc::clone(&given.feature);
            let key = CounterKey::of_limit(who.subject.clone(), feature, given.meter, window);
            let item = Item {
                limit,
                meter: given.meter,
                window,
                state: None,
            };
            tab.grant = Grant::known(given.tier);
            tab.add(item, Claim::new(key, units, given.limit));
            Some(())
        })?
    }
}

/// The current period of a subscription, if it has one.
#[inline]
fn period_of(sight: &Sight) -> Option<(Timestamp, Option<Timestamp>)> {
    let plain = sight.as_plain()?;
    Some((plain.period_start?, plain.period_end))
}
