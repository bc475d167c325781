//! What the steps of an explanation say.

use super::effective::fitting_value;
use super::{
    Assurance, Basis, Grant, InactiveAccess, Knowledge, Requirement, Standing, UnavailableAccess,
    ValueSource,
};
use crate::catalog::ForeignIdError;
use crate::catalog::words::echo;
use crate::subscription::{Override, OverrideValue, Renewal};
use crate::time::Timestamp;
use crate::{Catalog, Feature, FeatureId, SubscriptionStatus, TierId};

/// How many overrides of one feature are told.
const MAX_OVERRIDES: usize = 8;

pub(super) fn subscription(standing: &Standing<'_>) -> String {
    let subscription = match standing.knowledge() {
        Knowledge::Subscription(subscription) => subscription,
        Knowledge::Plain(known) => {
            let status = SubscriptionStatus::Active;
            let parts = tier_and_status(known.tier, &status).into_iter();
            let period = period(known.period_start, known.period_end);
            return parts.chain(period).collect::<Vec<_>>().join(", ");
        }
        Knowledge::NoSubscription => return "none".to_owned(),
        Knowledge::Unavailable => {
            return "not known, because billing could not be asked".to_owned();
        }
    };
    let mut parts = Vec::from(tier_and_status(&subscription.tier, &subscription.status));
    if let Some(id) = &subscription.id {
        parts.push(format!("id `{}`", echo(id)));
    }
    parts.extend(period(subscription.period_start, subscription.period_end));
    if subscription.renewal == Renewal::EndsWithPeriod {
        parts.push("ends with the period".to_owned());
    }
    if let Some(end) = subscription.trial_end {
        parts.push(format!("trial until {end}"));
    }
    if let Some(version) = subscription.version {
        parts.push(format!("version {version}"));
    }
    parts.join(", ")
}

fn tier_and_status(tier: &str, status: &SubscriptionStatus) -> [String; 2] {
    [
        format!("tier `{}`", echo(tier)),
        format!("status `{}`", echo(status.as_str())),
    ]
}

