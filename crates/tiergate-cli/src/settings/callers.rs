//! The settings of how callers are known.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use tiergate_billing::database::DatabaseAddress;
use url::{Host, Url};

use super::fault::{Problem, Refused};
use super::origin::Origin;
use super::reader::Reader;
use super::table;
use super::value::{line, secret};
use crate::dev_secret;

/// A secret of HS256 is at least as long as what the hash gives out (RFC 7518, section 3.2).
pub(crate) const MIN_SECRET_BYTES: usize = 32;

const MAKE_A_SECRET: &str = "make one with `openssl rand -base64 32`";

/// How callers are known: by tokens, and which tokens are taken.
#[derive(Debug)]
pub(crate) struct CallerSettings {
    pub(crate) keys: KeySource,
    /// The only issuer whose tokens are taken, if there is one.
    pub(crate) issuer: Option<String>,
    /// The audience that tokens must name, if there is one.
    pub(crate) audience: Option<String>,
}

/// Where the keys come from that tokens are checked with.
#[derive(Debug)]
pub(crate) enum KeySource {
    /// A secret that this service shares with who signs the tokens.
    Secret(SecretString),
    /// The public keys of an identity provider.
    Jwks(Url),
    /// A secret for the first steps, made when it is first needed.
    Development(DevelopmentSecret),
}

/// The secret of a service that nobody gave one.
#[derive(Debug)]
pub(crate) struct DevelopmentSecret {
    /// Where it is kept.
    pub(crate) path: PathBuf,
    /// What was found there.
    pub(crate) found: Option<SecretString>,
}

impl CallerSettings {
    /// Reads how callers are known. `database` decides whether a development secret will do.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        database: Result<&DatabaseAddress, Refused>,
    ) -> Result<Self, Refused> {
        let keys = KeySource::read(reader, database);
        let issuer = reader.optional(&table::JWT_ISSUER, line);
        let audience = reader.optional(&table::JWT_AUDIENCE, line);
        Ok(Self {
            keys: keys?,
            issuer: issuer?,
            audience: audience?,
        })
    }
}

impl KeySource {
    fn read(
        reader: &mut Reader<'_>,
        database: Result<&DatabaseAddress, Refused>,
    ) -> Result<Self, Refused> {
        let secret = reader.optional(&table::JWT_SECRET, secret(MIN_SECRET_BYTES, MAKE_A_SECRET));
        let jwks = reader.optional(&table::JWKS_URL, jwks_url);
        match (secret?, jwks?) {
            (Some(secret), None) => Ok(Self::Secret(secret)),
            (None, Some(url)) => Ok(Self::Jwks(url)),
            (None, None) => match database?.file() {
                Some(file) => development(reader, file).map(Self::Development),
                None => Err(refuse_none(reader)),
            },
            (Some(_), Some(_)) => Err(refuse_both(reader)),
        }
    }
}

fn development(reader: &mut Reader<'_>, database: &Path) -> Result<DevelopmentSecret, Refused> {
    let path = reader
        .sources
        .path(database)
        .with_file_name(dev_secret::FILE_NAME);
    match dev_secret::find(&path) {
        Ok(found) => Ok(DevelopmentSecret { path, found }),
        Err(problem) => Err(reader.refuse(&table::JWT_SECRET, Origin::Default, problem)),
    }
}

fn refuse_none(reader: &mut Reader<'_>) -> Refused {
    let (secret, jwks) = (table::JWT_SECRET.variable, table::JWKS_URL.variable);
    let problem = Problem::new(
        format!("neither this nor {jwks} is set, so no caller could be known"),
        format!(
            "set {secret} to a secret that your sign-in signs tokens with ({MAKE_A_SECRET}), or \
             {jwks} to where it publishes its keys; a development secret is generated with SQLite \
             only"
        ),
    );
    reader.refuse(&table::JWT_SECRET, Origin::Default, problem)
}

/// Which of two ways callers are known is too grave to be guessed from what wins over what.
fn refuse_both(reader: &mut Reader<'_>) -> Refused {
    let secret = match reader.origin(&table::JWT_SECRET) {
        Ok(Some(origin)) => origin,
        Ok(None) | Err(Refused) => Origin::Default,
    };
    let jwks = match reader.origin(&table::JWKS_URL) {
        Ok(Some(origin)) => origin.to_string(),
        Ok(None) | Err(Refused) => String::new(),
    };
    let problem = Problem::new(
        format!("is set, and {} is too ({jwks})", table::JWKS_URL.variable),
        "keep one of the two: tokens are checked with a secret or with published keys",
    );
    reader.refuse(&table::JWT_SECRET, secret, problem)
}

fn jwks_url(text: &str) -> Result<Url, Problem> {
    const REMEDY: &str = "write it like `https://id.example.com/.well-known/jwks.json`";
    let url =
        Url::parse(text).map_err(|error| Problem::new(format!("is not a URL: {error}"), REMEDY))?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(Problem::new("is not a URL of the web", REMEDY));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Problem::new(
            "has a user or a password in it",
            "remove it: published keys are open to all",
        ));
    }
    // Whoever can change the answer on its way can sign tokens for everybody.
    if url.scheme() == "http" && !is_local(&url) {
        return Err(Problem::new(
            "uses plain http, so whoever is on the way to it could replace the keys",
            "write `https`; plain http is for this machine only",
        ));
    }
    Ok(url)
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
