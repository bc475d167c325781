//! Figures: what is earned, who leaves, what is used.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Billing;
use crate::api::answer::Answer;
use crate::api::described::RefusedAdmin;
use crate::api::parameters::Parameters;
use crate::api::{Api, Problem};
use crate::record::BillingMonth;
use crate::reports::{self, Churn, Days, Distribution, Mrr, Revenue, TopOwners, UsageReport};

/// How many owners are named if nothing is said.
const TOP: u32 = 10;
/// How many owners are named at most.
const MOST: u32 = 100;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(revenue))
        .routes(routes!(distribution))
        .routes(routes!(churn))
        .routes(routes!(mrr))
        .routes(routes!(usage))
        .routes(routes!(top))
}

/// The month that is asked for, or the present one.
fn month(parameters: &mut Parameters, billing: &Billing) -> BillingMonth {
    parameters
        .optional("month", "a month like 2026-01", |text| text.parse().ok())
        .unwrap_or_else(|| {
            BillingMonth::containing(billing.clock().now(), billing.catalog().time_zone())
        })
}

/// What was paid in a month, less what was paid back, by tier and currency.
#[utoipa::path(
    get,
    path = "/api/admin/revenue",
    tag = "admin",
    operation_id = "report_revenue",
    security(("bearer" = [])),
    params(("month" = Option<String>, Query, pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", description = "Like 2026-01; the present month if nothing is said")),
    responses(
        (status = 200, body = Answer<Revenue>),
        RefusedAdmin,
    )
)]
async fn revenue(
    State(billing): State<Billing>,
    mut parameters: Parameters,
) -> Result<Answer<Revenue>, Problem> {
    let month = month(&mut parameters, &billing);
    parameters.finish()?;
    Ok(Answer::new(reports::revenue(&billing, month).await?))
}

/// How many subscriptions there are of each tier and status.
#[utoipa::path(
    get,
    path = "/api/admin/distribution",
    tag = "admin",
    operation_id = "report_distribution",
    security(("bearer" = [])),
    responses(
        (status = 200, body = Answer<Distribution>),
        RefusedAdmin,
    )
)]
async fn distribution(
    State(billing): State<Billing>,
    parameters: Parameters,
) -> Result<Answer<Distribution>, Problem> {
    parameters.finish()?;
    Ok(Answer::new(reports::distribution(&billing).await?))
}

/// How many of those who paid some days ago were lost since.
#[utoipa::path(
    get,
    path = "/api/admin/churn",
    tag = "admin",
    operation_id = "report_churn",
    security(("bearer" = [])),
    params(("days" = Option<u16>, Query, minimum = 1, maximum = 366, description = "How far back; 30 if nothing is said")),
    responses(
        (status = 200, body = Answer<Churn>),
        RefusedAdmin,
    )
)]
async fn churn(
    State(billing): State<Billing>,
    mut parameters: Parameters,
) -> Result<Answer<Churn>, Problem> {
    let days = parameters.optional("days", "a whole number from 1 to 366", |text| {
        text.parse().ok().and_then(Days::new)
    });
    parameters.finish()?;
    let churn = reports::churn(&billing, days.unwrap_or_default()).await?;
    Ok(Answer::new(churn))
}

/// Monthly recurring revenue, by tier.
#[utoipa::path(
    get,
    path = "/api/admin/mrr",
    tag = "admin",
    operation_id = "report_mrr",
    security(("bearer" = [])),
    responses(
        (status = 200, body = Answer<Mrr>),
        RefusedAdmin,
    )
)]
async fn mrr(
    State(billing): State<Billing>,
    parameters: Parameters,
) -> Result<Answer<Mrr>, Problem> {
    parameters.finish()?;
    Ok(Answer::new(reports::mrr(&billing).await?))
}

/// What was used in a month, by metric.
#[utoipa::path(
    get,
    path = "/api/admin/usage",
    tag = "admin",
    operation_id = "report_usage",
    security(("bearer" = [])),
    params(("month" = Option<String>, Query, pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", description = "Like 2026-01; the present month if nothing is said")),
    responses(
        (status = 200, body = Answer<UsageReport>),
        RefusedAdmin,
    )
)]
async fn usage(
    State(billing): State<Billing>,
    mut parameters: Parameters,
) -> Result<Answer<UsageReport>, Problem> {
    let month = month(&mut parameters, &billing);
    parameters.finish()?;
    Ok(Answer::new(reports::usage(&billing, month).await?))
}

/// Who used the most of a metric in a month.
#[utoipa::path(
    get,
    path = "/api/admin/usage/top",
    tag = "admin",
    operation_id = "report_top_owners",
    security(("bearer" = [])),
    params(
        ("metric" = String, Query, description = "The key of the metric"),
        ("month" = Option<String>, Query, pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", description = "Like 2026-01; the present month if nothing is said"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many at most; 10 if nothing is said"),
    ),
    responses(
        (status = 200, body = Answer<TopOwners>),
        RefusedAdmin,
    )
)]
async fn top(
    State(billing): State<Billing>,
    mut parameters: Parameters,
) -> Result<Answer<TopOwners>, Problem> {
    let catalog = billing.catalog();
    let metric = parameters.optional("metric", "the key of a metric", |text| {
        Some(text.to_owned())
    });
    match &metric {
        None => parameters.fault("metric", "missing; expected the key of a metric"),
        Some(key) => {
            if let Err(unknown) = catalog.require_metric(key) {
                parameters.fault("metric", unknown.to_string());
            }
        }
    }
    let month = month(&mut parameters, &billing);
    let limit = parameters.optional("limit", "a whole number from 1 to 100", |text| {
        text.parse().ok().filter(|limit| (1..=MOST).contains(limit))
    });
    parameters.finish()?;
    let metric = metric.unwrap_or_default();
    let top = reports::top_owners(&billing, &metric, month, limit.unwrap_or(TOP)).await?;
    Ok(Answer::new(top))
}
