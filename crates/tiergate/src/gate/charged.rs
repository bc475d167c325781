//! Telling of units that were charged.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, FeatureKind, LimitId, Subject};
use tiergate_usage::{
    Claim, CounterKey, IdempotencyKey, MAX_CLAIMS, Settlement, Settling, StoreError, StoreErrorKind,
};
use tokio::runtime::Handle;

use super::TierGate;
use super::alerts::{Alerts, Level};
use super::tab::Item;
use crate::layer::rule::Settled;

/// Hears of units that were charged, to have them billed.
///
/// It is what makes the amount that is enforced the amount that is billed: a gate tells it of every
/// quantity that a layer or [`Reserved`](super::Reserved) commits, of gauges that are
/// [lowered](super::TierGate::lower), and of requests that pass uncounted while the store of usage is
/// away. What is given back is not told.
///
/// A layer that takes several limits of one metric, such as one for a day and one for a month, tells of
/// the metric once for each request: the limits count the same usage. If they have different costs, it is
/// the highest. Two layers know nothing of each other, and each tells.
///
/// It is called in the middle of a request, before the answer goes out: it must neither block nor
/// fail. `UsageRecorder`, of the feature `recorder`, takes note at once and delivers later.
pub trait RecordUsage: Send + Sync + 'static {
    /// Units were charged.
    fn record(&self, charged: &Charged<'_>);
}

impl<R: RecordUsage + ?Sized> RecordUsage for Arc<R> {
    fn record(&self, charged: &Charged<'_>) {
        (**self).record(charged);
    }
}

/// Units that were charged.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Charged<'a> {
    /// Who used them.
    pub subject: &'a Subject,
    /// The key of the feature that limits them; of several, that of the first with so many units.
    pub feature: &'a str,
    /// The key of the metric that they are units of. Features without one are not told of.
    pub metric: &'a str,
    /// How many; below zero when a gauge was lowered.
    pub quantity: i64,
    /// When the units were asked for: they count in the windows of that time, also when the operation
    /// ended in the next ones. Of a gauge that was lowered, when that was.
    pub at: Timestamp,
    /// What the operation is known by, if it came with a key: it is charged once for each key, and
    /// may be told of several times.
    pub idempotency_key: Option<&'a IdempotencyKey>,
}

/// Who hears of what is charged.
#[derive(Default)]
pub(super) struct Listeners {
    pub(super) recorder: Option<Arc<dyn RecordUsage>>,
    pub(super) alerts: Option<Alerts>,
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners")
            .field("recorder", &self.recorder.as_ref().map(|_| "<recorder>"))
            .field("alerts", &self.alerts)
            .finish()
    }
}

/// Whose units are charged, kept where somebody wants to hear of it.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) subject: Subject,
    pub(super) catalog: Arc<Catalog>,
    pub(super) idempotency_key: Option<IdempotencyKey>,
    /// When the units were asked for.
    pub(super) at: Timestamp,
}

/// What a request is charged, kept where somebody wants to hear of it.
#[derive(Debug)]
pub(super) struct Bill {
    pub(super) account: Account,
    pub(super) items: SmallVec<[Item; 1]>,
    pub(super) claims: SmallVec<[Claim; 1]>,
    pub(super) units: SmallVec<[u64; MAX_CLAIMS]>,
}

impl Listeners {
    pub(super) fn are_any(&self) -> bool {
        self.recorder.is_some() || self.alerts.is_some()
    }
}

impl Account {
    /// The key of a limit, and that of its metric, if it has one.
    fn metric(&self, limit: LimitId) -> Option<(&str, &str)> {
        let feature = self.catalog.feature(limit.feature()).ok()?;
        match &feature.kind {
            FeatureKind::Limit {
                metric: Some(metric),
                ..
            } => Some((&feature.key, metric)),
            _ => None,
        }
    }
}

