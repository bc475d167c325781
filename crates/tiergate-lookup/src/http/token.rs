use std::fmt;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

/// Where [`HttpLookup`](super::HttpLookup) gets the token that it shows to the billing service.
#[async_trait]
pub trait TokenProvider: Send + Sync + 'static {
    /// The token to use now, without the word `Bearer`.
    ///
    /// Its time counts towards the deadline of the lookup, and the future is dropped when that
    /// passes: what must not be interrupted belongs in a task of its own.
    async fn token(&self) -> Result<SecretString, TokenError>;

    /// Hears that the service refused `token` with 401, and says whether another call of
    /// [`token`](Self::token) may bring a better one.
    fn refused(&self, token: &SecretString) -> AfterRefusal {
        let _ = token;
        AfterRefusal::GiveUp
    }
}

/// What is left to do after a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRefusal {
    /// Get another token and try once more.
    TryAgain,
    /// Nothing.
    GiveUp,
}

/// One token for good.
#[derive(Clone)]
pub struct StaticToken {
    token: SecretString,
}

impl StaticToken {
    /// Always this token. White space around it, such as the line end of a file, is cut off. If
    /// nothing is left, every lookup fails and says so; no credential is sent.
    #[must_use]
    pub fn new(token: impl AsRef<str>) -> Self {
        Self {
            token: SecretString::from(token.as_ref().trim()),
        }
    }
}

#[async_trait]
impl TokenProvider for StaticToken {
    async fn token(&self) -> Result<SecretString, TokenError> {
        if self.token.expose_secret().is_empty() {
            return Err(TokenError::new(
                "it is empty, look where the service reads it from",
            ));
        }
        Ok(self.token.clone())
    }
}

impl fmt::Debug for StaticToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticToken([redacted])")
    }
}

/// No token could be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    message: Box<str>,
}

impl TokenError {
    /// An error that says why. The message is printed in logs: it must not hold a secret.
    #[must_use]
    pub fn new(message: impl Into<Box<str>>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no token: {}", self.message)
    }
}

impl std::error::Error for TokenError {}
