//! How a store in Redis is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::cluster::ClusterClient;
use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionInfo, IntoConnectionInfo, RedisError};
use tiergate_clock::Clock;

use super::RedisUsage;
use super::link::{Link, Target};
use super::name::Prefix;

const DEADLINE: Duration = Duration::from_secs(1);
const CONNECT_WITHIN: Duration = Duration::from_millis(500);
const MAX_CALLS: usize = 1_024;
/// Five years.
const GAUGE_TTL: Duration = Duration::from_secs(5 * 365 * 24 * 3_600);

/// Sets up a [`RedisUsage`].
///
/// ```
/// use std::time::Duration;
/// use tiergate_usage::RedisUsage;
///
/// let usage = RedisUsage::builder()
///     .prefix("shop:")
///     .deadline(Duration::from_millis(500))
///     .open("redis://127.0.0.1:6379/0")?;
/// # drop(usage);
/// # Ok::<(), tiergate_usage::RedisConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `open` is called"]
pub struct RedisUsageBuilder {
    prefix: String,
    clock: Option<Arc<dyn Clock>>,
    pub(super) deadline: Duration,
    connect_within: Duration,
    pub(super) max_calls: usize,
    pub(super) gauge_ttl: Duration,
}

impl RedisUsageBuilder {
    pub(super) fn new() -> Self {
        Self {
            prefix: "tiergate:usage:".to_owned(),
            clock: None,
            deadline: DEADLINE,
            connect_within: CONNECT_WITHIN,
            max_calls: MAX_CALLS,
            gauge_ttl: GAUGE_TTL,
        }
    }

    /// Begins the name of each key with `prefix`; `tiergate:usage:` unless set. Stores with different
    /// prefixes share nothing.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Gives each call this long in all, waiting for a connection included; 1 second unless set.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Gives each attempt to connect this long; 500 milliseconds unless set.
    pub fn connect_within(mut self, limit: Duration) -> Self {
        self.connect_within = limit;
        self
    }

    /// Lets at most this many calls be under way; 1,024 unless set. Another one fails at once, with
    /// [`StoreErrorKind::Full`](crate::StoreErrorKind::Full).
    ///
    /// Calls that end something are not among them: commits, releases, and what is told of leases. Of those
    /// 16,384 may be, or this many if it is more.
    pub fn max_calls(mut self, most: usize) -> Self {
        self.max_calls = most.min(tokio::sync::Semaphore::MAX_PERMITS);
        self
    }

    /// Keeps gauges this long after their subject was last written; 5 years unless set. Nothing else
    /// forgets a gauge above zero.
    pub fn gauge_ttl(mut self, ttl: Duration) -> Self {
        self.gauge_ttl = ttl;
        self
    }

    /// Takes the time from `clock` instead of the server. For tests: processes that share a store must
    /// share its clock.
    #[cfg(any(test, feature = "testing"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The store on one server, by a URL such as `redis://user:password@host:6379/0`, or `rediss://`
    /// for TLS, or `redis+unix:///path`. Does not connect yet: the first call does.
    ///
    /// # Errors
    ///
    /// When the URL cannot be read, asks for TLS without the cargo feature `rustls` or `native-tls`, or
    /// the prefix has a brace.
    pub fn open(self, url: &str) -> Result<RedisUsage, RedisConfigError> {
        let client = Client::open(connection_info(url)?).map_err(|error| url_fault(url, &error))?;
        self.finish(Target::Server(Box::new(client)))
    }

