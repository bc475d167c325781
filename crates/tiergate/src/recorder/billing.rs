//! The billing service as the place where usage goes.

use tiergate_lookup::{HttpLookup, LookupError, LookupErrorKind, UsageOutcome, UsageSubmission};
use tiergate_usage::async_trait;
use tiergate_usage::recorder::{Outcome, Record, SinkError, SinkErrorKind, UsageSink};

/// Delivers usage to the billing service, which counts each record once by its id.
///
/// The credential needs the role `service`.
#[derive(Clone, Debug)]
pub struct BillingSink {
    billing: HttpLookup,
}

impl BillingSink {
    /// Delivers to the service that `billing` asks, with its address and its token.
    #[must_use]
    pub fn new(billing: HttpLookup) -> Self {
        Self { billing }
    }
}

#[async_trait]
impl UsageSink for BillingSink {
    async fn deliver(&self, batch: &[Record]) -> Result<Vec<Outcome>, SinkError> {
        let records: Vec<_> = batch.iter().map(submission).collect();
        match self.billing.record_usage(&records).await {
            Ok(outcomes) => Ok(outcomes.into_iter().map(outcome).collect()),
            Err(error) => Err(fault(error)),
        }
    }
}

fn submission(record: &Record) -> UsageSubmission<'_> {
    UsageSubmission {
        idempotency_key: record.id().to_string(),
        subject: record.subject(),
        user: record.user(),
        metric: record.metric(),
        quantity: record.quantity(),
        occurred_at: record.occurred_at(),
        // It was written as JSON, and no damage gets past the journal.
        metadata: record
            .metadata()
            .and_then(|json| serde_json::from_str(json).ok()),
    }
}

fn outcome(told: UsageOutcome) -> Outcome {
    match told {
        UsageOutcome::Accepted => Outcome::Accepted,
        UsageOutcome::Duplicate => Outcome::Duplicate,
        UsageOutcome::Rejected { reason } => Outcome::Rejected { reason },
    }
}

fn fault(error: LookupError) -> SinkError {
    let kind = match (error.kind(), error.status()) {
        (LookupErrorKind::Unauthorized, _) => SinkErrorKind::Unauthorized,
        (_, Some(400 | 413 | 422)) => SinkErrorKind::BadBatch,
        _ => SinkErrorKind::Unavailable,
    };
    let fault = SinkError::new(kind);
    let fault = match error.retry_after() {
        Some(wait) => fault.with_retry_after(wait),
        None => fault,
    };
    fault.with_source(error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_what_never_helps_is_a_bad_batch() {
        use LookupErrorKind::{
            InvalidAnswer, Throttled, TimedOut, Unauthorized, Unavailable, Unreachable,
        };
        for (kind, status, expected) in [
            (Unavailable, Some(400), SinkErrorKind::BadBatch),
            (Unavailable, Some(413), SinkErrorKind::BadBatch),
            (Unavailable, Some(422), SinkErrorKind::BadBatch),
            (Unavailable, Some(404), SinkErrorKind::Unavailable),
            (Unavailable, Some(409), SinkErrorKind::Unavailable),
            (Unavailable, Some(503), SinkErrorKind::Unavailable),
            (Unauthorized, Some(401), SinkErrorKind::Unauthorized),
            (Unauthorized, Some(403), SinkErrorKind::Unauthorized),
            (Throttled, Some(429), SinkErrorKind::Unavailable),
            (InvalidAnswer, Some(200), SinkErrorKind::Unavailable),
            (TimedOut, None, SinkErrorKind::Unavailable),
            (Unreachable, None, SinkErrorKind::Unavailable),
        ] {
            let error = LookupError::new(kind);
            let error = match status {
                Some(status) => error.with_status(status),
                None => error,
            };
            assert_eq!(fault(error).kind(), expected, "{kind:?} {status:?}");
        }
    }

    #[test]
    fn when_to_come_back_is_kept() {
        let wait = Duration::from_secs(7);
        let error = LookupError::new(LookupErrorKind::Throttled).with_retry_after(wait);
        assert_eq!(fault(error).retry_after(), Some(wait));
    }
}
