use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// The fewest characters of a secret after `whsec_`.
///
/// Stripe's have 32 and more. 24 characters of letters and digits are over 140 bits, more than
/// anybody can guess; what is shorter was cut off when it was copied.
pub const MIN_SECRET_CHARS: usize = 24;

/// The most secrets at once. Two are enough to roll one.
const MAX_SECRETS: usize = 16;

const PREFIX: &str = "whsec_";

/// The secrets of a webhook endpoint: one, or several while one is being replaced by another.
///
/// `Debug` prints how many there are and nothing of them. The memory is cleared on drop.
pub struct WebhookSecrets {
    // Never empty.
    secrets: Vec<SecretString>,
}

impl WebhookSecrets {
    /// Reads secrets separated by commas: `whsec_…` or `whsec_…,whsec_…`.
    ///
    /// To roll a secret: let Stripe make a new one, put it beside the old one here, and take the
    /// old one out when Stripe has stopped signing with it.
    ///
    /// # Errors
    ///
    /// A [`SecretsError`] with every fault of every secret, if one is empty, has white space, does
    /// not start with `whsec_`, has a character that no secret has, has fewer than
    /// [`MIN_SECRET_CHARS`] after `whsec_`, or is there twice, or if there are more than 16.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        let mut faults = Vec::new();
        let parts: Vec<&str> = text.split(',').take(MAX_SECRETS + 1).collect();
        if parts.len() > MAX_SECRETS {
            faults.push(SecretFault::TooMany);
        }
        for (index, secret) in parts.iter().take(MAX_SECRETS).enumerate() {
            let position = index + 1;
            if let Some(fault) = fault_of(secret, position) {
                faults.push(fault);
            } else if let Some(first) = parts.iter().take(index).position(|it| it == secret) {
                faults.push(SecretFault::Repeated {
                    position,
                    first: first + 1,
                });
            }
        }
        if faults.is_empty() {
            let secrets = parts.into_iter().map(SecretString::from).collect();
            Ok(Self { secrets })
        } else {
            Err(SecretsError { faults })
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &SecretString> {
        self.secrets.iter()
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSecrets")
            .field("count", &self.secrets.len())
            .finish_non_exhaustive()
    }
}

impl Clone for WebhookSecrets {
    fn clone(&self) -> Self {
        let copy = |secret: &SecretString| SecretString::from(secret.expose_secret());
        Self {
            secrets: self.secrets.iter().map(copy).collect(),
        }
    }
}

fn fault_of(secret: &str, position: usize) -> Option<SecretFault> {
    if secret.trim().is_empty() {
        return Some(SecretFault::Empty { position });
    }
    if secret.contains(char::is_whitespace) {
        return Some(SecretFault::Whitespace { position });
    }
    let Some(rest) = secret.strip_prefix(PREFIX) else {
        return Some(SecretFault::NoPrefix { position });
    };
    // Letters and digits, and what the alphabets of base64 add to them.
    let known = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    if !rest.chars().all(known) {
        return Some(SecretFault::UnexpectedCharacter { position });
    }
    (rest.len() < MIN_SECRET_CHARS).then_some(SecretFault::TooShort { position })
}

/// What is wrong with one secret. Positions count from one; nothing of the secret is in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFault {
    /// There is nothing between two commas, or nothing at all.
    #[error("secret {position} is empty")]
    Empty {
        /// Which one.
        position: usize,
    },
    /// There is white space, such as a line end from a file.
    #[error("secret {position} has white space in it, remove it also around commas and at the end")]
    Whitespace {
        /// Which one.
        position: usize,
    },
    /// It is another kind of key.
    #[error(
        "secret {position} does not start with `{PREFIX}`: take the endpoint's signing secret, not an API key"
    )]
    NoPrefix {
        /// Which one.
        position: usize,
    },
    /// There is a character that no secret of Stripe's has, such as a quotation mark.
    #[error("secret {position} has a character that is neither a letter nor a digit")]
    UnexpectedCharacter {
        /// Which one.
        position: usize,
    },
    /// It is too short to be whole.
    #[error(
        "secret {position} has fewer than {MIN_SECRET_CHARS} characters after `{PREFIX}`, copy all of it"
    )]
    TooShort {
        /// Which one.
        position: usize,
    },
    /// It is there twice.
    #[error("secret {position} is the same as secret {first}, remove one")]
    Repeated {
        /// Which one.
        position: usize,
        /// Which one came before it.
        first: usize,
    },
    /// There are too many.
    #[error("there are more than {MAX_SECRETS} secrets, two are enough to roll one")]
    TooMany,
}

/// The secrets cannot be used. Says everything that is wrong with them, without showing them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretsError {
    faults: Vec<SecretFault>,
}

impl SecretsError {
    /// Every fault, by position. Never empty.
    #[must_use]
    pub fn faults(&self) -> &[SecretFault] {
        &self.faults
    }
}

impl fmt::Display for SecretsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("webhook secrets cannot be used: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            fmt::Display::fmt(fault, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for SecretsError {}
