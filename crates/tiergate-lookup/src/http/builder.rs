use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;

use super::address::{AddressFault, Base, PlainHttp};
use super::budget::RetryBudget;
use super::token::TokenProvider;
use super::{HttpLookup, Inner};

const DEADLINE: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);
/// The longest that a lookup may be allowed to take.
const LONGEST: Duration = Duration::from_secs(60);
/// Whether this build can speak TLS.
const HAS_TLS: bool = cfg!(any(feature = "rustls", feature = "native-tls"));

/// Makes an [`HttpLookup`].
#[must_use]
pub struct HttpLookupBuilder {
    base: Box<str>,
    plain: PlainHttp,
    deadline: Duration,
    connect_timeout: Duration,
    tokens: Option<Box<dyn TokenProvider>>,
    client: Option<reqwest::Client>,
}

impl HttpLookupBuilder {
    pub(super) fn new(base: &str) -> Self {
        Self {
            base: base.into(),
            plain: PlainHttp::LoopbackOnly,
            deadline: DEADLINE,
            connect_timeout: CONNECT_TIMEOUT,
            tokens: None,
            client: None,
        }
    }

    /// Shows a token of `tokens` to the service, as `Authorization: Bearer`. Default: none.
    pub fn token(mut self, tokens: impl TokenProvider) -> Self {
        self.tokens = Some(Box::new(tokens));
        self
    }

    /// How long a lookup may take in all: getting a token, connecting, asking, reading and trying
    /// again. Default: 500 ms.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long making a connection may take. Default: 250 ms.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Lets plain `http` go to addresses that are not loopback.
    ///
    /// Whoever is on the way can then read the token, and can give everybody any tier. For networks
    /// that encrypt underneath, such as a service mesh.
    pub fn danger_allow_plain_http(mut self) -> Self {
        self.plain = PlainHttp::Anywhere;
        self
    }

    /// Uses a client of your own, for certificates or connections that this builder cannot set up.
    ///
    /// The deadline, the bound on the body and the checks of the answer stay. What the client itself
    /// decides is then yours to see to: turn off redirects, or the credential may go to another
    /// host (a redirected answer is refused, but only after the fact); turn off the proxies of the
    /// environment, cookies and decompression; set a connect timeout;
    /// [`connect_timeout`](Self::connect_timeout) has no effect.
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Makes the lookup. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When the address is not an `http` or `https` one; when it holds a user name, a password, a
    /// query or a fragment; when it is plain `http` to anywhere but loopback; when it is `https` and
    /// this build has neither of the cargo features `rustls` and `native-tls`; when a time is zero
    /// or longer than a minute; when the client cannot be set up.
    pub fn build(self) -> Result<HttpLookup, HttpLookupError> {
        let base = Base::parse(&self.base, self.plain).map_err(Problem::Address)?;
        for (setting, value) in [
            ("deadline", self.deadline),
            ("connect_timeout", self.connect_timeout),
        ] {
            if value.is_zero() || value > LONGEST {
                return Err(Problem::Setting(setting).into());
            }
        }
        let client = match self.client {
            Some(client) => client,
            None if base.is_https() && !HAS_TLS => return Err(Problem::NoTls.into()),
            None => client(&base, self.connect_timeout)
                .map_err(|error| Problem::Client(Arc::new(error)))?,
        };
        Ok(HttpLookup {
            inner: Arc::new(Inner {
                base,
                client,
                tokens: self.tokens,
                deadline: self.deadline,
                budget: RetryBudget::new(),
            }),
        })
    }
}

fn client(base: &Base, connect_timeout: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("tiergate/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect_timeout)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .https_only(base.is_https())
        .build()
}

impl fmt::Debug for HttpLookupBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address is left out: it is not checked yet, and may hold a password.
        f.debug_struct("HttpLookupBuilder")
            .field("deadline", &self.deadline)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// An [`HttpLookup`] that cannot be made. The message does not repeat the address, which may hold a
/// secret.
#[derive(Clone, Debug)]
pub struct HttpLookupError {
    problem: Problem,
}

#[derive(Clone, Debug)]
enum Problem {
    Address(AddressFault),
    NoTls,
    Setting(&'static str),
    Client(Arc<reqwest::Error>),
}

impl From<Problem> for HttpLookupError {
    fn from(problem: Problem) -> Self {
        Self { problem }
    }
}

impl fmt::Display for HttpLookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.problem {
            Problem::Address(AddressFault::NotAnAddress) => {
                "the address of the billing service is not a URL, expected one like \
                 `https://billing.example.com`"
            }
            Problem::Address(AddressFault::Scheme) => {
                "the address of the billing service must begin with `https://` or `http://`"
            }
            Problem::Address(AddressFault::Credential) => {
                "the address of the billing service holds a user name or a password, give a token \
                 instead"
            }
            Problem::Address(AddressFault::QueryOrFragment) => {
                "the address of the billing service must have no `?` and no `#`"
            }
            Problem::Address(AddressFault::PlainHttp) => {
                "the address of the billing service is plain `http` and not loopback, use `https`"
            }
            Problem::NoTls => {
                "the address of the billing service is `https`, which needs the cargo feature \
                 `rustls` or `native-tls`"
            }
            Problem::Setting(setting) => {
                return write!(
                    f,
                    "`{setting}` must be longer than nothing and at most a minute"
                );
            }
            Problem::Client(_) => "the HTTP client cannot be set up",
        })
    }
}

impl std::error::Error for HttpLookupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Client(error) => Some(&**error),
            Problem::Address(_) | Problem::NoTls | Problem::Setting(_) => None,
        }
    }
}
