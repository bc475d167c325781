use super::*;

#[test]
fn what_is_free_stays_open_to_an_inactive_subscription() {
    let scene = Scene::suspended("pro");
    assert!(scene.allows(&scene.feature("timeline")));
    assert!(scene.allows(&scene.level("support", "community")));
    assert!(scene.allows(&scene.min_tier("free")));
    assert!(scene.allows(&scene.units("storage", 5)));
}

#[test]
fn what_the_inactive_tier_would_allow_is_denied_as_inactive_and_not_sold() {
    let scene = Scene::suspended("max");
    for requirement in [
        scene.feature("crm"),
        scene.feature("sms"),
        scene.level("support", "priority"),
        scene.min_tier("max"),
        scene.min_tier("pro"),
        scene.units("sms", 500),
        scene.units("storage", 6),
        scene.units("storage", 500),
    ] {
        let denial = scene.denial(&requirement);
        assert_eq!(
            denial.kind(),
            DenialKind::SubscriptionInactive,
            "{requirement:?}"
        );
        assert_eq!(denial.current_tier(), Some("free"));
        assert_eq!(denial.required_tier(), None);
        assert!(denial.available_in().is_empty());
    }
}

#[test]
fn what_the_inactive_tier_would_not_allow_either_is_denied_for_that_reason() {
    let scene = Scene::suspended("max");
    for (requirement, kind) in [
        (scene.feature("branding"), DenialKind::FeatureNotAvailable),
        (
            scene.level("support", "dedicated"),
            DenialKind::FeatureNotAvailable,
        ),
        (scene.min_tier("premium"), DenialKind::TierRequired),
        (scene.units("sms", 501), DenialKind::FeatureNotAvailable),
        (scene.units("storage", 501), DenialKind::CostAboveLimit),
    ] {
        let denial = scene.denial(&requirement);
        assert_eq!(denial.kind(), kind, "{requirement:?}");
        assert_eq!(denial.required_tier(), Some("premium"), "{requirement:?}");
        assert!(!available_in(&denial).contains(&"max"), "{requirement:?}");
    }
}

#[test]
fn a_limit_used_up_is_denied_as_inactive_where_the_inactive_tier_has_room() {
    let scene = Scene::suspended("pro");
    let deny = |used| {
        scene
            .decide_used(&scene.units("storage", 1), used)
            .into_result()
            .unwrap_err()
    };
    let denial = deny(49);
    assert_eq!(denial.kind(), DenialKind::SubscriptionInactive);
    assert_eq!(
        (denial.limit(), denial.used()),
        (Some(Limit::AtMost(5)), Some(49))
    );
    assert_eq!(denial.remaining(), Some(0));
    assert_eq!(denial.required_tier(), None);
    let denial = deny(50);
    assert_eq!(denial.kind(), DenialKind::LimitExceeded);
    assert_eq!(denial.required_tier(), Some("max"));
    assert_eq!(
        available_in(&denial),
        ["max", "premium", "enterprise", "crew", "team"]
    );
}

#[test]
fn an_inactive_subscription_is_told_when_waiting_helps_as_well() {
    let scene = Scene::suspended("pro");
    let used = Used {
        units: 60,
        wait: Some(Duration::from_secs(12)),
    };
    let decision = decide(
        &scene.catalog,
        &scene.standing(),
        &scene.units("calls", 1),
        used,
    );
    let denial = decision.unwrap().into_result().unwrap_err();
    assert_eq!(denial.kind(), DenialKind::SubscriptionInactive);
    assert_eq!(denial.retry_after(), Some(Duration::from_secs(12)));
}

#[test]
fn what_an_override_would_allow_if_active_is_denied_as_inactive() {
    for tier in ["pro", "platinum"] {
        let scene =
            Scene::suspended(tier).overriding("branding", OverrideValue::Boolean(true), None);
        let denial = scene.denial(&scene.feature("branding"));
        assert_eq!(denial.kind(), DenialKind::SubscriptionInactive, "{tier}");
    }
}

#[test]
fn what_an_override_takes_away_is_not_promised_to_an_inactive_subscription() {
    let scene = Scene::suspended("pro").overriding("crm", OverrideValue::Boolean(false), None);
    let denial = scene.denial(&scene.feature("crm"));
    assert_eq!(denial.kind(), DenialKind::FeatureNotAvailable);
    assert_eq!(denial.required_tier(), None);
    assert!(denial.available_in().is_empty());
}

#[test]
fn a_subscription_that_is_over_is_sold_a_plan() {
    let scene = Scene::with(SubscriptionStatus::Canceled, "pro");
    let denial = scene.denial(&scene.feature("crm"));
    assert_eq!(denial.kind(), DenialKind::FeatureNotAvailable);
    assert_eq!(denial.required_tier(), Some("pro"));
}

#[test]
fn strict_mode_denies_everything_to_an_inactive_subscription() {
    for status in every_status() {
        let scene = Scene::with(status.clone(), "pro").strict();
        let is_inactive = matches!(scene.standing().basis(), Basis::Inactive { .. });
        for requirement in [
            scene.feature("timeline"),
            scene.feature("support"),
            scene.level("support", "community"),
            scene.min_tier("free"),
            scene.units("storage", 1),
            scene.units("storage", 0),
        ] {
            let decision = scene.decide(&requirement);
            assert_eq!(
                decision.is_allowed(),
                !is_inactive,
                "{status} {requirement:?}"
            );
            if let Some(denial) = decision.denial() {
                assert_eq!(
                    denial.kind(),
                    DenialKind::SubscriptionInactive,
                    "{requirement:?}"
                );
            }
        }
    }
}

#[test]
fn strict_mode_counts_no_value_and_no_override() {
    let scene = Scene::suspended("pro").strict().overriding(
        "sms",
        OverrideValue::Limit(Limit::Unlimited),
        None,
    );
    let value = |key: &str| scene.value(key);
    assert_eq!(value("timeline"), ("off".to_owned(), ValueSource::Policy));
    assert_eq!(value("sms"), ("0".to_owned(), ValueSource::Policy));
    assert_eq!(
        value("support"),
        ("community".to_owned(), ValueSource::Policy)
    );
}

#[test]
fn strict_mode_changes_nothing_for_anybody_else() {
    for scene in [
        Scene::nobody(),
        Scene::active("pro"),
        Scene::active("platinum"),
    ] {
        let scene = scene.strict();
        assert!(scene.allows(&scene.feature("timeline")));
        assert_eq!(
            scene.value("timeline"),
            ("on".to_owned(), ValueSource::Tier)
        );
    }
}

#[test]
fn strict_mode_says_inactive_only_where_active_would_help() {
    let scene = Scene::suspended("pro").strict();
    let denial = scene.denial(&scene.feature("branding"));
    assert_eq!(denial.kind(), DenialKind::FeatureNotAvailable);
    assert_eq!(denial.required_tier(), Some("premium"));
    let unknown = Scene::suspended("platinum").strict();
    assert_eq!(
        unknown.kind(&unknown.feature("timeline")),
        DenialKind::SubscriptionInactive
    );
    assert_eq!(
        unknown.kind(&unknown.min_tier("free")),
        DenialKind::SubscriptionInactive
    );
    assert_eq!(
        unknown.kind(&unknown.feature("crm")),
        DenialKind::FeatureNotAvailable
    );
}
