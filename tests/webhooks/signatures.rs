//! Who may send: the table of signatures, answered to the letter and before anything is read.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use sha2::Sha256;
use tiergate_clock::Clock;
use tiergate_core::time::Timestamp;
use tiergate_tests::{Reply, Server};

use crate::office::{NEXT_SECRET, Office, SECRET, another, api};

/// The only event of these tests.
const EVENT: &str = r#"{"id":"evt_1","object":"event","type":"customer.created","created":1780272000,"livemode":false,"data":{"object":{"id":"cus_1","object":"customer"}}}"#;

/// The signature of a body in hexadecimal digits, made by hand after Stripe's description, so that it
/// shares no code with what checks it.
fn digest(secret: &str, seconds: i64, body: &[u8]) -> String {
    let mut code = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    code.update(format!("{seconds}.").as_bytes());
    code.update(body);
    let bytes = code.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}

/// The header with which Stripe would send a body.
pub(crate) fn sign(secret: &str, at: Timestamp, body: &[u8]) -> String {
    let at = seconds(at);
    format!("t={at},v1={}", digest(secret, at, body))
}

fn told(reply: &Reply) -> String {
    let json = reply.json();
    let code = json["code"].as_str().unwrap_or("OK");
    let detail = json["detail"].as_str().unwrap_or_default();
    format!("{} {code} {detail}", reply.status.as_u16())
}

const TOO_OLD: &str = "400 INVALID_SIGNATURE signed more than 300 seconds ago: sent again by somebody, \
     or the clock here is ahead";
const NO_MATCH: &str = "400 INVALID_SIGNATURE no signature matches: check that the secret is that of \
     this endpoint, and that nothing on the way changes the body";
const MISSING: &str = "400 INVALID_SIGNATURE the `Stripe-Signature` header is missing or empty, so \
     nobody says who sent this";
const NO_SCHEME: &str = "400 INVALID_SIGNATURE the `Stripe-Signature` header has no signature of the \
     scheme `v1`";

#[tokio::test]
async fn every_signature_is_answered_as_the_table_says() {
    for office in Office::each().await {
        let now = seconds(office.clock.now());
        let right = |at: i64| format!("t={at},v1={}", digest(SECRET, at, EVENT.as_bytes()));
        let good = digest(SECRET, now, EVENT.as_bytes());
        let wrong = digest("whsec_somebody_elses_secret_0000", now, EVENT.as_bytes());
        let flipped = {
            let last = if good.ends_with('0') { '1' } else { '0' };
            format!("{}{last}", &good[..63])
        };
        let fifty = format!("t={now}{},v1={good}", format!(",v1={wrong}").repeat(49));
        let hundred = format!("t={now}{}", format!(",v1={good}").repeat(101));
        let next = digest(NEXT_SECRET, now, EVENT.as_bytes());
        let table: Vec<(&str, String, String)> = [
            ("the newest", right(now), "200 OK "),
            ("299 seconds old", right(now - 299), "200 OK "),
            ("300 seconds old", right(now - 300), "200 OK "),
            ("301 seconds old", right(now - 301), TOO_OLD),
            ("long ago", right(1), TOO_OLD),
            // A clock that is behind is no reason to lose an event; it was signed by Stripe.
            ("from the future", right(now + 3600), "200 OK "),
            ("empty", String::new(), MISSING),
            ("right after 49 wrong ones", fifty, "200 OK "),
            ("more than anybody sends", hundred, "400 INVALID_SIGNATURE the `Stripe-Signature` header has more than 100 signatures"),
            ("t twice", format!("t={now},t={now},v1={good}"), "400 INVALID_SIGNATURE the `Stripe-Signature` header has more than one timestamp `t`"),
            ("no t", format!("v1={good}"), "400 INVALID_SIGNATURE the `Stripe-Signature` header has no timestamp `t`"),
            ("t that is no number", format!("t=+{now},v1={good}"), "400 INVALID_SIGNATURE the timestamp `t` of the `Stripe-Signature` header is not a number of seconds"),
            ("another scheme", format!("t={now},v0={good}"), NO_SCHEME),
            ("other schemes", format!("t={now},v0={good},v2={good}"), NO_SCHEME),
            ("no schemes", format!("t={now}"), NO_SCHEME),
            ("a space", format!("t={now}, v1={good}"), NO_SCHEME),
            ("words", "good morning".to_owned(), "400 INVALID_SIGNATURE the `Stripe-Signature` header is malformed, expected `t=…,v1=…` as Stripe sends it, without spaces"),
            ("the next secret", format!("t={now},v1={next}"), "200 OK "),
            ("both secrets", format!("t={now},v1={next},v1={good}"), "200 OK "),
            ("somebody else's secret", format!("t={now},v1={wrong}"), NO_MATCH),
            ("one digit changed", format!("t={now},v1={flipped}"), NO_MATCH),
            ("in capitals", format!("t={now},v1={}", good.to_uppercase()), NO_MATCH),
            ("cut off", format!("t={now},v1={}", &good[..62]), NO_MATCH),
            ("of another second", format!("t={},v1={good}", now - 1), NO_MATCH),
        ]
        .map(|(what, header, answer)| (what, header, answer.to_owned()))
        .into();
        for (what, header, answer) in table {
            let reply = office.send(&header, EVENT.into()).await;
            assert_eq!(told(&reply), answer, "{what}");
        }
        // All of them that were right are one event.
        assert_eq!(office.sql().await.count("webhook_inbox").await, 1);
    }
}

