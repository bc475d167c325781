//! No input makes the reader panic, and no refusal is without bound.

#![expect(clippy::expect_used, reason = "a helper of tests may fail like a test")]

use proptest::prelude::*;
use tiergate_core::catalog::legacy::Importer;
use tiergate_core::catalog::{Catalog, CatalogError, FaultKind, FeatureSpec, TierSpec};

const SHIPPED: &str = include_str!("../../../feature-flags.yaml");

/// Whatever is refused is told within bounds.
fn assert_bounded(result: &Result<Catalog, CatalogError>) {
    if let Err(error) = result {
        assert!(!error.faults().is_empty());
        assert!(error.faults().len() <= CatalogError::MAX_FAULTS);
        assert!(error.to_string().len() < 200_000);
    }
}

fn refuse(text: &str) -> CatalogError {
    let result = Catalog::from_yaml(text);
    assert_bounded(&result);
    result.expect_err("the catalog should be refused")
}

const HEAD: &str = "version: 1\ncurrency: USD\ndefault_tier: a\ntiers:\n  a: { name: A, track: individual, price: free }\n";

#[test]
fn input_that_is_built_to_do_harm_is_refused_within_bounds() {
    let mebibyte = Catalog::MAX_BYTES;
    for text in [
        "[".repeat(100_000),
        "{".repeat(100_000),
        "[".repeat(mebibyte),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        "- a\n".repeat(mebibyte / 4),
        "a: b\n".repeat(mebibyte / 5),
        "a:\n".repeat(mebibyte / 3),
        ",".repeat(mebibyte),
        ":".repeat(mebibyte),
        "#".repeat(mebibyte),
        "\n".repeat(mebibyte),
        "\"".repeat(mebibyte),
        "'".repeat(mebibyte),
        "\t".repeat(mebibyte),
        "&a ".repeat(100_000),
        "*a ".repeat(100_000),
        "!a ".repeat(100_000),
        "%a\n".repeat(100_000),
        "---\n".repeat(mebibyte / 4),
        "x".repeat(mebibyte),
        format!("\"{}\"", "x".repeat(mebibyte - 2)),
        format!("{HEAD}features:\n  {}: 1\n", "x".repeat(900_000)),
        format!("{HEAD}features:\n  x: {}\n", "x".repeat(900_000)),
        format!("{HEAD}features:\n  x: |\n{}", "    x\n".repeat(150_000)),
        (0..10)
            .map(|level| {
                format!(
                    "a{level}: &a{level} [{}]\n",
                    vec![format!("*a{}", level - 1); 9].join(",")
                )
            })
            .collect(),
    ] {
        refuse(&text);
    }
}

#[test]
fn thousands_of_faults_of_one_sort_are_told_within_bounds() {
    let many = |line: &dyn Fn(usize) -> String, count| (0..count).map(line).collect::<String>();
    let tiers = many(&|n| format!("t{n}: on, "), 60_000);
    let levels = many(&|n| format!("l{n}, "), 90_000);
    let feature = "name: X, category: service, kind: boolean";
    for text in [
        // The same key again and again.
        format!("{HEAD}features:\n{}", "  x: {}\n".repeat(100_000)),
        format!("{HEAD}{}", "features: {}\n".repeat(70_000)),
        format!(
            "{HEAD}features:\n  x: {{ {feature}, tiers: {{ {} }} }}\n",
            "a: on, ".repeat(100_000)
        ),
        // Names that are unknown.
        format!("{HEAD}features:\n  x: {{ {feature}, tiers: {{ {tiers} }} }}\n"),
        format!(
            "{HEAD}features:\n  x: {{ {} }}\n",
            many(&|n| format!("f{n}: 1, "), 70_000)
        ),
        format!("{HEAD}{}", many(&|n| format!("f{n}: 1\n"), 70_000)),
        // Features that lack everything.
        format!(
            "{HEAD}features:\n{}",
            many(&|n| format!("  x{n}: {{}}\n"), 60_000)
        ),
        format!(
            "{HEAD}features:\n{}",
            many(&|n| format!("  X{n}: {{}}\n"), 60_000)
        ),
        format!(
            "{HEAD}features:\n{}",
            many(&|n| format!("  x{n}:\n"), 80_000)
        ),
        // Too many of what is good.
        format!(
            "{HEAD}features: {{}}\nmetrics:\n{}",
            many(&|n| format!("  x{n}: {{ name: X }}\n"), 40_000)
        ),
        format!(
            "{HEAD}{}features: {{}}\n",
            many(
                &|n| format!("  x{n}: {{ name: X, track: individual, price: free }}\n"),
                15_000
            )
        ),
        format!(
            "{HEAD}features:\n  x: {{ name: X, category: service, kind: level, levels: [{levels}], tiers: {{ a: l0 }} }}\n"
        ),
        format!(
            "{HEAD}  b: {{ name: B, track: individual, includes: [{}], price: free }}\nfeatures: {{}}\n",
            "a, ".repeat(300_000)
        ),
        // A thousand faults at the far end of one line.
        format!(
            "{HEAD}features: {{ {}{} }}\n",
            " ".repeat(900_000),
            many(&|n| format!("x{n}: {{}}, "), 1_000)
        ),
    ] {
        assert!(text.len() <= Catalog::MAX_BYTES, "{}", text.len());
        refuse(&text);
    }
}

