//! Laws that hold whatever the rules are in detail, each asked of the real thing alone.

use proptest::prelude::*;
use tiergate_core::decision::{
    Admission, Basis, Decision, Knowledge, Policy, Requirement, Standing, Used, admit, decide,
    exceeded, explain,
};
use tiergate_core::subscription::Renewal;
use tiergate_core::time::Timestamp;
use tiergate_core::{
    Catalog, DenialKind, Limit, Subject, Subscription, SubscriptionStatus, TierId,
};

use crate::cases;
use crate::world::{self, Scene, World};

/// Every requirement that can be asked of a catalog, with a few numbers of units.
fn every_requirement(catalog: &Catalog) -> Vec<Requirement> {
    let mut every: Vec<_> = catalog
        .tiers()
        .map(|(tier, _)| Requirement::MinTier(tier))
        .collect();
    for (feature, described) in catalog.features() {
        every.push(Requirement::Feature(feature));
        if let tiergate_core::FeatureKind::Level { levels } = &described.kind {
            every.extend(levels.iter().map(|level| Requirement::Level {
                feature,
                at_least: level.name().into(),
            }));
        }
        if let Ok(limit) = catalog.limit_id(feature) {
            every.extend([0, 1, 5, 6, u64::MAX].map(|units| Requirement::Units { limit, units }));
        }
    }
    every
}

fn subscribed(
    catalog: &Catalog,
    subject: &Subject,
    subscription: &Subscription,
    requirement: &Requirement,
    now: Timestamp,
    used: u64,
) -> Decision {
    let known = Knowledge::Subscription(subscription);
    let standing = Standing::of(catalog, subject, known, Policy::DEFAULT, now);
    decide(catalog, &standing, requirement, Used::units(used)).unwrap()
}

/// Whether an active subscription to a tier, with nothing else to it, is allowed something.
fn tier_allows(
    catalog: &Catalog,
    tier: TierId,
    requirement: &Requirement,
    now: Timestamp,
    used: u64,
) -> bool {
    let subject = Subject::user("x");
    let key = &*catalog.tier(tier).unwrap().key;
    let subscription = Subscription::new(subject.clone(), key, SubscriptionStatus::Active);
    subscribed(catalog, &subject, &subscription, requirement, now, used).is_allowed()
}

/// The units that a denial was told are used.
fn used_by(denial: &tiergate_core::Denial) -> u64 {
    denial.used().unwrap_or(0)
}