#[tokio::test]
async fn a_body_with_one_bit_changed_is_refused_and_not_stored() {
    for office in Office::each().await {
        let signature = sign(SECRET, office.clock.now(), EVENT.as_bytes());
        for place in (0..EVENT.len()).step_by(7) {
            let mut body = EVENT.as_bytes().to_vec();
            body[place] ^= 1 << (place % 8);
            let reply = office.send(&signature, body).await;
            assert_eq!(told(&reply), NO_MATCH, "{place}");
        }
        let longer = [EVENT.as_bytes(), b" "].concat();
        assert_eq!(told(&office.send(&signature, longer).await), NO_MATCH);
        assert_eq!(office.sql().await.count("webhook_inbox").await, 0);
    }
}

#[tokio::test]
async fn without_exactly_one_header_nobody_is_believed() {
    let office = Office::sqlite().await;
    let signature = sign(SECRET, office.clock.now(), EVENT.as_bytes());
    let post = || office.client.post("/webhooks/stripe").body(EVENT);
    assert_eq!(told(&post().send().await), MISSING);
    let twice = post()
        .header("stripe-signature", &signature)
        .header("stripe-signature", &signature);
    assert_eq!(told(&twice.send().await), MISSING);
}

#[tokio::test]
async fn nothing_is_read_before_the_signature_holds() {
    let office = Office::sqlite().await;
    // What no parser takes is told apart from what is not signed, and only if it is signed.
    for body in [b"\xff\xfe\x00".as_slice(), b"{", b"[]", b"", b"{\"id\": 1}"] {
        let now = office.clock.now();
        let unsigned = office.send("t=1,v1=00", body.to_vec()).await;
        assert_eq!(told(&unsigned), NO_MATCH, "{body:?}");
        let signed = office.send(&sign(SECRET, now, body), body.to_vec()).await;
        assert_eq!(signed.status, StatusCode::BAD_REQUEST);
        assert_eq!(signed.code(), "NOT_AN_EVENT", "{body:?}");
    }
    assert_eq!(office.sql().await.count("webhook_inbox").await, 0);
}

#[tokio::test]
async fn two_mebibytes_are_taken_and_one_byte_more_is_not() {
    let office = Office::sqlite().await;
    let most = 2 * 1024 * 1024;
    for (length, status) in [
        (most, StatusCode::OK),
        (most + 1, StatusCode::PAYLOAD_TOO_LARGE),
        (3 * most, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let mut body = EVENT.as_bytes().to_vec();
        body.resize(length, b' ');
        let signature = sign(SECRET, office.clock.now(), &body);
        let reply = office.send(&signature, body).await;
        assert_eq!(reply.status, status, "{length}: {}", reply.text());
    }
}

#[tokio::test]
async fn time_goes_on_and_a_recorded_request_is_worth_nothing() {
    let office = Office::sqlite().await;
    let signature = sign(SECRET, office.clock.now(), EVENT.as_bytes());
    assert_eq!(
        told(&office.send(&signature, EVENT.into()).await),
        "200 OK "
    );
    office.clock.advance(Duration::from_secs(301));
    assert_eq!(told(&office.send(&signature, EVENT.into()).await), TOO_OLD);
}

#[tokio::test]
async fn without_a_secret_there_is_no_endpoint() {
    let office = Office::sqlite().await;
    let parts = another(&office.address, office.clock.clone()).await;
    let server = Server::start(api(&parts).router()).await;
    let signature = sign(SECRET, office.clock.now(), EVENT.as_bytes());
    let post = server.client().post("/webhooks/stripe").body(EVENT);
    let reply = post.header("stripe-signature", &signature).send().await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.code(), "NOT_CONFIGURED");
    assert_eq!(office.sql().await.count("webhook_inbox").await, 0);
}
