use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use tiergate_clock::Clock;
use tokio::sync::watch;

use super::token::{AfterRefusal, TokenError, TokenProvider};

/// How long before its end a token is replaced, unless that is more than half its life.
const MARGIN: Duration = Duration::from_secs(30);
/// For how long no other token is asked for after a failure.
const BACK_OFF: Duration = Duration::from_secs(1);
/// How long issuing a token may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Who makes tokens: an authorization server, a key to sign with.
#[async_trait]
pub trait TokenIssuer: Send + Sync + 'static {
    /// Makes a token. Called from a task of its own, never twice at once, and dropped after five
    /// seconds.
    async fn issue(&self) -> Result<IssuedToken, TokenError>;
}

/// A token and how long it is good for.
#[derive(Clone)]
pub struct IssuedToken {
    token: SecretString,
    lifetime: Duration,
}

impl IssuedToken {
    /// A token that is good for `lifetime` from now on.
    #[must_use]
    pub fn new(token: impl Into<SecretString>, lifetime: Duration) -> Self {
        Self {
            token: token.into(),
            lifetime,
        }
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// Keeps the token of an issuer until shortly before it ends, or until it is refused.
///
/// However many need a token at once, one is asked for. A failure is remembered for a second, so
/// that an issuer which is down is left in peace.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tiergate_clock::SystemClock;
/// use tiergate_lookup::{CachedToken, HttpLookup, IssuedToken, TokenError, TokenIssuer, async_trait};
///
/// struct Issuer;
///
/// #[async_trait]
/// impl TokenIssuer for Issuer {
///     async fn issue(&self) -> Result<IssuedToken, TokenError> {
///         let signed = "a token signed just now".to_owned();
///         Ok(IssuedToken::new(signed, Duration::from_secs(600)))
///     }
/// }
///
/// let tokens = CachedToken::new(Issuer, Arc::new(SystemClock::new()));
/// let lookup = HttpLookup::builder("http://127.0.0.1:3001").token(tokens).build()?;
/// # Ok::<(), tiergate_lookup::HttpLookupError>(())
/// ```
#[derive(Clone)]
pub struct CachedToken {
    shared: Arc<Shared>,
}

struct Shared {
    issuer: Box<dyn TokenIssuer>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Kept<SecretString>>,
    failure: Option<Kept<TokenError>>,
    renewal: Option<watch::Receiver<Option<Issued>>>,
}

struct Kept<T> {
    value: T,
    until: Duration,
}

type Issued = Result<SecretString, TokenError>;

impl CachedToken {
    /// Keeps the tokens of `issuer`.
    #[must_use]
    pub fn new(issuer: impl TokenIssuer, clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                issuer: Box::new(issuer),
                clock,
                state: Mutex::default(),
            }),
        }
    }

    /// The token at hand, or the renewal to wait for.
    fn at_hand(&self) -> Result<Issued, watch::Receiver<Option<Issued>>> {
        let now = self.shared.clock.elapsed();
        let mut state = self.shared.state();
        if let Some(current) = state.current.as_ref().filter(|kept| now < kept.until) {
            return Ok(Ok(current.value.clone()));
        }
        if let Some(renewal) = &state.renewal {
            return Err(renewal.clone());
        }
        if let Some(failure) = state.failure.as_ref().filter(|kept| now < kept.until) {
            return Ok(Err(failure.value.clone()));
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return Ok(Err(TokenError::new("there is no runtime to ask in")));
        };
        let (sender, receiver) = watch::channel(None);
        state.renewal = Some(receiver.clone());
        drop(state);
        let renewal = Renewal {
            shared: Arc::clone(&self.shared),
            sender,
            issued: Err(TokenError::new("issuing it was interrupted")),
        };
        runtime.spawn(renewal.run());
        Err(receiver)
    }
}

#[async_trait]
impl TokenProvider for CachedToken {
    async fn token(&self) -> Issued {
        let mut renewal = match self.at_hand() {
            Ok(issued) => return issued,
            Err(renewal) => renewal,
        };
        let issued = renewal.wait_for(Option::is_some).await;
        match issued.as_deref() {
            Ok(Some(issued)) => issued.clone(),
            // A renewal always reports before it drops its end.
            Ok(None) | Err(_) => Err(TokenError::new("issuing it was interrupted")),
        }
    }

