//! What each tier of the shipped catalog is allowed: every tier against every feature, and every
//! tier against every minimum. The expectations are kept here, apart from the catalog.

#![cfg(test)]

use tiergate_core::decision::{Basis, Knowledge, Policy, Requirement, Standing, Used, decide};
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, DenialKind, FeatureKind, Subject, Subscription, SubscriptionStatus};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../feature-flags.yaml");

const TIERS: [&str; 8] = [
    "free",
    "pro",
    "max",
    "premium",
    "team_small",
    "team_growing",
    "team_scale",
    "enterprise",
];

/// What each tier has, in the order of [`TIERS`].
const VALUES: &str = "
timeline_enabled             on         on           on        on         on           on        on        on
messaging_enabled            on         on           on        on         on           on        on        on
groups_enabled               on         on           on        on         on           on        on        on
crm_enabled                  off        on           on        on         on           on        on        on
workflow_enabled             off        on           on        on         on           on        on        on
live_streaming_enabled       off        on           on        on         on           on        on        on
payments_enabled             off        off          on        on         off          on        on        on
geospatial_enabled           off        off          on        on         off          on        on        on
lowcode_enabled              off        off          on        on         on           on        on        on
storage_limit_gb             5          50           ∞         ∞          100          500       1000      ∞
bandwidth_limit_gb           10         100          ∞         ∞          200          1000      5000      ∞
workflow_executions_monthly  0          1000         10000     ∞          5000         25000     100000    ∞
api_calls_per_minute         60         120          300       600        180          360       720       1200
sso_enabled                  off        off          off       on         off          off       on        on
advanced_permissions         off        off          on        on         on           on        on        on
audit_logs                   off        off          off       on         off          on        on        on
support_level                community  email        priority  dedicated  email        priority  priority  dedicated
sla_uptime                   best-effort best-effort 99.5%     99.9%      best-effort  99.5%     99.9%     99.95%
white_label                  off        off          off       on         off          off       off       on
custom_integrations          off        off          on        on         off          on        on        on
ai_moderation                off        off          on        on         on           on        on        on
sms_messages                 0          100          500       2000       500          2500      10000     ∞
";

const LEVELS: [(&str, [&str; 4]); 2] = [
    (
        "support_level",
        ["community", "email", "priority", "dedicated"],
    ),
    ("sla_uptime", ["best-effort", "99.5%", "99.9%", "99.95%"]),
];

/// Which tiers a tier includes directly.
const INCLUDES: [(&str, &[&str]); 8] = [
    ("free", &[]),
    ("pro", &["free"]),
    ("max", &["pro"]),
    ("premium", &["max"]),
    ("team_small", &["pro"]),
    ("team_growing", &["team_small"]),
    ("team_scale", &["team_growing"]),
    ("enterprise", &["premium", "team_scale"]),
];

fn shipped() -> Catalog {
    Catalog::from_path(PATH).unwrap_or_else(|error| panic!("{error}"))
}

/// A user and an organization, each with an active subscription to the tier.
fn subscribers(tier: &str) -> [Subscription; 2] {
    [Subject::user("ada"), Subject::organization("ada")]
        .map(|subject| Subscription::new(subject, tier, SubscriptionStatus::Active))
}

fn standing<'a>(catalog: &Catalog, subscription: &'a Subscription) -> Standing<'a> {
    let known = Knowledge::Subscription(subscription);
    let now = Timestamp::from_seconds(1_750_000_000);
    let standing = Standing::of(catalog, &subscription.subject, known, Policy::DEFAULT, now);
    assert_eq!(standing.basis(), Basis::Active);
    standing
}

/// Whether a requirement is met; both owners must get the same answer.
fn allows(catalog: &Catalog, tier: &str, requirement: &Requirement, used: Used) -> bool {
    let [user, organization] = subscribers(tier).map(|subscription| {
        let standing = standing(catalog, &subscription);
        let decision = decide(catalog, &standing, requirement, used).unwrap();
        if let Some(denial) = decision.denial() {
            assert_eq!(denial.current_tier(), Some(tier));
        }
        decision.is_allowed()
    });
    assert_eq!(user, organization);
    user
}

#[test]
fn all_176_decisions_are_those_of_the_table() {
    let catalog = shipped();
    let mut decisions = 0;
    for line in VALUES.trim().lines() {
        let mut cells = line.split_whitespace();
        let feature = catalog.require_feature(cells.next().unwrap()).unwrap();
        for tier in TIERS {
            let value = cells.next().unwrap();
            let expected = !matches!(value, "off" | "0");
            let allowed = allows(
                &catalog,
                tier,
                &Requirement::Feature(feature),
                Used::NOTHING,
            );
            assert_eq!(allowed, expected, "{tier}: {line}");
            decisions += 1;
        }
        assert_eq!(cells.next(), None, "{line}");
    }
    assert_eq!(decisions, 176);
    assert_eq!(catalog.features().len(), 22);
}

