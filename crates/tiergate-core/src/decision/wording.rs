//! What a denial says to people.
//!
//! The names of features and units come from a catalog and may be singular, plural or anything else,
//! so no verb here depends on them.

use super::DenialKind;
use super::denial::{Cause, Facts, Named, Upgrade};
use crate::catalog::words::echo;
use crate::{Limit, SubscriptionStatus};

pub(super) fn detail(kind: DenialKind, facts: &Facts) -> String {
    match kind {
        DenialKind::Unauthorized => facts.reason.unwrap_or("Sign in to use this.").to_owned(),
        DenialKind::FeatureNotAvailable => feature_not_available(facts),
        DenialKind::TierRequired => format!(
            "This needs the {} plan or one that includes it. The current plan is {}.",
            name(&facts.minimum_tier),
            name(plan(facts)),
        ),
        DenialKind::SubscriptionInactive => subscription_inactive(facts),
        DenialKind::LimitExceeded => limit_exceeded(facts),
        DenialKind::CostAboveLimit => format!(
            "{} There is never room for {} at once.{}",
            limit(facts),
            quantity(facts.units.unwrap_or_default(), facts),
            plan_with_room(facts),
        ),
        DenialKind::BillingUnavailable => {
            "Whether the current plan allows this cannot be checked at the moment. Try again \
             shortly."
                .to_owned()
        }
        DenialKind::IdempotencyKeyReused => {
            "This idempotency key came with another request before. Use a new key for a new \
             request."
                .to_owned()
        }
    }
}

fn feature_not_available(facts: &Facts) -> String {
    match facts.cause {
        Cause::OffForAll => return format!("No plan has {} at present.", name(&facts.feature)),
        Cause::Override => {
            let wanted = wanted(facts);
            return format!("This subscription does not include {wanted}, whatever its plan.");
        }
        Cause::CurrentTier | Cause::OwnTier => {}
    }
    let upgrade = match &facts.upgrade {
        Upgrade::To { required, .. } => format!(" The {} plan does.", required.name),
        Upgrade::Nothing => " No other plan does.".to_owned(),
        Upgrade::Untold => String::new(),
    };
    let plan = name(plan(facts));
    format!(
        "The {plan} plan does not include {}.{upgrade}",
        wanted(facts)
    )
}

fn subscription_inactive(facts: &Facts) -> String {
    let subscription = match &facts.own_tier {
        Some(tier) => format!("{} subscription", tier.name),
        None => "subscription".to_owned(),
    };
    let state = match &facts.status {
        // Nothing but a trial that is over makes this one inactive.
        Some(SubscriptionStatus::Trialing) => {
            format!("The trial of the {subscription} is over.")
        }
        Some(SubscriptionStatus::PastDue) => format!("The {subscription} is past due."),
        Some(SubscriptionStatus::Suspended) => format!("The {subscription} is suspended."),
        Some(SubscriptionStatus::Incomplete) => {
            format!("The first payment of the {subscription} is not complete.")
        }
        Some(SubscriptionStatus::IncompleteExpired) => {
            format!("The first payment of the {subscription} was not made in time.")
        }
        Some(SubscriptionStatus::Unpaid) => format!("The {subscription} is unpaid."),
        Some(SubscriptionStatus::Paused) => format!("The {subscription} is paused."),
        Some(SubscriptionStatus::Other(word)) => {
            let word = echo(word);
            format!("The {subscription} is inactive, with the status `{word}`.")
        }
        Some(SubscriptionStatus::Active | SubscriptionStatus::Canceled) | None => {
            format!("The {subscription} is inactive.")
        }
    };
    let outlook = match (&facts.limit, &facts.feature) {
        (None, Some(_)) => format!("includes {}", wanted(facts)),
        (Some(_), _) => "has room for this".to_owned(),
        (None, None) => "is enough for this".to_owned(),
    };
    let otherwise = match facts.resets_at {
        Some(reset) => format!(" Otherwise there is room again from {reset}."),
        None => String::new(),
    };
    format!("{state} Once the subscription is active, it {outlook}.{otherwise}")
}

fn limit_exceeded(facts: &Facts) -> String {
    let used = quantity(facts.used.unwrap_or_default(), facts);
    let more = match facts.units {
        None | Some(0) => "more".to_owned(),
        Some(units) => format!("{units} more"),
    };
    let again = match facts.resets_at {
        Some(reset) => format!(" There is room again from {reset}."),
        None => String::new(),
    };
    format!(
        "{} With {used} used, there is no room for {more}.{again}{}",
        limit(facts),
        plan_with_room(facts),
    )
}

fn limit(facts: &Facts) -> String {
    let limit = match facts.limit {
        Some(Limit::AtMost(units)) => quantity(units, facts),
        Some(Limit::Unlimited) | None => Limit::Unlimited.to_string(),
    };
    format!("The limit for {} is {limit}.", name(&facts.feature))
}

fn plan_with_room(facts: &Facts) -> String {
    match &facts.upgrade {
        Upgrade::To { required, .. } => format!(" The {} plan has room.", required.name),
        Upgrade::Untold | Upgrade::Nothing => String::new(),
    }
}

/// A number with its unit; without it where the unit's plural would be wrong.
fn quantity(units: u64, facts: &Facts) -> String {
    match &facts.unit {
        Some(unit) if units != 1 => format!("{units} {unit}"),
        _ => units.to_string(),
    }
}

fn wanted(facts: &Facts) -> String {
    let feature = name(&facts.feature);
    match &facts.level {
        Some(level) => format!("{feature} ({level} or above)"),
        None => feature.to_owned(),
    }
}

/// The plan that the subject is told it is on.
fn plan(facts: &Facts) -> &Option<Named> {
    match (facts.cause, &facts.own_tier) {
        (Cause::OwnTier, own @ Some(_)) => own,
        _ => &facts.current_tier,
    }
}

fn name(named: &Option<Named>) -> &str {
    named.as_ref().map_or("this", |named| &named.name)
}
