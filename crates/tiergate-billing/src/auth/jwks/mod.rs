//! The keys that an issuer of tokens publishes: fetched when needed, kept while they cannot be fetched.

mod fetch;
mod set;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jsonwebtoken::{Algorithm, DecodingKey};
use tiergate_clock::Clock;
use tokio::sync::watch;

pub use fetch::JwksUrlError;
use fetch::Source;
use set::KeySet;

/// Keys are fetched this often at most, however many tokens name keys that nobody knows.
const MIN_INTERVAL: Duration = Duration::from_secs(10);

/// What is known of the key of a token.
pub(super) enum KeyAnswer {
    /// It is this.
    Found(Arc<DecodingKey>),
    /// The issuer has no such key.
    Unknown,
    /// What keys the issuer has could not be learned.
    Unavailable,
}

/// The keys published at one address.
pub(super) struct Jwks {
    source: Source,
    clock: Arc<dyn Clock>,
    keys: ArcSwapOption<KeySet>,
    attempts: Mutex<Attempts>,
}

#[derive(Default)]
struct Attempts {
    /// When the last one began, by the clock's elapsed time.
    began: Option<Duration>,
    /// How the last one ended.
    outcome: Outcome,
    /// Closed when the one that is under way ends.
    running: Option<watch::Receiver<()>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Outcome {
    /// There was none.
    #[default]
    None,
    Fetched,
    Failed,
}

impl Jwks {
    /// What keys may sign with. None of them is symmetric, so a public key never verifies what was
    /// "signed" with its own text.
    pub(super) const ALGORITHMS: [Algorithm; 3] =
        [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

    pub(super) fn new(url: &str, clock: Arc<dyn Clock>) -> Result<Self, JwksUrlError> {
        Ok(Self {
            source: Source::new(url)?,
            clock,
            keys: ArcSwapOption::empty(),
            attempts: Mutex::default(),
        })
    }

    /// The key of that name for that algorithm. A name that is not known makes one fetch, shared by all
    /// who wait for it.
    pub(super) async fn key(self: &Arc<Self>, id: Option<&str>, algorithm: Algorithm) -> KeyAnswer {
        if let Some(key) = self.known(id, algorithm) {
            return KeyAnswer::Found(key);
        }
        self.refresh().await;
        match self.known(id, algorithm) {
            Some(key) => KeyAnswer::Found(key),
            // The key may be one that came after the last fetch that worked.
            None if self.attempts().outcome != Outcome::Fetched => KeyAnswer::Unavailable,
            None => KeyAnswer::Unknown,
        }
    }

    fn known(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        self.keys.load().as_ref()?.find(id, algorithm)
    }

    /// Fetches the keys, or waits for the fetch that is under way; does nothing if the last one began
    /// less than [`MIN_INTERVAL`] ago. The fetch is a task of its own: who leaves ends it for nobody.
    pub(super) async fn refresh(self: &Arc<Self>) {
        let mut running = {
            let mut attempts = self.attempts();
            // A channel that is closed belongs to a fetch that has ended, if only by a panic.
            let running = attempts.running.clone();
            match running.filter(|running| running.has_changed().is_ok()) {
                Some(running) => running,
                None => {
                    let now = self.clock.elapsed();
                    let age = attempts.began.map(|began| now.saturating_sub(began));
                    if age.is_some_and(|age| age < MIN_INTERVAL) {
                        return;
                    }
                    let (done, running) = watch::channel(());
                    attempts.began = Some(now);
                    attempts.outcome = Outcome::Failed;
                    attempts.running = Some(running.clone());
                    let jwks = Arc::clone(self);
                    tokio::spawn(async move {
                        jwks.fetch().await;
                        drop(done);
                    });
                    running
                }
            }
        };
        // Nothing is ever sent: an error says that the sender is gone, and the fetch has ended.
        let _ended = running.changed().await;
    }

    async fn fetch(&self) {
        match self.source.fetch().await {
            Ok(keys) => {
                self.keys.store(Some(Arc::new(keys)));
                self.attempts().outcome = Outcome::Fetched;
            }
            Err(fault) => {
                let cached = self.keys.load().is_some();
                tracing::warn!(
                    target: "tiergate_billing",
                    source = ?self.source, %fault, cached,
                    "the keys of the token issuer could not be fetched"
                );
            }
        }
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
