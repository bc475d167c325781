//! The catalog at the root of the repository says what the product sells.

#![expect(clippy::panic, reason = "a helper of tests may fail like a test")]

use std::collections::BTreeMap;

use tiergate_core::catalog::{Catalog, Price, PriceUnit, Track};
use tiergate_core::{FeatureKind, Meter, QuotaPeriod, RatePeriod};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../feature-flags.yaml");

const TABLE: &str = "
| key | name | category | free | pro | max | premium | team_small | team_growing | team_scale | enterprise |
| timeline_enabled | Timeline & social feed | service | on | on | on | on | on | on | on | on |
| messaging_enabled | Real-time messaging | service | on | on | on | on | on | on | on | on |
| groups_enabled | Groups & events | service | on | on | on | on | on | on | on | on |
| crm_enabled | CRM | service | off | on | on | on | on | on | on | on |
| workflow_enabled | Workflow automation | service | off | on | on | on | on | on | on | on |
| live_streaming_enabled | Live streaming | service | off | on | on | on | on | on | on | on |
| payments_enabled | Payment processing | integration | off | off | on | on | off | on | on | on |
| geospatial_enabled | Geospatial & mapping | service | off | off | on | on | off | on | on | on |
| lowcode_enabled | Low-code platform | service | off | off | on | on | on | on | on | on |
| storage_limit_gb | File storage | storage | 5 | 50 | ∞ | ∞ | 100 | 500 | 1000 | ∞ |
| bandwidth_limit_gb | Monthly bandwidth | storage | 10 | 100 | ∞ | ∞ | 200 | 1000 | 5000 | ∞ |
| workflow_executions_monthly | Monthly workflow executions | compute | 0 | 1000 | 10000 | ∞ | 5000 | 25000 | 100000 | ∞ |
| api_calls_per_minute | API rate limit | compute | 60 | 120 | 300 | 600 | 180 | 360 | 720 | 1200 |
| sso_enabled | SSO / SAML | security | off | off | off | on | off | off | on | on |
| advanced_permissions | Advanced permissions | security | off | off | on | on | on | on | on | on |
| audit_logs | Audit logs | security | off | off | off | on | off | on | on | on |
| support_level | Support level | support | community | email | priority | dedicated | email | priority | priority | dedicated |
| sla_uptime | SLA uptime | support | best-effort | best-effort | 99.5% | 99.9% | best-effort | 99.5% | 99.9% | 99.95% |
| white_label | White label / custom branding | service | off | off | off | on | off | off | off | on |
| custom_integrations | Custom integrations | integration | off | off | on | on | off | on | on | on |
| ai_moderation | AI content moderation | service | off | off | on | on | on | on | on | on |
| sms_messages | SMS messages | integration | 0 | 100 | 500 | 2000 | 500 | 2500 | 10000 | ∞ |
";

