//! Telling of units that were charged.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, FeatureKind, LimitId, Subject};
use tiergate_usage::{CounterKey, IdempotencyKey, MAX_CLAIMS, Settlement, Settling};
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
    /// The key of the feature that limits them.
    pub feature: &'a str,
    /// The key of the metric that they are units of. Features without one are not told of.
    pub metric: &'a str,
    /// How many; below zero when a gauge was lowered.
    pub quantity: i64,
    /// The time of charging.
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
}

/// What a request is charged, kept where somebody wants to hear of it.
#[derive(Debug)]
pub(super) struct Bill {
    pub(super) account: Account,
    pub(super) items: SmallVec<[Item; 1]>,
    pub(super) units: SmallVec<[u64; MAX_CLAIMS]>,
}

impl Listeners {
    pub(super) fn are_any(&self) -> bool {
        self.recorder.is_some() || self.alerts.is_some()
    }
}

impl TierGate {
    /// Tells of all that a request was charged.
    pub(super) fn charge(&self, bill: Option<Bill>) {
        let Some(bill) = bill else { return };
        for (item, units) in bill.items.iter().zip(&bill.units) {
            self.charged(&bill.account, item, *units);
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
            match settling.await {
                Ok(Settlement::AlreadySettled) => {}
                // If the store failed, it is not known; the key keeps it from being billed twice.
                Ok(_) | Err(_) => gate.charge(bill),
            }
        });
        self.wait_until_settled(told)
    }

    /// Tells of units that a request or an operation was charged.
    pub(super) fn charged(&self, account: &Account, item: &Item, units: u64) {
        if units > 0 {
            let quantity = i64::try_from(units).unwrap_or(i64::MAX);
            self.tell(account, item.limit, quantity);
        }
        if let (Some(alerts), Some(state)) = (&self.inner.listeners.alerts, item.state) {
            let key = super::metering::counter_key(&account.subject, &item.allowance);
            // More or less may have been used than was reserved, and counted in the state.
            let used = state
                .used()
                .saturating_sub(item.reserved)
                .saturating_add(units);
            let level = Level {
                used,
                limit: item.allowance.limit,
                meter: item.allowance.meter,
            };
            alerts.watch(self.usage_store(), &key, level, self.clock().now());
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
        };
        let quantity = i64::try_from(units).map_or(i64::MIN, |units| -units);
        self.tell(&account, limit, quantity);
    }

    fn tell(&self, account: &Account, limit: LimitId, quantity: i64) {
        let Some(recorder) = &self.inner.listeners.recorder else {
            return;
        };
        let Ok(feature) = account.catalog.feature(limit.feature()) else {
            return;
        };
        let FeatureKind::Limit {
            metric: Some(metric),
            ..
        } = &feature.kind
        else {
            return;
        };
        recorder.record(&Charged {
            subject: &account.subject,
            feature: &feature.key,
            metric,
            quantity,
            at: self.clock().now(),
            idempotency_key: account.idempotency_key.as_ref(),
        });
    }
}