    /// The store on a cluster, by the URLs of some of its nodes. They share user and password.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and when there is no URL.
    pub fn open_cluster<'a>(
        self,
        urls: impl IntoIterator<Item = &'a str>,
    ) -> Result<RedisUsage, RedisConfigError> {
        let nodes: Vec<_> = urls
            .into_iter()
            .map(connection_info)
            .collect::<Result<_, _>>()?;
        let builder = ClusterClient::builder(nodes)
            .connection_timeout(self.connect_within)
            .tcp_settings(tcp());
        let client = builder.build().map_err(|_| Flaw::Nodes)?;
        self.finish(Target::Cluster(Box::new(client)))
    }

    fn finish(self, target: Target) -> Result<RedisUsage, RedisConfigError> {
        let prefix = Prefix::new(&self.prefix).ok_or(Flaw::Prefix)?;
        let link = Link::new(target, self.connect_within);
        let clock = self.clock.clone();
        Ok(RedisUsage::from_parts(link, prefix, clock, &self))
    }
}

fn connection_info(url: &str) -> Result<ConnectionInfo, RedisConfigError> {
    let info = url
        .into_connection_info()
        .map_err(|error| url_fault(url, &error))?;
    #[cfg(feature = "rustls")]
    if matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. }) {
        choose_crypto();
    }
    Ok(info.set_tcp_settings(tcp()))
}

/// Small messages that nobody holds back.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

/// rustls needs a provider for the process, and panics where two are built in and none was chosen.
#[cfg(feature = "rustls")]
fn choose_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // That another thread was faster is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

// What the client library says about a URL may repeat parts of it.
fn url_fault(url: &str, _: &RedisError) -> Flaw {
    let is_tls = url.starts_with("rediss:") || url.starts_with("valkeys:");
    if is_tls && !cfg!(any(feature = "rustls", feature = "native-tls")) {
        Flaw::Tls
    } else {
        Flaw::Url
    }
}

/// A store in Redis can't be set up as asked. Nothing of the URL is in here: it may have a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisConfigError {
    flaw: Flaw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    Url,
    Tls,
    Nodes,
    Prefix,
}

impl From<Flaw> for RedisConfigError {
    fn from(flaw: Flaw) -> Self {
        Self { flaw }
    }
}

impl fmt::Display for RedisConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.flaw {
            Flaw::Url => {
                "the URL of Redis cannot be read: one like redis://user:password@host:6379/0 is \
                 needed, with reserved characters of the password percent-encoded"
            }
            Flaw::Tls => {
                "the URL of Redis asks for TLS, which is not built in: enable the cargo feature \
                 `rustls` or `native-tls`"
            }
            Flaw::Nodes => {
                "the URLs of the Redis cluster do not fit together: at least one is needed, all with \
                 the same user, password and protocol, and none of a Unix socket"
            }
            Flaw::Prefix => "the prefix of keys in Redis has a brace, which decides where a key lies",
        })
    }
}

impl std::error::Error for RedisConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_opened_is_told_without_the_password() {
        for url in [
            "",
            "redis",
            "http://u:geheim@host",
            "redis://u:geheim@host/x",
            "redis://:geheim@",
        ] {
            let error = RedisUsage::builder().open(url).unwrap_err();
            assert_eq!(error, RedisConfigError::from(Flaw::Url), "{url}");
            assert!(!format!("{error} {error:?}").contains("geheim"));
        }
        let error = RedisUsage::builder().prefix("a{b}").open("redis://host");
        assert!(error.unwrap_err().to_string().contains("brace"));
        let error = RedisUsage::builder().open_cluster([]);
        assert!(error.unwrap_err().to_string().contains("at least one"));
    }

    #[cfg(not(any(feature = "rustls", feature = "native-tls")))]
    #[test]
    fn tls_that_is_not_built_in_is_named() {
        let error = RedisUsage::builder()
            .open("rediss://u:geheim@host")
            .unwrap_err();
        assert!(error.to_string().contains("`rustls`"));
    }

    #[test]
    fn nothing_that_is_printed_has_the_password() {
        let usage = RedisUsage::builder().open("redis://u:geheim@host").unwrap();
        let cluster = RedisUsage::builder()
            .open_cluster(["redis://u:geheim@host"])
            .unwrap();
        assert!(!format!("{usage:?} {cluster:?}").contains("geheim"));
    }
}
