//! What is written is read as it was, by this reader and by another.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of tests may fail like a test"
)]

use proptest::prelude::*;
use tiergate_core::catalog::{
    Availability, Catalog, Category, FeatureSpec, MetricSpec, PriceSpec, TierSpec, Track,
};
use tiergate_core::{FeatureKind, FeatureValue, Limit, Meter, QuotaPeriod, RatePeriod};

const SHIPPED: &str = include_str!("../../../feature-flags.yaml");

/// Texts that catalogs accept, with a liking for those that YAML makes something else of.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "on", "off", "no", "null", "~", "true", "5", "1e3", ".inf", "0x1f", "1_000", "2026-01-01",
            "12:30:45", "a: b", "a #b", "- a", "? a", "{a}", "[a]", "a,b", "'a'", "\"a\"", "a\\b", "|",
            ">", "%a", "@a", "`a`", "&a", "*a", "!a", "---", "...", "<<", "=", "free", "unlimited",
            "99.5%", "Größe", "日本", "🦀", "a\u{a0}b", "\u{200b}", "-", ":", "::", "a:", ":a", "#",
        ])
        .prop_map(str::to_owned),
        "[ -~]{1,20}",
        "\\PC{1,20}",
    ]
    .prop_filter("refused as blank or with invisible characters", |text| {
        let unwanted = |c: char| {
            c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        };
        !text.trim().is_empty() && text.trim() == text && !text.contains(unwanted)
    })
}

fn meter() -> impl Strategy<Value = Option<Meter>> {
    prop::option::of(prop_oneof![
        Just(Meter::Gauge),
        prop::sample::select(&RatePeriod::ALL[..]).prop_map(Meter::Rate),
        prop::sample::select(&QuotaPeriod::ALL[..]).prop_map(Meter::Quota),
    ])
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        Just(Limit::Unlimited),
        Just(Limit::ZERO),
        any::<u64>().prop_map(Limit::AtMost)
    ]
}

fn price() -> impl Strategy<Value = PriceSpec> {
    let amounts = (1_u32.., 1_u32..).prop_map(|amounts| {
        let (monthly, annual) = amounts;
        let decimal = |units: u32| format!("{}.{:02}", units / 100, units % 100);
        (decimal(monthly), decimal(annual))
    });
    prop_oneof![
        Just(PriceSpec::free()),
        Just(PriceSpec::by_contract()),
        amounts
            .clone()
            .prop_map(|(monthly, annual)| PriceSpec::amounts(&monthly, &annual)),
        (amounts, 1_u32..1_000)
            .prop_map(|((monthly, annual), seats)| PriceSpec::per_seat(&monthly, &annual, seats)),
    ]
}

fn tier(index: usize) -> impl Strategy<Value = TierSpec> {
    let track = prop::sample::select(&Track::ALL[..]);
    (text(), prop::option::of(text()), track, price()).prop_map(
        move |(name, description, track, price)| {
            let spec = TierSpec::new(&format!("tier_{index}"))
                .name(&name)
                .track(track);
            let spec = spec.price(price);
            // The values rise with the index, so that including what is below gives no less.
            let spec = match index {
                0 => spec,
                _ => spec.includes(&format!("tier_{}", index - 1)),
            };
            match description {
                Some(description) => spec.description(&description),
                None => spec,
            }
        },
    )
}

fn feature(index: usize, tiers: usize) -> impl Strategy<Value = FeatureSpec> {
    let boolean = prop::collection::vec(any::<bool>(), tiers).prop_map(move |mut values| {
        values.sort_unstable();
        let spec = FeatureSpec::boolean(&format!("feature_{index}"));
        values.iter().enumerate().fold(spec, |spec, (tier, value)| {
            spec.value(&format!("tier_{tier}"), *value)
        })
    });
    let limit = (
        prop::collection::vec(limit(), tiers),
        meter(),
        any::<bool>(),
    )
        .prop_map(move |(mut values, meter, tied)| {
            values.sort_unstable();
            let mut spec = FeatureSpec::limit(&format!("feature_{index}"));
            if tied {
                spec = spec.metric("metric");
            }
            if let Some(meter) = meter {
                spec = spec.counted(meter);
            }
            values.iter().enumerate().fold(spec, |spec, (tier, value)| {
                spec.value(&format!("tier_{tier}"), *value)
            })
        });
    let level = (
        prop::collection::hash_set(text(), 1..5),
        prop::collection::vec(any::<prop::sample::Index>(), tiers),
    )
        .prop_map(move |(words, ranks)| {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let mut ranks: Vec<_> = ranks.iter().map(|rank| rank.index(words.len())).collect();
            ranks.sort_unstable();
            let spec = FeatureSpec::level(&format!("feature_{index}"), words.iter().copied());
            ranks.iter().enumerate().fold(spec, |spec, (tier, rank)| {
                spec.value(&format!("tier_{tier}"), words[*rank])
            })
        });
    let availability = prop_oneof![Just(Availability::Enabled), Just(Availability::Disabled)];
    (
        prop_oneof![boolean, limit, level],
        text(),
        prop::option::of(text()),
        prop::sample::select(&Category::ALL[..]),
        availability,
    )
        .prop_map(|(spec, name, description, category, availability)| {
            let spec = spec
                .name(&name)
                .category(category)
                .availability(availability);
            match description {
                Some(description) => spec.description(&format!("{description}\n{description}")),
                None => spec,
            }
        })
}

