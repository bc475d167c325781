use super::*;
use OverrideValue::{Boolean, Level};

fn bound(units: u64) -> OverrideValue {
    OverrideValue::Limit(Limit::AtMost(units))
}

const FOREVER: ValueSource = ValueSource::Override { expires_at: None };

#[test]
fn an_override_wins_over_the_tier_whether_it_gives_more_or_less() {
    let more = Scene::active("free")
        .overriding("crm", Boolean(true), None)
        .overriding("sms", bound(7), None)
        .overriding("support", Level("dedicated".into()), None);
    assert!(more.allows(&more.feature("crm")));
    assert!(more.allows(&more.units("sms", 7)));
    assert_eq!(more.kind(&more.units("sms", 8)), DenialKind::CostAboveLimit);
    assert!(more.allows(&more.level("support", "dedicated")));
    assert_eq!(more.value("sms"), ("7".to_owned(), FOREVER));
    let less = Scene::active("premium")
        .overriding("crm", Boolean(false), None)
        .overriding("storage", bound(7), None)
        .overriding("sms", bound(0), None)
        .overriding("support", Level("email".into()), None);
    assert_eq!(
        less.kind(&less.feature("crm")),
        DenialKind::FeatureNotAvailable
    );
    assert_eq!(
        less.kind(&less.units("storage", 8)),
        DenialKind::CostAboveLimit
    );
    assert_eq!(
        less.kind(&less.units("sms", 0)),
        DenialKind::FeatureNotAvailable
    );
    assert_eq!(
        less.kind(&less.level("support", "priority")),
        DenialKind::FeatureNotAvailable
    );
}

#[test]
fn an_override_counts_for_its_feature_alone() {
    let scene = Scene::active("free").overriding("crm", Boolean(true), None);
    assert_eq!(
        scene.kind(&scene.feature("payments")),
        DenialKind::FeatureNotAvailable
    );
}

#[test]
fn an_override_holds_until_its_expiry_and_no_longer_at_it() {
    let expiry = now();
    let mut scene = Scene::active("free").overriding("crm", Boolean(true), Some(expiry));
    let mut allows_at = |moment| {
        scene.now = moment;
        scene.allows(&scene.feature("crm"))
    };
    assert!(allows_at(expiry.saturating_sub(Duration::from_micros(1))));
    assert!(!allows_at(expiry));
    assert!(!allows_at(expiry.saturating_add(Duration::from_micros(1))));
}

#[test]
fn an_override_of_another_kind_says_nothing() {
    for (feature, value) in [
        ("crm", bound(1)),
        ("crm", Level("on".into())),
        ("sms", Boolean(true)),
        ("sms", Level("100".into())),
        ("support", Boolean(true)),
        ("support", bound(3)),
        ("support", Level("gold".into())),
    ] {
        let scene = Scene::active("free").overriding(feature, value, None);
        let expected = Scene::active("free").value(feature);
        assert_eq!(scene.value(feature), expected, "{feature}");
    }
    let scene = Scene::active("free").overriding("hyperdrive", Boolean(true), None);
    assert!(scene.allows(&scene.feature("timeline")));
}

#[test]
fn of_several_overrides_the_last_one_that_says_something_counts() {
    let scene = Scene::active("free")
        .overriding("sms", bound(1), None)
        .overriding("sms", bound(2), None)
        .overriding("sms", bound(3), Some(now()))
        .overriding("sms", Boolean(true), None)
        .overriding("storage", bound(4), None);
    assert_eq!(scene.value("sms"), ("2".to_owned(), FOREVER));
}

#[test]
fn an_override_turns_no_disabled_feature_on() {
    let scene = Scene::active("free")
        .overriding("retired", Boolean(true), None)
        .overriding("faxes", bound(9), None)
        .overriding("advice", Level("more".into()), None);
    for requirement in [
        scene.feature("retired"),
        scene.units("faxes", 1),
        scene.level("advice", "some"),
    ] {
        assert_eq!(scene.kind(&requirement), DenialKind::FeatureNotAvailable);
    }
}

#[test]
fn overrides_count_only_while_the_subscription_is_in_force() {
    for (status, in_force) in [
        ("active", true),
        ("trialing", true),
        ("past_due", true),
        ("canceled", false),
        ("suspended", false),
        ("unpaid", false),
    ] {
        let scene = Scene::with(SubscriptionStatus::from(status), "free");
        let scene = scene.overriding("crm", Boolean(true), None);
        assert_eq!(scene.allows(&scene.feature("crm")), in_force, "{status}");
    }
    let mut paid = Scene::with(SubscriptionStatus::Canceled, "free");
    paid.subscription = paid.subscription.map(Subscription::ending_with_period);
    let paid = paid.overriding("crm", Boolean(true), None);
    assert!(paid.allows(&paid.feature("crm")));
}

#[test]
fn overrides_count_where_the_catalog_does_not_name_the_tier() {
    let scene = Scene::active("platinum").overriding("crm", Boolean(true), None);
    assert!(scene.allows(&scene.feature("crm")));
}

#[test]
fn no_plan_is_sold_where_an_override_would_deny_on_it_too() {
    let scene = Scene::active("free")
        .overriding("crm", Boolean(false), None)
        .overriding("sms", bound(7), None)
        .overriding("support", Level("email".into()), None);
    for (requirement, used) in [
        (scene.feature("crm"), 0),
        (scene.units("sms", 8), 0),
        (scene.units("sms", 1), 7),
        (scene.level("support", "priority"), 0),
    ] {
        let denial = scene
            .decide_used(&requirement, used)
            .into_result()
            .unwrap_err();
        assert_eq!(denial.required_tier(), None, "{requirement:?}");
        assert!(denial.available_in().is_empty(), "{requirement:?}");
    }
}

#[test]
fn a_plan_is_sold_again_once_the_override_or_the_subscription_is_over() {
    let expired = Scene::active("free").overriding("crm", Boolean(false), Some(now()));
    assert_eq!(
        expired.denial(&expired.feature("crm")).required_tier(),
        Some("pro")
    );
    let ended = Scene::with(SubscriptionStatus::Canceled, "pro");
    let ended = ended.overriding("crm", Boolean(false), None);
    assert_eq!(
        ended.denial(&ended.feature("crm")).required_tier(),
        Some("pro")
    );
}
