//! A newer catalog keeps every id of the older one valid, or is refused with every reason.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail like a test")]

use tiergate_core::catalog::{Catalog, FaultKind, FeatureSpec, PriceSpec, TierSpec};
use tiergate_core::{Limit, Meter};

fn old() -> Catalog {
    Catalog::builder()
        .default_tier("free")
        .tier(TierSpec::new("free"))
        .tier(TierSpec::new("pro").includes("free"))
        .feature(
            FeatureSpec::boolean("crm")
                .value("free", false)
                .value("pro", true),
        )
        .feature(
            FeatureSpec::limit("storage")
                .counted(Meter::Gauge)
                .value("free", 5)
                .value("pro", 50),
        )
        .feature(
            FeatureSpec::level("support", ["email", "priority"])
                .value("free", "email")
                .value("pro", "priority"),
        )
        .build()
        .unwrap()
}

/// The same keys in another order, new ones among them, every value another.
fn new() -> Catalog {
    Catalog::builder()
        .default_tier("pro")
        .tier(TierSpec::new("max").includes("pro"))
        .tier(TierSpec::new("pro").price(PriceSpec::amounts("1.00", "10.00")))
        .tier(TierSpec::new("free"))
        .feature(
            FeatureSpec::boolean("sso")
                .value("free", true)
                .value("pro", false)
                .value("max", true),
        )
        .feature(
            FeatureSpec::level("support", ["email", "priority", "dedicated"])
                .value("free", "priority")
                .value("pro", "email")
                .value("max", "dedicated"),
        )
        .feature(
            FeatureSpec::limit("storage")
                .counted(Meter::Gauge)
                .value("free", 7)
                .value("pro", 70)
                .value("max", Limit::Unlimited),
        )
        .feature(
            FeatureSpec::boolean("crm")
                .value("free", true)
                .value("pro", false)
                .value("max", true),
        )
        .build()
        .unwrap()
}

#[test]
fn ids_stay_valid_and_mean_what_the_new_catalog_says() {
    let old = old();
    let [free, pro] = ["free", "pro"].map(|key| old.require_tier(key).unwrap());
    let features = ["crm", "storage", "support"].map(|key| old.require_feature(key).unwrap());
    let next = old.succeed(new()).unwrap();
    let values = |tier| features.map(|id| next.value(tier, id).unwrap().to_string());
    assert_eq!(values(free), ["on", "7", "priority"]);
    assert_eq!(values(pro), ["off", "70", "email"]);
    assert_eq!(next.grants(pro, features[0]), Ok(false));
    assert_eq!(next.satisfies(pro, free), Ok(false));
    assert_eq!(next.default_tier(), pro);
    assert_eq!(next.tier_id("free"), Some(free));
    assert_eq!(next.revision(), 1);
    assert_eq!(old.revision(), 0);
}

#[test]
fn what_was_there_keeps_its_place_and_what_is_new_comes_after() {
    let next = old().succeed(new()).unwrap();
    let tiers: Vec<_> = next.tiers().map(|(_, tier)| &*tier.key).collect();
    assert_eq!(tiers, ["free", "pro", "max"]);
    let features: Vec<_> = next.features().map(|(_, feature)| &*feature.key).collect();
    assert_eq!(features, ["crm", "storage", "support", "sso"]);
    assert_eq!(next, new(), "the meaning is that of the new catalog");
}

#[test]
fn ids_of_another_catalog_and_of_a_later_version_are_refused() {
    let old = old();
    let stranger = new();
    let (tier, feature) = (stranger.default_tier(), stranger.feature_id("crm").unwrap());
    assert!(old.tier(tier).is_err());
    assert!(old.value(old.default_tier(), feature).is_err());
    let next = old.succeed(new()).unwrap();
    let max = next.require_tier("max").unwrap();
    assert!(old.tier(max).is_err(), "the old one has no such tier");
    let third = next.succeed(new()).unwrap();
    assert_eq!(&*third.tier(max).unwrap().key, "max");
    assert_eq!(third.revision(), 2);
}

