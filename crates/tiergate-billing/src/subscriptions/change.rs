//! Changes of tier, cycle and seats: what they come to, and when they hold.

use tiergate_core::Catalog;
use tiergate_core::catalog::Price;

use super::alter::{Alteration, alter, changeable};
use super::offer::{self, Wanted};
use super::plan;
use crate::auth::Caller;
use crate::change::Reply;
use crate::context::Context;
use crate::payment::{Effective, Plan};
use crate::record::{BillingCycle, SubscriptionRecord};
use crate::{Billing, BillingError, FieldFault, SubscriptionId};

/// What is to become of a plan. What is not said stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlanChange {
    /// The key of the tier.
    pub(crate) tier: Option<String>,
    /// How often it is to be paid.
    pub(crate) billing_cycle: Option<BillingCycle>,
    /// For how many seats.
    pub(crate) seats: Option<u32>,
    /// From when on; the rules of [`change`] say if this does not.
    pub(crate) effective: Option<Effective>,
}

/// Changes a plan.
///
/// More holds at once and is charged in proportion; less holds from the end of the period, which is paid
/// for. More is: a higher tier, see [`plan::is_above`]; more seats; paying by the year. Less is the
/// opposite of each. Whoever asks for both at once has to say when.
///
/// # Errors
///
/// [`BillingError::Invalid`] when it is not for sale, [`BillingError::InvalidState`] when it cannot be
/// changed as it is.
pub(crate) async fn change(
    billing: &Billing,
    caller: &Caller,
    context: &Context,
    id: SubscriptionId,
    wanted: PlanChange,
) -> Result<Reply, BillingError> {
    changeable(billing, caller, id).await?;
    alter(billing, context, id, &Alteration::Plan(wanted), None).await
}

/// What a change comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// It is as it is wanted.
    Nothing,
    /// It changes so.
    Change(Resolved),
}

/// A change whose every part is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The tier it is to be.
    pub(super) tier: String,
    /// What is to be paid then; none if nothing is.
    pub(super) plan: Option<Plan>,
    /// From when on.
    pub(super) effective: Effective,
}

/// In which directions a change goes.
#[derive(Clone, Copy, Debug, Default)]
struct Directions {
    more: bool,
    less: bool,
}

impl Directions {
    fn add(&mut self, is_more: impl Into<Option<std::cmp::Ordering>>) {
        match is_more.into() {
            Some(std::cmp::Ordering::Greater) => self.more = true,
            Some(std::cmp::Ordering::Less) => self.less = true,
            Some(std::cmp::Ordering::Equal) | None => {}
        }
    }
}

/// Works out what a change comes to.
pub(super) fn resolve(
    catalog: &Catalog,
    record: &SubscriptionRecord,
    wanted: &PlanChange,
) -> Result<Resolution, BillingError> {
    let current = changing(catalog, record)?;
    if wanted.tier.is_none() && wanted.billing_cycle.is_none() && wanted.seats.is_none() {
        return invalid(
            "",
            "say what is to change: `tier`, `billingCycle` or `seats`",
        );
    }
    if let Some(key) = wanted.tier.as_deref().filter(|key| is_free(catalog, key)) {
        return to_free(record, key, wanted);
    }
    let target = target(catalog, record, wanted, Base::Current)?;
    let directions = directions(catalog, &current, &target);
    let undoes = undoes(record, wanted);
    let leaves_less = target.cycle != current.cycle && leaves_pending(record, wanted);
    let effective = match (wanted.effective, directions) {
        (Some(effective), _) => effective,
        (
            None,
            Directions {
                more: true,
                less: false,
            },
        ) if !leaves_less => Effective::Now,
        (None, Directions { more: true, .. }) => {
            return invalid(
                "/effective",
                "this is more of one thing and less of another, so it has to be said when it is to \
                 hold: `now` or `period_end`",
            );
        }
        (None, Directions { less: true, .. }) => Effective::PeriodEnd,
        (None, Directions { .. }) if undoes => Effective::PeriodEnd,
        (None, Directions { .. }) => return Ok(Resolution::Nothing),
    };
    let target = match effective {
        Effective::Now if target == current => return Ok(Resolution::Nothing),
        Effective::Now => target,
        Effective::PeriodEnd => self::target(catalog, record, wanted, Base::Pending)?,
    };
    Ok(Resolution::Change(Resolved {
        tier: target.tier.clone(),
        plan: Some(target),
        effective,
    }))
}

/// What is paid now for what can be changed.
fn changing(catalog: &Catalog, record: &SubscriptionRecord) -> Result<Plan, BillingError> {
    let state = |why: &'static str| Err(BillingError::InvalidState(why.into()));
    if !record.is_live() {
        return state("it has been canceled; subscribe again");
    }
    if record.cancel_at_period_end {
        return state("it is about to end; reactivate it first");
    }
    if !matches!(record.status.as_str(), "active" | "trialing") {
        return state("it can be changed while it is active or on trial, and it is neither now");
    }
    plan::of(catalog, record).ok_or(BillingError::InvalidState(
        "nothing is paid for it; subscribe instead".into(),
    ))
}

