use crate::UsageId;

/// What became of each record of a batch.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UsageBatchOutcome)]
pub struct BatchOutcome {
    /// How many were counted now.
    pub accepted: usize,
    /// How many had been counted before.
    pub duplicates: usize,
    /// How many were not counted.
    pub rejected: usize,
    /// One for each record that was sent, in the same order.
    pub records: Vec<RecordOutcome>,
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UsageRecordOutcome)]
pub struct RecordOutcome {
    /// Which of the records that were sent it is, from 0 on.
    pub index: usize,
    /// The key it came with.
    pub idempotency_key: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The id of the record that counts; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<UsageId>,
    /// Why it was rejected; absent where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = UsageOutcome)]
pub enum Outcome {
    /// It is counted.
    Accepted,
    /// The same record was counted before, and is not counted again.
    Duplicate,
    /// It is not counted, and would not be if it came again.
    Rejected,
}

impl BatchOutcome {
    /// The outcome of a batch whose records came out so.
    pub(super) fn of(records: Vec<RecordOutcome>) -> Self {
        let count = |outcome| {
            let same = records.iter().filter(|record| record.outcome == outcome);
            same.count()
        };
        Self {
            accepted: count(Outcome::Accepted),
            duplicates: count(Outcome::Duplicate),
            rejected: count(Outcome::Rejected),
            records,
        }
    }
}
