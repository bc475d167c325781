//! Every fault of a catalog is told with its line, a marker and a remedy, and all at once.

#![expect(clippy::expect_used, reason = "a helper of tests may fail like a test")]

use tiergate_core::catalog::{
    Catalog, CatalogError, FaultKind, FeatureSpec, MetricSpec, PriceSpec, TierSpec,
};
use tiergate_core::{Limit, Meter};

const BASE: &str = "\
version: 1
currency: USD
default_tier: free
trial_days: 14
tiers:
  free: { name: Free, track: individual, price: free }
  pro: { name: Pro, track: individual, includes: [free], price: { monthly: 12.00, annual: 115.00 } }
metrics:
  storage: { name: Storage, unit: GB }
features:
  crm_enabled:
    name: CRM
    category: service
    kind: boolean
    tiers: { free: off, pro: on }
  storage_gb:
    name: File storage
    category: storage
    kind: limit
    metric: storage
    counted: gauge
    tiers: { free: 5, pro: 50 }
  support:
    name: Support
    category: support
    kind: level
    levels: [community, email]
    tiers: { free: community, pro: email }
";

fn refused(text: &str) -> CatalogError {
    Catalog::from_yaml(text).expect_err("the catalog should be refused")
}

/// The catalog with one thing changed.
fn with(from: &str, to: &str) -> String {
    assert_eq!(BASE.matches(from).count(), 1, "`{from}` must be there once");
    BASE.replace(from, to)
}

#[test]
fn the_catalog_that_the_others_are_made_from_is_good() {
    Catalog::from_yaml(BASE).unwrap();
}

/// Puts the messages of several faults into one snapshot, each under its name.
fn told(snapshot: &str, cases: &[(&str, FaultKind, String)]) {
    let mut document = String::new();
    for (name, kind, text) in cases {
        let error = refused(text);
        let kinds: Vec<_> = error
            .faults()
            .iter()
            .map(tiergate_core::catalog::Fault::kind)
            .collect();
        assert!(
            kinds.iter().all(|found| found == kind),
            "{name}: {kinds:?}\n{error}"
        );
        document.push_str(&format!("# {}\n\n{error}\n\n", name.replace('_', " ")));
    }
    insta::assert_snapshot!(snapshot, document);
}

macro_rules! told {
    ($snapshot:ident { $($name:ident: $kind:ident, $text:expr;)* }) => {
        #[test]
        fn $snapshot() {
            told(
                stringify!($snapshot),
                &[$((stringify!($name), FaultKind::$kind, String::from($text))),*],
            );
        }
    };
}

told! { the_file_as_a_whole {
    an_empty_file: Empty, "";
    a_file_with_nothing_but_comments: Empty, "# nothing here\n\n";
    a_list_in_place_of_a_catalog: WrongShape, "- a\n- b\n";
    a_sentence_in_place_of_a_catalog: WrongShape, "hello\n";
    a_file_that_is_too_large: TooMuch, format!("{BASE}# {}", "x".repeat(Catalog::MAX_BYTES));
    nesting_without_end: TooMuch, "[".repeat(100_000);
} }

told! { yaml_that_is_none_or_that_catalogs_do_without {
    a_tab: Syntax, with("    category: support", "\tcategory: support");
    an_open_quote: Syntax, with("name: CRM", "name: \"CRM");
    an_open_brace: Syntax, with("{ free: off, pro: on }", "{ free: off, pro: on");
    a_missing_comma: Syntax, with("{ free: off, pro: on }", "{ free: off pro: on }");
    a_line_indented_too_far: Syntax, with("    category: service", "      category: service");
    a_bracket_too_many: Syntax, with("[free]", "[free]]");
    a_colon_in_a_text: Syntax, with("name: CRM", "name: CRM: contacts");
    an_anchor_and_an_alias: Unsupported, with("{ free: off, pro: on }", "&all { free: off, pro: *all }");
    a_tag: Unsupported, with("name: CRM", "name: !str CRM");
    a_directive: Unsupported, format!("%YAML 1.2\n---\n{BASE}");
    a_second_document: Unsupported, format!("{BASE}---\nversion: 1\n");
    a_list_as_a_key: WrongShape, with("  crm_enabled:", "  [a, b]: c\n  crm_enabled:");
} }

