//! The route that tells what a change would do.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::effective_of;
use crate::api::answer::Answer;
use crate::api::described::Refused;
use crate::api::parameters::{Id, Parameters};
use crate::api::{Api, Problem};
use crate::auth::Caller;
use crate::payment::Effective;
use crate::record::BillingCycle;
use crate::subscriptions::{self, ChangePreview, PlanChange};
use crate::{Billing, BillingError, SubscriptionId};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(preview))
}

/// What a change of tier, cycle or seats would charge, give and take, without making it.
#[utoipa::path(
    get,
    path = "/api/subscriptions/{id}/preview",
    tag = "subscriptions",
    security(("bearer" = [])),
    params(
        ("id" = SubscriptionId, Path, description = "The subscription"),
        ("tier" = Option<String>, Query, description = "The key of the tier"),
        ("billingCycle" = Option<BillingCycle>, Query, description = "How often to pay"),
        ("seats" = Option<u32>, Query, description = "For how many seats", minimum = 1),
        ("effective" = Option<Effective>, Query, description = "From when on"),
    ),
    responses(
        (status = 200, body = Answer<ChangePreview>),
        Refused,
    )
)]
async fn preview(
    State(billing): State<Billing>,
    caller: Caller,
    Id(id): Id<SubscriptionId>,
    mut parameters: Parameters,
) -> Result<Answer<ChangePreview>, Problem> {
    let wanted = PlanChange {
        tier: parameters.optional("tier", "the key of a tier", |text| {
            (!text.is_empty()).then(|| text.to_owned())
        }),
        billing_cycle: parameters.optional(
            "billingCycle",
            "`monthly` or `annual`",
            BillingCycle::from_word,
        ),
        seats: parameters.optional("seats", "a whole number from 1 on", |text| {
            text.parse().ok().filter(|seats| *seats > 0)
        }),
        effective: parameters.optional("effective", "`now` or `period_end`", effective_of),
    };
    parameters.finish()?;
    let preview = subscriptions::preview(&billing, &caller, id, &wanted).await;
    Ok(Answer::new(preview.map_err(by_parameter)?))
}

/// Faults that are told of the fields of a body, told of the parameters of a query.
fn by_parameter(error: BillingError) -> BillingError {
    let BillingError::Invalid(mut faults) = error else {
        return error;
    };
    for fault in &mut faults {
        let name = fault.pointer.trim_start_matches('/');
        let name = if name.is_empty() { "query" } else { name };
        fault.pointer = name.to_owned().into();
    }
    BillingError::Invalid(faults)
}
