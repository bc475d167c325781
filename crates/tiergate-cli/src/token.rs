//! Tokens: what they say, and signing them.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tiergate_clock::Clock;
use uuid::Uuid;

use crate::cli::{Membership, Role, TokenRequest};

/// Whom tokens come from and whom they are meant for, if the service asks for that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parties {
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
}

/// What a caller may do with what is theirs.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Permission {
    Read,
    Write,
}

/// What a token says. The names are those of RFC 7519, section 4.1, and of the service.
#[derive(Debug, Serialize)]
struct Claims<'a> {
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    roles: &'a [Role],
    organizations: &'a [Membership],
    permissions: [Permission; 2],
    /// Seconds since 1970.
    iat: i64,
    /// Seconds since 1970.
    exp: i64,
    jti: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// Signs a token with HS256.
///
/// # Errors
///
/// When the signature fails, which no valid secret lets happen.
pub(crate) fn issue(
    request: &TokenRequest,
    secret: &SecretString,
    parties: &Parties,
    clock: &impl Clock,
) -> Result<String, jsonwebtoken::errors::Error> {
    let now = clock.now();
    let claims = Claims {
        sub: &request.user,
        email: request.email.as_deref(),
        name: request.name.as_deref(),
        roles: &request.roles,
        organizations: &request.organizations,
        permissions: [Permission::Read, Permission::Write],
        iat: now.as_micros().div_euclid(1_000_000),
        exp: now
            .saturating_add(request.ttl)
            .as_micros()
            .div_euclid(1_000_000),
        jti: Uuid::new_v4(),
        iss: parties.issuer.as_deref(),
        aud: parties.audience.as_deref(),
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims, &key)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::{Value, json};
    use tiergate_clock::ManualClock;

    use super::*;
    use crate::cli::OrganizationRole;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn request() -> TokenRequest {
        TokenRequest {
            user: "pia".into(),
            organizations: Vec::new(),
            roles: Vec::new(),
            email: None,
            name: None,
            ttl: Duration::from_secs(3_600),
        }
    }

    fn claims(request: &TokenRequest, parties: &Parties) -> Value {
        let clock = ManualClock::at("2026-01-31T12:00:00.75Z".parse().unwrap());
        let token = issue(request, &SECRET.into(), parties, &clock).unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        // The clock stands still; whether the token is over by now is another question.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let key = DecodingKey::from_secret(SECRET.as_bytes());
        decode::<Value>(&token, &key, &validation).unwrap().claims
    }

    #[test]
    fn a_plain_token_says_who_until_when_and_nothing_else() {
        let mut claims = claims(&request(), &Parties::default());
        let jti = claims["jti"].take();
        assert!(Uuid::parse_str(jti.as_str().unwrap()).is_ok());
        assert_eq!(
            claims,
            json!({
                "sub": "pia",
                "roles": [],
                "organizations": [],
                "permissions": ["read", "write"],
                "iat": 1_769_860_800,
                "exp": 1_769_864_400,
                "jti": null,
            })
        );
    }

    #[test]
    fn a_full_token_says_everything() {
        let request = TokenRequest {
            organizations: vec![Membership {
                id: "eagle".into(),
                role: OrganizationRole::Owner,
            }],
            roles: vec![Role::Service, Role::Admin],
            email: Some("pia@example.com".into()),
            name: Some("Pia".into()),
            ..request()
        };
        let parties = Parties {
            issuer: Some("us".into()),
            audience: Some("tiergate".into()),
        };
        let claims = claims(&request, &parties);
        assert_eq!(
            claims["organizations"],
            json!([{"id": "eagle", "role": "owner"}])
        );
        assert_eq!(claims["roles"], json!(["service", "admin"]));
        assert_eq!(claims["email"], "pia@example.com");
        assert_eq!(claims["name"], "Pia");
        assert_eq!(claims["iss"], "us");
        assert_eq!(claims["aud"], "tiergate");
    }

    #[test]
    fn no_two_tokens_have_the_same_id() {
        let (one, other) = (
            claims(&request(), &Parties::default()),
            claims(&request(), &Parties::default()),
        );
        assert_ne!(one["jti"], other["jti"]);
    }
}
