//! Every sentence that a denial says to people.

use insta::assert_snapshot;

use super::*;

fn detail(scene: &Scene, requirement: &Requirement) -> String {
    scene.denial(requirement).detail()
}

fn detail_used(scene: &Scene, requirement: &Requirement, used: Used) -> String {
    let decision = decide(&scene.catalog, &scene.standing(), requirement, used).unwrap();
    decision.into_result().unwrap_err().detail()
}

#[test]
fn nobody_is_asking() {
    assert_snapshot!(Denial::unauthorized("Sign in to see your contacts.").detail(), @"Sign in to see your contacts.");
}

#[test]
fn a_feature_is_not_available() {
    let free = Scene::active("free");
    assert_snapshot!(detail(&free, &free.feature("crm")), @"The Free plan does not include CRM. The Pro plan does.");
    assert_snapshot!(detail(&free, &free.feature("sms")), @"The Free plan does not include SMS messages. The Pro plan does.");
    assert_snapshot!(detail(&free, &free.level("support", "priority")), @"The Free plan does not include Support level (priority or above). The Max plan does.");
    assert_snapshot!(detail(&free, &free.feature("beta")), @"The Free plan does not include Beta. No other plan does.");
    assert_snapshot!(detail(&free, &free.feature("retired")), @"No plan has Retired at present.");
    assert_snapshot!(detail(&free, &free.level("advice", "more")), @"No plan has Advice at present.");
    let unavailable = Scene::unavailable(UnavailableAccess::Allow);
    assert_snapshot!(detail(&unavailable, &unavailable.feature("retired")), @"No plan has Retired at present.");
}

#[test]
fn a_feature_is_not_available_because_of_an_override() {
    let scene = Scene::active("pro").overriding("crm", OverrideValue::Boolean(false), None);
    assert_snapshot!(detail(&scene, &scene.feature("crm")), @"This subscription does not include CRM, whatever its plan.");
}

#[test]
fn a_feature_is_not_available_to_an_inactive_subscription_either_way() {
    let scene = Scene::suspended("pro");
    assert_snapshot!(detail(&scene, &scene.feature("branding")), @"The Free plan does not include Branding. The Premium plan does.");
    let strict = Scene::suspended("pro").strict();
    assert_snapshot!(detail(&strict, &strict.feature("branding")), @"The Pro plan does not include Branding. The Premium plan does.");
    let unknown = Scene::suspended("platinum").strict();
    assert_snapshot!(detail(&unknown, &unknown.feature("branding")), @"The Free plan does not include Branding. The Premium plan does.");
}

#[test]
fn a_tier_is_required() {
    let pro = Scene::active("pro");
    assert_snapshot!(detail(&pro, &pro.min_tier("premium")), @"This needs the Premium plan or one that includes it. The current plan is Pro.");
    let strict = Scene::suspended("pro").strict();
    assert_snapshot!(detail(&strict, &strict.min_tier("premium")), @"This needs the Premium plan or one that includes it. The current plan is Pro.");
}