fn try_everything(scene: &Scene) {
    let standing = scene.standing();
    for requirement in every_requirement(&scene.catalog) {
        for units in [0, 1, u64::MAX] {
            for wait in [None, Some(std::time::Duration::MAX)] {
                let used = Used { units, wait };
                let explained = explain(&scene.catalog, &standing, &requirement, used).unwrap();
                assert!(!explained.to_string().is_empty());
                if let Some(denial) = explained.decision().denial() {
                    assert!(!denial.to_string().is_empty());
                    assert!(
                        denial
                            .remaining()
                            .is_none_or(|left| left == 0 || units < u64::MAX)
                    );
                }
                if let Requirement::Units { limit, units } = requirement
                    && let Admission::Countable(allowance) =
                        admit(&scene.catalog, &standing, limit, units).unwrap()
                {
                    let window = allowance.window;
                    assert!(window.is_none_or(|window| window.contains(scene.now)));
                    let told = exceeded(&scene.catalog, &standing, limit, units, &allowance, used);
                    assert!(!told.unwrap().detail().is_empty());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn all_that_decides_of_a_plain_subscription_decides_as_the_whole(world in world::worlds()) {
        let scene = world.build();
        let Some(given) = &scene.subscription else {
            return Ok(());
        };
        // Its tier may be one that the catalog does not name.
        let active = SubscriptionStatus::Active;
        let mut whole = Subscription::new(scene.subject.clone(), given.tier.clone(), active);
        whole.period_start = given.period_start;
        whole.period_end = given.period_end;
        whole.seats = given.seats;
        let plain = whole.as_plain().unwrap();
        let [by_the_whole, by_that] =
            [Knowledge::Subscription(&whole), Knowledge::Plain(plain)].map(|known| {
                Standing::of(&scene.catalog, &scene.subject, known, scene.policy, scene.now)
            });
        prop_assert_eq!(by_that.basis(), by_the_whole.basis());
        prop_assert_eq!(by_that.billing_anchor(), by_the_whole.billing_anchor());
        let used = Used::units(world.used);
        for requirement in every_requirement(&scene.catalog) {
            let [one, other] = [by_the_whole, by_that]
                .map(|standing| decide(&scene.catalog, &standing, &requirement, used).unwrap());
            prop_assert_eq!(one, other);
            if let Requirement::Units { limit, units } = requirement {
                let [one, other] = [by_the_whole, by_that]
                    .map(|standing| admit(&scene.catalog, &standing, limit, units).unwrap());
                prop_assert_eq!(one, other);
            }
        }
    }

    #[test]
    fn a_tier_allows_whatever_a_tier_that_it_includes_allows(world in world::worlds()) {
        let scene = world.build();
        let catalog = &scene.catalog;
        for (tier, _) in catalog.tiers() {
            for (below, _) in catalog.tiers() {
                if !catalog.satisfies(tier, below).unwrap() {
                    continue;
                }
                for requirement in every_requirement(catalog) {
                    if tier_allows(catalog, below, &requirement, world.now, world.used) {
                        prop_assert!(tier_allows(catalog, tier, &requirement, world.now, world.used));
                    }
                }
            }
        }
    }

    #[test]
    fn including_fewer_tiers_never_gains_access(world in world::worlds(), pick in any::<prop::sample::Index>()) {
        // The other way round, more includes never lose it; but then values would have to grow.
        let mut fewer: World = world.clone();
        let edges: Vec<_> = (0..world.tiers.len())
            .flat_map(|tier| (0..world.tiers[tier].includes.len()).map(move |edge| (tier, edge)))
            .collect();
        prop_assume!(!edges.is_empty());
        let (tier, edge) = edges[pick.index(edges.len())];
        fewer.tiers[tier].includes.remove(edge);
        if fewer.build().decide().is_allowed() {
            prop_assert!(world.build().decide().is_allowed());
        }
    }

    #[test]
    fn the_tiers_that_a_denial_names_really_allow_it(world in world::worlds()) {
        let scene = world.build();
        let decision = scene.decide();
        let Some(denial) = decision.denial() else {
            return Ok(());
        };
        match denial.required_tier() {
            Some(required) => {
                prop_assert!(denial.available_in().iter().any(|tier| **tier == *required));
            }
            None => prop_assert!(denial.available_in().is_empty()),
        }
        for tier in denial.available_in() {
            prop_assert_ne!(Some(&**tier), denial.current_tier());
            let new = Subscription::new(scene.subject.clone(), "", SubscriptionStatus::Active);
            let mut changed = match (&scene.subscription, scene.standing().basis()) {
                (Some(kept), basis) if basis != Basis::Ended => kept.clone(),
                _ => new,
            };
            changed.tier = tier.clone();
            changed.status = SubscriptionStatus::Active;
            changed.renewal = Renewal::Renews;
            let used = used_by(denial);
            let now = subscribed(
                &scene.catalog, &scene.subject, &changed, &scene.requirement, world.now, used,
            );
            prop_assert!(now.is_allowed(), "{} on {}", denial, tier);
        }
    }

    #[test]
    fn a_subscription_is_called_inactive_exactly_where_it_would_be_allowed_if_active(
        world in world::worlds(),
    ) {
        let scene = world.build();
        let decision = scene.decide();
        let (Some(denial), Some(subscription)) = (decision.denial(), &scene.subscription) else {
            return Ok(());
        };
        let mut twin = subscription.clone();
        twin.status = SubscriptionStatus::Active;
        twin.renewal = Renewal::Renews;
        let used = used_by(denial);
        let twin = subscribed(
            &scene.catalog, &scene.subject, &twin, &scene.requirement, world.now, used,
        );
        let is_inactive = matches!(scene.standing().basis(), Basis::Inactive { .. });
        prop_assert_eq!(
            denial.kind() == DenialKind::SubscriptionInactive,
            is_inactive && twin.is_allowed()
        );
    }

    #[test]
    fn the_same_question_has_the_same_answer_and_the_same_explanation(world in world::worlds()) {
        let scene = world.build();
        let first = scene.decide();
        prop_assert_eq!(&first, &scene.decide());
        let standing = scene.standing();
        let explain = || explain(&scene.catalog, &standing, &scene.requirement, scene.used).unwrap();
        let explanation = explain();
        prop_assert_eq!(explanation.decision(), &first);
        prop_assert_eq!(&explanation, &explain());
        prop_assert_eq!(first.is_allowed(), first.denial().is_none());
        prop_assert_eq!(first.is_allowed(), first.clone().into_result().is_ok());
    }

    #[test]
    fn looking_and_reserving_agree(world in world::worlds()) {
        let scene = world.build();
        let Requirement::Units { limit, units } = scene.requirement else {
            return Ok(());
        };
        let standing = scene.standing();
        let reserved = match admit(&scene.catalog, &standing, limit, units).unwrap() {
            Admission::Denied(denial) => Err(denial),
            Admission::Countable(allowance) if fits(allowance.limit, world.used, units) => {
                Ok(allowance.grant)
            }
            Admission::Countable(allowance) => Err(exceeded(
                &scene.catalog, &standing, limit, units, &allowance, scene.used,
            )
            .unwrap()),
        };
        prop_assert_eq!(scene.decide().into_result(), reserved);
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn nothing_panics_at_the_ends_of_time_or_of_numbers(mut world in world::worlds()) {
        for moment in [Timestamp::MIN, Timestamp::MAX, world.now] {
            world.now = moment;
            try_everything(&world.build());
            if let world::Known::Subscription(subscription) = &mut world.known {
                subscription.period_start = Some(moment);
                subscription.trial_end = Some(moment);
            }
            try_everything(&world.build());
        }
    }
}

fn fits(limit: Limit, used: u64, units: u64) -> bool {
    match limit {
        Limit::Unlimited => true,
        Limit::AtMost(bound) => u128::from(used) + u128::from(units) <= u128::from(bound),
    }
}