fn period(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<String> {
    match (start, end) {
        (Some(start), Some(end)) => Some(format!("period from {start} until {end}")),
        (Some(start), None) => Some(format!("period from {start}")),
        (None, Some(end)) => Some(format!("period until {end}")),
        (None, None) => None,
    }
}

pub(super) fn effective_tier(
    catalog: &Catalog,
    standing: &Standing<'_>,
) -> Result<String, ForeignIdError> {
    let tier = format!("`{}`", key(catalog, standing.tier())?);
    let policy = standing.policy();
    Ok(match standing.basis() {
        Basis::Active => format!("{tier}: the subscription is active"),
        Basis::Trial { until: Some(until) } => format!("{tier}: on trial until {until}"),
        Basis::Trial { until: None } => format!("{tier}: on trial"),
        Basis::PaidUntil { until } => format!("{tier}: canceled, and paid until {until}"),
        Basis::Grace { until } => format!("{tier}: unpaid, with a grace period until {until}"),
        Basis::Ended => format!("{tier}: the default tier, because the subscription is over"),
        Basis::Inactive { own } => {
            let subscription = match own {
                Some(own) => format!("the subscription to `{}`", key(catalog, own)?),
                None => "the subscription".to_owned(),
            };
            let inactive = inactive(standing, &subscription);
            match policy.inactive {
                InactiveAccess::DefaultTier => {
                    format!("{tier}: the default tier, because {inactive}")
                }
                InactiveAccess::Nothing => {
                    format!("none: {inactive}, and policy leaves nothing to it")
                }
            }
        }
        Basis::NoSubscription => {
            format!("{tier}: the default tier, because there is no subscription")
        }
        Basis::UnknownTier => format!(
            "{tier}: the default tier, because the catalog does not name that of the subscription"
        ),
        Basis::Unavailable => match policy.unavailable {
            UnavailableAccess::DefaultTier => {
                format!("{tier}: the default tier, because nothing is known")
            }
            UnavailableAccess::Deny => {
                "none: nothing is known, and policy refuses everything".to_owned()
            }
            UnavailableAccess::Allow => {
                "none: nothing is known, and policy allows everything that is not off for everyone"
                    .to_owned()
            }
        },
    })
}

fn inactive(standing: &Standing<'_>, subscription: &str) -> String {
    let Some(known) = standing.subscription() else {
        return format!("{subscription} is inactive");
    };
    match (&known.status, known.period_start) {
        (SubscriptionStatus::Trialing, _) => {
            format!("{subscription} is past its trial and the grace period after that")
        }
        (SubscriptionStatus::PastDue, Some(_)) => {
            format!("{subscription} is past due for longer than the grace period")
        }
        (SubscriptionStatus::PastDue, None) => {
            format!("{subscription} is past due without the start of a period to count from")
        }
        (status, _) => format!(
            "{subscription} is inactive, being `{}`",
            echo(status.as_str())
        ),
    }
}

pub(super) fn required(
    catalog: &Catalog,
    requirement: &Requirement,
) -> Result<String, ForeignIdError> {
    let feature = |id: FeatureId| Ok::<_, ForeignIdError>(&catalog.feature(id)?.key);
    Ok(match requirement {
        Requirement::Feature(id) => format!("feature `{}`", feature(*id)?),
        Requirement::Level {
            feature: id,
            at_least,
        } => format!("feature `{}` at level `{at_least}` or above", feature(*id)?),
        Requirement::MinTier(minimum) => {
            format!(
                "tier `{}`, or one that includes it",
                key(catalog, *minimum)?
            )
        }
        Requirement::Units { limit, units } => {
            let noun = if *units == 1 { "unit" } else { "units" };
            format!("{units} {noun} of limit `{}`", feature(limit.feature())?)
        }
    })
}

/// What became of each override of a feature, in the order of the subscription.
pub(super) fn overrides(standing: &Standing<'_>, feature: &Feature) -> Vec<String> {
    let Some(subscription) = standing.subscription() else {
        return Vec::new();
    };
    let of_feature = |set: &&Override| *set.feature == *feature.key;
    let mut texts = Vec::new();
    let mut is_settled = false;
    // From the last one, because that one counts.
    for set in subscription.overrides.iter().rev().filter(of_feature) {
        if texts.len() == MAX_OVERRIDES {
            texts.push("earlier ones are not shown".to_owned());
            break;
        }
        let fate = match set.expires_at {
            Some(expiry) if !set.holds_at(standing.now()) => format!("expired at {expiry}"),
            _ if fitting_value(&feature.kind, set).is_none() => {
                format!("ignored, because it is no value of this {}", feature.kind)
            }
            _ if !standing.basis().is_in_force() => {
                "ignored, because the subscription is not in force".to_owned()
            }
            _ if is_settled => "ignored, because a later one counts".to_owned(),
            expiry => {
                is_settled = true;
                match expiry {
                    Some(expiry) => format!("counts until {expiry}"),
                    None => "counts".to_owned(),
                }
            }
        };
        texts.push(format!("{}: {fate}", described(&set.value)));
    }
    texts.reverse();
    texts
}

pub(super) fn value(
    catalog: &Catalog,
    standing: &Standing<'_>,
    feature: FeatureId,
) -> Result<String, ForeignIdError> {
    let value = standing.value(catalog, feature)?;
    let source = match value.source {
        ValueSource::Tier => format!("from tier `{}`", key(catalog, standing.tier())?),
        ValueSource::Override { expires_at: None } => "from an override".to_owned(),
        ValueSource::Override {
            expires_at: Some(expiry),
        } => format!("from an override until {expiry}"),
        ValueSource::Policy => "by the policy for inactive subscriptions".to_owned(),
    };
    Ok(format!("{}, {source}", value.value))
}

pub(super) fn allowed(grant: Grant) -> String {
    match grant.assurance {
        Assurance::Known => "allowed".to_owned(),
        Assurance::Degraded => "allowed, without knowing the subscription".to_owned(),
    }
}

fn described(value: &OverrideValue) -> String {
    match value {
        OverrideValue::Boolean(true) => "`on`".to_owned(),
        OverrideValue::Boolean(false) => "`off`".to_owned(),
        OverrideValue::Limit(limit) => format!("`{limit}`"),
        OverrideValue::Level(word) => format!("`{}`", echo(word)),
    }
}

fn key(catalog: &Catalog, tier: TierId) -> Result<&str, ForeignIdError> {
    Ok(&catalog.tier(tier)?.key)
}
