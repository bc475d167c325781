use proptest::prelude::*;
use tiergate_core::subscription::{Override, OverrideValue};
use tiergate_core::time::Timestamp;
use tiergate_core::{Limit, Subject};

use super::*;

const WHOLE: &str = r#"{
    "id": "sub_1", "userId": "ada", "organizationId": null, "tier": "pro", "status": "trialing",
    "billingCycle": "monthly", "currentPeriodStart": "2026-01-01T00:00:00Z",
    "currentPeriodEnd": "2026-02-01T00:00:00+01:00", "cancelAtPeriodEnd": true,
    "canceledAt": "2026-01-05T00:00:00Z", "trialStart": "2026-01-01T00:00:00Z",
    "trialEnd": "2026-01-15T00:00:00Z", "seats": 5, "metadata": {"anything": [1, 2]},
    "overrides": [
        {"featureKey": "a", "value": true, "expiresAt": null, "reason": "ignored"},
        {"featureKey": "b", "value": 5},
        {"featureKey": "c", "value": "unlimited", "expiresAt": "2026-03-01T00:00:00Z"},
        {"featureKey": "d", "value": "priority"}
    ],
    "version": 7, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z",
    "addedLater": {"of": "no concern"}
}"#;

fn problem(json: &str) -> String {
    from_json(json.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_whole_record_is_read() {
    let read = from_json(WHOLE.as_bytes()).unwrap();
    let expected = Subscription::new(Subject::user("ada"), "pro", "trialing".into())
        .with_id("sub_1")
        .with_period(
            "2026-01-01T00:00:00Z".parse().unwrap(),
            "2026-01-31T23:00:00Z".parse().unwrap(),
        )
        .ending_with_period()
        .with_trial_end("2026-01-15T00:00:00Z".parse().unwrap())
        .with_seats(5)
        .with_version(7)
        .with_override(Override {
            feature: "a".into(),
            value: OverrideValue::Boolean(true),
            expires_at: None,
        })
        .with_override(Override {
            feature: "b".into(),
            value: OverrideValue::Limit(Limit::AtMost(5)),
            expires_at: None,
        })
        .with_override(Override {
            feature: "c".into(),
            value: OverrideValue::Limit(Limit::Unlimited),
            expires_at: Some("2026-03-01T00:00:00Z".parse().unwrap()),
        })
        .with_override(Override {
            feature: "d".into(),
            value: OverrideValue::Level("priority".into()),
            expires_at: None,
        });
    assert_eq!(read, expected);
}

#[test]
fn an_envelope_is_found_missing_or_invalid() {
    let whole = format!(r#"{{"success":true,"data":{WHOLE},"page":null}}"#);
    assert!(from_envelope(whole.as_bytes()).unwrap().is_some());
    assert_eq!(from_envelope(br#"{"success":true,"data":null}"#), Ok(None));
    for invalid in [
        r#"{"success":false,"data":null}"#,
        r#"{"success":true}"#,
        r#"{"data":null}"#,
        r#"{"success":1,"data":null}"#,
        r#"{"success":true,"data":[]}"#,
        r#"{"success":true,"data":{}}"#,
        r#"{"success":true,"data":"hunter2"}"#,
        r#"{"success":true,"data":null"#,
        "null",
        "",
        "<html>hunter2</html>",
    ] {
        let error = from_envelope(invalid.as_bytes()).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(!error.contains("struct"), "{error}");
    }
}

#[test]
fn numbers_of_an_override_never_wrap_or_round() {
    for value in [
        "-1",
        "1.5",
        "1.0",
        "1e3",
        "18446744073709551616",
        "null",
        "[]",
        "{}",
        "\"\"",
    ] {
        let json = format!(
            r#"{{"userId":"u","tier":"t","status":"active","overrides":[{{"featureKey":"f","value":{value}}}]}}"#
        );
        assert!(
            problem(&json).starts_with("field `overrides.value` must be"),
            "{value}"
        );
    }
}

#[test]
fn an_error_names_the_field_and_quotes_nothing() {
    let with = |field: &str| format!(r#"{{"userId":"u","tier":"t","status":"active",{field}}}"#);
    for (field, name) in [
        (r#""seats":-1"#, "seats"),
        (r#""seats":4294967296"#, "seats"),
        (r#""version":-1"#, "version"),
        (r#""version":"hunter2""#, "version"),
        (r#""trialEnd":"hunter2""#, "trialEnd"),
        (r#""currentPeriodEnd":12"#, "currentPeriodEnd"),
        (r#""cancelAtPeriodEnd":"hunter2""#, "cancelAtPeriodEnd"),
        (r#""organizationId":"o""#, "organizationId"),
        (r#""userId":"v""#, "userId"),
    ] {
        let problem = problem(&with(field));
        assert!(problem.contains(&format!("field `{name}`")), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    assert!(problem(r#"{"userId":"u","status":"active"}"#).contains("missing field `tier`"));
    assert!(problem(r#"{"userId":"","tier":"t","status":"active"}"#).contains("field `userId`"));
    assert!(problem(r#"{"userId":"u","tier":"","status":"active"}"#).contains("field `tier`"));
}

#[test]
fn overrides_that_are_no_list_of_objects_are_named() {
    for overrides in [
        "5",
        "true",
        "{}",
        "\"hunter2\"",
        "[5]",
        "[null]",
        "[[\"hunter2\"]]",
    ] {
        let json =
            format!(r#"{{"userId":"u","tier":"t","status":"active","overrides":{overrides}}}"#);
        let expected = "field `overrides` must be a list of objects or null";
        assert!(problem(&json).starts_with(expected), "{overrides}");
        let value = serde_json::from_str(&json).unwrap();
        let problem = from_value(value).unwrap_err().to_string();
        assert_eq!(problem, expected, "{overrides}");
    }
    let null = r#"{"userId":"u","tier":"t","status":"active","overrides":null}"#;
    assert!(from_json(null.as_bytes()).unwrap().overrides.is_empty());
}

#[test]
fn depth_is_bounded() {
    let bomb = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let within =
        |name: &str| format!(r#"{{"userId":"u","tier":"t","status":"active","{name}":{bomb}}}"#);
    assert!(from_json(bomb.as_bytes()).is_err());
    assert!(from_json(within("overrides").as_bytes()).is_err());
    assert!(from_json(within("tier").as_bytes()).is_err());
    // What is ignored is skipped without being built.
    assert!(from_json(within("metadata").as_bytes()).is_ok());
}

fn timestamps() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_i64).prop_map(Timestamp::from_seconds)
}

fn values() -> impl Strategy<Value = OverrideValue> {
    prop_oneof![
        any::<bool>().prop_map(OverrideValue::Boolean),
        any::<u64>().prop_map(|units| OverrideValue::Limit(Limit::AtMost(units))),
        Just(OverrideValue::Limit(Limit::Unlimited)),
        "[a-t]{1,8}".prop_map(|word| OverrideValue::Level(word.into())),
    ]
}

prop_compose! {
    fn subscriptions()(
        kind in any::<bool>(),
        owner in "\\PC{1,40}",
        tier in "\\PC{1,20}",
        status in "\\PC{0,20}",
        id in proptest::option::of("\\PC{0,20}"),
        period in proptest::option::of((timestamps(), timestamps())),
        ends in any::<bool>(),
        trial_end in proptest::option::of(timestamps()),
        seats in any::<Option<u32>>(),
        version in any::<Option<u64>>(),
        overrides in proptest::collection::vec(
            ("\\PC{0,10}", values(), proptest::option::of(timestamps())), 0..4),
    ) -> Subscription {
        let owner = if kind { Subject::user(owner) } else { Subject::organization(owner) };
        let mut subscription = Subscription::new(owner, tier, (&*status).into());
        subscription.id = id.map(Into::into);
        if let Some((start, end)) = period {
            subscription = subscription.with_period(start, end);
        }
        if ends {
            subscription = subscription.ending_with_period();
        }
        subscription.trial_end = trial_end;
        subscription.seats = seats;
        subscription.version = version;
        subscription.overrides = overrides
            .into_iter()
            .map(|(feature, value, expires_at)| Override {
                feature: feature.into(),
                value,
                expires_at,
            })
            .collect();
        subscription
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(subscription in subscriptions()) {
        let json = to_envelope(&subscription).to_string();
        prop_assert_eq!(from_envelope(json.as_bytes()), Ok(Some(subscription)));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = from_envelope(&bytes);
        let _ = from_json(&bytes);
    }
}
