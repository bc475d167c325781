//! What a token says, and whether it holds now and here.

use serde::Deserialize;
use tiergate_core::Subject;
use tiergate_core::time::Timestamp;

use super::verifier::TokenError;
use super::{Caller, Membership, Permission, Role};

/// By how many seconds the clocks of who issues tokens and of this service may differ.
const LEEWAY: f64 = 5.0;

/// The claims that count here; others are ignored.
#[derive(Deserialize)]
pub(super) struct Claims {
    sub: String,
    /// RFC 7519, section 2: a `NumericDate` may have a fraction.
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iss: Option<String>,
    #[serde(default)]
    aud: Option<Audience>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    organizations: Vec<Membership>,
    #[serde(default)]
    permissions: Option<Vec<String>>,
}

/// RFC 7519, section 4.1.3: one name, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(several) => several.iter().any(|one| one == name),
        }
    }
}

impl Claims {
    /// Whether the token is for now, from the right issuer and for this service.
    pub(super) fn check(
        &self,
        now: Timestamp,
        issuer: Option<&str>,
        audience: Option<&str>,
    ) -> Result<(), TokenError> {
        let now = seconds(now);
        // JSON has no number that compares with none.
        if now >= self.exp + LEEWAY {
            return Err(TokenError::Expired);
        }
        if self.nbf.is_some_and(|from| now < from - LEEWAY) {
            return Err(TokenError::Invalid);
        }
        if issuer.is_some_and(|issuer| self.iss.as_deref() != Some(issuer)) {
            return Err(TokenError::Invalid);
        }
        let named = |audience| self.aud.as_ref().is_some_and(|aud| aud.names(audience));
        if audience.is_some_and(|audience| !named(audience)) {
            return Err(TokenError::Invalid);
        }
        if !Subject::user(self.sub.as_str()).is_valid() {
            return Err(TokenError::Invalid);
        }
        Ok(())
    }

    /// When the token stops to hold.
    pub(super) fn expires_at(&self) -> Timestamp {
        let seconds = (self.exp + LEEWAY).clamp(0.0, LATEST);
        Timestamp::from_seconds(0).saturating_add(std::time::Duration::from_secs_f64(seconds))
    }
}

/// As far as it matters here: the year 9999.
const LATEST: f64 = 253_402_300_799.0;

#[expect(
    clippy::cast_precision_loss,
    reason = "exact to the microsecond until 2255"
)]
fn seconds(at: Timestamp) -> f64 {
    at.as_micros() as f64 / 1e6
}

impl From<Claims> for Caller {
    fn from(claims: Claims) -> Self {
        let role = |word: &String| match word.as_str() {
            "admin" => Some(Role::Admin),
            "service" => Some(Role::Service),
            _ => None,
        };
        let permission = |word: &String| match word.as_str() {
            "read" => Some(Permission::Read),
            "write" => Some(Permission::Write),
            _ => None,
        };
        Self {
            id: claims.sub,
            email: claims.email,
            name: claims.name,
            roles: claims.roles.iter().filter_map(role).collect(),
            organizations: claims.organizations,
            // A token that says nothing of permissions leaves them as the roles have them.
            permissions: match &claims.permissions {
                None => vec![Permission::Read, Permission::Write],
                Some(words) => words.iter().filter_map(permission).collect(),
            },
        }
    }
}
