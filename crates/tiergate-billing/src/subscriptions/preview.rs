//! What a change would do.

mod differences;
mod limits;
mod view;

use tiergate_core::Catalog;
use tiergate_core::time::Timestamp;

use self::differences::differences;
use self::limits::exceeded;
pub(crate) use self::view::ChangePreview;
use self::view::PlanView;
use super::change::{PlanChange, Resolution, Resolved, resolve};
use super::facts::{Facts, provider_of};
use super::offer::{self, Wanted};
use super::{alter, by_id, plan, subscribe};
use crate::auth::Caller;
use crate::payment::{ChangePlan, Effective, Plan, Preview};
use crate::record::{Amount, BillingCycle, SubscriptionRecord};
use crate::table::subscriptions;
use crate::{Billing, BillingError, FieldFault, OperationId, SubscriptionId};

/// Tells what a change would do, without doing it. For somebody who pays nothing it tells what
/// subscribing would. What was due before is done first, as it would be for the change.
///
/// # Errors
///
/// As the change itself.
pub(crate) async fn preview(
    billing: &Billing,
    caller: &Caller,
    id: SubscriptionId,
    wanted: &PlanChange,
) -> Result<ChangePreview, BillingError> {
    by_id(billing, caller, id).await?;
    let now = billing.now();
    let record = alter::up_to_date(billing, id, now).await?;
    let catalog = billing.catalog();
    let bought_over = record.is_live() && subscribe::can_be_bought_over(&catalog, &record);
    let outlook = if bought_over {
        of_subscribing(billing, &catalog, &record, wanted, now).await?
    } else {
        of_changing(billing, &catalog, &record, wanted, now).await?
    };
    tell(billing, &catalog, &record, outlook, now).await
}

/// A change, and what it would bill.
struct Outlook {
    change: Resolved,
    bill: Preview,
    trial_end: Option<Timestamp>,
}

async fn of_changing(
    billing: &Billing,
    catalog: &Catalog,
    record: &SubscriptionRecord,
    wanted: &PlanChange,
    now: Timestamp,
) -> Result<Outlook, BillingError> {
    let change = match resolve(catalog, record, wanted)? {
        Resolution::Change(change) => change,
        Resolution::Nothing => unchanged(catalog, record),
    };
    let facts = Facts::of(billing, catalog, record, now).await?;
    let request = ChangePlan {
        existing: facts.existing(record, OperationId::new(now), now),
        tier: &change.tier,
        to: change.plan.as_ref(),
        effective: change.effective,
    };
    let bill = provider_of(billing, record)?.preview(&request).await?;
    Ok(Outlook {
        change,
        bill,
        trial_end: None,
    })
}

/// What is as it is wanted goes on as it is.
fn unchanged(catalog: &Catalog, record: &SubscriptionRecord) -> Resolved {
    Resolved {
        tier: record.tier.clone(),
        plan: plan::of(catalog, record),
        effective: Effective::PeriodEnd,
    }
}

async fn of_subscribing(
    billing: &Billing,
    catalog: &Catalog,
    record: &SubscriptionRecord,
    wanted: &PlanChange,
    now: Timestamp,
) -> Result<Outlook, BillingError> {
    let Some(tier) = &wanted.tier else {
        let fault = FieldFault::new("/tier", "missing; nothing is paid yet, so name a tier");
        return Err(BillingError::Invalid(vec![fault]));
    };
    let sought = Wanted {
        owner: record.owner().kind(),
        tier,
        cycle: wanted.billing_cycle.unwrap_or(BillingCycle::Monthly),
        seats: wanted.seats,
        discount_basis_points: record.discount_basis_points,
    };
    let plan = offer::plan_for(catalog, &sought).map_err(BillingError::Invalid)?;
    let mut read = billing.database().read().await?;
    let had_trial = subscriptions::had_trial(&mut read, &record.owner()).await?;
    drop(read);
    let facts = Facts::of(billing, catalog, record, now).await?;
    let request = ChangePlan {
        existing: facts.existing(record, OperationId::new(now), now),
        tier,
        to: Some(&plan),
        effective: Effective::Now,
    };
    // Who will take the money is who is configured; what they would charge for a first period is what
    // the manual provider works out from the same prices.
    let mut bill = provider_of(billing, record)?.preview(&request).await?;
    let trial_end = subscribe::trial_end(catalog, had_trial, now);
    if trial_end.is_some() {
        bill.lines.clear();
        bill.due_now = 0;
    }
    Ok(Outlook {
        change: Resolved {
            tier: tier.clone(),
            plan: Some(plan),
            effective: Effective::Now,
        },
        bill,
        trial_end,
    })
}

async fn tell(
    billing: &Billing,
    catalog: &Catalog,
    record: &SubscriptionRecord,
    outlook: Outlook,
    now: Timestamp,
) -> Result<ChangePreview, BillingError> {
    let Outlook {
        change,
        bill,
        trial_end,
    } = outlook;
    let currency = catalog.currency().code();
    let mut proposed = record.view();
    proposed.tier = change.tier.as_str().into();
    let differences = differences(catalog, record, &proposed, now);
    let limits_exceeded = exceeded(billing, catalog, record, &proposed, now).await?;
    Ok(ChangePreview {
        current: view(
            &record.tier,
            plan::of(catalog, record).as_ref(),
            record.seats,
            currency,
        ),
        proposed: view(&change.tier, change.plan.as_ref(), None, currency),
        effective: change.effective,
        effective_at: bill.effective_at.into(),
        trial_end: trial_end.map(Into::into),
        due_now: Amount::new(bill.due_now, currency),
        recurring: Amount::new(bill.recurring, currency),
        lines: bill.lines,
        features_gained: differences.gained,
        features_lost: differences.lost,
        limits_exceeded,
    })
}

fn view(tier: &str, plan: Option<&Plan>, seats: Option<u32>, currency: &str) -> PlanView {
    let price = plan.map_or(0, |plan| {
        plan.unit_amount
            .saturating_mul(i64::from(plan.seats.unwrap_or(1)))
    });
    PlanView {
        tier: tier.to_owned(),
        billing_cycle: plan.map(|plan| plan.cycle),
        seats: plan.map_or(seats, |plan| plan.seats),
        price: Amount::new(price, currency),
    }
}
