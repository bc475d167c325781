//! What a gate charges, recorded for billing.

use tiergate_usage::IdempotencyKey;
use tiergate_usage::recorder::{UsageRecord, UsageRecorder};

use crate::gate::{Charged, RecordUsage};

/// Records what a gate charges.
///
/// A request that came with an idempotency key is recorded under the feature's name and that key, so
/// that it is billed once, also if the store of usage was away between its tries. If both together have
/// more than [`IdempotencyKey::MAX_BYTES`], it is recorded under an id of its own.
///
/// What a bound of the recorder keeps out is counted and told by the recorder.
impl RecordUsage for UsageRecorder {
    fn record(&self, charged: &Charged<'_>) {
        let (subject, metric) = (charged.subject.clone(), charged.metric.to_owned());
        let record = UsageRecord::new(subject, metric, charged.quantity).occurred_at(charged.at);
        let key = charged.idempotency_key;
        let key =
            key.and_then(|key| IdempotencyKey::new(format!("{}/{key}", charged.feature)).ok());
        let record = match key {
            Some(key) => record.with_idempotency_key(key),
            None => record,
        };
        // It is under way when this returns, and goes on without the handle.
        drop(Self::record(self, record));
    }
}