told! { fields {
    an_unknown_field: UnknownField, with("    category: support", "    category: support\n    catgory: support");
    an_unknown_field_that_is_like_no_other: UnknownField, with("unit: GB", "colour: red");
    a_field_twice: Duplicate, with("name: CRM", "name: CRM\n    kind: boolean\n    name: CRM 2");
    a_field_for_features_of_another_kind: UnknownField, with("    name: CRM", "    name: CRM\n    levels: [a]\n    metric: storage");
    a_field_with_nothing_in_it: Empty, with("name: CRM", "name:");
    fields_that_are_missing_in_the_catalog: MissingField, "trial_days: 14\n";
    fields_that_are_missing_in_a_tier: MissingField, with("{ name: Free, track: individual, price: free }", "{}");
    fields_that_are_missing_in_a_price: MissingField, with("{ monthly: 12.00, annual: 115.00 }", "{ per: seat }");
    fields_that_are_missing_in_a_feature: MissingField, with("  crm_enabled:\n    name: CRM\n    category: service\n    kind: boolean\n    tiers: { free: off, pro: on }", "  crm_enabled: {}");
    fields_that_are_missing_in_a_level: MissingField, with("    levels: [community, email]\n", "");
    fields_that_are_missing_in_a_metric: MissingField, with("{ name: Storage, unit: GB }", "{}");
    a_tier_in_one_word: WrongShape, with("{ name: Free, track: individual, price: free }", "Free");
    a_name_that_is_a_list: WrongShape, with("name: CRM", "name: [CRM]");
    a_name_that_is_a_number: WrongShape, with("name: CRM", "name: 365");
    a_name_that_is_a_boolean: WrongShape, with("name: CRM", "name: true");
    a_name_that_is_blank: BadText, with("name: CRM", "name: \"  \"");
    a_name_with_a_control_character: BadText, with("name: CRM", "name: \"CRM\\e[31m\"");
    a_name_that_is_too_long: BadText, with("name: CRM", &format!("name: {}", "x".repeat(201)));
    includes_without_brackets: WrongShape, with("[free]", "free");
    values_in_a_list: WrongShape, with("{ free: off, pro: on }", "[off, on]");
    a_value_that_is_a_list: WrongShape, with("pro: on }", "pro: [on] }");
} }

told! { the_version {
    no_version: MissingField, with("version: 1\n", "");
    a_newer_version: Version, with("version: 1", "version: 2");
    a_version_in_words: Version, with("version: 1", "version: one");
    a_version_in_quotes: Version, with("version: 1", "version: \"1\"");
    a_version_with_a_point: Version, with("version: 1", "version: 1.0");
} }