#[test]
fn a_subscription_is_inactive() {
    let inactive = |status: &str| {
        let mut scene = Scene::with(status.into(), "pro");
        scene.now = moment("2026-09-01T00:00:00Z");
        scene.subscription.as_mut().unwrap().trial_end = Some(now());
        scene
    };
    let crm = |status: &str| {
        let scene = inactive(status);
        detail(&scene, &scene.feature("crm"))
    };
    assert_snapshot!(crm("trialing"), @"The trial of the Pro subscription is over. Once the subscription is active, it includes CRM.");
    assert_snapshot!(crm("past_due"), @"The Pro subscription is past due. Once the subscription is active, it includes CRM.");
    assert_snapshot!(crm("suspended"), @"The Pro subscription is suspended. Once the subscription is active, it includes CRM.");
    assert_snapshot!(crm("incomplete"), @"The first payment of the Pro subscription is not complete. Once the subscription is active, it includes CRM.");
    assert_snapshot!(crm("incomplete_expired"), @"The first payment of the Pro subscription was not made in time. Once the subscription is active, it includes CRM.");
    assert_snapshot!(crm("unpaid"), @"The Pro subscription is unpaid. Once the subscription is active, it includes CRM.");
    assert_snapshot!(crm("paused"), @"The Pro subscription is paused. Once the subscription is active, it includes CRM.");
    assert_snapshot!(crm("on_hold"), @"The Pro subscription is inactive, with the status `on_hold`. Once the subscription is active, it includes CRM.");
    assert_snapshot!(crm("\u{1b}[31m\u{202e}"), @r#"
    The Pro subscription is inactive, with the status `\u{1b}[31m\u{202e}`. Once the subscription is active, it includes CRM.
    "#);
    let scene = inactive("suspended");
    assert_snapshot!(detail(&scene, &scene.level("support", "email")), @"The Pro subscription is suspended. Once the subscription is active, it includes Support level (email or above).");
    assert_snapshot!(detail(&scene, &scene.min_tier("pro")), @"The Pro subscription is suspended. Once the subscription is active, it is enough for this.");
    assert_snapshot!(detail(&scene, &scene.units("sms", 1)), @"The Pro subscription is suspended. Once the subscription is active, it includes SMS messages.");
    assert_snapshot!(detail(&scene, &scene.units("storage", 6)), @"The Pro subscription is suspended. Once the subscription is active, it has room for this.");
    assert_snapshot!(detail_used(&scene, &scene.units("storage", 1), Used::units(5)), @"The Pro subscription is suspended. Once the subscription is active, it has room for this.");
    assert_snapshot!(detail_used(&scene, &scene.units("exports", 1), Used::units(1)), @"The Pro subscription is suspended. Once the subscription is active, it has room for this. Otherwise there is room again from 2026-09-02T00:00:00Z.");
    let unknown = Scene::suspended("platinum").strict();
    assert_snapshot!(detail(&unknown, &unknown.feature("timeline")), @"The subscription is suspended. Once the subscription is active, it includes Timeline.");
}

#[test]
fn a_limit_is_exceeded() {
    let free = Scene::active("free");
    let pro = Scene::active("pro");
    assert_snapshot!(detail_used(&pro, &pro.units("sms", 1), Used::units(100)), @"The limit for SMS messages is 100. With 100 used, there is no room for 1 more. There is room again from 2026-04-10T00:00:00Z. The Max plan has room.");
    assert_snapshot!(detail_used(&free, &free.units("storage", 3), Used::units(4)), @"The limit for File storage is 5 GB. With 4 GB used, there is no room for 3 more. The Pro plan has room.");
    assert_snapshot!(detail_used(&free, &free.units("exports", 1), Used::units(1)), @"The limit for Exports is 1. With 1 used, there is no room for 1 more. There is room again from 2026-03-16T00:00:00Z. The Pro plan has room.");
    assert_snapshot!(detail_used(&free, &free.units("storage", 5), Used::units(1)), @"The limit for File storage is 5 GB. With 1 used, there is no room for 5 more. The Pro plan has room.");
    assert_snapshot!(detail_used(&free, &free.units("storage", 0), Used::units(700)), @"The limit for File storage is 5 GB. With 700 GB used, there is no room for more. The Premium plan has room.");
    let rate = Used {
        units: 60,
        wait: Some(Duration::from_millis(1_500)),
    };
    assert_snapshot!(detail_used(&free, &free.units("calls", 1), rate), @"The limit for API calls is 60. With 60 used, there is no room for 1 more. There is room again from 2026-03-15T12:00:01.5Z. The Pro plan has room.");
    let enterprise = Scene::active("enterprise");
    let rate = Used::units(1_200);
    assert_snapshot!(detail_used(&enterprise, &enterprise.units("calls", 1), rate), @"The limit for API calls is 1200. With 1200 used, there is no room for 1 more.");
}

#[test]
fn a_cost_is_above_the_limit() {
    let free = Scene::active("free");
    assert_snapshot!(detail(&free, &free.units("storage", 8)), @"The limit for File storage is 5 GB. There is never room for 8 GB at once. The Pro plan has room.");
    assert_snapshot!(detail(&free, &free.units("calls", 5_000)), @"The limit for API calls is 60. There is never room for 5000 at once.");
    assert_snapshot!(detail(&free, &free.units("exports", 2)), @"The limit for Exports is 1. There is never room for 2 at once. The Pro plan has room.");
}

#[test]
fn billing_is_unavailable() {
    assert_snapshot!(Denial::billing_unavailable().detail(), @"Whether the current plan allows this cannot be checked at the moment. Try again shortly.");
}

#[test]
fn an_idempotency_key_is_reused() {
    assert_snapshot!(Denial::idempotency_key_reused().detail(), @"This idempotency key came with another request before. Use a new key for a new request.");
}

#[test]
fn what_must_not_be_sold_is_told_without_another_plan() {
    let free = Scene::active("free");
    let denial = free.denial(&free.feature("crm")).without_upgrade();
    assert_eq!(
        (denial.required_tier(), denial.available_in().len()),
        (None, 0)
    );
    assert_snapshot!(denial.detail(), @"The Free plan does not include CRM.");
    let pro = Scene::active("pro");
    let used_up = pro
        .decide_used(&pro.units("storage", 1), 50)
        .into_result()
        .unwrap_err();
    assert_snapshot!(used_up.without_upgrade().detail(), @"The limit for File storage is 50 GB. With 50 GB used, there is no room for 1 more.");
}

#[test]
fn a_denial_is_shown_with_its_code() {
    let free = Scene::active("free");
    assert_snapshot!(free.denial(&free.feature("crm")), @"FEATURE_NOT_AVAILABLE: The Free plan does not include CRM. The Pro plan does.");
}

#[test]
fn every_kind_has_its_own_code_title_and_status() {
    let lines: Vec<_> = DenialKind::ALL
        .iter()
        .map(|kind| format!("{} {kind}: {}", kind.status(), kind.title()))
        .collect();
    assert_snapshot!(lines.join("\n"), @r#"
    401 UNAUTHORIZED: Authentication required
    403 FEATURE_NOT_AVAILABLE: Feature not available in the current tier
    403 TIER_REQUIRED: A higher tier is required
    403 SUBSCRIPTION_INACTIVE: The subscription is inactive
    429 LIMIT_EXCEEDED: Limit reached
    403 COST_ABOVE_LIMIT: The request is larger than the limit
    503 BILLING_UNAVAILABLE: Billing is temporarily unavailable
    422 IDEMPOTENCY_KEY_REUSED: The idempotency key was used before
    "#);
}
