//! The rules read from the top, with nothing shared with what is tested.

use tiergate_core::decision::{Assurance, Decision, UnavailableAccess};
use tiergate_core::subscription::OverrideValue;
use tiergate_core::{DenialKind, Limit};

use crate::world::{
    AskModel, KindModel, Known, LIMITS, OverrideModel, PriceModel, Scene, SubscriptionModel, World,
    tier_key, word,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed {
        tier: String,
        assurance: Assurance,
    },
    Denied {
        kind: DenialKind,
        current: Option<String>,
        required: Option<String>,
        available: Vec<String>,
    },
}

impl Verdict {
    pub(crate) fn told_by(scene: &Scene, decision: &Decision) -> Self {
        match decision {
            Decision::Allowed(grant) => Self::Allowed {
                tier: scene.catalog.tier(grant.tier).unwrap().key.to_string(),
                assurance: grant.assurance,
            },
            Decision::Denied(denial) => Self::Denied {
                kind: denial.kind(),
                current: denial.current_tier().map(str::to_owned),
                required: denial.required_tier().map(str::to_owned),
                available: denial
                    .available_in()
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            },
        }
    }

    fn bare(kind: DenialKind, current: Option<usize>) -> Self {
        Self::Denied {
            kind,
            current: current.map(tier_key),
            required: None,
            available: Vec::new(),
        }
    }
}

/// What state a subscription is in, for access.
enum Phase {
    InForce,
    Over,
    Inactive,
}

/// How it turns out for somebody who has a tier and overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Fine,
    Missing,
    TooLow,
    TooLarge,
    UsedUp,
}

pub(crate) fn verdict(world: &World) -> Verdict {
    let asked_feature = match world.ask {
        AskModel::Feature(feature)
        | AskModel::Level { feature, .. }
        | AskModel::Units { feature, .. } => Some(feature),
        AskModel::MinTier(_) => None,
    };
    let is_unavailable = matches!(world.known, Known::Unavailable);

    // A disabled flag is denied to everyone.
    if asked_feature.is_some_and(|feature| !world.features[feature].is_enabled) {
        let current = (!is_unavailable).then(|| effective_tier(world));
        return Verdict::bare(DenialKind::FeatureNotAvailable, current);
    }

    // Nothing cached, and the lookup fails.
    if is_unavailable {
        let guess = Verdict::Allowed {
            tier: tier_key(world.default),
            assurance: Assurance::Degraded,
        };
        let default_tier_has_it = outcome(world, world.default, &[], world.used) == Outcome::Fine;
        return match world.unavailable {
            UnavailableAccess::Allow => guess,
            UnavailableAccess::DefaultTier if default_tier_has_it => guess,
            UnavailableAccess::DefaultTier | UnavailableAccess::Deny => {
                Verdict::bare(DenialKind::BillingUnavailable, None)
            }
        };
    }

    let current = effective_tier(world);
    let subscription = match &world.known {
        Known::Subscription(subscription) => Some(subscription),
        Known::Nothing | Known::Unavailable => None,
    };
    let phase = subscription.map(|subscription| phase(world, subscription));
    let is_inactive = matches!(phase, Some(Phase::Inactive));
    let no_overrides: &[OverrideModel] = &[];
    let own_overrides = subscription.map_or(no_overrides, |one| &one.overrides);

    let now_has = match phase {
        Some(Phase::InForce) => outcome(world, current, own_overrides, world.used),
        Some(Phase::Inactive) if world.is_strict => match world.ask {
            AskModel::MinTier(_) => Outcome::TooLow,
            _ => Outcome::Missing,
        },
        _ => outcome(world, current, no_overrides, world.used),
    };
    let kind = match now_has {
        Outcome::Fine => {
            return Verdict::Allowed {
                tier: tier_key(current),
                assurance: Assurance::Known,
            };
        }
        Outcome::Missing => DenialKind::FeatureNotAvailable,
        Outcome::TooLow => DenialKind::TierRequired,
        Outcome::TooLarge => DenialKind::CostAboveLimit,
        Outcome::UsedUp => DenialKind::LimitExceeded,
    };
    // What is used is known only once a store was asked.
    let used = match now_has {
        Outcome::UsedUp => world.used,
        _ => 0,
    };

    if is_inactive && let Some(subscription) = subscription {
        let own = named_tier(world, subscription).unwrap_or(world.default);
        if outcome(world, own, own_overrides, used) == Outcome::Fine {
            return Verdict::bare(DenialKind::SubscriptionInactive, Some(current));
        }
    }

    // A subscription that is over is replaced by a new one, without overrides.
    let kept = match phase {
        Some(Phase::InForce | Phase::Inactive) => own_overrides,
        Some(Phase::Over) | None => no_overrides,
    };
    let available: Vec<usize> = (0..world.tiers.len())
        .filter(|tier| *tier != current)
        .filter(|tier| outcome(world, *tier, kept, used) == Outcome::Fine)
        .collect();
    Verdict::Denied {
        kind,
        current: Some(tier_key(current)),
        required: cheapest(world, &available).map(tier_key),
        available: available.into_iter().map(tier_key).collect(),
    }
}

fn named_tier(world: &World, subscription: &SubscriptionModel) -> Option<usize> {
    (subscription.tier < world.tiers.len()).then_some(subscription.tier)
}

fn effective_tier(world: &World) -> usize {
    let Known::Subscription(subscription) = &world.known else {
        return world.default;
    };
    match phase(world, subscription) {
        Phase::InForce => named_tier(world, subscription).unwrap_or(world.default),
        Phase::Over | Phase::Inactive => world.default,
    }
}

