use super::*;
use crate::{Meter, QuotaPeriod, RatePeriod};

fn with_wait(units: u64, seconds: u64) -> Used {
    Used {
        units,
        wait: Some(Duration::from_secs(seconds)),
    }
}

fn deny(scene: &Scene, key: &str, units: u64, used: Used) -> Denial {
    decide(
        &scene.catalog,
        &scene.standing(),
        &scene.units(key, units),
        used,
    )
    .unwrap()
    .into_result()
    .unwrap_err()
}

#[test]
fn units_fit_up_to_the_limit_and_not_beyond() {
    let pro = Scene::active("pro");
    assert!(pro.decide_used(&pro.units("sms", 1), 99).is_allowed());
    assert!(pro.decide_used(&pro.units("sms", 100), 0).is_allowed());
    assert!(pro.decide_used(&pro.units("sms", 0), 100).is_allowed());
    assert_eq!(
        deny(&pro, "sms", 1, Used::units(100)).kind(),
        DenialKind::LimitExceeded
    );
    assert_eq!(
        deny(&pro, "sms", 2, Used::units(99)).kind(),
        DenialKind::LimitExceeded
    );
    assert_eq!(
        deny(&pro, "sms", 1, Used::units(u64::MAX)).kind(),
        DenialKind::LimitExceeded
    );
    assert_eq!(
        deny(&pro, "sms", 101, Used::NOTHING).kind(),
        DenialKind::CostAboveLimit
    );
    assert_eq!(
        deny(&pro, "sms", u64::MAX, Used::NOTHING).kind(),
        DenialKind::CostAboveLimit
    );
}

#[test]
fn without_a_bound_everything_fits() {
    let premium = Scene::active("premium");
    let all = premium.units("storage", u64::MAX);
    assert!(premium.decide_used(&all, u64::MAX).is_allowed());
}

#[test]
fn a_limit_of_zero_is_a_feature_that_is_not_available() {
    let free = Scene::active("free");
    for units in [0, 1, u64::MAX] {
        let denial = free.denial(&free.units("sms", units));
        assert_eq!(denial.kind(), DenialKind::FeatureNotAvailable);
        assert_eq!((denial.limit(), denial.used()), (None, None));
        assert_eq!(denial.retry_after(), None);
    }
}

#[test]
fn the_tiers_that_are_proposed_have_room_for_the_units() {
    let free = Scene::active("free");
    let many = free.denial(&free.units("sms", 600));
    assert_eq!(many.kind(), DenialKind::FeatureNotAvailable);
    assert_eq!(many.required_tier(), Some("premium"));
    assert_eq!(available_in(&many), ["premium", "enterprise", "crew"]);
    let pro = Scene::active("pro");
    let at_once = deny(&pro, "sms", 501, Used::NOTHING);
    assert_eq!(available_in(&at_once), ["premium", "enterprise", "crew"]);
    let used_up = deny(&pro, "sms", 1, Used::units(100));
    assert_eq!(used_up.required_tier(), Some("max"));
    assert_eq!(
        available_in(&used_up),
        ["max", "premium", "enterprise", "crew", "team"]
    );
    let far_over = deny(&pro, "sms", 1, Used::units(2_000));
    assert_eq!(far_over.required_tier(), Some("crew"));
    assert_eq!(available_in(&far_over), ["enterprise", "crew"]);
    let nobody = deny(&pro, "exports", 1, Used::units(10));
    assert_eq!(nobody.required_tier(), None);
}

#[test]
fn a_used_up_quota_is_there_again_when_the_window_ends() {
    let pro = Scene::active("pro");
    let denial = deny(&pro, "sms", 1, Used::units(100));
    assert_eq!(denial.resets_at(), Some(moment("2026-04-10T00:00:00Z")));
    let wait = moment("2026-04-10T00:00:00Z").duration_since(now());
    assert_eq!(denial.retry_after(), Some(wait));
    assert_eq!(denial.limit(), Some(Limit::AtMost(100)));
    assert_eq!((denial.used(), denial.remaining()), (Some(100), Some(0)));
    let day = deny(&pro, "exports", 1, Used::units(10));
    assert_eq!(day.resets_at(), Some(moment("2026-03-16T00:00:00Z")));
}

#[test]
fn the_wait_that_the_store_tells_is_passed_on() {
    let pro = Scene::active("pro");
    let rate = deny(&pro, "calls", 1, with_wait(120, 12));
    assert_eq!(rate.retry_after(), Some(Duration::from_secs(12)));
    assert_eq!(rate.resets_at(), Some(moment("2026-03-15T12:00:12Z")));
    let quota = deny(&pro, "sms", 1, with_wait(100, 12));
    assert_eq!(quota.retry_after(), Some(Duration::from_secs(12)));
    assert_eq!(quota.resets_at(), Some(moment("2026-04-10T00:00:00Z")));
}

#[test]
fn waiting_does_not_help_a_gauge_or_what_never_fits() {
    let pro = Scene::active("pro");
    let gauge = deny(&pro, "storage", 1, Used::units(50));
    assert_eq!((gauge.retry_after(), gauge.resets_at()), (None, None));
    let never = deny(&pro, "sms", 101, Used::units(100));
    assert_eq!(never.kind(), DenialKind::CostAboveLimit);
    assert_eq!((never.retry_after(), never.resets_at()), (None, None));
    assert_eq!(never.limit(), Some(Limit::AtMost(100)));
    assert_eq!(never.used(), None);
}

#[test]
fn an_allowance_says_what_a_store_has_to_know() {
    let pro = Scene::active("pro");
    let sms = pro.allowance("sms", 1);
    assert_eq!(sms.feature, Arc::from("sms"));
    assert_eq!(sms.meter, Meter::Quota(QuotaPeriod::BillingPeriod));
    assert_eq!(sms.limit, Limit::AtMost(100));
    assert_eq!(Some(sms.grant.tier), pro.catalog.tier_id("pro"));
    let calls = pro.allowance("calls", 1);
    assert_eq!(calls.meter, Meter::Rate(RatePeriod::Minute));
    assert_eq!(calls.window, None);
    assert_eq!(pro.allowance("storage", 1).window, None);
}

#[test]
fn who_has_no_period_is_counted_by_calendar_month() {
    let mut scene = Scene::active("pro");
    scene.subscription.as_mut().unwrap().period_start = None;
    let window = scene.allowance("sms", 1).window.unwrap();
    assert_eq!(window.start(), moment("2026-03-01T00:00:00Z"));
    assert_eq!(window.end(), moment("2026-04-01T00:00:00Z"));
}

#[test]
fn a_store_that_refuses_gets_the_denial_that_looking_would_give() {
    let scene = Scene::active("pro");
    let allowance = scene.allowance("sms", 3);
    let used = with_wait(98, 60);
    let limit = scene.limit("sms");
    let told = exceeded(
        &scene.catalog,
        &scene.standing(),
        limit,
        3,
        &allowance,
        used,
    )
    .unwrap();
    assert_eq!(told, deny(&scene, "sms", 3, used));
    assert_eq!(told.remaining(), Some(2));
}

#[test]
fn a_downgrade_below_what_is_used_denies_further_use() {
    let pro = Scene::active("pro");
    let denial = deny(&pro, "storage", 1, Used::units(700));
    assert_eq!(denial.kind(), DenialKind::LimitExceeded);
    assert_eq!(denial.remaining(), Some(0));
    assert_eq!(denial.required_tier(), Some("premium"));
}