#[test]
fn every_tier_including_all_before_it_and_giving_less_is_told_within_bounds() {
    let mut text = HEAD.to_owned();
    for tier in 1..1_000 {
        let from = if tier > 16 { tier - 16 } else { 1 };
        let below: Vec<_> = (from..tier).map(|below| format!("t{below}")).collect();
        let line = format!(
            "  t{tier}: {{ name: T, track: individual, includes: [{}], price: free }}\n",
            below.join(",")
        );
        text.push_str(&line);
    }
    text.push_str("features:\n");
    for feature in 0..30 {
        let values: String = (1..1_000)
            .map(|tier| format!("t{tier}: {}, ", 1_000 - tier))
            .collect();
        let line = format!(
            "  f{feature}: {{ name: F, category: service, kind: limit, tiers: {{ a: 0, {values} }} }}\n"
        );
        text.push_str(&line);
    }
    assert!(text.len() <= Catalog::MAX_BYTES, "{}", text.len());
    assert_eq!(refuse(&text).faults().len(), CatalogError::MAX_FAULTS);
}

#[test]
fn a_long_chain_of_tiers_is_read_in_whatever_order() {
    let line = |tier: usize| {
        format!(
            "  t{tier}: {{ name: T, track: individual, includes: [t{}], price: free }}\n",
            tier - 1
        )
    };
    let head = HEAD
        .replace("  a:", "  t0:")
        .replace("default_tier: a", "default_tier: t0");
    for tiers in [
        (1..1_000).map(line).collect::<String>(),
        (1..1_000).rev().map(line).collect(),
    ] {
        let catalog = Catalog::from_yaml(&format!("{head}{tiers}features: {{}}\n")).unwrap();
        let [first, last] = ["t0", "t999"].map(|key| catalog.require_tier(key).unwrap());
        assert_eq!(catalog.satisfies(last, first), Ok(true));
        assert_eq!(catalog.satisfies(first, last), Ok(false));
    }
}

#[test]
fn a_large_catalog_is_built_written_and_read() {
    let builder = (0..50).fold(Catalog::builder(), |builder, tier| {
        let spec = TierSpec::new(&format!("t{tier}"));
        builder.tier(match tier {
            0 => spec,
            _ => spec.includes(&format!("t{}", tier - 1)),
        })
    });
    let builder = (0..1_000).fold(builder, |builder, feature| {
        let spec = FeatureSpec::limit(&format!("f{feature}"));
        builder.feature((0..50_u64).fold(spec, |spec, tier| spec.value(&format!("t{tier}"), tier)))
    });
    let catalog = builder.default_tier("t0").build().unwrap();
    let text = catalog.to_yaml();
    assert!(text.len() <= Catalog::MAX_BYTES);
    assert_eq!(Catalog::from_yaml(&text).unwrap(), catalog);
}

