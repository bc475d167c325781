//! The schema that editors use says what the reader says.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail like a test")]

use serde_json::Value;
use tiergate_core::Catalog;

const SHIPPED: &str = include_str!("../../../feature-flags.yaml");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/feature-flags.schema.json");

fn schema() -> Value {
    serde_json::from_str(&Catalog::json_schema()).unwrap()
}

fn is_valid(yaml: &str) -> bool {
    let value: Value = serde_yaml::from_str(yaml).unwrap();
    jsonschema::validator_for(&schema())
        .unwrap()
        .is_valid(&value)
}

#[test]
fn the_schema_in_the_repository_is_up_to_date() {
    if std::env::var_os("TIERGATE_BLESS").is_some() {
        std::fs::write(PATH, Catalog::json_schema()).unwrap();
    }
    let stored = std::fs::read_to_string(PATH).unwrap_or_default();
    let stored: Value = serde_json::from_str(&stored).unwrap_or_default();
    assert!(
        stored == schema(),
        "{PATH} is out of step with the reader; run this test with TIERGATE_BLESS=1 to write it anew"
    );
}

#[test]
fn the_schema_is_one_itself() {
    jsonschema::meta::validate(&schema()).unwrap();
}

#[test]
fn the_shipped_catalog_is_valid_and_names_the_schema() {
    let value: Value = serde_yaml::from_str(SHIPPED).unwrap();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&value)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let first = SHIPPED.lines().next().unwrap();
    assert_eq!(
        first,
        "# yaml-language-server: $schema=crates/tiergate-core/feature-flags.schema.json"
    );
    assert!(PATH.ends_with("crates/tiergate-core/feature-flags.schema.json"));
}

#[test]
fn what_the_schema_underlines_the_reader_refuses() {
    // As the writer spaces it, so that the changes below find their place.
    let shipped = Catalog::from_yaml(SHIPPED).unwrap().to_yaml();
    assert!(is_valid(&shipped));
    for (from, to) in [
        ("version: 1", "version: 2"),
        ("version: 1", "version: \"1\""),
        ("currency: USD", "currency: BTC"),
        ("trial_days: 14", "trial_days: -14"),
        ("trial_days: 14", "trial_days: 4000"),
        ("trial_days: 14", "trial_day: 14"),
        (
            "track: individual, includes: [free]",
            "track: team, includes: [free]",
        ),
        ("includes: [free]", "includes: free"),
        ("includes: [free]", "includes: [free, free]"),
        ("price: by contract", "price: a lot"),
        ("price: { monthly: 12.00,", "price: { monthly: 0,"),
        ("monthly: 12.00, annual: 115.00 }", "monthly: 12.00 }"),
        (
            "monthly: 12.00, annual: 115.00 }",
            "monthly: 12.00, annual: 115.00, minimum_seats: 5 }",
        ),
        ("name: File storage", "name: 5"),
        ("name: File storage", "name: \"\""),
        ("metric: bandwidth", "metric: Band width"),
        ("counted: gauge", "counted: gage"),
        ("{ free: 5, ", "{ free: -1, "),
        ("{ free: 5, ", "{ free: off, "),
        ("{ free: community, ", "{ free: 5, "),
        ("levels: [community, ", "levels: [community, community, "),
        (
            "levels: [community, email, priority, dedicated]",
            "levels: []",
        ),
        ("  crm_enabled:\n", "  CRM:\n"),
        (
            "name: CRM\n    category: service",
            "name: CRM\n    levels: [a]\n    category: service",
        ),
        (
            "name: CRM\n    category: service",
            "name: CRM\n    category: services",
        ),
        (
            "name: CRM\n    category: service",
            "name: CRM\n    enabled: maybe\n    category: service",
        ),
    ] {
        assert!(shipped.contains(from), "`{from}` must be there");
        let changed = shipped.replacen(from, to, 1);
        assert!(!is_valid(&changed), "the schema accepts `{to}`");
        assert!(
            Catalog::from_yaml(&changed).is_err(),
            "the reader accepts `{to}`"
        );
    }
}

/// A catalog with one item of each sort, every field filled in.
const FULL: &str = "
version: 1
currency: USD
time_zone: UTC
default_tier: a
trial_days: 1
tiers:
  a: { name: A, description: A, track: individual, price: free }
  b: { name: B, description: B, track: individual, includes: [a], price: { monthly: 1, annual: 1, per: seat, minimum_seats: 2 } }
metrics:
  m: { name: M, unit: GB }
features:
  x: { name: X, description: X, category: service, enabled: on, kind: limit, metric: m, counted: gauge, tiers: { a: 1, b: 1 } }
  y: { name: Y, description: Y, category: service, enabled: on, kind: level, levels: [l], tiers: { a: l, b: l } }
";

#[test]
fn a_field_is_required_by_the_schema_and_by_the_reader_or_by_neither() {
    let full: Value = serde_yaml::from_str(FULL).unwrap();
    assert!(is_valid(FULL));
    Catalog::from_yaml(FULL).unwrap();
    let mut removed = 0;
    for parent in [
        "",
        "/tiers/a",
        "/tiers/b",
        "/tiers/b/price",
        "/metrics/m",
        "/features/x",
        "/features/y",
    ] {
        let fields = full.pointer(parent).unwrap().as_object().unwrap();
        for field in fields.keys() {
            let mut without = full.clone();
            let owner = without
                .pointer_mut(parent)
                .unwrap()
                .as_object_mut()
                .unwrap();
            owner.remove(field);
            // JSON is YAML.
            let text = without.to_string();
            let read = Catalog::from_yaml(&text);
            let missing = read.as_ref().is_err_and(|error| {
                let kinds = error
                    .faults()
                    .iter()
                    .map(tiergate_core::catalog::Fault::kind);
                kinds
                    .into_iter()
                    .any(|kind| kind == tiergate_core::catalog::FaultKind::MissingField)
            });
            let expected = match (parent, field.as_str()) {
                // What is missing then is not the field, but what others say of it.
                ("", "metrics") | ("/tiers/b/price", "per") => false,
                _ => is_valid(&text),
            };
            if (parent, field.as_str()) == ("", "metrics") || field == "per" {
                assert!(read.is_err());
            } else {
                assert_eq!(read.is_ok(), expected, "{parent}/{field}: {read:?}");
                assert_eq!(missing, !expected, "{parent}/{field}");
            }
            removed += 1;
        }
    }
    assert_eq!(removed, 8 + 4 + 5 + 4 + 2 + 8 + 7);
}