told! { keys_and_names {
    a_key_with_a_capital: BadKey, with("  crm_enabled:", "  CRM-enabled:");
    a_key_in_another_script: BadKey, with("  crm_enabled:", "  größe:");
    a_key_with_an_escape_character: BadKey, with("  crm_enabled:", "  \"crm\\e[31m\":");
    a_feature_twice: Duplicate, with("  support:", "  crm_enabled:");
    a_tier_twice: Duplicate, with("  pro: {", "  free: { name: Free, track: individual, price: free }\n  pro: {");
    a_value_twice: Duplicate, with("{ free: off, pro: on }", "{ free: off, pro: on, free: on }");
    a_value_for_an_unknown_tier: UnknownTier, with("{ free: 5, pro: 50 }", "{ free: 5, pro: 50, premum: 60 }");
    a_value_for_a_misspelt_tier: UnknownTier, with("{ free: 5, pro: 50 }", "{ free: 5, pro: 50, prro: 50 }");
    no_value_for_a_tier: MissingTier, with("{ free: 5, pro: 50 }", "{ free: 5 }");
    no_value_for_any_tier: MissingTier, with("{ free: community, pro: email }", "{}");
    nothing_after_a_tier: Empty, with("pro: on }", "pro: }");
    an_unknown_default_tier: UnknownTier, with("default_tier: free", "default_tier: fre");
    an_unknown_metric: UnknownMetric, with("metric: storage", "metric: storge");
    an_unknown_currency: UnknownCurrency, with("currency: USD", "currency: BTC");
    a_currency_in_small_letters: UnknownCurrency, with("currency: USD", "currency: usd");
    an_unknown_time_zone: UnknownTimeZone, with("currency: USD", "currency: USD\ntime_zone: Middle/Nowhere");
    an_unknown_category: UnknownWord, with("category: service", "category: servce");
    an_unknown_track: UnknownWord, with("{ name: Free, track: individual,", "{ name: Free, track: team,");
    an_unknown_way_of_counting: UnknownWord, with("counted: gauge", "counted: quota per billing period");
    an_unknown_kind: UnknownWord, with("kind: boolean", "kind: bool");
    tiers_without_a_tier: Empty, "version: 1\ncurrency: USD\ntiers: {}\nfeatures: {}\n".to_owned() + "default_tier: free\n";
} }

told! { values {
    a_word_for_a_boolean: WrongValue, with("pro: on }", "pro: yes }");
    a_number_for_a_boolean: WrongValue, with("pro: on }", "pro: 50 }");
    a_word_for_a_limit: WrongValue, with("pro: 50 }", "pro: lots }");
    on_for_a_limit: WrongValue, with("pro: 50 }", "pro: on }");
    infinity_for_a_limit: WrongValue, with("pro: 50 }", "pro: .inf }");
    a_limit_in_quotes: WrongValue, with("pro: 50 }", "pro: \"50\" }");
    a_negative_limit: NegativeNumber, with("pro: 50 }", "pro: -1 }");
    a_limit_with_underscores: BadNumber, with("pro: 50 }", "pro: 1_000 }");
    a_limit_with_a_fraction: BadNumber, with("pro: 50 }", "pro: 50.5 }");
    a_limit_with_an_exponent: BadNumber, with("pro: 50 }", "pro: 1e3 }");
    a_limit_that_starts_with_zero: BadNumber, with("pro: 50 }", "pro: 050 }");
    a_limit_that_is_too_large: BadNumber, with("pro: 50 }", "pro: 18446744073709551616 }");
    an_unknown_level: UnknownLevel, with("pro: email }", "pro: emial }");
    an_unknown_level_that_is_like_no_other: UnknownLevel, with("pro: email }", "pro: dedicated }");
    a_number_for_a_level: WrongValue, with("pro: email }", "pro: 5 }");
    a_level_twice: Duplicate, with("[community, email]", "[community, email, community]");
    a_level_that_is_a_number: WrongShape, with("[community, email]", "[community, email, 5]");
    no_levels: Empty, with("[community, email]", "[]");
    neither_enabled_nor_not: WrongValue, with("name: CRM", "name: CRM\n    enabled: maybe");
    a_trial_without_end: BadNumber, with("trial_days: 14", "trial_days: 100000");
    a_trial_of_less_than_no_time: NegativeNumber, with("trial_days: 14", "trial_days: -14");
} }

told! { prices {
    a_price_in_one_number: BadPrice, with("{ monthly: 12.00, annual: 115.00 }", "12.00");
    a_price_with_too_many_digits: BadPrice, with("monthly: 12.00", "monthly: 12.005");
    a_price_with_a_currency: BadPrice, with("monthly: 12.00", "monthly: $12.00");
    a_price_in_quotes: WrongShape, with("monthly: 12.00", "monthly: \"12.00\"");
    a_price_below_zero: BadPrice, with("monthly: 12.00", "monthly: -12.00");
    a_price_of_nothing: BadPrice, with("monthly: 12.00", "monthly: 0.00");
    a_price_that_is_too_large: BadPrice, with("monthly: 12.00", "monthly: 99999999999999999999");
    seats_without_a_price_per_seat: BadPrice, with("annual: 115.00 }", "annual: 115.00, minimum_seats: 5 }");
    no_seats: BadNumber, with("annual: 115.00 }", "annual: 115.00, per: seat, minimum_seats: 0 }");
    a_price_per_something_else: UnknownWord, with("annual: 115.00 }", "annual: 115.00, per: user }");
} }

