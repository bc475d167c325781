//! `/api/usage`, and what a subscription has used.

use axum::extract::State;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::fields::{Fields, FromBody};
use super::mutation::{self, Mutation};
use super::parameters::Id;
use super::{Api, Problem};
use crate::api::described::Refused;
use crate::auth::Caller;
use crate::change::Reply;
use crate::record::Amount;
use crate::usage::{self, BatchOutcome, Submission, UsageSummary};
use crate::{Billing, SubscriptionId};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(record))
        .routes(routes!(of_subscription))
}

/// A batch of usage records.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageBatch {
    /// The records, 1 to 1,000.
    #[schema(min_items = 1, max_items = 1_000)]
    records: Vec<Submission>,
}

impl FromBody for UsageBatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let records = fields.list("records", Submission::MOST, submission)?;
        Some(Self { records })
    }
}

fn submission(fields: &mut Fields) -> Option<Submission> {
    let key = fields.required("idempotencyKey", "text", string);
    let subscription = fields.optional("subscriptionId", "the id of a subscription", parsed);
    let organization = fields.optional("organizationId", "text", string);
    let user = fields.optional("userId", "text", string);
    let metric = fields.required("metric", "the key of a metric", string);
    let quantity = fields.required("quantity", "a number", |value| match value {
        Value::Number(number) => Some(number),
        _ => None,
    });
    let unit = fields.optional("unit", "text", string);
    let cost = fields.optional(
        "cost",
        "an amount like {\"amount\": 1200, \"currency\": \"USD\"}",
        |value| serde_json::from_value::<Amount>(value).ok(),
    );
    let occurred_at = fields.optional("occurredAt", "a time like 2026-01-31T12:00:00Z", parsed);
    let metadata = fields.optional("metadata", "an object", |value| match value {
        Value::Object(metadata) => Some(metadata),
        _ => None,
    });
    Some(Submission {
        idempotency_key: key?,
        subscription_id: subscription,
        organization_id: organization,
        user_id: user,
        metric: metric?,
        quantity: quantity?,
        unit,
        cost,
        occurred_at,
        metadata: metadata.unwrap_or_default(),
    })
}

fn string(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn parsed<T: serde::de::DeserializeOwned>(value: Value) -> Option<T> {
    serde_json::from_value(value).ok()
}

/// Records what was used, up to 1,000 records at once.
///
/// Each record comes with a key of its own and counts once for it, however often it is sent. Records
/// that cannot be counted are told apart from those that are; the rest of the batch is counted.
#[utoipa::path(
    post,
    path = "/api/usage",
    tag = "usage",
    security(("bearer" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "A key for the whole batch: sent \
            again with the same body, it is answered the same"),
    ),
    request_body = UsageBatch,
    responses(
        (status = 200, body = Answer<BatchOutcome>),
        Refused,
    )
)]
async fn record(
    State(billing): State<Billing>,
    mutation: Mutation<UsageBatch>,
) -> Result<Reply, Problem> {
    let Mutation {
        caller,
        context,
        body,
    } = mutation;
    let work = usage::record(&billing, &caller, &context, body.records);
    mutation::answer(&billing, &context, work).await
}

/// What a subscription has used of each metric in its current period, and what is left of its limits.
#[utoipa::path(
    get,
    path = "/api/subscriptions/{id}/usage",
    tag = "usage",
    security(("bearer" = [])),
    params(("id" = SubscriptionId, Path, description = "The subscription")),
    responses(
        (status = 200, body = Answer<UsageSummary>),
        Refused,
    )
)]
async fn of_subscription(
    State(billing): State<Billing>,
    caller: Caller,
    Id(id): Id<SubscriptionId>,
) -> Result<Answer<UsageSummary>, Problem> {
    let summary = usage::of_subscription(&billing, &caller, id).await?;
    Ok(Answer::new(summary))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::BillingError;

    fn faults(body: &Value) -> Vec<(String, String)> {
        let read = Fields::read_body::<UsageBatch>(body.to_string().as_bytes());
        let Err(BillingError::Invalid(faults)) = read else {
            panic!("{read:?}");
        };
        let told = faults.into_iter();
        told.map(|fault| (fault.pointer.into_owned(), fault.detail))
            .collect()
    }

    #[test]
    fn every_fault_of_the_envelope_is_told_with_its_record() {
        let faults = faults(&json!({
            "records": [
                {"idempotencyKey": "a", "metric": "sms_messages", "quantity": 1},
                {"idempotencyKey": 1, "metric": "sms_messages", "quantity": "1", "user": "ada"},
                {
                    "metric": "sms_messages", "quantity": 1.5, "subscriptionId": "7",
                    "occurredAt": "yesterday", "metadata": [], "cost": {"amount": 1},
                },
                7,
            ],
            "dryRun": true,
        }));
        let pointers: Vec<_> = faults.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/records/1/idempotencyKey",
                "/records/1/quantity",
                "/records/1/user",
                "/records/2/idempotencyKey",
                "/records/2/subscriptionId",
                "/records/2/cost",
                "/records/2/occurredAt",
                "/records/2/metadata",
                "/records/3",
                "/dryRun",
            ]
        );
    }

    #[test]
    fn a_batch_has_from_1_to_1000_records() {
        let record = json!({"idempotencyKey": "a", "metric": "sms_messages", "quantity": 1});
        let batch = |many: usize| json!({ "records": vec![&record; many] });
        for (many, fits) in [(0, false), (1, true), (1_000, true), (1_001, false)] {
            let read = Fields::read_body::<UsageBatch>(batch(many).to_string().as_bytes());
            assert_eq!(read.is_ok(), fits, "{many}");
        }
    }

    #[test]
    fn the_document_refuses_unknown_fields_as_the_code_does() {
        let document = serde_json::to_value(Api::document()).unwrap();
        for schema in ["UsageBatch", "UsageSubmission", "Amount"] {
            let pointer = format!("/components/schemas/{schema}/additionalProperties");
            assert_eq!(document.pointer(&pointer), Some(&json!(false)), "{schema}");
        }
        let schema = &document["components"]["schemas"]["UsageSubmission"];
        let required = json!(["idempotencyKey", "metric", "quantity"]);
        assert_eq!(schema["required"], required);
    }
}
