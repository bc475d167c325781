//! The keys that callers' tokens are checked with.

use std::io::Write as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::dev_secret::{self, DevSecretError, Opened};
use crate::settings::{KeySource, echo};

/// What callers' tokens are checked with.
#[derive(Debug)]
pub(crate) enum CallerKeys {
    /// A secret, which tokens are signed with as well (HS256).
    Secret(SecretString),
    /// The public keys that are published there.
    Jwks(Url),
}

/// Gives the keys. Makes the development secret if one is needed and there is none, and shows it on
/// standard error, this once.
///
/// # Errors
///
/// When a development secret cannot be made.
pub(crate) fn open(source: KeySource) -> Result<CallerKeys, DevSecretError> {
    match source {
        KeySource::Secret(secret) => Ok(CallerKeys::Secret(secret)),
        KeySource::Jwks(url) => Ok(CallerKeys::Jwks(url)),
        KeySource::Development(development) => {
            let path = development.path.clone();
            match dev_secret::open(development)? {
                Opened::Found(secret) => Ok(CallerKeys::Secret(secret)),
                Opened::Made(secret) => {
                    announce(&path, &secret);
                    Ok(CallerKeys::Secret(secret))
                }
            }
        }
    }
}

fn announce(path: &Path, secret: &SecretString) {
    // Who cannot be told can still read the file.
    let _ = writeln!(
        std::io::stderr(),
        "A development secret was made, because neither TIERGATE_JWT_SECRET nor TIERGATE_JWKS_URL is \
         set.\nIt is kept in {} and is not shown again:\n    {}",
        echo(&path.display().to_string()),
        secret.expose_secret()
    );
}
