//! `/api/usage/totals`: what owners used, for services that keep counters of their own.

use axum::extract::State;
use serde_json::Value;
use tiergate_core::{Subject, Window};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::Answer;
use super::fields::{Fields, FromBody};
use super::mutation::Mutation;
use super::{Api, Problem};
use crate::Billing;
use crate::api::described::Refused;
use crate::record::Time;
use crate::usage::{self, TotalQuestion, UsageTotals};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(totals))
}

/// Questions about what was used.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read field by field")]
struct UsageTotalsRequest {
    /// The questions, 1 to 1,000.
    #[schema(min_items = 1, max_items = 1_000)]
    questions: Vec<UsageTotalQuestion>,
}

/// How much of a metric did an owner use in a span of time? Exactly one of `userId` and `organizationId`
/// says whose usage it is.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what is read field by field")]
struct UsageTotalQuestion {
    /// The user.
    user_id: Option<String>,
    /// The organization.
    organization_id: Option<String>,
    /// The key of a metric of the catalog.
    #[schema(example = "sms_messages")]
    metric: String,
    /// Where the span starts.
    from: Time,
    /// Where it ends, after `from`; that moment is not in it.
    to: Time,
}

/// What was asked, as it was read.
#[derive(Debug)]
struct Questions(Vec<TotalQuestion>);

impl FromBody for Questions {
    fn read(fields: &mut Fields) -> Option<Self> {
        let most = TotalQuestion::MOST;
        fields.list("questions", most, question).map(Self)
    }
}

fn question(fields: &mut Fields) -> Option<TotalQuestion> {
    let user = fields.optional("userId", "the id of a user", id(Subject::user));
    let organization = fields.optional(
        "organizationId",
        "the id of an organization",
        id(Subject::organization),
    );
    let metric = fields.required("metric", "the key of a metric", |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    });
    fields.check_metric("metric", metric.as_ref());
    let time = |value| serde_json::from_value::<Time>(value).ok();
    let from = fields.required("from", "a time like 2026-01-01T00:00:00Z", time);
    let to = fields.required("to", "a time like 2026-02-01T00:00:00Z", time);
    let span = match (from, to) {
        (Some(from), Some(to)) => {
            let span = Window::new(from.0, to.0);
            if span.is_none() {
                fields.fault("to", "expected a time after `from`");
            }
            span
        }
        _ => None,
    };
    let owner = match (user, organization) {
        (Some(owner), None) | (None, Some(owner)) => Some(owner),
        (Some(_), Some(_)) => {
            fields.fault(
                "organizationId",
                "the user is given already; give one of them",
            );
            None
        }
        (None, None) => {
            if !fields.has_faults() {
                let detail = "say whose usage it is, by `userId` or `organizationId`";
                fields.fault("userId", detail);
            }
            None
        }
    };
    Some(TotalQuestion {
        owner: owner?,
        metric: metric?,
        span: span?,
    })
}

fn id(subject: fn(String) -> Subject) -> impl FnOnce(Value) -> Option<Subject> {
    move |value| match value {
        Value::String(text) => {
            Some(subject(text)).filter(|owner| owner.is_valid() && !owner.id().contains('\0'))
        }
        _ => None,
    }
}

/// How much of metrics owners used, by the records: up to 1,000 questions at once.
///
/// It counts what happened within a span, over all subscriptions that an owner has and had, so that a
/// service can compare its counters. It changes nothing, and needs no `Idempotency-Key`.
#[utoipa::path(
    post,
    path = "/api/usage/totals",
    tag = "usage",
    security(("bearer" = [])),
    request_body = UsageTotalsRequest,
    responses(
        (status = 200, body = Answer<UsageTotals>),
        Refused,
    )
)]
async fn totals(
    State(billing): State<Billing>,
    mutation: Mutation<Questions>,
) -> Result<Answer<UsageTotals>, Problem> {
    let Mutation {
        caller,
        body: Questions(questions),
        ..
    } = mutation;
    let totals = usage::totals(&billing, &caller, questions).await?;
    Ok(Answer::new(totals))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::BillingError;

    fn read(body: &Value) -> Result<Vec<TotalQuestion>, Vec<String>> {
        let catalog = Arc::new(crate::testing::catalog());
        match Fields::read_body_for::<Questions>(catalog, body.to_string().as_bytes()) {
            Ok(Questions(questions)) => Ok(questions),
            Err(BillingError::Invalid(faults)) => {
                let told = faults.into_iter();
                Err(told.map(|fault| fault.pointer.into_owned()).collect())
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn every_fault_of_every_question_is_told() {
        let (from, to) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        let right = json!({"userId": "ada", "metric": "storage", "from": from, "to": to});
        assert_eq!(read(&json!({"questions": [right]})).unwrap().len(), 1);
        let faults = read(&json!({
            "questions": [
                right,
                {"userId": "ada", "organizationId": "eagle", "metric": "storag", "from": to, "to": from},
                {"metric": "storage", "from": from, "to": to},
                {"userId": "", "metric": 1, "from": "May", "until": to},
                {"userId": "a\u{0}", "metric": "storage", "from": from, "to": from},
                7,
            ],
            "dryRun": true,
        }));
        assert_eq!(
            faults.unwrap_err(),
            [
                "/questions/1/metric",
                "/questions/1/to",
                "/questions/1/organizationId",
                "/questions/2/userId",
                "/questions/3/userId",
                "/questions/3/metric",
                "/questions/3/from",
                "/questions/3/to",
                "/questions/3/until",
                "/questions/4/userId",
                "/questions/4/to",
                "/questions/5",
                "/dryRun",
            ]
        );
        for (many, fits) in [(0, false), (1, true), (1_000, true), (1_001, false)] {
            let body = json!({ "questions": vec![&right; many] });
            assert_eq!(read(&body).is_ok(), fits, "{many}");
        }
    }
}
