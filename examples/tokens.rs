//! DEMO ONLY: the identity provider, as far as the billing service knows of it.
//!
//! It signs a token for whoever is named. The billing service takes what is signed with the secret that
//! the two share; with published keys (JWKS) they would not have to share any.

use std::error::Error;

use jsonwebtoken::{EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tiergate_clock::{Clock, SystemClock};
use uuid::Uuid;

/// How long a token can be used, in seconds: longer than anybody tries things out.
const LIFETIME: i64 = 12 * 60 * 60;

pub(crate) struct IdentityProvider {
    secret: SecretString,
}

impl IdentityProvider {
    /// One with a secret that nobody knows.
    pub(crate) fn new() -> Self {
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self {
            secret: secret.into(),
        }
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// A token of a user, or of somebody with a role: `service` or `admin`.
    pub(crate) fn token(&self, id: &str, roles: &[&str]) -> Result<String, Box<dyn Error>> {
        let now = SystemClock::new().now().as_micros() / 1_000_000;
        let claims = json!({
            "sub": id,
            "roles": roles,
            "permissions": ["read", "write"],
            "iat": now,
            "exp": now + LIFETIME,
        });
        let key = EncodingKey::from_secret(self.secret.expose_secret().as_bytes());
        Ok(encode(&Header::default(), &claims, &key)?)
    }
}
