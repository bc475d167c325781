//! The signature of a webhook: is this body from Stripe, and from just now?
//!
//! Stripe sends `Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>…]`, where each `v1` is the
//! HMAC-SHA256 of `<t>.<raw body>` under one of the endpoint's secrets. While a secret is being
//! rolled there are two of each, and any match will do.
//!
//! ```
//! use tiergate_core::time::Timestamp;
//! use tiergate_stripe::signature::{SignatureError, WebhookSecrets};
//!
//! let secrets = WebhookSecrets::parse("whsec_0123456789abcdefghijklmnopqrstuv")?;
//! let now = Timestamp::from_seconds(1_790_000_000);
//! let body = br#"{"id":"evt_1"}"#;
//! let header = secrets.sign(body, now); // Stripe does this
//!
//! assert_eq!(secrets.verify(header.as_bytes(), body, now), Ok(()));
//! assert_eq!(
//!     secrets.verify(header.as_bytes(), br#"{"id":"evt_2"}"#, now),
//!     Err(SignatureError::NoMatch)
//! );
//! # Ok::<(), tiergate_stripe::signature::SecretsError>(())
//! ```
//!
//! # What is accepted
//!
//! The rules are those of Stripe's own libraries, which the tests run against, and where those
//! disagree with each other, the strictest:
//!
//! * The body is taken as bytes. It must be the very bytes that were sent, not JSON written again.
//! * The signature is checked before the age, so a stranger learns nothing about the clock here.
//! * Only age counts. What was signed up to [`TOLERANCE`] ago is accepted, what was signed in the
//!   future too: only Stripe can sign, and a clock that is behind must not lose events.
//! * Schemes other than `v1` are ignored, and so is a `v1` that isn't 64 lower-case hex digits.
//! * No white space is skipped: ` v1` is another scheme than `v1`.
//! * A repeated `t` is refused. Stripe's libraries disagree about which one counts.
//! * The header is bounded: [`MAX_HEADER_BYTES`] and [`MAX_SIGNATURES`].

mod header;
mod secrets;

#[cfg(test)]
mod tests;

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha256;
use tiergate_core::time::Timestamp;

use header::SignatureHeader;
pub use secrets::{MIN_SECRET_CHARS, SecretFault, SecretsError, WebhookSecrets};

/// How long ago a webhook may have been signed, in whole seconds: 300 are accepted, 301 are not.
///
/// Stripe's own default. It bounds for how long a recorded request can be played again.
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// The longest header that is looked at, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// The most `v1` signatures in one header. Stripe sends as many as an endpoint has live secrets.
pub const MAX_SIGNATURES: usize = 100;

/// Why a webhook is not accepted. Fit for the body of a 400: no variant holds a secret, a
/// signature or anything else of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The header is absent or empty.
    #[error("the `Stripe-Signature` header is missing or empty, so nobody says who sent this")]
    Missing,
    /// The header is over [`MAX_HEADER_BYTES`].
    #[error("the `Stripe-Signature` header is longer than {MAX_HEADER_BYTES} bytes")]
    HeaderTooLong,
    /// Something between two commas is not `name=value`.
    #[error(
        "the `Stripe-Signature` header is malformed, expected `t=…,v1=…` as Stripe sends it, without spaces"
    )]
    Malformed,
    /// There is no `t`.
    #[error("the `Stripe-Signature` header has no timestamp `t`")]
    NoTimestamp,
    /// The value of `t` is not whole seconds, written as Stripe writes them.
    #[error("the timestamp `t` of the `Stripe-Signature` header is not a number of seconds")]
    InvalidTimestamp,
    /// There is more than one `t`.
    #[error("the `Stripe-Signature` header has more than one timestamp `t`")]
    RepeatedTimestamp,
    /// There is no `v1`, whatever else there is.
    #[error("the `Stripe-Signature` header has no signature of the scheme `v1`")]
    NoSignature,
    /// There are more than [`MAX_SIGNATURES`].
    #[error("the `Stripe-Signature` header has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// No signature is that of this body under any of the secrets.
    #[error(
        "no signature matches: check that the secret is that of this endpoint, and that nothing on the way changes the body"
    )]
    NoMatch,
    /// It was signed longer ago than [`TOLERANCE`].
    #[error(
        "signed more than {} seconds ago: sent again by somebody, or the clock here is ahead",
        TOLERANCE.as_secs()
    )]
    TooOld,
}

impl WebhookSecrets {
    /// Whether `body` was signed by Stripe under one of the secrets, and not too long before `now`.
    ///
    /// `header` is the value of `Stripe-Signature` and `body` the raw body, both as received.
    /// Every signature is compared with that of every secret, each in constant time.
    ///
    /// # Errors
    ///
    /// A [`SignatureError`]. The request is then to be answered 400, and its body not to be read.
    pub fn verify(&self, header: &[u8], body: &[u8], now: Timestamp) -> Result<(), SignatureError> {
        let header = SignatureHeader::parse(header)?;
        let mut found = false;
        for secret in self.iter() {
            let code = authentication_code(secret.expose_secret(), header.timestamp_text, body);
            for signature in &header.signatures {
                // No early exit: how long this takes must not tell which of them is right.
                found |= code.clone().verify_slice(signature).is_ok();
            }
        }
        if !found {
            return Err(SignatureError::NoMatch);
        }
        let age = seconds_of(now).saturating_sub(header.timestamp);
        if age > TOLERANCE.as_secs().cast_signed() {
            return Err(SignatureError::TooOld);
        }
        Ok(())
    }

    /// The header with which Stripe would send `body` at `at`, with one `v1` for each secret.
    ///
    /// For tests, and for tools that play events again. A service that receives webhooks has no use
    /// for it.
    #[must_use]
    pub fn sign(&self, body: &[u8], at: Timestamp) -> String {
        let timestamp = seconds_of(at).to_string();
        let mut header = format!("t={timestamp}");
        for secret in self.iter() {
            let code = authentication_code(secret.expose_secret(), timestamp.as_bytes(), body);
            header.push_str(",v1=");
            header.push_str(&header::hex(&code.finalize().into_bytes()));
        }
        header
    }
}

/// Stripe's key is the whole text of the secret, `whsec_` included. (In Standard Webhooks it would
/// be what the rest decodes to.)
fn authentication_code(secret: &str, timestamp: &[u8], body: &[u8]) -> Hmac<Sha256> {
    let mut code = keyed(secret.as_bytes());
    code.update(timestamp);
    code.update(b".");
    code.update(body);
    code
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes keys of any length (RFC 2104), so there is no error to hand on"
)]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// Whole seconds, as Stripe's libraries count them: what is left of a second is dropped.
fn seconds_of(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}
