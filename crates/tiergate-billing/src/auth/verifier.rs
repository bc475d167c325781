//! Checks tokens.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use tiergate_clock::Clock;
use tiergate_core::time::Timestamp;

use super::claims::Claims;
use super::crypto::install_crypto;
use super::jwks::{Jwks, JwksUrlError, KeyAnswer};
use super::{Caller, CryptoFault};

/// The longest token that is looked at, in bytes. What is longer does not fit a request's headers.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Why a token does not hold. Nothing of the token is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is no token, or its signature or claims do not hold.
    #[error("the bearer token is not valid")]
    Invalid,
    /// It has expired.
    #[error("the bearer token has expired")]
    Expired,
    /// Whether it holds cannot be told: the keys of who issues tokens cannot be had.
    #[error("tokens cannot be checked at the moment")]
    KeysUnavailable,
}

/// A secret that is too short to sign anything with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakSecret {
    /// RFC 7518, section 3.2: a key for HS256 has at least 256 bits.
    #[error(
        "the secret has {bytes} bytes; HS256 needs at least {} (make one with `openssl rand -hex 32`)",
        Verifier::MIN_SECRET_BYTES
    )]
    TooShort {
        /// How long it is.
        bytes: usize,
    },
    /// The cryptography does not work.
    #[error(transparent)]
    Crypto(#[from] CryptoFault),
}

/// Who bears a token that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who it is.
    pub caller: Caller,
    /// Until when the token holds, with the leeway that clocks are given.
    pub expires_at: Timestamp,
}

/// Checks tokens, by a secret that is shared with whoever issues them or by the public keys that they
/// publish. Clones share the keys.
///
/// ```
/// use std::sync::Arc;
/// use tiergate_billing::auth::Verifier;
/// use tiergate_clock::SystemClock;
///
/// let secret = "0123456789abcdef0123456789abcdef".to_owned().into();
/// let verifier = Verifier::shared_secret(&secret, Arc::new(SystemClock::new()))?
///     .with_issuer("https://login.example.com");
/// assert!(Verifier::shared_secret(&"short".to_owned().into(), Arc::new(SystemClock::new())).is_err());
/// # let _ = verifier;
/// # Ok::<(), tiergate_billing::auth::WeakSecret>(())
/// ```
#[derive(Clone)]
pub struct Verifier {
    keys: Keys,
    issuer: Option<Arc<str>>,
    audience: Option<Arc<str>>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
enum Keys {
    Secret(Arc<DecodingKey>),
    Published(Arc<Jwks>),
}

impl Verifier {
    /// The shortest secret, in bytes.
    pub const MIN_SECRET_BYTES: usize = 32;

    /// Checks tokens that are signed with HS256 and `secret`.
    ///
    /// # Errors
    ///
    /// When the secret is shorter than [`MIN_SECRET_BYTES`](Self::MIN_SECRET_BYTES).
    pub fn shared_secret(secret: &SecretString, clock: Arc<dyn Clock>) -> Result<Self, WeakSecret> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < Self::MIN_SECRET_BYTES {
            return Err(WeakSecret::TooShort {
                bytes: secret.len(),
            });
        }
        install_crypto()?;
        let key = Arc::new(DecodingKey::from_secret(secret));
        Ok(Self::of(Keys::Secret(key), clock))
    }

    /// Checks tokens that are signed with RS256, ES256 or EdDSA and one of the keys that are published
    /// at `url` as a JSON Web Key Set (RFC 7517).
    ///
    /// Nothing is fetched before the first token, or [`refresh_keys`](Self::refresh_keys).
    ///
    /// # Errors
    ///
    /// When `url` is no `https` address, or an `http` one that leaves the machine.
    pub fn jwks(url: &str, clock: Arc<dyn Clock>) -> Result<Self, JwksUrlError> {
        install_crypto()?;
        let jwks = Jwks::new(url, Arc::clone(&clock))?;
        Ok(Self::of(Keys::Published(Arc::new(jwks)), clock))
    }

    fn of(keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self {
            keys,
            issuer: None,
            audience: None,
            clock,
        }
    }

    /// Believes only tokens whose `iss` is this.
    #[must_use]
    pub fn with_issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Believes only tokens whose `aud` names this.
    #[must_use]
    pub fn with_audience(mut self, audience: &str) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Who bears a token. It waits where keys have to be fetched first, a few seconds at most; dropping
    /// the future leaves the fetch to others who wait for it.
    ///
    /// # Errors
    ///
    /// When it does not hold, or when that cannot be told.
    pub async fn verify(&self, token: &str) -> Result<Verified, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        // RFC 7515, section 4.1.11: what is critical and not understood makes a token invalid. `typ`
        // does not matter (section 4.1.9).
        if header.crit.is_some() {
            return Err(TokenError::Invalid);
        }
        let claims = match &self.keys {
            Keys::Secret(key) => decode(token, key, Algorithm::HS256),
            Keys::Published(jwks) => published(jwks, token, &header).await,
        }?;
        let (issuer, audience) = (self.issuer.as_deref(), self.audience.as_deref());
        claims.check(self.clock.now(), issuer, audience)?;
        Ok(Verified {
            expires_at: claims.expires_at(),
            caller: claims.into(),
        })
    }

    /// Fetches published keys anew, unless that was done within the last ten seconds. With a shared
    /// secret there is nothing to fetch. A failure is logged, and leaves the keys as they are.
    pub async fn refresh_keys(&self) {
        if let Keys::Published(jwks) = &self.keys {
            jwks.refresh().await;
        }
    }
}

async fn published(jwks: &Arc<Jwks>, token: &str, header: &Header) -> Result<Claims, TokenError> {
    // Before anything is fetched: what no published key could have signed costs no fetch.
    if !Jwks::ALGORITHMS.contains(&header.alg) {
        return Err(TokenError::Invalid);
    }
    match jwks.key(header.kid.as_deref(), header.alg).await {
        KeyAnswer::Found(key) => decode(token, &key, header.alg),
        KeyAnswer::Unknown => Err(TokenError::Invalid),
        KeyAnswer::Unavailable => Err(TokenError::KeysUnavailable),
    }
}

/// Checks the signature, by one algorithm. Claims are checked by [`Claims::check`], by the clock of the
/// service: the library would ask the machine's.
fn decode(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, TokenError> {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    jsonwebtoken::decode::<Claims>(token, key, &validation)
        .map(|data| data.claims)
        .map_err(|_| TokenError::Invalid)
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: &dyn fmt::Debug = match &self.keys {
            Keys::Secret(_) => &"<shared secret>",
            Keys::Published(jwks) => jwks,
        };
        f.debug_struct("Verifier")
            .field("keys", keys)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
