use std::time::Duration;

use http::StatusCode;
use jsonwebtoken::Header;
use serde_json::{Value, json};
use tiergate_clock::ManualClock;

use super::*;
use crate::auth::Role;
use crate::auth::testing::{KeyServer, Publishing, SECRET, SigningKey};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// The clock of the tests stands at the first moment of 2026.
const NOW: i64 = 1_767_225_600;

fn claims() -> Value {
    json!({ "sub": "ada", "exp": NOW + 60 })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn by_secret(clock: &ManualClock) -> Verifier {
    Verifier::shared_secret(&SECRET.to_owned().into(), Arc::new(clock.clone())).unwrap()
}

fn by_keys(server: &KeyServer, clock: &ManualClock) -> Verifier {
    Verifier::jwks(&server.url, Arc::new(clock.clone())).unwrap()
}

#[test]
fn a_short_secret_is_refused_and_not_shown() {
    let clock = Arc::new(ManualClock::default());
    let secret = "0123456789abcdef0123456789abcde".to_owned().into();
    let error = Verifier::shared_secret(&secret, clock).unwrap_err();
    assert!(
        matches!(error, WeakSecret::TooShort { bytes: 31 }),
        "{error}"
    );
    assert!(!error.to_string().contains("0123"));
    let shown = format!("{:?}", by_secret(&ManualClock::default()));
    assert!(!shown.contains("0123"), "{shown}");
}

#[tokio::test]
async fn a_token_tells_who_calls() {
    let token = SigningKey::secret(SECRET).sign(&json!({
        "sub": "ada", "exp": NOW + 60, "nbf": NOW, "roles": ["service", "baker"],
        "organizations": [{"id": "eagle", "role": "owner"}], "permissions": ["read"],
    }));
    let verified = by_secret(&ManualClock::default())
        .verify(&token)
        .await
        .unwrap();
    assert_eq!(verified.caller.id, "ada");
    assert_eq!(verified.caller.roles, [Role::Service]);
    assert_eq!(verified.caller.organizations.len(), 1);
    assert_eq!(verified.expires_at, Timestamp::from_seconds(NOW + 65));
}

#[tokio::test]
async fn the_time_is_that_of_the_service_with_five_seconds_of_leeway() {
    let clock = ManualClock::default();
    let verifier = by_secret(&clock);
    let key = SigningKey::secret(SECRET);
    let expires = key.sign(&with("exp", json!(NOW + 10)));
    let later = key.sign(&with("nbf", json!(NOW + 10)));
    assert_eq!(verifier.verify(&later).await, Err(TokenError::Invalid));
    clock.advance(Duration::from_secs(5));
    verifier.verify(&later).await.unwrap();
    clock.advance(Duration::from_millis(9_999));
    verifier.verify(&expires).await.unwrap();
    clock.advance(Duration::from_millis(1));
    assert_eq!(verifier.verify(&expires).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn what_a_token_must_say_it_must_say() {
    let verifier = by_secret(&ManualClock::default());
    let key = SigningKey::secret(SECRET);
    for claims in [
        json!({ "sub": "ada" }),
        json!({ "exp": NOW + 60 }),
        with("sub", json!("")),
        with("sub", json!("a".repeat(257))),
        with("exp", json!("2027-01-01")),
        with("exp", json!(null)),
        with(
            "organizations",
            json!([{ "id": "eagle", "role": "emperor" }]),
        ),
    ] {
        let answer = verifier.verify(&key.sign(&claims)).await;
        assert_eq!(answer, Err(TokenError::Invalid), "{claims}");
    }
    for token in ["", ".", "..", "a.b.c", &"a".repeat(1 << 20)] {
        assert_eq!(verifier.verify(token).await, Err(TokenError::Invalid));
    }
}

#[tokio::test]
async fn issuer_and_audience_count_where_they_are_configured() {
    let clock = ManualClock::default();
    let open = by_secret(&clock);
    let strict = open
        .clone()
        .with_issuer("https://login")
        .with_audience("billing");
    let key = SigningKey::secret(SECRET);
    let mut right = with("iss", json!("https://login"));
    right["aud"] = json!(["shop", "billing"]);
    strict.verify(&key.sign(&right)).await.unwrap();
    let wrong = [
        ("iss", json!("https://elsewhere")),
        ("iss", json!(null)),
        ("aud", json!("shop")),
        ("aud", json!([])),
        ("aud", json!(null)),
    ];
    for (name, value) in wrong {
        let mut claims = right.clone();
        claims[name] = value;
        let token = key.sign(&claims);
        assert_eq!(
            strict.verify(&token).await,
            Err(TokenError::Invalid),
            "{claims}"
        );
        open.verify(&token).await.unwrap();
    }
}

/// A token with a header that no library would write.
fn forged(header: &Value, claims: &Value, signature: &str) -> String {
    let key = SigningKey::secret(SECRET);
    let encode = |part: &Value| {
        // The library encodes claims as it encodes headers.
        let token = key.sign(part);
        token.split('.').nth(1).unwrap().to_owned()
    };
    format!("{}.{}.{signature}", encode(header), encode(claims))
}

#[tokio::test]
async fn no_algorithm_and_unknown_ones_are_refused() {
    let server = KeyServer::start(Publishing::Keys(vec![])).await;
    let clock = ManualClock::default();
    for verifier in [by_secret(&clock), by_keys(&server, &clock)] {
        for algorithm in ["none", "None", "NONE", "", "HS1", "RS256 "] {
            let token = forged(&json!({ "alg": algorithm, "typ": "JWT" }), &claims(), "");
            assert_eq!(
                verifier.verify(&token).await,
                Err(TokenError::Invalid),
                "{algorithm}"
            );
        }
    }
    assert_eq!(server.asked(), 0, "what cannot hold costs no fetch");
}

#[tokio::test]
async fn a_critical_extension_is_refused_and_the_type_does_not_matter() {
    let verifier = by_secret(&ManualClock::default());
    let key = SigningKey::secret(SECRET);
    let mut header = key.header();
    header.typ = Some("at+jwt".to_owned());
    verifier
        .verify(&key.sign_as(&header, &claims()))
        .await
        .unwrap();
    header.crit = Some(vec!["b64".to_owned()]);
    let refused = verifier.verify(&key.sign_as(&header, &claims())).await;
    assert_eq!(refused, Err(TokenError::Invalid));
}

#[tokio::test]
async fn each_algorithm_is_checked_by_its_published_key() {
    let keys = ALGORITHMS.map(|algorithm| SigningKey::generate("2026", algorithm));
    let others = ALGORITHMS.map(|algorithm| SigningKey::generate("2026", algorithm));
    let published = keys.iter().map(SigningKey::jwk).collect();
    let server = KeyServer::start(Publishing::Keys(published)).await;
    let verifier = by_keys(&server, &ManualClock::default());
    for (key, other) in keys.iter().zip(&others) {
        let verified = verifier.verify(&key.sign(&claims())).await.unwrap();
        assert_eq!(verified.caller.id, "ada");
        let forged = verifier.verify(&other.sign(&claims())).await;
        assert_eq!(forged, Err(TokenError::Invalid), "{:?}", key.algorithm);
        let mut nameless = key.header();
        nameless.kid = None;
        verifier
            .verify(&key.sign_as(&nameless, &claims()))
            .await
            .unwrap();
    }
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn a_public_key_is_no_secret_to_sign_with() {
    // The classic confusion: a token "signed" by HMAC with the text of the public key.
    let rsa = SigningKey::generate("2026", Algorithm::RS256);
    let server = KeyServer::start(Publishing::Keys(vec![rsa.jwk()])).await;
    let verifier = by_keys(&server, &ManualClock::default());
    verifier.verify(&rsa.sign(&claims())).await.unwrap();
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    for secret in [modulus.as_str(), &rsa.jwk().to_string()] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("2026".to_owned());
        let token = SigningKey::secret(secret).sign_as(&header, &claims());
        assert_eq!(verifier.verify(&token).await, Err(TokenError::Invalid));
    }
    // And a shared secret that someone published as a key verifies nothing.
    let symmetric = json!({ "kty": "oct", "kid": "s", "alg": "HS256", "k": "MDEyMw" });
    server.publish(Publishing::Keys(vec![symmetric, rsa.jwk()]));
    verifier.refresh_keys().await;
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("s".to_owned());
    let token = SigningKey::secret("0123").sign_as(&header, &claims());
    assert_eq!(verifier.verify(&token).await, Err(TokenError::Invalid));
}

#[tokio::test]
async fn a_key_for_another_purpose_verifies_nothing() {
    let key = SigningKey::generate("2026", Algorithm::ES256);
    let good = SigningKey::generate("other", Algorithm::EdDSA);
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("key_ops", json!(["sign"])),
    ] {
        let mut jwk = key.jwk();
        jwk[name] = value;
        let broken = json!({ "kty": "RSA", "n": "not base64 !", "e": "AQAB" });
        let keys = vec![jwk, broken, json!(7), good.jwk()];
        let server = KeyServer::start(Publishing::Keys(keys)).await;
        let verifier = by_keys(&server, &ManualClock::default());
        let refused = verifier.verify(&key.sign(&claims())).await;
        assert_eq!(refused, Err(TokenError::Invalid), "{name}");
        verifier.verify(&good.sign(&claims())).await.unwrap();
    }
}

#[tokio::test]
async fn a_rotated_key_is_found_and_the_old_one_ends() {
    let [old, new] = ["2025", "2026"].map(|id| SigningKey::generate(id, Algorithm::ES256));
    let server = KeyServer::start(Publishing::Keys(vec![old.jwk()])).await;
    let clock = ManualClock::default();
    let verifier = by_keys(&server, &clock);
    verifier.verify(&old.sign(&claims())).await.unwrap();
    server.publish(Publishing::Keys(vec![new.jwk()]));
    // Within ten seconds of the last fetch there is no other, whoever asks.
    let early = verifier.verify(&new.sign(&claims())).await;
    assert_eq!((early, server.asked()), (Err(TokenError::Invalid), 1));
    clock.advance(Duration::from_secs(10));
    verifier.verify(&new.sign(&claims())).await.unwrap();
    let ended = verifier.verify(&old.sign(&claims())).await;
    assert_eq!((ended, server.asked()), (Err(TokenError::Invalid), 2));
}

#[tokio::test]
async fn unknown_keys_cost_one_fetch_in_ten_seconds_however_many_ask() {
    let known = SigningKey::generate("known", Algorithm::EdDSA);
    let unknown = SigningKey::generate("unknown", Algorithm::EdDSA);
    let server = KeyServer::start(Publishing::Keys(vec![known.jwk()])).await;
    let clock = ManualClock::default();
    let verifier = by_keys(&server, &clock);
    let token = unknown.sign(&claims());
    for round in 1..=3 {
        let answers = (0..200).map(|_| verifier.verify(&token));
        for answer in futures_util::future::join_all(answers).await {
            assert_eq!(answer, Err(TokenError::Invalid));
        }
        assert_eq!(server.asked(), round);
        clock.advance(Duration::from_secs(10));
    }
}

#[tokio::test]
async fn an_outage_leaves_the_keys_as_they_are() {
    let known = SigningKey::generate("known", Algorithm::ES256);
    let unknown = SigningKey::generate("unknown", Algorithm::ES256);
    let server = KeyServer::start(Publishing::Keys(vec![known.jwk()])).await;
    let clock = ManualClock::default();
    let verifier = by_keys(&server, &clock);
    let token = known.sign(&with("exp", json!(NOW + 3_600)));
    verifier.verify(&token).await.unwrap();
    let elsewhere = KeyServer::start(Publishing::Keys(vec![unknown.jwk()])).await;
    for outage in [
        Publishing::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Publishing::Status(StatusCode::NO_CONTENT),
        Publishing::Redirect(elsewhere.url.clone()),
        Publishing::Text("<html>".to_owned()),
        Publishing::Text(format!(
            r#"{{"keys": [], "x": "{}"}}"#,
            "a".repeat(256 * 1024)
        )),
        Publishing::Keys(vec![]),
    ] {
        server.publish(outage);
        clock.advance(Duration::from_secs(10));
        verifier.refresh_keys().await;
        verifier.verify(&token).await.unwrap();
        // A key that may have come since is a fault and not a 'no'.
        let other = verifier.verify(&unknown.sign(&claims())).await;
        assert_eq!(other, Err(TokenError::KeysUnavailable));
    }
    assert_eq!((server.asked(), elsewhere.asked()), (7, 0));
}

#[tokio::test]
async fn without_any_key_nothing_can_be_told() {
    let key = SigningKey::generate("2026", Algorithm::ES256);
    let server = KeyServer::start(Publishing::Status(StatusCode::BAD_GATEWAY)).await;
    let clock = ManualClock::default();
    let verifier = by_keys(&server, &clock);
    let token = key.sign(&claims());
    for _ in 0..3 {
        assert_eq!(
            verifier.verify(&token).await,
            Err(TokenError::KeysUnavailable)
        );
    }
    assert_eq!(server.asked(), 1);
    server.publish(Publishing::Keys(vec![key.jwk()]));
    clock.advance(Duration::from_secs(10));
    verifier.verify(&token).await.unwrap();
}

#[tokio::test]
async fn who_leaves_a_fetch_ends_it_for_nobody() {
    let key = SigningKey::generate("2026", Algorithm::ES256);
    let server = KeyServer::start(Publishing::Hang).await;
    let verifier = by_keys(&server, &ManualClock::default());
    let token = key.sign(&claims());
    let left = {
        let (verifier, token) = (verifier.clone(), token.clone());
        tokio::spawn(async move { verifier.verify(&token).await })
    };
    while server.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    left.abort();
    // The fetch goes on, until its own deadline, and this one waits for it.
    assert_eq!(
        verifier.verify(&token).await,
        Err(TokenError::KeysUnavailable)
    );
    assert_eq!(server.asked(), 1);
}