told! { what_tiers_include {
    a_tier_that_includes_an_unknown_one: UnknownTier, with("[free]", "[fre]");
    a_tier_that_includes_itself: IncludesCycle, with("[free]", "[free, pro]");
    a_tier_that_includes_another_twice: Duplicate, with("[free]", "[free, free]");
    tiers_that_include_each_other: IncludesCycle, with("name: Free, track: individual,", "name: Free, track: individual, includes: [pro],");
    a_tier_that_gives_less_than_one_it_includes: GivesLess, with("{ free: 5, pro: 50 }", "{ free: unlimited, pro: 50 }")
        .replace("{ free: off, pro: on }", "{ free: on, pro: off }")
        .replace("{ free: community, pro: email }", "{ free: email, pro: community }");
    a_tier_that_includes_too_many: TooMuch, with("[free]", &format!("[{}]", vec!["free"; 17].join(", ")));
} }

#[test]
fn less_is_found_through_others_and_cycles_are_told_as_a_way_around() {
    let text = "
version: 1
currency: USD
default_tier: a
tiers:
  a: { name: A, track: individual, price: free }
  b: { name: B, track: individual, includes: [a], price: free }
  c: { name: C, track: individual, includes: [b], price: free }
features:
  x: { name: X, category: service, kind: limit, tiers: { a: 10, b: 5, c: 5 } }
";
    insta::assert_snapshot!("less_through_others", refused(text));
    let cycle = text.replace("name: A,", "name: A, includes: [c],");
    insta::assert_snapshot!("a_longer_circle", refused(&cycle));
}

#[test]
fn everything_is_told_at_once_in_the_order_of_the_checks() {
    let text = with("name: Free,", "nme: Free,")
        .replace("currency: USD", "currency: XYZ")
        .replace("pro: 50 }", "pro: -1 }")
        .replace("pro: email }", "prro: email }")
        .replace("default_tier: free", "default_tier: gratis");
    insta::assert_snapshot!("everything_at_once", refused(&text));
}

#[test]
fn bytes_that_are_not_utf_8_are_told_with_their_line() {
    let mut bytes = with("name: CRM", "name: C_M").into_bytes();
    let at = bytes.windows(3).position(|three| three == b"C_M").unwrap();
    bytes[at + 1] = 0xff;
    let error = Catalog::from_yaml_bytes("plans/flags.yaml", &bytes).unwrap_err();
    insta::assert_snapshot!("not_utf_8", error);
    let utf_16: Vec<u8> = [0xff, 0xfe, b'v', 0].into();
    let error = Catalog::from_yaml_bytes("flags.yaml", &utf_16).unwrap_err();
    insta::assert_snapshot!("utf_16", error);
    assert_eq!(error.faults()[0].kind(), FaultKind::NotUtf8);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let expected = Catalog::from_yaml(BASE).unwrap();
    let marked = format!("\u{feff}{BASE}");
    assert_eq!(Catalog::from_yaml(&marked).unwrap(), expected);
    let windows = BASE.replace('\n', "\r\n");
    assert_eq!(Catalog::from_yaml(&windows).unwrap(), expected);
    let error = refused(&format!(
        "\u{feff}{}",
        windows.replace("pro: 50 }", "pro: -1 }")
    ));
    let fault = &error.faults()[0];
    assert_eq!((fault.line(), fault.column()), (Some(22), Some(28)));
    insta::assert_snapshot!("windows_line_ends", error);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Catalog::from_path("no/such/feature-flags.yaml").unwrap_err();
    assert_eq!(error.faults()[0].kind(), FaultKind::Unreadable);
    let text = error.to_string();
    assert!(
        text.contains("`no/such/feature-flags.yaml` cannot be read: "),
        "{text}"
    );
}