#[test]
fn everything_that_would_be_lost_is_told_at_once() {
    let old = old();
    let next = Catalog::builder()
        .default_tier("pro")
        .tier(TierSpec::new("pro"))
        .feature(FeatureSpec::limit("storage").value("pro", 50))
        .feature(FeatureSpec::level("support", ["chat", "email", "priority"]).value("pro", "chat"))
        .build()
        .unwrap();
    let error = old.succeed(next).unwrap_err();
    let kinds: Vec<_> = error
        .faults()
        .iter()
        .map(tiergate_core::catalog::Fault::kind)
        .collect();
    assert_eq!(
        kinds,
        [
            FaultKind::TierRemoved,
            FaultKind::FeatureRemoved,
            FaultKind::FeatureChanged,
            FaultKind::FeatureChanged,
        ]
    );
    insta::assert_snapshot!("lost", error);
    let next = Catalog::builder()
        .default_tier("free")
        .tier(TierSpec::new("free"))
        .tier(TierSpec::new("pro"))
        .feature(FeatureSpec::limit("crm").value("free", 1).value("pro", 1))
        .feature(
            FeatureSpec::boolean("storage")
                .value("free", true)
                .value("pro", true),
        )
        .feature(
            FeatureSpec::boolean("support")
                .value("free", true)
                .value("pro", true),
        )
        .build()
        .unwrap();
    insta::assert_snapshot!("changed", old.succeed(next).unwrap_err());
}

#[test]
fn ids_that_one_successor_added_mean_nothing_to_another() {
    let old = old();
    let with = |tier: &str, feature: &str| {
        let builder = Catalog::builder()
            .default_tier("free")
            .tier(TierSpec::new("free"))
            .tier(TierSpec::new("pro").includes("free"))
            .tier(TierSpec::new(tier));
        let values = |spec: FeatureSpec| {
            let spec = spec.value("free", false).value("pro", true);
            spec.value(tier, true)
        };
        let limit = FeatureSpec::limit("storage").counted(Meter::Gauge);
        let level = FeatureSpec::level("support", ["email", "priority"]);
        let next = builder
            .feature(values(FeatureSpec::boolean("crm")))
            .feature(limit.value("free", 5).value("pro", 50).value(tier, 500))
            .feature(
                level
                    .value("free", "email")
                    .value("pro", "priority")
                    .value(tier, "priority"),
            )
            .feature(values(FeatureSpec::boolean(feature)))
            .build()
            .unwrap();
        old.succeed(next).unwrap()
    };
    let (one, other) = (with("max", "sso"), with("team", "sms"));
    let (max, sso) = (
        one.require_tier("max").unwrap(),
        one.require_feature("sso").unwrap(),
    );
    assert!(one.grants(max, sso).unwrap());
    assert!(other.tier(max).is_err());
    assert!(other.feature(sso).is_err());
    assert!(old.tier(max).is_err());
    // What all have in common, all know.
    let pro = one.require_tier("pro").unwrap();
    assert_eq!(pro, old.require_tier("pro").unwrap());
    assert_eq!(pro, other.require_tier("pro").unwrap());
    assert!(other.tier(pro).is_ok());
}

#[test]
fn more_reasons_than_are_kept_are_counted_as_more() {
    let catalog = |features: std::ops::Range<usize>| {
        let builder = Catalog::builder()
            .default_tier("free")
            .tier(TierSpec::new("free"));
        let spec = |n| FeatureSpec::boolean(&format!("f{n}")).value("free", true);
        builder.features(features.map(spec)).build().unwrap()
    };
    let error = catalog(0..1_001).succeed(catalog(0..0)).unwrap_err();
    assert_eq!(error.faults().len(), 1_000);
    let text = error.to_string();
    assert!(
        text.ends_with("more than 1000 faults in the new catalog, the one before stays in force")
    );
    let error = catalog(0..1_000).succeed(catalog(0..0)).unwrap_err();
    assert!(!error.to_string().contains("more than"));
}
