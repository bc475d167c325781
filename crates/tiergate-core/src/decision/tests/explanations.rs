//! What support reads when it is asked why.

use insta::assert_snapshot;

use super::*;

#[test]
fn of_a_feature_that_is_allowed() {
    let mut scene = Scene::active("pro");
    scene.subscription = scene
        .subscription
        .map(|subscription| subscription.with_id("sub_1").with_version(7));
    assert_snapshot!(scene.explain(&scene.feature("crm"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    tier `pro`, status `active`, id `sub_1`, period from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z, version 7
    effective tier  `pro`: the subscription is active
    required        feature `crm`
    value           on, from tier `pro`
    verdict         allowed
    "#);
}

#[test]
fn of_a_level_that_nobody_without_a_subscription_has() {
    let scene = Scene::nobody().organization();
    assert_snapshot!(scene.explain(&scene.level("support", "priority"), Used::NOTHING), @r#"
    subject         organization:acme
    time            2026-03-15T12:00:00Z
    subscription    none
    effective tier  `free`: the default tier, because there is no subscription
    required        feature `support` at level `priority` or above
    value           community, from tier `free`
    verdict         denied, FEATURE_NOT_AVAILABLE: The Free plan does not include Support level (priority or above). The Crew plan does.
    unlocked by     max, premium, enterprise, crew
    proposed        crew
    "#);
}

#[test]
fn of_a_quota_that_is_used_up() {
    let scene = Scene::active("pro");
    assert_snapshot!(scene.explain(&scene.units("sms", 1), Used::units(100)), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    tier `pro`, status `active`, period from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z
    effective tier  `pro`: the subscription is active
    required        1 unit of limit `sms`
    value           100, from tier `pro`
    counted         quota per billing_period
    window          from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z
    used            100 of 100
    verdict         denied, LIMIT_EXCEEDED: The limit for SMS messages is 100. With 100 used, there is no room for 1 more. There is room again from 2026-04-10T00:00:00Z. The Max plan has room.
    unlocked by     max, premium, enterprise, crew, team
    proposed        max
    "#);
}

#[test]
fn of_overrides_of_which_one_counts() {
    let scene = Scene::active("pro")
        .overriding("sms", OverrideValue::Limit(Limit::Unlimited), Some(now()))
        .overriding("sms", OverrideValue::Limit(Limit::AtMost(7)), None)
        .overriding(
            "sms",
            OverrideValue::Limit(Limit::AtMost(9)),
            Some(moment("2027-01-01T00:00:00Z")),
        )
        .overriding("sms", OverrideValue::Boolean(true), None);
    assert_snapshot!(scene.explain(&scene.units("sms", 10), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    tier `pro`, status `active`, period from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z
    effective tier  `pro`: the subscription is active
    required        10 units of limit `sms`
    override        `unlimited`: expired at 2026-03-15T12:00:00Z
    override        `7`: ignored, because a later one counts
    override        `9`: counts until 2027-01-01T00:00:00Z
    override        `on`: ignored, because it is no value of this limit
    value           9, from an override until 2027-01-01T00:00:00Z
    verdict         denied, COST_ABOVE_LIMIT: The limit for SMS messages is 9. There is never room for 10 at once.
    "#);
}

#[test]
fn of_a_subscription_in_grace_and_after_it() {
    let mut scene = Scene::with(SubscriptionStatus::PastDue, "pro");
    assert_snapshot!(scene.explain(&scene.min_tier("pro"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    tier `pro`, status `past_due`, period from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z
    effective tier  `pro`: unpaid, with a grace period until 2026-03-17T00:00:00Z
    required        tier `pro`, or one that includes it
    verdict         allowed
    "#);
    scene.now = moment("2026-03-17T00:00:00Z");
    assert_snapshot!(scene.explain(&scene.min_tier("pro"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-17T00:00:00Z
    subscription    tier `pro`, status `past_due`, period from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z
    effective tier  `free`: the default tier, because the subscription to `pro` is past due for longer than the grace period
    required        tier `pro`, or one that includes it
    verdict         denied, SUBSCRIPTION_INACTIVE: The Pro subscription is past due. Once the subscription is active, it is enough for this.
    "#);
}

#[test]
fn of_a_subscription_that_strict_mode_leaves_nothing() {
    let scene = Scene::suspended("pro").strict();
    let scene = scene.overriding("timeline", OverrideValue::Boolean(true), None);
    assert_snapshot!(scene.explain(&scene.feature("timeline"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    tier `pro`, status `suspended`, period from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z
    effective tier  none: the subscription to `pro` is inactive, being `suspended`, and policy leaves nothing to it
    required        feature `timeline`
    override        `on`: ignored, because the subscription is not in force
    value           off, by the policy for inactive subscriptions
    verdict         denied, SUBSCRIPTION_INACTIVE: The Pro subscription is suspended. Once the subscription is active, it includes Timeline.
    "#);
}

#[test]
fn of_a_subscription_that_is_unpaid_since_nobody_knows_when() {
    let mut scene = Scene::with(SubscriptionStatus::PastDue, "pro");
    scene.subscription.as_mut().unwrap().period_start = None;
    assert_snapshot!(scene.explain(&scene.feature("crm"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    tier `pro`, status `past_due`, period until 2026-04-10T00:00:00Z
    effective tier  `free`: the default tier, because the subscription to `pro` is past due without the start of a period to count from
    required        feature `crm`
    value           off, from tier `free`
    verdict         denied, SUBSCRIPTION_INACTIVE: The Pro subscription is past due. Once the subscription is active, it includes CRM.
    "#);
    scene.subscription.as_mut().unwrap().status = SubscriptionStatus::Trialing;
    scene.subscription.as_mut().unwrap().trial_end = Some(moment("2026-01-01T00:00:00Z"));
    assert_snapshot!(scene.explain(&scene.feature("crm"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    tier `pro`, status `trialing`, period until 2026-04-10T00:00:00Z, trial until 2026-01-01T00:00:00Z
    effective tier  `free`: the default tier, because the subscription to `pro` is past its trial and the grace period after that
    required        feature `crm`
    value           off, from tier `free`
    verdict         denied, SUBSCRIPTION_INACTIVE: The trial of the Pro subscription is over. Once the subscription is active, it includes CRM.
    "#);
}

#[test]
fn of_a_trial_and_of_what_was_canceled() {
    let mut trial = Scene::with(SubscriptionStatus::Trialing, "pro");
    trial.subscription.as_mut().unwrap().trial_end = Some(moment("2026-03-24T00:00:00Z"));
    assert_snapshot!(trial.explain(&trial.feature("crm"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    tier `pro`, status `trialing`, period from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z, trial until 2026-03-24T00:00:00Z
    effective tier  `pro`: on trial until 2026-03-24T00:00:00Z
    required        feature `crm`
    value           on, from tier `pro`
    verdict         allowed
    "#);
    let mut canceled = Scene::with(SubscriptionStatus::Canceled, "pro");
    canceled.subscription = canceled.subscription.map(Subscription::ending_with_period);
    assert_snapshot!(canceled.explain(&canceled.feature("crm"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    tier `pro`, status `canceled`, period from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z, ends with the period
    effective tier  `pro`: canceled, and paid until 2026-04-10T00:00:00Z
    required        feature `crm`
    value           on, from tier `pro`
    verdict         allowed
    "#);
    canceled.now = moment("2026-04-10T00:00:00Z");
    assert_snapshot!(canceled.explain(&canceled.feature("crm"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-04-10T00:00:00Z
    subscription    tier `pro`, status `canceled`, period from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z, ends with the period
    effective tier  `free`: the default tier, because the subscription is over
    required        feature `crm`
    value           off, from tier `free`
    verdict         denied, FEATURE_NOT_AVAILABLE: The Free plan does not include CRM. The Pro plan does.
    unlocked by     pro, max, premium, enterprise, crew, team
    proposed        pro
    "#);
}

#[test]
fn of_a_disabled_feature() {
    let scene = Scene::active("pro");
    assert_snapshot!(scene.explain(&scene.feature("retired"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    tier `pro`, status `active`, period from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z
    effective tier  `pro`: the subscription is active
    required        feature `retired`
    enabled         no: the feature is off for everyone
    value           on, from tier `pro`
    verdict         denied, FEATURE_NOT_AVAILABLE: No plan has Retired at present.
    "#);
}

#[test]
fn of_a_tier_that_the_catalog_does_not_name() {
    let scene = Scene::active("platinum\u{7}");
    assert_snapshot!(scene.explain(&scene.feature("crm"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    tier `platinum\u{7}`, status `active`, period from 2026-03-10T00:00:00Z until 2026-04-10T00:00:00Z
    effective tier  `free`: the default tier, because the catalog does not name that of the subscription
    required        feature `crm`
    value           off, from tier `free`
    verdict         denied, FEATURE_NOT_AVAILABLE: The Free plan does not include CRM. The Pro plan does.
    unlocked by     pro, max, premium, enterprise, crew, team
    proposed        pro
    "#);
}

#[test]
fn of_what_is_decided_without_knowing_the_subscription() {
    let guess = Scene::unavailable(UnavailableAccess::DefaultTier);
    assert_snapshot!(guess.explain(&guess.units("storage", 1), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    not known, because billing could not be asked
    effective tier  `free`: the default tier, because nothing is known
    required        1 unit of limit `storage`
    value           5, from tier `free`
    counted         gauge
    used            0 of 5
    verdict         allowed, without knowing the subscription
    "#);
    let deny = Scene::unavailable(UnavailableAccess::Deny);
    assert_snapshot!(deny.explain(&deny.feature("timeline"), Used::NOTHING), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    not known, because billing could not be asked
    effective tier  none: nothing is known, and policy refuses everything
    required        feature `timeline`
    verdict         denied, BILLING_UNAVAILABLE: Whether the current plan allows this cannot be checked at the moment. Try again shortly.
    "#);
    let allow = Scene::unavailable(UnavailableAccess::Allow);
    assert_snapshot!(allow.explain(&allow.units("sms", 3), Used::units(9)), @r#"
    subject         user:ada
    time            2026-03-15T12:00:00Z
    subscription    not known, because billing could not be asked
    effective tier  none: nothing is known, and policy allows everything that is not off for everyone
    required        3 units of limit `sms`
    counted         quota per billing_period
    window          from 2026-03-01T00:00:00Z until 2026-04-01T00:00:00Z
    used            9 of unlimited
    verdict         allowed, without knowing the subscription
    "#);
}

#[test]
fn with_steps_that_came_before() {
    let scene = Scene::nobody();
    let explanation = scene.explain(&scene.feature("timeline"), Used::NOTHING);
    let whole = explanation
        .clone()
        .after([("catalog", "revision 3".to_owned())]);
    assert_eq!(whole.decision(), explanation.decision());
    assert_eq!(whole.steps()[0].topic, "catalog");
    assert_eq!(&whole.steps()[1..], explanation.steps());
}

#[test]
fn of_more_overrides_than_anyone_reads() {
    let mut scene = Scene::active("pro");
    for _ in 0..1_000 {
        scene = scene.overriding("crm", OverrideValue::Boolean(true), None);
    }
    let explanation = scene.explain(&scene.feature("crm"), Used::NOTHING);
    let told = explanation
        .steps()
        .iter()
        .filter(|step| step.topic == "override");
    assert_eq!(told.count(), 9);
}
