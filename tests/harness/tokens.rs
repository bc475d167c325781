//! Tokens that are made by hand.

use serde_json::{Value, json};
use tiergate_clock::{Clock, ManualClock};
use tiergate_tests::tokens::Role;
use tiergate_tests::{Mint, Token};

fn clock() -> ManualClock {
    ManualClock::at("2026-03-01T12:00:00Z".parse().unwrap())
}

/// The head, the claims and the signature of a token.
fn read(token: &str) -> (Value, Value, String) {
    let parts: Vec<_> = token.split('.').collect();
    let [head, claims, signature] = parts[..] else {
        panic!("{token} has not three parts");
    };
    let json = |text| serde_json::from_slice(&decode(text)).unwrap();
    (json(head), json(claims), signature.to_owned())
}

/// Reads base64url bit by bit, which is slow and has nothing in common with how it is written.
fn decode(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => panic!("{letter} is no letter of base64url"),
    };
    let bits: Vec<u8> = text
        .bytes()
        .flat_map(|letter| (0..6).rev().map(move |bit| value(letter) >> bit & 1))
        .collect();
    bits.chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit))
        .collect()
}

#[test]
fn the_signature_is_that_of_the_standard() {
    // RFC 7515, appendix A.1: the key and the text are the standard's, bytes included.
    let key = decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    );
    let text = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    assert_eq!(
        Mint::new(key).signature(text),
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
}

#[test]
fn every_length_of_text_survives_its_encoding() {
    let mint = Mint::new("secret");
    for length in 0..10 {
        let id = "ü".repeat(length);
        let (_, claims, _) = read(&mint.sign(&Token::user(&id, &clock())));
        assert_eq!(claims["sub"], id);
    }
}

#[test]
fn a_caller_is_who_the_token_says() {
    let clock = clock();
    let mint = Mint::new("secret");
    let token = Token::user("ada", &clock)
        .in_organization("org-1", Role::Owner)
        .in_organization("org-2", Role::Member)
        .read_only();
    let (head, claims, _) = read(&mint.sign(&token));
    assert_eq!(head, json!({"alg": "HS256", "typ": "JWT"}));
    assert_eq!(
        claims,
        json!({
            "sub": "ada",
            "email": "ada@example.com",
            "name": "Name of ada",
            "roles": [],
            "organizations": [
                {"id": "org-1", "role": "owner"},
                {"id": "org-2", "role": "member"},
            ],
            "permissions": ["read"],
            "iat": 1_772_366_400,
            "exp": 1_772_370_000,
        })
    );
    let roles = |token: &Token| read(&mint.sign(token)).1["roles"].clone();
    assert_eq!(roles(&Token::service("usage", &clock)), json!(["service"]));
    assert_eq!(roles(&Token::admin("root", &clock)), json!(["admin"]));
}

#[test]
fn a_bad_token_is_bad_in_one_way() {
    let clock = clock();
    let mint = Mint::new("secret");
    let good = Token::user("ada", &clock);
    let (_, _, signature) = read(&mint.sign(&good));

    let (_, claims, _) = read(&mint.sign(&good.clone().expired(&clock)));
    assert_eq!(claims["exp"], 1_772_362_800);
    assert!(clock.now().to_string().starts_with("2026-03-01T12:00:00"));

    let (_, same, other) = read(&Mint::new("another secret").sign(&good));
    assert_eq!(same["sub"], "ada");
    assert_ne!(other, signature);

    let (head, _, signed) = read(&mint.sign(&good.clone().of_another_algorithm()));
    assert_eq!(head["alg"], "RS256");
    assert!(!signed.is_empty());

    let (head, _, signed) = read(&mint.sign(&good.clone().unsigned()));
    assert_eq!(head["alg"], "none");
    assert_eq!(signed, "");

    let (_, claims, _) = read(&mint.sign(&good.without("exp").with("sub", json!(7))));
    assert_eq!((&claims["exp"], &claims["sub"]), (&Value::Null, &json!(7)));
}

#[test]
fn a_mint_does_not_print_its_secret() {
    assert_eq!(format!("{:?}", Mint::new("secret")), "Mint { .. }");
}