    fn refused(&self, token: &SecretString) -> AfterRefusal {
        let mut state = self.shared.state();
        // Another lookup may have replaced it already.
        let is_current = state
            .current
            .as_ref()
            .is_some_and(|kept| kept.value.expose_secret() == token.expose_secret());
        if is_current {
            state.current = None;
        }
        AfterRefusal::TryAgain
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call of the issuer. Whatever ends it, it reports.
struct Renewal {
    shared: Arc<Shared>,
    sender: watch::Sender<Option<Issued>>,
    issued: Result<IssuedToken, TokenError>,
}

impl Renewal {
    async fn run(mut self) {
        let issued = tokio::time::timeout(DEADLINE, self.shared.issuer.issue()).await;
        self.issued = match issued {
            Ok(issued) => issued,
            Err(_elapsed) => Err(TokenError::new("issuing it took too long")),
        };
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        let now = self.shared.clock.elapsed();
        let mut state = self.shared.state();
        state.renewal = None;
        let issued = match &self.issued {
            Ok(IssuedToken { token, lifetime }) => {
                let margin = MARGIN.min(*lifetime / 2);
                state.failure = None;
                state.current = Some(Kept {
                    value: token.clone(),
                    until: now.saturating_add(lifetime.saturating_sub(margin)),
                });
                Ok(token.clone())
            }
            Err(error) => {
                state.failure = Some(Kept {
                    value: error.clone(),
                    until: now.saturating_add(BACK_OFF),
                });
                Err(error.clone())
            }
        };
        drop(state);
        self.sender.send_replace(Some(issued));
    }
}

impl fmt::Debug for CachedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CachedToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tiergate_clock::ManualClock;

    use super::*;

    #[derive(Clone, Default)]
    struct Issuer(Arc<Script>);

    #[derive(Default)]
    struct Script {
        calls: AtomicU64,
        mode: AtomicU64,
    }

    const FAIL: u64 = 1;
    const PANIC: u64 = 2;
    const HANG: u64 = 3;

    #[async_trait]
    impl TokenIssuer for Issuer {
        async fn issue(&self) -> Result<IssuedToken, TokenError> {
            let call = self.0.calls.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            match self.0.mode.load(Ordering::SeqCst) {
                FAIL => Err(TokenError::new("down")),
                PANIC => panic!("the script says so"),
                HANG => std::future::pending().await,
                _ => Ok(IssuedToken::new(
                    format!("token {call}"),
                    Duration::from_secs(100),
                )),
            }
        }
    }

    fn setup() -> (Issuer, ManualClock, CachedToken) {
        let issuer = Issuer::default();
        let clock = ManualClock::default();
        let tokens = CachedToken::new(issuer.clone(), Arc::new(clock.clone()));
        (issuer, clock, tokens)
    }

    async fn text(tokens: &CachedToken) -> String {
        match tokens.token().await {
            Ok(token) => token.expose_secret().to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_hundred_callers_make_one_call() {
        let (issuer, _, tokens) = setup();
        let callers: Vec<_> = (0..100)
            .map(|_| {
                let tokens = tokens.clone();
                tokio::spawn(async move { text(&tokens).await })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), "token 0");
        }
        assert_eq!(issuer.0.calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_token_is_replaced_before_it_ends() {
        let (_, clock, tokens) = setup();
        assert_eq!(text(&tokens).await, "token 0");
        clock.advance(Duration::from_micros(69_999_999));
        assert_eq!(text(&tokens).await, "token 0");
        clock.advance(Duration::from_micros(1));
        assert_eq!(text(&tokens).await, "token 1");
    }

    #[tokio::test]
    async fn a_refused_token_is_dropped_once() {
        let (issuer, _, tokens) = setup();
        let first = tokens.token().await.unwrap();
        for _ in 0..3 {
            assert_eq!(tokens.refused(&first), AfterRefusal::TryAgain);
            assert_eq!(text(&tokens).await, "token 1");
        }
        assert_eq!(issuer.0.calls.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failure_is_remembered_for_a_second() {
        let (issuer, clock, tokens) = setup();
        for (mode, message) in [
            (FAIL, "no token: down"),
            (PANIC, "no token: issuing it was interrupted"),
        ] {
            issuer.0.mode.store(mode, Ordering::SeqCst);
            let before = issuer.0.calls.load(Ordering::SeqCst);
            for _ in 0..10 {
                assert_eq!(text(&tokens).await, message);
            }
            assert_eq!(issuer.0.calls.load(Ordering::SeqCst), before + 1);
            clock.advance(Duration::from_secs(1));
        }
        issuer.0.mode.store(0, Ordering::SeqCst);
        assert_eq!(text(&tokens).await, "token 2");
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_leave_a_hanging_issuer_make_one_call() {
        let (issuer, _, tokens) = setup();
        issuer.0.mode.store(HANG, Ordering::SeqCst);
        for _ in 0..50 {
            let left = tokio::time::timeout(Duration::from_millis(10), tokens.token()).await;
            assert!(left.is_err());
        }
        assert_eq!(issuer.0.calls.load(Ordering::SeqCst), 1);
        assert_eq!(text(&tokens).await, "no token: issuing it took too long");
    }
}
