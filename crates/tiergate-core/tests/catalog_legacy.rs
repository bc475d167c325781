//! The older JSON shape is read into the same features, or refused with every reason.

use tiergate_core::catalog::legacy::Importer;
use tiergate_core::catalog::{
    Availability, Catalog, CatalogBuilder, FeatureSpec, MetricSpec, TierSpec,
};
use tiergate_core::{Limit, Meter, QuotaPeriod};

fn builder() -> CatalogBuilder {
    Catalog::builder()
        .default_tier("free")
        .tier(TierSpec::new("free"))
        .tier(TierSpec::new("pro").includes("free"))
        .metric(MetricSpec::new("sms"))
}

#[test]
fn flags_become_features() {
    let json = r#"[
        { "featureKey": "crm", "featureName": "CRM", "category": "service", "description": "Contacts",
          "enabled": false, "tiers": { "free": false, "pro": true } },
        { "featureKey": "sms", "featureName": "SMS", "category": "integration", "description": null,
          "enabled": true, "tiers": { "free": 0, "pro": -1 } },
        { "featureKey": "support", "featureName": "Support", "category": "support",
          "tiers": { "free": "email", "pro": "priority" } }
    ]"#;
    let monthly = Meter::Quota(QuotaPeriod::Month);
    let features = Importer::new()
        .levels("support", ["email", "priority", "dedicated"])
        .counted("sms", "sms", monthly)
        .read(json)
        .unwrap();
    let imported = builder().features(features).build().unwrap();
    use tiergate_core::catalog::Category;
    let written = builder()
        .feature(
            FeatureSpec::boolean("crm")
                .name("CRM")
                .description("Contacts")
                .availability(Availability::Disabled)
                .value("free", false)
                .value("pro", true),
        )
        .feature(
            FeatureSpec::limit("sms")
                .name("SMS")
                .category(Category::Integration)
                .metric("sms")
                .counted(monthly)
                .value("free", Limit::ZERO)
                .value("pro", Limit::Unlimited),
        )
        .feature(
            FeatureSpec::level("support", ["email", "priority", "dedicated"])
                .name("Support")
                .category(Category::Support)
                .value("free", "email")
                .value("pro", "priority"),
        )
        .build()
        .unwrap();
    assert_eq!(imported, written);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let json = r#"[
        { "featureKey": "a", "featureName": "A", "category": "service", "tiers": { "free": -2, "pro": 1.5 } },
        { "featureKey": "b", "featureName": "B", "category": "service", "tiers": { "free": true, "pro": 5 } },
        { "featureKey": "c", "featureName": "C", "category": "service", "tiers": { "free": "low", "pro": "high" } },
        { "featureKey": "d", "featureName": "D", "category": "services", "teirs": { "free": true } },
        { "featureKey": "e", "featureName": "E", "category": "service", "tiers": { "free": 1, "free": 2, "pro": null } },
        { "featureName": "F", "category": 5, "tiers": [], "enabled": 1 },
        { "featureKey": "g", "featureKey": "g", "featureName": "G", "category": "service", "tiers": {} },
        { "featureKey": "h", "featureName": "H", "category": "service", "tiers": { "free": 18446744073709551616, "pro": [1] } },
        { "featureKey": "i", "featureName": "I", "category": "service", "enabled": "yes", "description": 5, "tiers": { "free": true } },
        "j"
    ]"#;
    insta::assert_snapshot!("flags", Importer::new().read(json).unwrap_err());
}

#[test]
fn what_is_declared_of_a_feature_that_is_not_there_is_a_fault() {
    let json = r#"[{ "featureKey": "sms", "featureName": "SMS", "category": "support", "tiers": { "free": 1 } }]"#;
    let importer = Importer::new().counted("sns", "sms", Meter::Gauge);
    insta::assert_snapshot!("declared", importer.read(json).unwrap_err());
}

#[test]
fn what_is_not_json_is_told_with_its_line() {
    insta::assert_snapshot!(
        "not_json",
        Importer::new()
            .read("[\n  { \"featureKey\": }\n]")
            .unwrap_err()
    );
    insta::assert_snapshot!("not_a_list", Importer::new().read("{}").unwrap_err());
    assert!(Importer::new().read(&"[".repeat(100_000)).is_err());
    assert!(
        Importer::new()
            .read(&" ".repeat(Catalog::MAX_BYTES + 1))
            .is_err()
    );
}

#[test]
fn whether_the_tiers_exist_is_found_out_by_the_builder() {
    let json = r#"[{ "featureKey": "crm", "featureName": "CRM", "category": "service", "tiers": { "free": true, "gold": true } }]"#;
    let features = Importer::new().read(json).unwrap();
    let error = builder().features(features).build().unwrap_err();
    let messages: Vec<_> = error
        .faults()
        .iter()
        .map(tiergate_core::catalog::Fault::message)
        .collect();
    assert_eq!(
        messages,
        [
            "feature `crm` has a value for the unknown tier `gold`",
            "feature `crm` has no value for tier `pro`",
        ]
    );
}