/// Pieces that catalogs are made of, and pieces that they should not be made of.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "version: 1\n",
        "currency: USD\n",
        "default_tier: a\n",
        "tiers:\n",
        "features:\n",
        "metrics:\n",
        "  a: ",
        "  b: ",
        "    c: ",
        "{ ",
        " }",
        "[",
        "]",
        ", ",
        "\n",
        ": ",
        "- ",
        "? ",
        "| ",
        "> ",
        "\"",
        "'",
        "&x ",
        "*x",
        "!t ",
        "%d\n",
        "---\n",
        "...\n",
        "# c\n",
        "\t",
        "\r\n",
        "\u{feff}",
        "\u{0}",
        "name: A",
        "track: individual",
        "price: free",
        "price: { monthly: 1, annual: 2 }",
        "includes: [a, b]",
        "kind: boolean",
        "kind: limit",
        "kind: level",
        "levels: [x, y]",
        "category: service",
        "tiers: { a: on, b: off }",
        "counted: gauge",
        "metric: m",
        "enabled: off",
        "unlimited",
        "-1",
        "1e9",
        "99999999999999999999",
        "ö",
        "\u{1b}[31m",
        "<<: ",
        "~",
        "on",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        assert_bounded(&Catalog::from_yaml_bytes("bytes", &bytes));
        assert_bounded(&Catalog::from_yaml_bytes(&String::from_utf8_lossy(&bytes), &bytes));
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,300}") {
        assert_bounded(&Catalog::from_yaml(&text));
        assert_bounded(&Catalog::from_yaml(&format!("{HEAD}features:\n{text}")));
    }

    #[test]
    fn pieces_in_any_order_never_panic(pieces in prop::collection::vec(piece(), 0..80)) {
        assert_bounded(&Catalog::from_yaml(&pieces.concat()));
        assert_bounded(&Catalog::from_yaml(&format!("{HEAD}{}", pieces.concat())));
    }

    #[test]
    fn a_catalog_with_something_cut_out_and_something_put_in_never_panics(
        start in any::<prop::sample::Index>(),
        length in 0_usize..40,
        pieces in prop::collection::vec(piece(), 0..4),
    ) {
        let mut bytes = SHIPPED.as_bytes().to_vec();
        let start = start.index(bytes.len());
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, pieces.concat().bytes());
        assert_bounded(&Catalog::from_yaml_bytes("mutated", &bytes));
    }

    #[test]
    fn arbitrary_json_never_panics(text in "[\\[\\]{}:,\"a-c0-9. -]{0,100}") {
        let _ = Importer::new().levels("a", ["b"]).read(&text).map_err(|error| error.to_string());
    }
}

#[test]
fn a_key_that_a_terminal_would_obey_is_never_repeated_as_it_is() {
    let tier = |key: &str, includes: &str| {
        format!(
            "  \"{key}\": {{ name: X, track: individual, price: free, includes: [{includes}] }}\n"
        )
    };
    let bad = "b\\e[31m\\n";
    let feature = "name: X, category: service";
    let text = format!(
        "{HEAD}{}{}features:\n  \"f{bad}\": {{ {feature}, kind: boolean, tiers: {{ a: on, \"{bad}\": off, \"{bad}\": on, \"c{bad}\": maybe }} }}\n  g: {{ {feature}, kind: limit, tiers: {{ a: 1, \"{bad}\": -1, \"c{bad}\": }} }}\n",
        tier(bad, "a, a, x"),
        tier(&format!("c{bad}"), &format!("\"{bad}\", \"c{bad}\"")),
    );
    let error = refuse(&text);
    for kind in [
        FaultKind::BadKey,
        FaultKind::Duplicate,
        FaultKind::UnknownTier,
        FaultKind::GivesLess,
        FaultKind::IncludesCycle,
        FaultKind::NegativeNumber,
        FaultKind::WrongValue,
        FaultKind::Empty,
    ] {
        let found = error.faults().iter().any(|fault| fault.kind() == kind);
        assert!(found, "{kind:?}\n{error}");
    }
    for fault in error.faults() {
        for told in [fault.message(), fault.help()] {
            assert!(!told.contains(char::is_control), "{told:?}");
        }
    }
}