fn catalog() -> impl Strategy<Value = Catalog> {
    (1_usize..5, 0_usize..5)
        .prop_flat_map(|(tiers, features)| {
            let tier_specs: Vec<_> = (0..tiers).map(tier).collect();
            let feature_specs: Vec<_> = (0..features).map(|index| feature(index, tiers)).collect();
            (tier_specs, feature_specs, 0..tiers, 0_u32..365, text())
        })
        .prop_map(|(tiers, features, default_tier, trial_days, name)| {
            let builder = Catalog::builder()
                .currency("EUR")
                .time_zone("Europe/Berlin")
                .default_tier(&format!("tier_{default_tier}"))
                .trial_days(trial_days)
                .metric(MetricSpec::new("metric").name(&name));
            let builder = tiers
                .into_iter()
                .fold(builder, tiergate_core::catalog::CatalogBuilder::tier);
            let catalog = builder.features(features).build();
            catalog.unwrap_or_else(|error| panic!("{error}"))
        })
}

/// Compares a catalog with what another reader makes of its text.
fn assert_second_opinion(catalog: &Catalog, text: &str) {
    let other: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
    assert_eq!(other["version"].as_u64(), Some(1));
    assert_eq!(other["currency"].as_str(), Some(catalog.currency().code()));
    assert_eq!(
        other["trial_days"].as_u64(),
        Some(u64::from(catalog.trial_days()))
    );
    let tiers = other["tiers"].as_mapping().unwrap();
    assert_eq!(tiers.len(), catalog.tiers().len());
    for (_, tier) in catalog.tiers() {
        let seen = &tiers[&*tier.key];
        assert_eq!(seen["name"].as_str(), Some(&*tier.name));
        assert_eq!(seen["track"].as_str(), Some(tier.track.as_str()));
        assert_eq!(
            seen.get("description").and_then(|text| text.as_str()),
            tier.description.as_deref()
        );
        let includes = seen.get("includes").and_then(|list| list.as_sequence());
        let includes = includes.map_or(&[][..], |list| list);
        let includes: Vec<_> = includes.iter().map(|key| key.as_str().unwrap()).collect();
        let expected: Vec<_> = tier.includes.iter().map(|key| &**key).collect();
        assert_eq!(includes, expected);
        if let tiergate_core::catalog::Price::Paid { monthly, .. } = tier.price {
            let float = seen["price"]["monthly"].as_f64().unwrap();
            assert_eq!(format!("{float:.2}"), monthly.decimal());
        }
    }
    let features = other["features"].as_mapping().unwrap();
    assert_eq!(features.len(), catalog.features().len());
    for (id, feature) in catalog.features() {
        let seen = &features[&*feature.key];
        assert_eq!(seen["name"].as_str(), Some(&*feature.name));
        assert_eq!(seen["category"].as_str(), Some(feature.category.as_str()));
        assert_eq!(
            seen.get("description").and_then(|text| text.as_str()),
            feature.description.as_deref()
        );
        if let FeatureKind::Level { levels } = &feature.kind {
            let words = seen["levels"].as_sequence().unwrap();
            let words: Vec<_> = words.iter().map(|word| word.as_str().unwrap()).collect();
            let expected: Vec<_> = levels.iter().map(tiergate_core::Level::name).collect();
            assert_eq!(words, expected);
        }
        for (tier, described) in catalog.tiers() {
            let seen = &seen["tiers"][&*described.key];
            match catalog.value(tier, id).unwrap() {
                // `on` is a boolean in YAML 1.1 and a word in 1.2.
                FeatureValue::Boolean(on) => assert!(
                    seen.as_bool() == Some(on)
                        || seen.as_str() == Some(if on { "on" } else { "off" })
                ),
                FeatureValue::Limit(Limit::Unlimited) => {
                    assert_eq!(seen.as_str(), Some("unlimited"));
                }
                FeatureValue::Limit(Limit::AtMost(units)) => {
                    assert_eq!(seen.as_u64(), Some(units));
                }
                FeatureValue::Level(level) => assert_eq!(seen.as_str(), Some(level.name())),
            }
        }
    }
}

#[test]
fn the_shipped_catalog_survives_being_written() {
    let catalog = Catalog::from_yaml(SHIPPED).unwrap();
    let again = Catalog::from_yaml(&catalog.to_yaml()).unwrap();
    assert_eq!(again, catalog);
    assert_eq!(again.to_yaml(), catalog.to_yaml());
}

#[test]
fn another_reader_sees_the_same_in_the_shipped_catalog() {
    let catalog = Catalog::from_yaml(SHIPPED).unwrap();
    assert_second_opinion(&catalog, SHIPPED);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_catalog_survives_being_written(catalog in catalog()) {
        let text = catalog.to_yaml();
        let again = Catalog::from_yaml(&text);
        prop_assert_eq!(again.unwrap_or_else(|error| panic!("{error}\n{text}")), catalog);
    }

    #[test]
    fn another_reader_sees_the_same_in_every_catalog(catalog in catalog()) {
        assert_second_opinion(&catalog, &catalog.to_yaml());
    }
}
