use super::*;
use crate::decision::{Assurance, RequirementError};

#[test]
fn a_boolean_is_allowed_where_it_is_on() {
    let free = Scene::active("free");
    assert!(free.allows(&free.feature("timeline")));
    assert_eq!(
        free.kind(&free.feature("crm")),
        DenialKind::FeatureNotAvailable
    );
    let pro = Scene::active("pro");
    assert!(pro.allows(&pro.feature("crm")));
}

#[test]
fn a_limit_is_a_feature_unless_it_is_zero() {
    let free = Scene::active("free");
    assert!(free.allows(&free.feature("storage")));
    assert_eq!(
        free.kind(&free.feature("sms")),
        DenialKind::FeatureNotAvailable
    );
    let premium = Scene::active("premium");
    assert!(premium.allows(&premium.feature("storage")));
}

#[test]
fn a_level_is_a_feature_even_when_it_is_the_weakest() {
    let free = Scene::active("free");
    assert!(free.allows(&free.feature("support")));
}

#[test]
fn at_least_a_level_compares_in_the_declared_order() {
    // Not the order of the alphabet: there, community < dedicated < email < priority.
    let reached = |tier: &str| -> Vec<&str> {
        let scene = Scene::active(tier);
        ["community", "email", "priority", "dedicated"]
            .into_iter()
            .filter(|level| scene.allows(&scene.level("support", level)))
            .collect()
    };
    assert_eq!(reached("free"), ["community"]);
    assert_eq!(reached("pro"), ["community", "email"]);
    assert_eq!(reached("max"), ["community", "email", "priority"]);
    assert_eq!(
        reached("premium"),
        ["community", "email", "priority", "dedicated"]
    );
}

#[test]
fn a_denied_level_names_the_tiers_at_that_level_or_above() {
    let pro = Scene::active("pro");
    let denial = pro.denial(&pro.level("support", "priority"));
    assert_eq!(denial.kind(), DenialKind::FeatureNotAvailable);
    assert_eq!(denial.feature(), Some("support"));
    assert_eq!(denial.current_tier(), Some("pro"));
    assert_eq!(denial.required_tier(), Some("max"));
    assert_eq!(
        available_in(&denial),
        ["max", "premium", "enterprise", "crew"]
    );
}

#[test]
fn a_disabled_feature_is_denied_to_everyone_and_nothing_unlocks_it() {
    for tier in ["free", "pro", "premium", "enterprise", "platinum"] {
        for scene in [
            Scene::active(tier),
            Scene::suspended(tier),
            Scene::suspended(tier).strict(),
        ] {
            for requirement in [
                scene.feature("retired"),
                scene.feature("faxes"),
                scene.feature("advice"),
                scene.level("advice", "some"),
                scene.units("faxes", 1),
                scene.units("faxes", 0),
                scene.units("faxes", u64::MAX),
            ] {
                let denial = scene.denial(&requirement);
                assert_eq!(denial.kind(), DenialKind::FeatureNotAvailable);
                assert_eq!(denial.required_tier(), None);
                assert!(denial.available_in().is_empty());
            }
        }
    }
}

#[test]
fn what_is_not_a_level_of_the_feature_is_a_mistake_and_no_denial() {
    let scene = Scene::unavailable(UnavailableAccess::Deny);
    let ask = |feature: &str, level: &str| {
        let requirement = scene.level(feature, level);
        decide(
            &scene.catalog,
            &scene.standing(),
            &requirement,
            Used::NOTHING,
        )
        .unwrap_err()
        .to_string()
    };
    assert_eq!(
        ask("support", "gold"),
        "feature `support` has no level `gold`, its levels are `community` < `email` < `priority` \
         < `dedicated`"
    );
    assert_eq!(
        ask("crm", "on"),
        "feature `crm` has no level `on`, it is a boolean"
    );
    assert_eq!(
        ask("sms", "100"),
        "feature `sms` has no level `100`, it is a limit"
    );
}

#[test]
fn an_id_of_another_catalog_is_a_mistake_whoever_asks() {
    let other = Scene::nobody();
    for scene in [
        Scene::nobody(),
        Scene::suspended("pro").strict(),
        Scene::unavailable(UnavailableAccess::DefaultTier),
        Scene::unavailable(UnavailableAccess::Deny),
        Scene::unavailable(UnavailableAccess::Allow),
    ] {
        for requirement in other.every_sort() {
            let error = decide(
                &scene.catalog,
                &scene.standing(),
                &requirement,
                Used::NOTHING,
            );
            assert!(
                matches!(error, Err(RequirementError::ForeignId(_))),
                "{requirement:?}"
            );
        }
    }
}

#[test]
fn who_is_allowed_is_told_as_what() {
    let pro = Scene::active("pro");
    let grant = pro.decide(&pro.feature("crm")).into_result().unwrap();
    assert_eq!(Some(grant.tier), pro.catalog.tier_id("pro"));
    assert_eq!(grant.assurance, Assurance::Known);
}

#[test]
fn a_requirement_knows_its_feature() {
    let scene = Scene::nobody();
    let [feature, level, tier, units] = scene.every_sort();
    assert_eq!(feature.feature(), scene.catalog.feature_id("crm"));
    assert_eq!(level.feature(), scene.catalog.feature_id("support"));
    assert_eq!(tier.feature(), None);
    assert_eq!(units.feature(), scene.catalog.feature_id("sms"));
}