fn shipped() -> Catalog {
    Catalog::from_path(PATH).unwrap_or_else(|error| panic!("{error}"))
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn every_value_of_every_feature_is_that_of_the_table() {
    let catalog = shipped();
    let mut lines = TABLE.trim().lines().map(cells);
    let header = lines.next().unwrap();
    let tiers = &header[3..];
    let keys: Vec<&str> = catalog.tiers().map(|(_, tier)| &*tier.key).collect();
    assert_eq!(keys, tiers);
    let mut compared = 0;
    let mut features = catalog.features();
    for line in lines {
        let (id, feature) = features.next().unwrap();
        assert_eq!(&*feature.key, line[0]);
        assert_eq!(&*feature.name, line[1]);
        assert_eq!(feature.category.as_str(), line[2]);
        for (tier, expected) in tiers.iter().zip(&line[3..]) {
            let tier = catalog.require_tier(tier).unwrap();
            let value = catalog.value(tier, id).unwrap().to_string();
            assert_eq!(value.replace("unlimited", "∞"), *expected, "{}", line[0]);
            let granted = !["off", "0"].contains(expected);
            assert_eq!(catalog.grants(tier, id).unwrap(), granted, "{}", line[0]);
            compared += 1;
        }
    }
    assert_eq!(compared, 176);
    assert!(features.next().is_none());
}

#[test]
fn of_all_64_pairs_those_satisfy_that_the_includes_lead_to() {
    let includes: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("free", &[][..]),
        ("pro", &["free"]),
        ("max", &["pro"]),
        ("premium", &["max"]),
        ("team_small", &["pro"]),
        ("team_growing", &["team_small"]),
        ("team_scale", &["team_growing"]),
        ("enterprise", &["premium", "team_scale"]),
    ]);
    fn leads_to(includes: &BTreeMap<&str, &[&str]>, from: &str, to: &str) -> bool {
        from == to
            || includes[from]
                .iter()
                .any(|next| leads_to(includes, next, to))
    }
    let catalog = shipped();
    let mut pairs = 0;
    for tier in includes.keys() {
        for minimum in includes.keys() {
            let ids = [tier, minimum].map(|key| catalog.require_tier(key).unwrap());
            let satisfies = catalog.satisfies(ids[0], ids[1]).unwrap();
            let expected = leads_to(&includes, tier, minimum);
            assert_eq!(satisfies, expected, "{tier} for {minimum}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 64);
}

#[test]
fn the_tiers_are_priced_named_and_sold_as_listed() {
    let catalog = shipped();
    let flat = |monthly, annual| Some((monthly, annual, PriceUnit::Flat));
    let seats = |monthly, annual| Some((monthly, annual, PriceUnit::PerSeat { minimum: 5 }));
    let expected = [
        ("Free", Track::Individual, None),
        ("Pro", Track::Individual, flat(1200, 11500)),
        ("Max", Track::Individual, flat(2900, 27800)),
        ("Premium", Track::Individual, flat(5900, 56600)),
        ("Team Small", Track::Organization, seats(800, 7700)),
        ("Team Growing", Track::Organization, seats(700, 6700)),
        ("Team Scale", Track::Organization, seats(600, 5800)),
        ("Enterprise", Track::Organization, None),
    ];
    assert_eq!(catalog.tiers().len(), expected.len());
    for ((_, tier), (name, track, price)) in catalog.tiers().zip(expected) {
        assert_eq!(&*tier.name, name);
        assert_eq!(tier.track, track);
        match (tier.price, price) {
            (Price::Free, None) => assert_eq!(name, "Free"),
            (Price::ByContract, None) => assert_eq!(name, "Enterprise"),
            (
                Price::Paid {
                    monthly,
                    annual,
                    unit,
                },
                Some(expected),
            ) => {
                assert_eq!(
                    (monthly.minor_units(), annual.minor_units(), unit),
                    expected
                );
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(catalog.currency().code(), "USD");
    assert_eq!(catalog.time_zone().name(), "UTC");
    assert_eq!(catalog.trial_days(), 14);
    assert_eq!(Some(catalog.default_tier()), catalog.tier_id("free"));
}

#[test]
fn each_limit_is_counted_as_listed_and_each_level_is_in_order() {
    let catalog = shipped();
    let monthly = Meter::Quota(QuotaPeriod::BillingPeriod);
    let mut counted = BTreeMap::new();
    let mut levels = BTreeMap::new();
    for (_, feature) in catalog.features() {
        match &feature.kind {
            FeatureKind::Boolean => {}
            FeatureKind::Limit { metric, meter } => {
                let entry = (metric.as_deref().unwrap(), meter.unwrap());
                counted.insert(&*feature.key, entry);
            }
            FeatureKind::Level { levels: words } => {
                let words: Vec<_> = words.iter().map(tiergate_core::Level::name).collect();
                levels.insert(&*feature.key, words.join(" < "));
            }
        }
    }
    assert_eq!(
        counted,
        BTreeMap::from([
            ("storage_limit_gb", ("storage", Meter::Gauge)),
            (
                "api_calls_per_minute",
                ("api_calls", Meter::Rate(RatePeriod::Minute))
            ),
            ("bandwidth_limit_gb", ("bandwidth", monthly)),
            (
                "workflow_executions_monthly",
                ("workflow_executions", monthly)
            ),
            ("sms_messages", ("sms_messages", monthly)),
        ])
    );
    assert_eq!(
        levels,
        BTreeMap::from([
            (
                "support_level",
                "community < email < priority < dedicated".to_owned()
            ),
            (
                "sla_uptime",
                "best-effort < 99.5% < 99.9% < 99.95%".to_owned()
            ),
        ])
    );
    let metrics: Vec<_> = catalog
        .metrics()
        .map(|metric| (&*metric.key, metric.unit.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(
        metrics,
        [
            ("storage", "GB"),
            ("bandwidth", "GB"),
            ("api_calls", ""),
            ("live_streaming_minutes", "minutes"),
            ("ai_moderation_requests", ""),
            ("workflow_executions", ""),
            ("payment_transactions", ""),
            ("sms_messages", ""),
            ("email_sends", ""),
        ]
    );
}
