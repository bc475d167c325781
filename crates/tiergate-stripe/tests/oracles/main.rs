//! Signatures are the same here and in Stripe's own libraries: each accepts what the other signs,
//! and refuses what the other refuses.

#![cfg(test)]
mod install;

use serde_json::{Value, json};
use tiergate_core::time::Timestamp;
use tiergate_stripe::WebhookSecrets;

use install::Library;

const SECRET: &str = "whsec_0123456789abcdefghijklmnopqrstuv";
const OTHER: &str = "whsec_zyxwvutsrqponmlkjihgfedcba987654";
const SIGNED: i64 = 1_790_000_000;
const BODIES: [&str; 5] = [
    "{}",
    r#"{"id": "evt_1", "object": "event"}"#,
    "{\"name\": \"Zoë 🙂\"}\n",
    "\t{ \"spaces\" :\r\n  true }  ",
    "not JSON",
];

fn sign(secret: &str, body: &str, at: i64) -> String {
    let secrets = WebhookSecrets::parse(secret).unwrap();
    secrets.sign(body.as_bytes(), Timestamp::from_seconds(at))
}

fn accepts(secret: &str, header: &str, body: &str, now: i64) -> bool {
    let secrets = WebhookSecrets::parse(secret).unwrap();
    let now = Timestamp::from_seconds(now);
    secrets
        .verify(header.as_bytes(), body.as_bytes(), now)
        .is_ok()
}

/// The library, or nothing if it isn't there and need not be.
fn needed(library: Result<Library, String>, how: &str) -> Option<Library> {
    match library {
        Ok(library) => Some(library),
        Err(error) if std::env::var("CI").as_deref() == Ok("true") => panic!("{error}. {how}"),
        Err(error) => {
            eprintln!("skipped: {error}. {how}");
            None
        }
    }
}

/// Headers, bodies and moments on which this crate and both libraries have to agree.
fn checks() -> Vec<(String, &'static str, i64)> {
    let body = "{}";
    let good = sign(SECRET, body, SIGNED);
    let (time, right) = good.split_once(',').unwrap();
    let right = right.strip_prefix("v1=").unwrap();
    let wrong = sign(OTHER, body, SIGNED);
    let wrong = wrong.split_once("v1=").unwrap().1;
    let mut checks: Vec<(String, &str, i64)> = [-86_400, -301, -1, 0, 299, 300, 301, 86_400]
        .into_iter()
        .map(|age| (good.clone(), body, SIGNED + age))
        .collect();
    let upper = right.to_uppercase();
    let headers = [
        format!("v1={right},{time}"),
        format!("{time},v1={wrong},v1={right}"),
        format!("{time},v1={right},v1=potato"),
        format!("{time},v0={wrong},v1={right}"),
        format!("{time}{},v1={right}", ",v1=potato".repeat(49)),
        String::new(),
        String::from("bad_header"),
        String::from("t="),
        String::from("v1,t=1"),
        time.to_owned(),
        format!("v1={right}"),
        format!("{time},v0={right}"),
        format!("{time},V1={right}"),
        format!("{time}, v1={right}"),
        format!("{time},v1= {right}"),
        format!("{time},v1={upper}"),
        format!("{time},v1={wrong}"),
        format!("{time},v1={right}00"),
        format!("t={},v1={right}", SIGNED + 1),
        wrong.to_owned(),
    ];
    checks.extend(headers.map(|header| (header, body, SIGNED)));
    checks.push((good.clone(), "{} ", SIGNED));
    checks.push((
        sign(&format!("{OTHER},{SECRET}"), body, SIGNED),
        body,
        SIGNED,
    ));
    checks.extend(BODIES.map(|body| (sign(SECRET, body, SIGNED), body, SIGNED)));
    checks
}

fn compare(library: &Library) {
    let checks = checks();
    let to_sign = BODIES.map(|body| json!({"body": body, "secret": SECRET, "at": SIGNED}));
    let to_check: Vec<Value> = checks
        .iter()
        .map(|(header, body, now)| {
            json!({"header": header, "body": body, "now": now, "secret": SECRET})
        })
        .collect();
    let input = json!({"sign": to_sign, "check": to_check}).to_string();
    let answer: Value = serde_json::from_str(&library.ask(&input).unwrap()).unwrap();

    let headers = answer["headers"].as_array().unwrap();
    assert_eq!(headers.len(), BODIES.len());
    for (header, body) in headers.iter().zip(BODIES) {
        let header = header.as_str().unwrap();
        assert_eq!(header, sign(SECRET, body, SIGNED));
        assert!(accepts(SECRET, header, body, SIGNED), "{body}");
        assert!(!accepts(OTHER, header, body, SIGNED), "{body}");
    }

    let accepted = answer["accepted"].as_array().unwrap();
    assert_eq!(accepted.len(), checks.len());
    for ((header, body, now), theirs) in checks.iter().zip(accepted) {
        let ours = accepts(SECRET, header, body, *now);
        assert_eq!(Some(ours), theirs.as_bool(), "{header} at {now}");
    }
}

#[test]
fn what_stripe_for_python_signs_and_refuses_is_signed_and_refused_alike() {
    let how = "Install python3 with its module venv, and let pip reach PyPI.";
    if let Some(library) = needed(Library::python(), how) {
        compare(&library);
    }
}

#[test]
fn what_stripe_for_node_signs_and_refuses_is_signed_and_refused_alike() {
    let how = "Install node 18 or later with npm, and let it reach the npm registry.";
    if let Some(library) = needed(Library::node(), how) {
        compare(&library);
    }
}