fn phase(world: &World, subscription: &SubscriptionModel) -> Phase {
    let now = world.now.as_micros();
    let micros = |moment: tiergate_core::time::Timestamp| i128::from(moment.as_micros());
    let now = i128::from(now);
    let is_in_grace_since = |start: tiergate_core::time::Timestamp| {
        // Time ends: nothing is in grace at its last moment.
        let end = micros(start) + i128::try_from(world.grace.as_micros()).unwrap_or(i128::MAX / 2);
        now < end.min(micros(tiergate_core::time::Timestamp::MAX))
    };
    let has_run_out = subscription.ends_with_period
        && subscription
            .period_end
            .is_some_and(|end| micros(end) <= now);
    let mut status = subscription.status;
    let mut unpaid_since = subscription.period_start;
    if status == "canceled" {
        let is_paid = subscription.ends_with_period
            && subscription.period_end.is_some_and(|end| now < micros(end));
        return if is_paid { Phase::InForce } else { Phase::Over };
    }
    if ["active", "trialing", "past_due"].contains(&status) && has_run_out {
        return Phase::Over;
    }
    if status == "trialing"
        && let Some(end) = subscription.trial_end
        && micros(end) <= now
    {
        status = "past_due";
        unpaid_since = Some(end);
    }
    if status == "past_due" {
        return match unpaid_since {
            Some(start) if is_in_grace_since(start) => Phase::InForce,
            _ => Phase::Inactive,
        };
    }
    if status == "active" || status == "trialing" {
        Phase::InForce
    } else {
        Phase::Inactive
    }
}

fn outcome(world: &World, tier: usize, overrides: &[OverrideModel], used: u64) -> Outcome {
    match world.ask {
        AskModel::MinTier(minimum) => {
            if leads_to(world, tier, minimum) {
                Outcome::Fine
            } else {
                Outcome::TooLow
            }
        }
        AskModel::Feature(feature) => match worth(world, tier, overrides, feature) {
            OverrideValue::Boolean(false) => Outcome::Missing,
            OverrideValue::Limit(Limit::AtMost(0)) => Outcome::Missing,
            _ => Outcome::Fine,
        },
        AskModel::Level { feature, at_least } => match worth(world, tier, overrides, feature) {
            OverrideValue::Level(own) if (at_least..9).any(|level| *own == *word(level)) => {
                Outcome::Fine
            }
            _ => Outcome::Missing,
        },
        AskModel::Units { feature, units } => match worth(world, tier, overrides, feature) {
            OverrideValue::Limit(Limit::Unlimited) => Outcome::Fine,
            OverrideValue::Limit(Limit::AtMost(0)) => Outcome::Missing,
            OverrideValue::Limit(Limit::AtMost(limit)) if units > limit => Outcome::TooLarge,
            OverrideValue::Limit(Limit::AtMost(limit))
                if u128::from(used) + u128::from(units) > u128::from(limit) =>
            {
                Outcome::UsedUp
            }
            _ => Outcome::Fine,
        },
    }
}

/// What a tier with overrides has of a feature.
fn worth(world: &World, tier: usize, overrides: &[OverrideModel], feature: usize) -> OverrideValue {
    let model = &world.features[feature];
    let mut worth = match model.kind {
        KindModel::Boolean => OverrideValue::Boolean(model.grades[tier] > 2),
        KindModel::Limit(_) => match LIMITS[model.grades[tier]] {
            Some(limit) => OverrideValue::Limit(Limit::AtMost(limit)),
            None => OverrideValue::Limit(Limit::Unlimited),
        },
        KindModel::Level(words) => {
            OverrideValue::Level(word(model.grades[tier].min(words - 1)).into())
        }
    };
    for set in overrides {
        if set.feature != feature || set.expires_at.is_some_and(|end| end <= world.now) {
            continue;
        }
        let fits = match (&set.value, model.kind) {
            (OverrideValue::Boolean(_), KindModel::Boolean) => true,
            (OverrideValue::Limit(_), KindModel::Limit(_)) => true,
            (OverrideValue::Level(own), KindModel::Level(words)) => {
                (0..words).any(|level| **own == *word(level))
            }
            _ => false,
        };
        if fits {
            worth = set.value.clone();
        }
    }
    worth
}

fn leads_to(world: &World, tier: usize, minimum: usize) -> bool {
    tier == minimum
        || world.tiers[tier]
            .includes
            .iter()
            .any(|below| leads_to(world, *below, minimum))
}

/// The cheapest: on the own track if there is one there, by contract only if nothing else is there.
fn cheapest(world: &World, available: &[usize]) -> Option<usize> {
    let subscribed = match &world.known {
        Known::Subscription(subscription) => match phase(world, subscription) {
            Phase::InForce | Phase::Inactive => named_tier(world, subscription),
            Phase::Over => None,
        },
        Known::Nothing | Known::Unavailable => None,
    };
    let is_for_organizations = match subscribed.filter(|tier| *tier != world.default) {
        Some(tier) => world.tiers[tier].is_for_organizations,
        None => world.is_organization,
    };
    let on_track: Vec<usize> = available
        .iter()
        .copied()
        .filter(|tier| world.tiers[*tier].is_for_organizations == is_for_organizations)
        .collect();
    let choice = if on_track.is_empty() {
        available.to_vec()
    } else {
        on_track
    };
    let mut cheapest: Option<(u32, usize)> = None;
    for tier in &choice {
        let cost = match world.tiers[*tier].price {
            PriceModel::Free => 0,
            PriceModel::Flat(each) => each,
            PriceModel::PerSeat { each, seats } => each * seats,
            PriceModel::ByContract => continue,
        };
        if cheapest.is_none_or(|(least, _)| cost < least) {
            cheapest = Some((cost, *tier));
        }
    }
    match cheapest {
        Some((_, tier)) => Some(tier),
        None => choice.first().copied(),
    }
}