#[test]
fn a_fault_says_where_it_is() {
    let error = refused(&with("pro: email }", "pro: emial }"));
    let [fault] = error.faults() else {
        panic!("{error}");
    };
    assert_eq!(fault.kind(), FaultKind::UnknownLevel);
    assert_eq!(fault.file(), Some("feature-flags.yaml"));
    assert_eq!((fault.line(), fault.column()), (Some(28), Some(36)));
    assert_eq!(fault.help(), "did you mean `email`?");
}

#[test]
fn many_faults_are_listed_up_to_a_bound_and_shown_up_to_another() {
    let lines: String = (0..120).map(|n| format!("    unknown_{n}: 1\n")).collect();
    let error = refused(&with(
        "  crm_enabled:\n",
        &format!("  crm_enabled:\n{lines}"),
    ));
    assert_eq!(error.faults().len(), 120);
    let text = error.to_string();
    assert!(text.contains("\nand 70 more\n"), "{text}");
    assert!(text.ends_with("\n120 faults in feature-flags.yaml, nothing was loaded"));

    let lines: String = (0..5_000)
        .map(|n| format!("    unknown_{n}: 1\n"))
        .collect();
    let error = refused(&with(
        "  crm_enabled:\n",
        &format!("  crm_enabled:\n{lines}"),
    ));
    assert_eq!(error.faults().len(), CatalogError::MAX_FAULTS);
}

#[test]
fn a_catalog_built_in_code_is_checked_alike() {
    let error = Catalog::builder()
        .currency("XYZ")
        .default_tier("fre")
        .tier(TierSpec::new("free").includes("pro"))
        .tier(TierSpec::new("pro").includes("free"))
        .tier(TierSpec::new("pro").price(PriceSpec::amounts("12", "12.345")))
        .tier(TierSpec::new("Max").price(PriceSpec::per_seat("1.00", "-1", 0)))
        .metric(MetricSpec::new("storage").name(""))
        .feature(
            FeatureSpec::boolean("crm")
                .metric("storage")
                .counted(Meter::Gauge)
                .value("free", 5)
                .value("prro", true),
        )
        .feature(
            FeatureSpec::limit("storage")
                .metric("storge")
                .counted(Meter::Gauge)
                .value("free", Limit::Unlimited)
                .value("pro", "many")
                .value("pro", 5)
                .value("Max", 5),
        )
        .feature(
            FeatureSpec::level("support", ["low", "low", "\u{1b}[31m"])
                .value("free", "lo")
                .value("pro", false)
                .value("Max", "low"),
        )
        .build()
        .unwrap_err();
    let fault = &error.faults()[0];
    assert_eq!(
        (fault.file(), fault.line(), fault.column()),
        (None, None, None)
    );
    insta::assert_snapshot!("built_in_code", error);
}

#[test]
fn the_error_is_an_error_that_threads_can_share() {
    fn assert_error<T: std::error::Error + Send + Sync + 'static>() {}
    assert_error::<CatalogError>();
    assert_error::<tiergate_core::catalog::SuccessionError>();
    assert_error::<tiergate_core::catalog::UnknownTierError>();
    assert_error::<tiergate_core::catalog::UnknownFeatureError>();
}

#[test]
fn nothing_that_a_terminal_obeys_is_repeated() {
    for text in [
        with("  crm_enabled:", "  \"a\\e[2J\":"),
        with("name: CRM", "\"x\\e\\x07\": 1\n    name: CRM"),
        with("pro: email }", "pro: \"\\e]0;owned\\x07\" }"),
        with("name: CRM", "name: CRM # \u{1b}[31m\n    unknown: 1"),
        with(
            "category: service",
            "category: service # \u{1b}[31m\u{202e}\n    \u{1b}: 1",
        ),
    ] {
        let Err(error) = Catalog::from_yaml(&text) else {
            continue;
        };
        let shown = error.to_string();
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(obeyed), "{shown:?}");
    }
}