#[test]
fn every_limit_of_the_table_admits_its_last_unit_and_no_more() {
    let catalog = shipped();
    let mut limits = 0;
    for line in VALUES.trim().lines() {
        let mut cells = line.split_whitespace();
        let feature = catalog.require_feature(cells.next().unwrap()).unwrap();
        if !matches!(
            catalog.feature(feature).unwrap().kind,
            FeatureKind::Limit { .. }
        ) {
            continue;
        }
        let limit = catalog.limit_id(feature).unwrap();
        let units = |units| Requirement::Units { limit, units };
        for (tier, value) in TIERS.iter().zip(cells) {
            limits += 1;
            let ask = |units, used| allows(&catalog, tier, &units, Used::units(used));
            match value {
                "∞" => assert!(ask(units(u64::MAX), u64::MAX), "{tier}: {line}"),
                "0" => assert!(!ask(units(1), 0), "{tier}: {line}"),
                bound => {
                    let bound: u64 = bound.parse().unwrap();
                    assert!(ask(units(bound), 0), "{tier}: {line}");
                    assert!(ask(units(1), bound - 1), "{tier}: {line}");
                    assert!(!ask(units(1), bound), "{tier}: {line}");
                    assert!(!ask(units(bound + 1), 0), "{tier}: {line}");
                }
            }
        }
    }
    assert_eq!(limits, 5 * 8);
}

#[test]
fn every_level_of_the_table_is_reached_by_those_at_it_or_above() {
    let catalog = shipped();
    for (key, levels) in LEVELS {
        let line = VALUES.lines().find(|line| line.starts_with(key)).unwrap();
        let feature = catalog.require_feature(key).unwrap();
        for (tier, value) in TIERS.iter().zip(line.split_whitespace().skip(1)) {
            let own = levels.iter().position(|level| *level == value).unwrap();
            for (rank, level) in levels.iter().enumerate() {
                let requirement = Requirement::Level {
                    feature,
                    at_least: (*level).into(),
                };
                let allowed = allows(&catalog, tier, &requirement, Used::NOTHING);
                assert_eq!(allowed, own >= rank, "{tier} for {key} {level}");
            }
        }
    }
}

#[test]
fn all_64_pairs_of_tiers_are_those_that_the_includes_lead_to() {
    // From the minimum upwards: whoever directly includes something reached is reached as well.
    fn reached_from(minimum: &str) -> Vec<&str> {
        let mut reached = vec![minimum];
        loop {
            let next = INCLUDES.iter().find(|(tier, includes)| {
                !reached.contains(tier) && includes.iter().any(|below| reached.contains(below))
            });
            match next {
                Some((tier, _)) => reached.push(tier),
                None => return reached,
            }
        }
    }
    let catalog = shipped();
    let mut pairs = 0;
    for minimum in TIERS {
        let satisfying = reached_from(minimum);
        let requirement = Requirement::MinTier(catalog.require_tier(minimum).unwrap());
        for tier in TIERS {
            let allowed = allows(&catalog, tier, &requirement, Used::NOTHING);
            assert_eq!(allowed, satisfying.contains(&tier), "{tier} for {minimum}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 64);
    assert_eq!(reached_from("premium"), ["premium", "enterprise"]);
}

#[test]
fn every_denied_decision_of_the_table_names_the_tiers_that_have_it() {
    let catalog = shipped();
    let mut denials = 0;
    for line in VALUES.trim().lines() {
        let cells: Vec<_> = line.split_whitespace().collect();
        let feature = catalog.require_feature(cells[0]).unwrap();
        let having: Vec<_> = TIERS
            .iter()
            .zip(&cells[1..])
            .filter(|(_, value)| !matches!(**value, "off" | "0"))
            .map(|(tier, _)| *tier)
            .collect();
        for tier in TIERS.iter().filter(|tier| !having.contains(tier)) {
            for subscription in subscribers(tier) {
                let standing = standing(&catalog, &subscription);
                let requirement = Requirement::Feature(feature);
                let decision = decide(&catalog, &standing, &requirement, Used::NOTHING).unwrap();
                let denial = decision.into_result().unwrap_err();
                assert_eq!(denial.kind(), DenialKind::FeatureNotAvailable);
                assert_eq!(denial.feature(), Some(cells[0]));
                let named: Vec<_> = denial.available_in().iter().map(|tier| &**tier).collect();
                assert_eq!(named, having, "{tier}: {line}");
                denials += 1;
            }
        }
    }
    assert_eq!(denials, 2 * 35);
}
