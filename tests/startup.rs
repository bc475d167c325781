//! What is wrong with a guard is told when it is made, before the first request, with what was
//! probably meant.

#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

use std::fmt::Display;
use std::time::Duration;

use tiergate::lookup::{CacheConfig, HttpLookup, StaticLookup};
use tiergate::testing::platform_catalog;
use tiergate::{Catalog, TierGate};

fn gate() -> TierGate {
    TierGate::builder(platform_catalog())
        .lookup(StaticLookup::default())
        .build()
        .unwrap()
}

/// The message of an error.
fn refused<T, E: Display>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_typo_in_a_feature_is_told_with_the_nearest_name() {
    assert_eq!(
        refused(gate().require_feature("crm_enabld")),
        "unknown feature `crm_enabld`, did you mean `crm_enabled`?"
    );
    assert_eq!(
        refused(gate().require_feature("")),
        "unknown feature ``, the catalog has the features `timeline_enabled`, `messaging_enabled`, \
         `groups_enabled`, `crm_enabled`, `workflow_enabled`, `live_streaming_enabled`, \
         `payments_enabled`, `geospatial_enabled`, `lowcode_enabled`, `storage_limit_gb` and 12 more"
    );
    assert_eq!(
        refused(gate().require_feature("teleport\n")),
        "unknown feature `teleport\\u{a}`, the catalog has the features `timeline_enabled`, `messaging_enabled`, \
         `groups_enabled`, `crm_enabled`, `workflow_enabled`, `live_streaming_enabled`, \
         `payments_enabled`, `geospatial_enabled`, `lowcode_enabled`, `storage_limit_gb` and 12 more"
    );
    assert_eq!(
        refused(gate().feature("Crm-Enabled")),
        "unknown feature `Crm-Enabled`, did you mean `crm_enabled`?"
    );
}

#[test]
fn a_typo_in_a_tier_is_told_with_the_nearest_name() {
    assert_eq!(
        refused(gate().require_min_tier("premum")),
        "unknown tier `premum`, did you mean `premium`?"
    );
    assert_eq!(
        refused(gate().require_min_tier("gold")),
        "unknown tier `gold`, the catalog has the tiers `free`, `pro`, `max`, `premium`, `team_small`, \
         `team_growing`, `team_scale` and `enterprise`"
    );
    assert_eq!(
        refused(gate().tier("Team Small")),
        "unknown tier `Team Small`, did you mean `team_small`?"
    );
}

#[test]
fn a_typo_in_a_limit_is_told_with_the_nearest_name() {
    let limits = |keys: &[&str]| refused(gate().check_usage_limits(keys.iter().copied()));
    assert_eq!(
        limits(&["sms_mesages"]),
        "unknown feature `sms_mesages`, did you mean `sms_messages`?"
    );
    assert_eq!(
        limits(&["sms_messages", "storage_limit"]),
        "unknown feature `storage_limit`, did you mean `storage_limit_gb`?"
    );
    assert_eq!(
        refused(gate().limit("workflow_execution_monthly")),
        "unknown feature `workflow_execution_monthly`, did you mean `workflow_executions_monthly`?"
    );
}

#[test]
fn a_feature_that_is_no_limit_cannot_be_counted() {
    assert_eq!(
        refused(gate().check_usage_limit("crm_enabled")),
        "feature `crm_enabled` is a boolean and has no units: require the feature instead"
    );
    assert_eq!(
        refused(gate().check_usage_limit("support_level")),
        "feature `support_level` is a level and has no units: require one of its levels instead"
    );
}

#[test]
fn a_level_that_a_feature_does_not_have_is_told_with_those_it_has() {
    let at_least =
        |key: &str, level: &str| refused(gate().require_feature(key).unwrap().at_least(level));
    assert_eq!(
        at_least("support_level", "prioritty"),
        "feature `support_level` has no level `prioritty`, its levels are `community` < `email` < \
         `priority` < `dedicated`"
    );
    assert_eq!(
        at_least("support_level", "gold"),
        "feature `support_level` has no level `gold`, its levels are `community` < `email` < \
         `priority` < `dedicated`"
    );
    assert_eq!(
        at_least("crm_enabled", "on"),
        "feature `crm_enabled` has no level `on`, it is a boolean"
    );
    assert_eq!(
        at_least("sms_messages", "100"),
        "feature `sms_messages` has no level `100`, it is a limit"
    );
    assert_eq!(at_least("support_level", "priority"), "accepted");
}

#[test]
fn a_layer_takes_one_to_four_limits() {
    const LIMITS: [&str; 5] = [
        "sms_messages",
        "storage_limit_gb",
        "bandwidth_limit_gb",
        "workflow_executions_monthly",
        "api_calls_per_minute",
    ];
    let limits = |count: usize| refused(gate().check_usage_limits(LIMITS.into_iter().take(count)));
    assert_eq!(
        limits(0),
        "one layer takes one to four limits in one operation, not 0"
    );
    for count in 1..=4 {
        assert_eq!(limits(count), "accepted");
    }
    assert_eq!(
        limits(5),
        "one layer takes one to four limits in one operation, not 5"
    );
}

#[test]
fn a_gate_without_a_lookup_is_not_built() {
    assert_eq!(
        refused(TierGate::builder(platform_catalog()).build()),
        "a gate needs a lookup, give it one with `lookup`, for example an `HttpLookup`"
    );
}

#[test]
fn settings_that_make_no_sense_are_told_by_name() {
    let stale = CacheConfig::builder()
        .stale_for(Duration::from_secs(1))
        .build();
    assert_eq!(refused(stale), "`stale_for` must be at least `fresh_for`");
    let lookup = |base: &str| refused(HttpLookup::new(base));
    assert_eq!(
        lookup("http://billing.example.com"),
        "the address of the billing service is plain `http` and not loopback, use `https`"
    );
    assert_eq!(
        lookup("billing"),
        "the address of the billing service is not a URL, expected one like \
         `https://billing.example.com`"
    );
    assert_eq!(
        lookup("http://user:pass@127.0.0.1"),
        "the address of the billing service holds a user name or a password, give a token instead"
    );
    let deadline = HttpLookup::builder("http://127.0.0.1").deadline(Duration::ZERO);
    assert_eq!(
        refused(deadline.build()),
        "`deadline` must be longer than nothing and at most a minute"
    );
}

#[test]
fn a_bad_catalog_is_refused_with_every_mistake_in_it() {
    let text = "\
version: 1
currency: USD
default_tier: fre
tiers:
  free: { name: Free, track: individual, price: free }
  pro: { name: Pro, track: individual, includes: [fee], price: free }
features:
  crm_enabled:
    name: CRM
    category: service
    kind: boolean
    tiers: { free: off, pro: maybe }
";
    assert_eq!(
        refused(Catalog::from_yaml(text)),
        "\
error: the default tier `fre` is not a tier
 --> feature-flags.yaml:3:15
  |
3 | default_tier: fre
  |               ^^^
  |
  = help: did you mean `free`?

error: tier `pro` includes the unknown tier `fee`
 --> feature-flags.yaml:6:51
  |
6 |   pro: { name: Pro, track: individual, includes: [fee], price: free }
  |                                                   ^^^
  |
  = help: did you mean `free`?

error: feature `crm_enabled` is a boolean, but has `maybe` for tier `pro`
  --> feature-flags.yaml:12:30
   |
12 |     tiers: { free: off, pro: maybe }
   |                              ^^^^^
   |
   = help: write `on` or `off`

3 faults in feature-flags.yaml, nothing was loaded"
    );
}
