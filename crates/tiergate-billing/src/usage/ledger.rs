//! What owners used, for services that keep counters of their own.

use tiergate_core::{Subject, Window};

use super::period::months;
use crate::auth::{Caller, Role};
use crate::record::{Time, organization_id, user_id};
use crate::table::usage_ledger::{self, Question};
use crate::{Billing, BillingError};

/// The question how much of a metric an owner used in a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TotalQuestion {
    /// Whose usage it is.
    pub(crate) owner: Subject,
    /// The key of a metric of the catalog.
    pub(crate) metric: String,
    /// When it happened.
    pub(crate) span: Window,
}

impl TotalQuestion {
    /// The most questions at once.
    pub(crate) const MOST: usize = 1_000;
}

/// How much owners used, by the records.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageTotals {
    /// One for each question, in their order.
    pub totals: Vec<UsageTotal>,
}

/// How much of a metric an owner used in a span of time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageTotal {
    /// The user; null if it is an organization.
    #[schema(required)]
    pub user_id: Option<String>,
    /// The organization; null if it is a user.
    #[schema(required)]
    pub organization_id: Option<String>,
    /// The key of the metric.
    pub metric: String,
    /// Where the span starts.
    pub from: Time,
    /// Where it ends; that moment is not in it.
    pub to: Time,
    /// The sum of what is recorded, over all subscriptions that the owner has and had. Of a level, by how
    /// much it changed.
    pub total: i64,
}

/// How much owners used.
///
/// # Errors
///
/// [`BillingError::Forbidden`] unless the caller is a service or an admin.
pub(crate) async fn totals(
    billing: &Billing,
    caller: &Caller,
    questions: Vec<TotalQuestion>,
) -> Result<UsageTotals, BillingError> {
    if !caller.is(Role::Service) && !caller.is(Role::Admin) {
        return Err(BillingError::Forbidden(
            "totals are told to callers with the role `service`".into(),
        ));
    }
    let catalog = billing.catalog();
    let asked = questions.into_iter().map(|question| Question {
        months: months(question.span, catalog.time_zone()),
        owner: question.owner,
        metric: question.metric,
        window: question.span,
    });
    let asked: Vec<_> = asked.collect();
    let mut read = billing.database().read().await?;
    let booked = usage_ledger::booked(&mut read, &asked).await?;
    let answered = asked.into_iter().zip(booked);
    Ok(UsageTotals {
        totals: answered
            .map(|(question, booked)| UsageTotal {
                user_id: user_id(&question.owner),
                organization_id: organization_id(&question.owner),
                metric: question.metric,
                from: question.window.start().into(),
                to: question.window.end().into(),
                total: booked.total,
            })
            .collect(),
    })
}