fn is_free(catalog: &Catalog, key: &str) -> bool {
    plan::tier(catalog, key).is_some_and(|tier| tier.price == Price::Free)
}

fn to_free(
    record: &SubscriptionRecord,
    key: &str,
    wanted: &PlanChange,
) -> Result<Resolution, BillingError> {
    let mut faults = Vec::new();
    if wanted.billing_cycle.is_some() {
        let detail = format!("`{key}` is not paid; leave it out");
        faults.push(FieldFault::new("/billingCycle", detail));
    }
    if wanted.seats.is_some() {
        let detail = format!("`{key}` is not sold by seats; leave them out");
        faults.push(FieldFault::new("/seats", detail));
    }
    if !faults.is_empty() {
        return Err(BillingError::Invalid(faults));
    }
    let effective = wanted.effective.unwrap_or(Effective::PeriodEnd);
    let waits = record
        .pending
        .as_ref()
        .and_then(|pending| pending.tier.as_deref())
        == Some(key);
    if effective == Effective::PeriodEnd && waits {
        return Ok(Resolution::Nothing);
    }
    Ok(Resolution::Change(Resolved {
        tier: key.to_owned(),
        plan: None,
        effective,
    }))
}

/// What stays where a change says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    /// What it is.
    Current,
    /// What it is about to become.
    Pending,
}

/// The plan that is wanted.
fn target(
    catalog: &Catalog,
    record: &SubscriptionRecord,
    wanted: &PlanChange,
    base: Base,
) -> Result<Plan, BillingError> {
    let pending = match base {
        Base::Current => None,
        Base::Pending => record.pending.as_ref(),
    };
    let tier = wanted
        .tier
        .as_deref()
        .or(pending.and_then(|pending| pending.tier.as_deref()))
        .unwrap_or(&record.tier);
    if is_free(catalog, tier) {
        let detail = format!("it is about to become `{tier}`; name the tier that it is to have");
        return invalid("/tier", detail);
    }
    let cycle = wanted
        .billing_cycle
        .or(pending.and_then(|pending| pending.billing_cycle))
        .or(record.billing_cycle)
        .unwrap_or(BillingCycle::Monthly);
    let kept = pending.and_then(|pending| pending.seats).or(record.seats);
    // Seats that nobody named in this request go with a tier that is sold by seats, and with no other.
    let by_seats =
        plan::priced(catalog, tier, cycle, None, 0).is_some_and(|plan| plan.seats.is_some());
    let sought = Wanted {
        owner: record.owner().kind(),
        tier,
        cycle,
        seats: wanted.seats.or(kept.filter(|_| by_seats)),
        discount_basis_points: record.discount_basis_points,
    };
    offer::plan_for(catalog, &sought).map_err(BillingError::Invalid)
}

fn directions(catalog: &Catalog, current: &Plan, target: &Plan) -> Directions {
    use std::cmp::Ordering::{Greater, Less};
    let mut directions = Directions::default();
    if target.tier != current.tier {
        // Two tiers are compared as if they were paid alike.
        let alike = plan::priced(catalog, &target.tier, current.cycle, target.seats, 0);
        let above = alike.is_some_and(|alike| plan::is_above(catalog, &alike, current));
        directions.add(if above { Greater } else { Less });
    }
    directions.add(match (current.cycle, target.cycle) {
        (BillingCycle::Monthly, BillingCycle::Annual) => Some(Greater),
        (BillingCycle::Annual, BillingCycle::Monthly) => Some(Less),
        (BillingCycle::Monthly, BillingCycle::Monthly)
        | (BillingCycle::Annual, BillingCycle::Annual) => None,
    });
    let seats = target.seats.zip(current.seats);
    directions.add(seats.map(|(target, current)| target.cmp(&current)));
    directions
}

/// Whether a change names something as it is that is about to change: so it takes that back.
fn undoes(record: &SubscriptionRecord, wanted: &PlanChange) -> bool {
    record.pending.as_ref().is_some_and(|pending| {
        (pending.tier.is_some() && wanted.tier.is_some())
            || (pending.billing_cycle.is_some() && wanted.billing_cycle.is_some())
            || (pending.seats.is_some() && wanted.seats.is_some())
    })
}

/// Whether something is about to change that a change does not name.
fn leaves_pending(record: &SubscriptionRecord, wanted: &PlanChange) -> bool {
    record.pending.as_ref().is_some_and(|pending| {
        (pending.tier.is_some() && wanted.tier.is_none())
            || (pending.seats.is_some() && wanted.seats.is_none())
    })
}

fn invalid<T>(pointer: &'static str, detail: impl Into<String>) -> Result<T, BillingError> {
    Err(BillingError::Invalid(vec![FieldFault::new(
        pointer, detail,
    )]))
}
