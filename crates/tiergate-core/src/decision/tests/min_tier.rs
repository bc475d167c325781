use super::*;

#[test]
fn a_tier_satisfies_itself_and_what_it_includes_and_nothing_else() {
    let satisfied = |tier: &str| -> Vec<&str> {
        let scene = Scene::active(tier);
        [
            "free",
            "pro",
            "max",
            "premium",
            "enterprise",
            "crew",
            "team",
        ]
        .into_iter()
        .filter(|minimum| scene.allows(&scene.min_tier(minimum)))
        .collect()
    };
    assert_eq!(satisfied("free"), ["free"]);
    assert_eq!(satisfied("max"), ["free", "pro", "max"]);
    // It costs more than premium, and is on another branch.
    assert_eq!(satisfied("crew"), ["free", "pro", "crew", "team"]);
    assert_eq!(
        satisfied("enterprise"),
        [
            "free",
            "pro",
            "max",
            "premium",
            "enterprise",
            "crew",
            "team"
        ]
    );
}

#[test]
fn a_tier_that_is_too_low_is_told_which_would_do() {
    let scene = Scene::active("crew");
    let denial = scene.denial(&scene.min_tier("premium"));
    assert_eq!(denial.kind(), DenialKind::TierRequired);
    assert_eq!(denial.feature(), None);
    assert_eq!(denial.current_tier(), Some("crew"));
    assert_eq!(available_in(&denial), ["premium", "enterprise"]);
}

#[test]
fn overrides_change_no_tier() {
    let scene = Scene::active("free").overriding("crm", OverrideValue::Boolean(true), None);
    assert_eq!(scene.kind(&scene.min_tier("pro")), DenialKind::TierRequired);
}