impl Bill {
    /// How much of each metric was used, with the limit that counted it.
    fn quantities(&self) -> SmallVec<[(LimitId, u64); MAX_CLAIMS]> {
        let mut quantities = SmallVec::<[(&str, LimitId, u64); MAX_CLAIMS]>::new();
        for (item, units) in self.items.iter().zip(&self.units) {
            let Some((_, metric)) = self.account.metric(item.limit) else {
                continue;
            };
            match quantities.iter_mut().find(|known| known.0 == metric) {
                Some(known) if known.2 >= *units => {}
                Some(known) => *known = (metric, item.limit, *units),
                None => quantities.push((metric, item.limit, *units)),
            }
        }
        let quantities = quantities.into_iter();
        quantities.map(|(_, limit, units)| (limit, units)).collect()
    }
}

impl TierGate {
    /// Tells of all that a request was charged.
    pub(super) fn charge(&self, bill: Option<Bill>) {
        let Some(bill) = bill else { return };
        let lines = bill.items.iter().zip(&bill.claims);
        for ((item, claim), units) in lines.zip(&bill.units) {
            self.watch(item, claim, *units);
        }
        for (limit, units) in bill.quantities() {
            self.tell_charged(&bill.account, limit, units);
        }
    }

    /// Tells of it once it is known that this request was the one to be charged, and not an earlier one
    /// with the same idempotency key. That goes on when the client leaves.
    pub(super) fn charge_if_settled(
        &self,
        bill: Option<Bill>,
        settling: Settling,
    ) -> Option<Settled> {
        if bill.is_none() {
            return self.wait_until_settled(settling);
        }
        let runtime = Handle::try_current().ok()?;
        let gate = self.clone();
        let told = runtime.spawn(async move {
            let settled = settling.await;
            match settled {
                Ok(Settlement::AlreadySettled) => {}
                // If the store failed, it is not known; the key keeps it from being billed twice.
                Ok(_) | Err(_) => gate.charge(bill),
            }
            settled
        });
        self.wait_until_settled(async move {
            let ended = |error| StoreError::new(StoreErrorKind::Internal).with_source(error);
            told.await.unwrap_or_else(|error| Err(ended(error)))
        })
    }

    /// Tells of units that a request or an operation was charged.
    pub(super) fn charged(&self, account: &Account, item: &Item, claim: &Claim, units: u64) {
        self.tell_charged(account, item.limit, units);
        self.watch(item, claim, units);
    }

    fn tell_charged(&self, account: &Account, limit: LimitId, units: u64) {
        if units > 0 {
            let quantity = i64::try_from(units).unwrap_or(i64::MAX);
            self.tell(account, limit, quantity);
        }
    }

    /// Looks whether usage has reached a threshold.
    fn watch(&self, item: &Item, claim: &Claim, units: u64) {
        if let (Some(alerts), Some(state)) = (&self.inner.listeners.alerts, item.state) {
            // More or less may have been used than was reserved, and counted in the state.
            let used = state
                .used()
                .saturating_sub(claim.units())
                .saturating_add(units);
            let level = Level {
                used,
                limit: claim.limit(),
                meter: item.meter,
            };
            alerts.watch(self.usage_store(), claim.key(), level, self.clock().now());
        }
    }

    /// Tells that units of a gauge were given back.
    pub(super) fn lowered(&self, key: &CounterKey, limit: LimitId, units: u64) {
        if units == 0 || self.inner.listeners.recorder.is_none() {
            return;
        }
        let account = Account {
            subject: key.subject().clone(),
            catalog: self.catalog(),
            idempotency_key: None,
            at: self.clock().now(),
        };
        let quantity = i64::try_from(units).map_or(i64::MIN, |units| -units);
        self.tell(&account, limit, quantity);
    }

    fn tell(&self, account: &Account, limit: LimitId, quantity: i64) {
        let Some(recorder) = &self.inner.listeners.recorder else {
            return;
        };
        let Some((feature, metric)) = account.metric(limit) else {
            return;
        };
        recorder.record(&Charged {
            subject: &account.subject,
            feature,
            metric,
            quantity,
            at: account.at,
            idempotency_key: account.idempotency_key.as_ref(),
        });
    }
}
