use super::*;
use crate::decision::Assurance;

const EVERY: [UnavailableAccess; 3] = [
    UnavailableAccess::DefaultTier,
    UnavailableAccess::Deny,
    UnavailableAccess::Allow,
];

/// What a default tier lacks, of every sort.
fn beyond_the_default_tier(scene: &Scene) -> Vec<Requirement> {
    let mut beyond = scene.every_sort().to_vec();
    beyond.extend([
        scene.feature("beta"),
        scene.units("storage", 6),
        scene.units("sms", 0),
        scene.units("sms", u64::MAX),
    ]);
    beyond
}

fn within_the_default_tier(scene: &Scene) -> [Requirement; 4] {
    [
        scene.feature("timeline"),
        scene.level("support", "community"),
        scene.min_tier("free"),
        scene.units("storage", 5),
    ]
}

#[test]
fn what_the_default_tier_has_is_allowed_and_marked() {
    let scene = Scene::unavailable(UnavailableAccess::DefaultTier);
    assert_eq!(scene.standing().basis(), Basis::Unavailable);
    for requirement in within_the_default_tier(&scene) {
        let grant = scene.decide(&requirement).into_result().unwrap();
        assert_eq!(grant.assurance, Assurance::Degraded);
        assert_eq!(grant.tier, scene.catalog.default_tier());
    }
}

#[test]
fn what_the_default_tier_lacks_is_unavailable_and_not_sold() {
    let scene = Scene::unavailable(UnavailableAccess::DefaultTier);
    for requirement in beyond_the_default_tier(&scene) {
        assert_eq!(
            scene.denial(&requirement),
            Denial::billing_unavailable(),
            "{requirement:?}"
        );
    }
}

#[test]
fn a_used_up_limit_of_the_default_tier_is_unavailable_and_not_sold() {
    let scene = Scene::unavailable(UnavailableAccess::DefaultTier);
    let denial = scene
        .decide_used(&scene.units("storage", 1), 5)
        .into_result()
        .unwrap_err();
    assert_eq!(denial, Denial::billing_unavailable());
}

#[test]
fn everything_is_unavailable_where_policy_denies() {
    let scene = Scene::unavailable(UnavailableAccess::Deny);
    for requirement in within_the_default_tier(&scene)
        .into_iter()
        .chain(beyond_the_default_tier(&scene))
    {
        assert_eq!(
            scene.denial(&requirement),
            Denial::billing_unavailable(),
            "{requirement:?}"
        );
    }
}

#[test]
fn everything_passes_without_limit_where_policy_allows() {
    let scene = Scene::unavailable(UnavailableAccess::Allow);
    for requirement in within_the_default_tier(&scene)
        .into_iter()
        .chain(beyond_the_default_tier(&scene))
    {
        let grant = scene
            .decide_used(&requirement, u64::MAX)
            .into_result()
            .unwrap();
        assert_eq!(grant.assurance, Assurance::Degraded, "{requirement:?}");
    }
    assert_eq!(scene.allowance("sms", u64::MAX).limit, Limit::Unlimited);
}

#[test]
fn a_disabled_feature_stays_off_whatever_policy_says() {
    for access in EVERY {
        let scene = Scene::unavailable(access);
        for requirement in [
            scene.feature("retired"),
            scene.level("advice", "some"),
            scene.units("faxes", 1),
        ] {
            let denial = scene.denial(&requirement);
            assert_eq!(denial.kind(), DenialKind::FeatureNotAvailable, "{access:?}");
            assert_eq!(denial.required_tier(), None);
        }
    }
}

#[test]
fn no_denial_names_a_tier_or_speaks_of_plans_to_buy() {
    for access in EVERY {
        let scene = Scene::unavailable(access);
        for requirement in beyond_the_default_tier(&scene) {
            if let Some(denial) = scene.decide_used(&requirement, 5).denial() {
                assert_eq!(denial.current_tier(), None);
                assert_eq!(denial.required_tier(), None);
                assert!(denial.available_in().is_empty());
                let detail = denial.detail();
                for (_, tier) in scene.catalog.tiers() {
                    assert!(!detail.contains(&*tier.name), "{detail}");
                }
            }
        }
    }
}
