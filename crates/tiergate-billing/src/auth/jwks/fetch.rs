//! Fetches a key set over HTTP.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http::StatusCode;
use http::header::ACCEPT;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use super::set::{KeySet, SetFault};
use crate::auth::CryptoFault;

/// How long a fetch may take, from the first packet to the last byte.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long a connection may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// The largest key set, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// An address that keys are not fetched from. It does not repeat the address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwksUrlError {
    /// It is no URL.
    #[error("not a URL; expected the form https://login.example.com/.well-known/jwks.json")]
    Malformed,
    /// It is neither `https` nor `http`.
    #[error("expected an https:// address")]
    Scheme,
    /// Keys that come over plain HTTP could be anybody's.
    #[error("plain http:// is for this machine only (127.0.0.1, [::1], localhost); use https://")]
    PlainHttp,
    /// Who publishes public keys needs no password.
    #[error("the address holds a user or password; leave it out")]
    Credential,
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[source] reqwest::Error),
    /// The cryptography does not work.
    #[error(transparent)]
    Crypto(#[from] CryptoFault),
}

/// Why no key set came.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchFault {
    #[error("no answer: {0}")]
    Transport(#[from] reqwest::Error),
    #[error("the answer has the status {0}, not 200")]
    Status(StatusCode),
    #[error("the answer is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error(transparent)]
    Set(#[from] SetFault),
}

/// Where keys are published.
pub(super) struct Source {
    url: Url,
    client: Client,
}

impl Source {
    pub(super) fn new(url: &str) -> Result<Self, JwksUrlError> {
        let url = Url::parse(url).map_err(|_| JwksUrlError::Malformed)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(JwksUrlError::PlainHttp),
            _ => return Err(JwksUrlError::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(JwksUrlError::Credential);
        }
        let client = Client::builder()
            // Keys come from the address that was configured, or not at all.
            .redirect(Policy::none())
            .timeout(DEADLINE)
            .connect_timeout(CONNECT_DEADLINE)
            // Fetches are minutes apart; an idle connection would only be found dead.
            .pool_max_idle_per_host(0);
        // What the environment names as a proxy is meant for what leaves the machine.
        let client = if is_loopback(&url) {
            client.no_proxy()
        } else {
            client
        };
        let client = client.build().map_err(JwksUrlError::Client)?;
        Ok(Self { url, client })
    }

    pub(super) async fn fetch(&self) -> Result<KeySet, FetchFault> {
        let request = self.client.get(self.url.clone());
        let mut response = request.header(ACCEPT, "application/json").send().await?;
        if response.status() != StatusCode::OK {
            return Err(FetchFault::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len().saturating_add(chunk.len()) > MAX_BYTES {
                return Err(FetchFault::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(KeySet::parse(&body)?)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may hold a key of the operator's.
        write!(
            f,
            "{}{}",
            self.url.origin().ascii_serialization(),
            self.url.path()
        )
    }
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for url in [
            "https://login.example.com/keys",
            "http://127.0.0.1:9/keys",
            "http://[::1]/",
            "http://localhost/keys",
        ] {
            Source::new(url).unwrap();
        }
        for (url, told) in [
            ("", "not a URL"),
            ("http://login.example.com/keys", "plain http"),
            ("http://localhost.example.com/", "plain http"),
            ("file:///etc/keys", "https"),
            ("https://user:s3cret@example.com/", "password"),
        ] {
            let error = Source::new(url).unwrap_err().to_string();
            assert!(error.contains(told), "{url}: {error}");
            assert!(!error.contains("s3cret"));
        }
    }
}
