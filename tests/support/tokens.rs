//! Bearer tokens, made by hand after RFC 7515 and RFC 7519, so that they share no code with what reads
//! them.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tiergate_clock::Clock;
use tiergate_core::time::Timestamp;

/// How long a token is good for.
const LIFETIME: Duration = Duration::from_secs(3_600);

/// Makes tokens that one service believes.
#[derive(Clone)]
pub struct Mint {
    secret: Vec<u8>,
}

/// A token that is being put together: who is calling, and what they may.
#[derive(Clone, Debug)]
#[must_use]
pub struct Token {
    claims: Value,
    algorithm: Algorithm,
}

/// What a caller is in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Changes everything of it.
    Owner,
    /// As an owner.
    Admin,
    /// Reads.
    Member,
}

/// What the head of a token says about its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// A lie: it is signed as by `HS256`.
    Rs256,
    /// There is none.
    None,
}

impl Mint {
    /// A mint that signs with this secret.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self {
            secret: secret.into(),
        }
    }

    /// The token, signed.
    #[must_use]
    pub fn sign(&self, token: &Token) -> String {
        let (algorithm, signed) = match token.algorithm {
            Algorithm::Hs256 => ("HS256", true),
            Algorithm::Rs256 => ("RS256", true),
            Algorithm::None => ("none", false),
        };
        let head = json!({"alg": algorithm, "typ": "JWT"}).to_string();
        let claims = token.claims.to_string();
        let text = format!(
            "{}.{}",
            base64url(head.as_bytes()),
            base64url(claims.as_bytes())
        );
        let signature = if signed {
            self.signature(&text)
        } else {
            String::new()
        };
        format!("{text}.{signature}")
    }

    /// The value of the `authorization` header.
    #[must_use]
    pub fn bearer(&self, token: &Token) -> String {
        format!("Bearer {}", self.sign(token))
    }

    /// The signature of what is before the second dot, as `HS256` has it.
    #[must_use]
    pub fn signature(&self, text: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("a key can have any length");
        mac.update(text.as_bytes());
        base64url(&mac.finalize().into_bytes())
    }
}

impl fmt::Debug for Mint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mint").finish_non_exhaustive()
    }
}

impl Token {
    /// Of a user, who is in no organization, from now for an hour.
    pub fn user(id: &str, clock: &dyn Clock) -> Self {
        let now = seconds(clock);
        Self {
            claims: json!({
                "sub": id,
                "email": format!("{id}@example.com"),
                "name": format!("Name of {id}"),
                "roles": [],
                "organizations": [],
                "permissions": ["read", "write"],
                "iat": now,
                "exp": now + LIFETIME.as_secs(),
            }),
            algorithm: Algorithm::Hs256,
        }
    }

    /// Of another service.
    pub fn service(id: &str, clock: &dyn Clock) -> Self {
        Self::user(id, clock).with("roles", json!(["service"]))
    }

    /// Of an administrator.
    pub fn admin(id: &str, clock: &dyn Clock) -> Self {
        Self::user(id, clock).with("roles", json!(["admin"]))
    }

    /// Puts the caller in an organization too.
    pub fn in_organization(mut self, id: &str, role: Role) -> Self {
        let role = match role {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Member => "member",
        };
        let organizations = self.claims.get_mut("organizations");
        if let Some(Value::Array(organizations)) = organizations {
            organizations.push(json!({"id": id, "role": role}));
        }
        self
    }

    /// May read only.
    pub fn read_only(self) -> Self {
        self.with("permissions", json!(["read"]))
    }

    /// Ended so long before now by the clock that no leeway helps.
    pub fn expired(self, clock: &dyn Clock) -> Self {
        let now = seconds(clock);
        let ended = now.saturating_sub(LIFETIME.as_secs());
        let issued = ended.saturating_sub(LIFETIME.as_secs());
        self.with("iat", json!(issued)).with("exp", json!(ended))
    }

    /// Says that it is signed by a private RSA key, and is not.
    pub fn of_another_algorithm(mut self) -> Self {
        self.algorithm = Algorithm::Rs256;
        self
    }

    /// Says that nobody signed it.
    pub fn unsigned(mut self) -> Self {
        self.algorithm = Algorithm::None;
        self
    }

    /// Says something else under this name.
    ///
    /// # Panics
    ///
    /// Never: claims are an object.
    pub fn with(mut self, claim: &str, value: Value) -> Self {
        let claims = self.claims.as_object_mut().expect("claims are an object");
        claims.insert(claim.to_owned(), value);
        self
    }

    /// Does not say what is under this name.
    ///
    /// # Panics
    ///
    /// Never: claims are an object.
    pub fn without(mut self, claim: &str) -> Self {
        let claims = self.claims.as_object_mut().expect("claims are an object");
        claims.remove(claim);
        self
    }
}

/// What RFC 7519 calls a `NumericDate`, without its fraction.
fn seconds(clock: &dyn Clock) -> u64 {
    let since = clock.now().duration_since(Timestamp::from_seconds(0));
    since.as_secs()
}

/// Base64 with the alphabet for URLs and without padding: RFC 4648, section 5.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut bits = 0_u32;
        for place in 0..3 {
            bits = bits << 8 | u32::from(group.get(place).copied().unwrap_or(0));
        }
        for place in 0..=group.len() {
            let index = bits >> (18 - 6 * place) & 63;
            let letter = usize::try_from(index).ok().and_then(|at| ALPHABET.get(at));
            text.push(char::from(*letter.expect("six bits")));
        }
    }
    text
}
