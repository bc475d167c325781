//! Usage that is sent to the billing service, `POST {base}/api/usage`.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Response, StatusCode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tiergate_core::time::Timestamp;
use tiergate_core::{Subject, SubjectKind};

use super::request::{ComeBack, Setback, headers, refusal, refuse_redirected, transport_error};
use super::{HttpLookup, body};
use crate::{LookupError, LookupErrorKind};

/// How long a batch may take. The service writes up to 1,000 records in one transaction.
const DEADLINE: Duration = Duration::from_secs(10);

/// The largest answer that is read: 1,000 outcomes with long keys and reasons.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// For how long a service is left alone that says when to come back, but not in seconds.
const UNCLEAR_WISH: Duration = Duration::from_secs(30);

/// What was used, as it is sent to the billing service.
#[derive(Clone, Debug)]
pub struct UsageSubmission<'a> {
    /// The key by which it counts once, 1 to 255 bytes.
    pub idempotency_key: String,
    /// Whose usage it is.
    pub subject: &'a Subject,
    /// The user who used it on behalf of an organization. Of a user's own usage it says nothing.
    pub user: Option<&'a str>,
    /// The key of a metric of the catalog.
    pub metric: &'a str,
    /// How many units.
    pub quantity: i64,
    /// When it was used.
    pub occurred_at: Timestamp,
    /// Whatever else is to be kept with it, an object of up to 4 KiB.
    pub metadata: Option<&'a RawValue>,
}

/// What became of usage that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsageOutcome {
    /// It is counted.
    Accepted,
    /// It was counted before.
    Duplicate,
    /// It is not counted, and would not be if it came again.
    Rejected {
        /// Why, in the words of the service.
        reason: String,
    },
}

impl HttpLookup {
    /// Sends 1 to 1,000 records of usage, and tells what became of each, in their order.
    ///
    /// It takes 10 s at most, whatever the deadline of lookups is. Nothing is tried again, but with a new
    /// token when the first is refused; a record that was sent before counts once.
    ///
    /// # Errors
    ///
    /// When nothing is known of any record. With the status 400, 413 or 422 the service refused the batch
    /// as such, and will again. [`LookupError::retry_after`] says when it wants to be asked again.
    ///
    /// # Cancellation
    ///
    /// The records may be counted or not.
    pub async fn record_usage(
        &self,
        records: &[UsageSubmission<'_>],
    ) -> Result<Vec<UsageOutcome>, LookupError> {
        let batch = Batch {
            records: records.iter().map(Wire::from).collect(),
        };
        let body = serde_json::to_vec(&batch)
            .map_err(|error| LookupError::new(LookupErrorKind::InvalidAnswer).with_source(error))?;
        match tokio::time::timeout(DEADLINE, self.send_usage(&body, records.len())).await {
            Ok(outcomes) => outcomes,
            Err(_elapsed) => Err(LookupError::new(LookupErrorKind::TimedOut)),
        }
    }

    async fn send_usage(
        &self,
        body: &[u8],
        count: usize,
    ) -> Result<Vec<UsageOutcome>, LookupError> {
        let token = self.inner.token().await?;
        let first = self.attempt_usage(body, count, token.as_ref()).await;
        match &first {
            Err(error)
                if error.status() == Some(StatusCode::UNAUTHORIZED.as_u16())
                    && self.inner.renews(token.as_ref()) =>
            {
                let token = self.inner.token().await?;
                self.attempt_usage(body, count, token.as_ref()).await
            }
            _ => first,
        }
    }

    async fn attempt_usage(
        &self,
        body: &[u8],
        count: usize,
        token: Option<&SecretString>,
    ) -> Result<Vec<UsageOutcome>, LookupError> {
        let url = self.inner.base.usage_url();
        let mut headers = headers("application/json", token)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let request = self.inner.client.post(url.clone()).headers(headers);
        let request = request.body(body.to_vec()).timeout(DEADLINE);
        let response = request.send().await.map_err(transport_error)?;
        refuse_redirected(&response, &url)?;
        match response.status() {
            StatusCode::OK => read(response, count).await,
            status => Err(with_wish(refusal(status, response.headers()))),
        }
    }
}

fn with_wish(setback: Setback) -> LookupError {
    match setback.come_back {
        ComeBack::Later => setback.error.with_retry_after(UNCLEAR_WISH),
        ComeBack::Unsaid | ComeBack::After(_) => setback.error,
    }
}

async fn read(response: Response, count: usize) -> Result<Vec<UsageOutcome>, LookupError> {
    let status = response.status().as_u16();
    let body = body::read_json(response, MAX_BYTES).await?;
    let invalid = || LookupError::new(LookupErrorKind::InvalidAnswer).with_status(status);
    let answer: Answer =
        serde_json::from_slice(&body).map_err(|error| invalid().with_source(error))?;
    let told = answer.data.records;
    let in_order = (0..)
        .zip(&told)
        .all(|(index, record)| index == record.index);
    if !answer.success || told.len() != count || !in_order {
        return Err(invalid().with_source("the answer is about other records"));
    }
    Ok(told.into_iter().map(UsageOutcome::from).collect())
}

#[derive(Serialize)]
struct Batch<'a> {
    records: Vec<Wire<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    idempotency_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    metric: &'a str,
    quantity: i64,
    occurred_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
}

impl<'a> From<&'a UsageSubmission<'a>> for Wire<'a> {
    fn from(told: &'a UsageSubmission<'a>) -> Self {
        let id = told.subject.id();
        let (organization_id, user_id) = match told.subject.kind() {
            SubjectKind::Organization => (Some(id), told.user),
            SubjectKind::User => (None, Some(id)),
        };
        Self {
            idempotency_key: &told.idempotency_key,
            organization_id,
            user_id,
            metric: told.metric,
            quantity: told.quantity,
            occurred_at: told.occurred_at,
            metadata: told.metadata,
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    success: bool,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    records: Vec<ToldOutcome>,
}

#[derive(Deserialize)]
struct ToldOutcome {
    index: usize,
    outcome: Word,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Accepted,
    Duplicate,
    Rejected,
}

impl From<ToldOutcome> for UsageOutcome {
    fn from(told: ToldOutcome) -> Self {
        match told.outcome {
            Word::Accepted => Self::Accepted,
            Word::Duplicate => Self::Duplicate,
            Word::Rejected => Self::Rejected {
                reason: told.reason.unwrap_or_default(),
            },
        }
    }
}
