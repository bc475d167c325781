use proptest::prelude::*;

use super::*;

const ONE: &str = "whsec_0123456789abcdefghijklmnopqrstuv";
const TWO: &str = "whsec_zyxwvutsrqponmlkjihgfedcba987654";
const SIGNED: i64 = 1_790_000_000;
const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;

fn secrets(text: &str) -> WebhookSecrets {
    WebhookSecrets::parse(text).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// The hex digits of the one right signature.
fn right() -> String {
    let header = secrets(ONE).sign(BODY, at(SIGNED));
    header.split_once("v1=").unwrap().1.to_owned()
}

fn verdict(header: &str) -> Result<(), SignatureError> {
    secrets(ONE).verify(header.as_bytes(), BODY, at(SIGNED))
}

/// Computed with `openssl dgst -sha256 -hmac`, which shares nothing with this crate.
#[test]
fn a_signature_is_the_one_that_openssl_computes() {
    assert_eq!(
        secrets(ONE).sign(BODY, at(SIGNED)),
        "t=1790000000,v1=d0ca33d025cf1efef2ac8272c94eb39dc03d2e0527b3514fda88e2efeff16a20"
    );
}

#[test]
fn every_header_is_accepted_or_refused_as_the_table_says() {
    use SignatureError as E;
    let right = right();
    let other = secrets(TWO).sign(BODY, at(SIGNED));
    let other = other.split_once("v1=").unwrap().1;
    let fifty_then_right = format!("t={SIGNED}{},v1={right}", ",v1=potato".repeat(49));
    let cap = format!("t={SIGNED}{},v1={right}", format!(",v1={other}").repeat(99));
    let over = format!("{cap},v1={right}");
    let long = format!("t={SIGNED},v1={right},x={}", "x".repeat(MAX_HEADER_BYTES));
    let upper = right.to_uppercase();
    let half = &right[..32];
    let table: &[(&str, Result<(), SignatureError>)] = &[
        // What Stripe sends, and what its libraries let pass.
        (&format!("t={SIGNED},v1={right}"), Ok(())),
        (&format!("v1={right},t={SIGNED}"), Ok(())),
        (&format!("t={SIGNED},v1={right},v0={other}"), Ok(())),
        (&format!("t={SIGNED},v1={right},v1=potato"), Ok(())),
        (&format!("t={SIGNED},v1=potato,v1={right}"), Ok(())),
        (&format!("t={SIGNED},v1={other},v1={right}"), Ok(())),
        (&format!("t={SIGNED},v1=,v1={right}"), Ok(())),
        (&format!("t={SIGNED},v1={right},v2=a=b"), Ok(())),
        (&fifty_then_right, Ok(())),
        (&cap, Ok(())),
        // Not a header of Stripe's.
        ("", Err(E::Missing)),
        ("bad_header", Err(E::Malformed)),
        ("v1,t=1", Err(E::Malformed)),
        (",", Err(E::Malformed)),
        (&format!("t={SIGNED},v1={right},"), Err(E::Malformed)),
        (&format!("t={SIGNED};v1={right}"), Err(E::InvalidTimestamp)),
        (&long, Err(E::HeaderTooLong)),
        // The timestamp.
        (&format!("v1={right}"), Err(E::NoTimestamp)),
        ("t=", Err(E::InvalidTimestamp)),
        (&format!("t=,v1={right}"), Err(E::InvalidTimestamp)),
        (&format!("t=+{SIGNED},v1={right}"), Err(E::InvalidTimestamp)),
        (&format!("t=-{SIGNED},v1={right}"), Err(E::InvalidTimestamp)),
        (&format!("t=0{SIGNED},v1={right}"), Err(E::InvalidTimestamp)),
        (
            &format!("t={SIGNED}.0,v1={right}"),
            Err(E::InvalidTimestamp),
        ),
        (
            &format!("t=99999999999999999999,v1={right}"),
            Err(E::InvalidTimestamp),
        ),
        (
            &format!("t={SIGNED},t={SIGNED},v1={right}"),
            Err(E::RepeatedTimestamp),
        ),
        (
            &format!("t=1,v1={right},t={SIGNED}"),
            Err(E::RepeatedTimestamp),
        ),
        (&format!("T={SIGNED},v1={right}"), Err(E::NoTimestamp)),
        (&format!(" t={SIGNED},v1={right}"), Err(E::NoTimestamp)),
        // The signature.
        (&format!("t={SIGNED}"), Err(E::NoSignature)),
        (&format!("t={SIGNED},v0={right}"), Err(E::NoSignature)),
        (&format!("t={SIGNED},V1={right}"), Err(E::NoSignature)),
        (&format!("t={SIGNED}, v1={right}"), Err(E::NoSignature)),
        (&format!("t={SIGNED},v1 ={right}"), Err(E::NoSignature)),
        (&over, Err(E::TooManySignatures)),
        (&format!("t={SIGNED},v1="), Err(E::NoMatch)),
        (&format!("t={SIGNED},v1=potato"), Err(E::NoMatch)),
        (&format!("t={SIGNED},v1={other}"), Err(E::NoMatch)),
        (&format!("t={SIGNED},v1={upper}"), Err(E::NoMatch)),
        (&format!("t={SIGNED},v1= {right}"), Err(E::NoMatch)),
        (&format!("t={SIGNED},v1={right} "), Err(E::NoMatch)),
        (&format!("t={SIGNED},v1={half}"), Err(E::NoMatch)),
        (&format!("t={SIGNED},v1={right}00"), Err(E::NoMatch)),
        (&format!("t={},v1={right}", SIGNED + 1), Err(E::NoMatch)),
    ];
    for (header, expected) in table {
        assert_eq!(verdict(header), *expected, "{header}");
    }
}

#[test]
fn three_hundred_seconds_are_not_too_old_and_one_more_is() {
    let header = secrets(ONE).sign(BODY, at(SIGNED));
    for (age, expected) in [
        (0, Ok(())),
        (299, Ok(())),
        (300, Ok(())),
        (301, Err(SignatureError::TooOld)),
        (86_400, Err(SignatureError::TooOld)),
        // Signed in the future.
        (-1, Ok(())),
        (-301, Ok(())),
        (-86_400, Ok(())),
    ] {
        let now = at(SIGNED + age);
        assert_eq!(
            secrets(ONE).verify(header.as_bytes(), BODY, now),
            expected,
            "{age}"
        );
    }
    let within_the_second = at(SIGNED + 300).saturating_add(Duration::from_millis(999));
    assert_eq!(
        secrets(ONE).verify(header.as_bytes(), BODY, within_the_second),
        Ok(())
    );
}

#[test]
fn a_wrong_signature_is_not_told_its_age() {
    let header = secrets(TWO).sign(BODY, at(SIGNED));
    let long_after = at(SIGNED + 86_400);
    assert_eq!(
        secrets(ONE).verify(header.as_bytes(), BODY, long_after),
        Err(SignatureError::NoMatch)
    );
}

#[test]
fn the_extremes_of_time_are_compared_without_wrapping() {
    let header = secrets(ONE).sign(BODY, at(0));
    assert_eq!(
        secrets(ONE).verify(header.as_bytes(), BODY, Timestamp::MAX),
        Err(SignatureError::TooOld)
    );
    let mut future = keyed(ONE.as_bytes());
    future.update(format!("{}.", i64::MAX).as_bytes());
    future.update(BODY);
    let future = header::hex(&future.finalize().into_bytes());
    let header = format!("t={},v1={future}", i64::MAX);
    assert_eq!(
        secrets(ONE).verify(header.as_bytes(), BODY, Timestamp::MIN),
        Ok(())
    );
}

#[test]
fn while_a_secret_is_rolled_either_one_will_do() {
    let both = secrets(&format!("{ONE},{TWO}"));
    for signer in [ONE, TWO] {
        let header = secrets(signer).sign(BODY, at(SIGNED));
        assert_eq!(both.verify(header.as_bytes(), BODY, at(SIGNED)), Ok(()));
    }
    // Stripe signs with both; this side has only one yet, or only one still.
    let header = both.sign(BODY, at(SIGNED));
    assert_eq!(header.matches("v1=").count(), 2);
    for receiver in [ONE, TWO] {
        assert_eq!(
            secrets(receiver).verify(header.as_bytes(), BODY, at(SIGNED)),
            Ok(())
        );
    }
}

#[test]
fn a_body_changed_by_one_bit_does_not_match() {
    let header = secrets(ONE).sign(BODY, at(SIGNED));
    for byte in 0..BODY.len() {
        for bit in 0..8 {
            let mut changed = BODY.to_vec();
            changed[byte] ^= 1 << bit;
            assert_eq!(
                secrets(ONE).verify(header.as_bytes(), &changed, at(SIGNED)),
                Err(SignatureError::NoMatch)
            );
        }
    }
}

#[test]
fn the_bytes_of_a_body_count_whatever_they_are() {
    let bodies: [&[u8]; 4] = [b"", b"\xff\xfe", b"\xef\xbb\xbf{}", &[0; 3 * 1024 * 1024]];
    for body in bodies {
        let header = secrets(ONE).sign(body, at(SIGNED));
        assert_eq!(
            secrets(ONE).verify(header.as_bytes(), body, at(SIGNED)),
            Ok(())
        );
    }
    // The same JSON, written again.
    let header = secrets(ONE).sign(br#"{"a": 1}"#, at(SIGNED));
    assert_eq!(
        secrets(ONE).verify(header.as_bytes(), br#"{"a":1}"#, at(SIGNED)),
        Err(SignatureError::NoMatch)
    );
}

#[test]
fn a_header_that_is_no_text_is_refused() {
    assert_eq!(
        secrets(ONE).verify(b"\xff\xfe", BODY, at(SIGNED)),
        Err(SignatureError::Malformed)
    );
    assert_eq!(
        secrets(ONE).verify(b"t=\xff,v1=00", BODY, at(SIGNED)),
        Err(SignatureError::InvalidTimestamp)
    );
}

#[test]
fn every_fault_of_every_secret_is_told_at_once() {
    let short = format!("whsec_{}", "a".repeat(MIN_SECRET_CHARS - 1));
    let text = format!(
        "{ONE},,{ONE}\n, {TWO},sk_live_{},{short},{ONE},whsec_“{}”",
        "b".repeat(32),
        "c".repeat(32)
    );
    let faults = WebhookSecrets::parse(&text).unwrap_err();
    assert_eq!(
        faults.faults(),
        [
            SecretFault::Empty { position: 2 },
            SecretFault::Whitespace { position: 3 },
            SecretFault::Whitespace { position: 4 },
            SecretFault::NoPrefix { position: 5 },
            SecretFault::TooShort { position: 6 },
            SecretFault::Repeated {
                position: 7,
                first: 1
            },
            SecretFault::UnexpectedCharacter { position: 8 },
        ]
    );
}

#[test]
fn no_secret_at_all_is_refused() {
    for text in ["", " ", "\t\n", ",", "whsec_"] {
        assert!(WebhookSecrets::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn the_shortest_secret_is_accepted() {
    let text = format!("whsec_{}", "a".repeat(MIN_SECRET_CHARS));
    assert!(WebhookSecrets::parse(&text).is_ok());
}

#[test]
fn the_number_of_secrets_is_bounded() {
    let many = |count: usize| {
        let each = (0..count).map(|n| format!("whsec_{n:032}"));
        WebhookSecrets::parse(&each.collect::<Vec<_>>().join(","))
    };
    assert!(many(16).is_ok());
    assert_eq!(many(17).unwrap_err().faults(), [SecretFault::TooMany]);
}

#[test]
fn nothing_of_a_secret_or_a_signature_is_printed() {
    let parts = [ONE, "sk_live_canary", "whsec_canary", "whsec_canary canary"];
    let told = WebhookSecrets::parse(&parts.join(",")).unwrap_err();
    let both = secrets(&format!("{ONE},{TWO}"));
    let mut printed = format!("{told} {told:?} {both:?} {:?} ", both.clone());
    for header in ["", "canary", "t=canary", "t=1,v1=canary", "t=1,v0=canary"] {
        let error = both
            .verify(header.as_bytes(), b"canary", at(SIGNED))
            .unwrap_err();
        printed.push_str(&format!("{error} {error:?}"));
    }
    for hidden in ["canary", "0123456789abcdef", "zyxwvuts", "sk_live"] {
        assert!(!printed.contains(hidden), "{hidden} in {printed}");
    }
}

proptest! {
    #[test]
    fn no_header_that_was_not_signed_is_accepted(header: Vec<u8>, body: Vec<u8>) {
        prop_assert!(secrets(ONE).verify(&header, &body, at(SIGNED)).is_err());
    }

    #[test]
    fn no_header_like_stripes_that_was_not_signed_is_accepted(
        header in "(t=[0-9]{0,12}|v[01]=[0-9a-f]{0,66}|[tv1=, ]{0,6})(,(t=[0-9]{1,12}|v1=[0-9a-f]{64})){0,4}",
    ) {
        prop_assert!(verdict(&header).is_err());
    }

    #[test]
    fn what_is_signed_is_accepted_and_only_as_it_is(body: Vec<u8>, seconds in 0_i64..4_000_000_000) {
        let header = secrets(ONE).sign(&body, at(seconds));
        let verify = |header: &str, body: &[u8]| {
            secrets(ONE).verify(header.as_bytes(), body, at(seconds))
        };
        prop_assert_eq!(verify(&header, &body), Ok(()));
        let mut longer = body.clone();
        longer.push(b' ');
        prop_assert_eq!(verify(&header, &longer), Err(SignatureError::NoMatch));
        let later = header.replacen(&format!("t={seconds}"), &format!("t={}", seconds + 1), 1);
        prop_assert_eq!(verify(&later, &body), Err(SignatureError::NoMatch));
    }
}
