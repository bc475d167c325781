//! What is recorded, and what is delivered.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};
use tiergate_core::Subject;
use tiergate_core::time::Timestamp;

use super::{InvalidRecord, RecordId};
use crate::IdempotencyKey;

/// What was used, to be billed.
///
/// ```
/// use tiergate_core::Subject;
/// use tiergate_usage::recorder::UsageRecord;
///
/// let record = UsageRecord::new(Subject::organization("eagle"), "sms_messages", 3).by_user("ada");
/// # drop(record);
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is recorded until it is given to a recorder"]
pub struct UsageRecord {
    pub(super) subject: Subject,
    pub(super) metric: Cow<'static, str>,
    pub(super) quantity: i64,
    pub(super) occurred_at: Option<Timestamp>,
    pub(super) user: Option<Arc<str>>,
    pub(super) metadata: Map<String, Value>,
    pub(super) key: Option<IdempotencyKey>,
}

impl UsageRecord {
    /// The longest key of a metric, in bytes.
    pub const MAX_METRIC_BYTES: usize = 255;
    /// The most metadata, in bytes of JSON. It is the bound of the billing service.
    pub const MAX_METADATA_BYTES: usize = 4_096;

    /// So many units of a metric, used by `subject` now. Below zero, for what goes up and down like
    /// storage, so many were given back.
    pub fn new(subject: Subject, metric: impl Into<Cow<'static, str>>, quantity: i64) -> Self {
        Self {
            subject,
            metric: metric.into(),
            quantity,
            occurred_at: None,
            user: None,
            metadata: Map::new(),
            key: None,
        }
    }

    /// Says when it was used. Unless told, it is when it is recorded, by the recorder's clock.
    pub fn occurred_at(mut self, at: Timestamp) -> Self {
        self.occurred_at = Some(at);
        self
    }

    /// Says which user used it on behalf of an organization. For a user's own usage it has no effect.
    pub fn by_user(mut self, id: impl Into<Arc<str>>) -> Self {
        self.user = Some(id.into());
        self
    }

    /// Keeps more with it, up to [`MAX_METADATA_BYTES`](Self::MAX_METADATA_BYTES) as JSON.
    pub fn with_metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = metadata;
        self
    }

    /// Calls it by a key of the caller's own: what is recorded twice under it is billed once.
    pub fn with_idempotency_key(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Whether it can be recorded. That it will be accepted is for the billing service to say.
    ///
    /// No text may hold U+0000: PostgreSQL cannot store it, and the journal relies on it.
    pub(super) fn validate(&self) -> Result<(), InvalidRecord> {
        let is_id = |id: &str| (1..=Subject::MAX_ID_BYTES).contains(&id.len()) && has_no_nul(id);
        if !is_id(self.subject.id()) {
            return Err(InvalidRecord::Subject);
        }
        let metric = 1..=Self::MAX_METRIC_BYTES;
        if !metric.contains(&self.metric.len()) || !has_no_nul(&self.metric) {
            return Err(InvalidRecord::Metric);
        }
        if self.user.as_deref().is_some_and(|user| !is_id(user)) {
            return Err(InvalidRecord::User);
        }
        Ok(())
    }
}

fn has_no_nul(text: &str) -> bool {
    !text.as_bytes().contains(&0)
}

/// A record on its way to a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub(super) sequence: u64,
    pub(super) id: RecordId,
    pub(super) subject: Subject,
    pub(super) metric: Box<str>,
    pub(super) quantity: i64,
    pub(super) occurred_at: Timestamp,
    pub(super) user: Option<Box<str>>,
    pub(super) metadata: Option<Box<str>>,
}

impl Record {
    /// What it is called. The same record always comes with the same id.
    #[must_use]
    pub fn id(&self) -> &RecordId {
        &self.id
    }

    /// Whose usage it is.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The key of the metric.
    #[must_use]
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// How many units.
    #[must_use]
    pub fn quantity(&self) -> i64 {
        self.quantity
    }

    /// When it was used.
    #[must_use]
    pub fn occurred_at(&self) -> Timestamp {
        self.occurred_at
    }

    /// The user who used it on behalf of an organization.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The metadata, an object in JSON; none if it was empty.
    #[must_use]
    pub fn metadata(&self) -> Option<&str> {
        self.metadata.as_deref()
    }
}
