//! The connection, which is made anew whenever it is lost.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use super::eviction;
use super::fault::Fault;

/// The longest pause before the second attempt to connect; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How many commands may wait to be written.
const WRITE_QUEUE: usize = 1_024;

/// Where the store is.
pub(super) enum Target {
    Server(Box<Client>),
    Cluster(Box<ClusterClient>),
}

/// A connection that all calls share. The first call makes it, and whoever finds it lost.
///
/// It is made in a task, so that a caller that leaves leaves the others theirs.
#[derive(Clone)]
pub(super) struct Link(Arc<Shared>);

struct Shared {
    target: Target,
    connect_within: Duration,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// How many attempts failed since one succeeded.
    failures: u32,
    /// How many connections there were.
    made: u64,
}

enum Phase {
    Apart,
    Connecting(watch::Receiver<Progress>),
    Connected(Connected),
}

/// None until it is known.
type Progress = Option<Result<Connected, Fault>>;

/// A connection, and which one of all it is.
#[derive(Clone)]
pub(super) struct Connected {
    number: u64,
    connection: Connection,
}

#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connected {
    pub(super) async fn send(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        match &mut self.connection {
            Connection::Server(connection) => query(command, connection).await,
            Connection::Cluster(connection) => query(command, connection).await,
        }
    }
}

async fn query(command: &Cmd, connection: &mut impl ConnectionLike) -> Result<Value, RedisError> {
    command.query_async(connection).await
}

impl Link {
    pub(super) fn new(target: Target, connect_within: Duration) -> Self {
        let state = State {
            phase: Phase::Apart,
            failures: 0,
            made: 0,
        };
        Self(Arc::new(Shared {
            target,
            connect_within,
            state: Mutex::new(state),
        }))
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.0.target, Target::Cluster(_))
    }

    /// How many connections were made so far.
    pub(super) fn made(&self) -> u64 {
        self.0.state().made
    }

    /// The connection, or the next one if that is lost. `deadline` is how long `end` was from the
    /// beginning, for who reads of it.
    pub(super) async fn connected(
        &self,
        end: Instant,
        deadline: Duration,
    ) -> Result<Connected, Fault> {
        let mut progress = match self.connection_or_attempt()? {
            Ok(connected) => return Ok(connected),
            Err(progress) => progress,
        };
        match tokio::time::timeout_at(end, progress.wait_for(Option::is_some)).await {
            Err(_elapsed) => Err(Fault::TimedOut(deadline)),
            Ok(Ok(done)) => done.clone().unwrap_or_else(|| Err(ended_early())),
            Ok(Err(_closed)) => Err(ended_early()),
        }
    }

    /// Lets the next call connect anew, if this is still the connection there is.
    pub(super) fn discard(&self, lost: &Connected) {
        let mut state = self.0.state();
        if matches!(&state.phase, Phase::Connected(now) if now.number == lost.number) {
            state.phase = Phase::Apart;
        }
    }

    fn connection_or_attempt(&self) -> Result<Result<Connected, watch::Receiver<Progress>>, Fault> {
        let mut state = self.0.state();
        match &state.phase {
            Phase::Connected(connected) => return Ok(Ok(connected.clone())),
            Phase::Connecting(progress) => return Ok(Err(progress.clone())),
            Phase::Apart => {}
        }
        let Ok(runtime) = Handle::try_current() else {
            return Err(Fault::NotConnected("there is no tokio runtime here".into()));
        };
        let (tell, progress) = watch::channel(None);
        state.phase = Phase::Connecting(progress.clone());
        let attempt = Attempt {
            shared: Arc::clone(&self.0),
            tell,
            pause: pause_after(state.failures),
        };
        // A runtime that is ending drops the attempt at once, which locks the state.
        drop(state);
        // Detached on purpose: it ends by itself, and all who wait are told.
        drop(runtime.spawn(attempt.run()));
        Ok(Err(progress))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Only plain values are written under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Connection, RedisError> {
        match &self.target {
            Target::Server(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(self.connect_within))
                    // Calls have deadlines of their own.
                    .set_response_timeout(None)
                    .set_pipeline_buffer_size(WRITE_QUEUE);
                let made = client.get_multiplexed_async_connection_with_config(&config);
                made.await.map(Connection::Server)
            }
            Target::Cluster(client) => {
                let config = ClusterConfig::new().set_connection_timeout(self.connect_within);
                let made = client.get_async_connection_with_config(config);
                made.await.map(Connection::Cluster)
            }
        }
    }
}

/// The making of one connection. If it is dropped before, the next call tries again.
struct Attempt {
    shared: Arc<Shared>,
    tell: watch::Sender<Progress>,
    pause: Duration,
}

impl Attempt {
    async fn run(self) {
        tokio::time::sleep(self.pause).await;
        let limit = self.shared.connect_within;
        let made = match tokio::time::timeout(limit, self.shared.connect()).await {
            Ok(made) => made.map_err(|error| Fault::of(&error)),
            Err(_elapsed) => Err(Fault::NotConnected(format!("none within {limit:?}").into())),
        };
        let outcome = self.settle(made);
        if let Ok(connected) = outcome {
            let is_first = connected.number == 1;
            tracing::debug!(
                target: "tiergate::usage", event = "store.connected", connection = connected.number,
                "connected to Redis",
            );
            if is_first && let Connection::Server(mut connection) = connected.connection {
                eviction::warn_of(&mut connection, limit).await;
            }
        }
    }

    /// Puts the outcome where the next calls find it, and tells those who wait.
    fn settle(&self, made: Result<Connection, Fault>) -> Result<Connected, Fault> {
        let mut state = self.shared.state();
        let outcome = match made {
            Ok(connection) => {
                state.failures = 0;
                state.made = state.made.saturating_add(1);
                let connected = Connected {
                    number: state.made,
                    connection,
                };
                state.phase = Phase::Connected(connected.clone());
                Ok(connected)
            }
            Err(fault) => {
                state.failures = state.failures.saturating_add(1);
                state.phase = Phase::Apart;
                Err(match fault {
                    // Nothing was sent yet that could have happened.
                    Fault::Broken(why) => Fault::NotConnected(why),
                    other => other,
                })
            }
        };
        drop(state);
        // Nobody may be there any more.
        self.tell.send_replace(Some(outcome.clone()));
        outcome
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let is_mine =
            |progress: &watch::Receiver<Progress>| progress.same_channel(&self.tell.subscribe());
        if matches!(&state.phase, Phase::Connecting(progress) if is_mine(progress)) {
            state.phase = Phase::Apart;
        }
    }
}

fn ended_early() -> Fault {
    Fault::NotConnected("the task that connects ended early".into())
}

/// A pause between half of its length and all of it, so that processes that lost the same server do
/// not return together. None before the first attempt.
fn pause_after(failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(1) else {
        return Duration::ZERO;
    };
    let longest = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings));
    let half = longest.min(LONGEST_PAUSE) / 2;
    // Without randomness it is merely less spread.
    let random = getrandom::u32().unwrap_or(0) % 1_000;
    half + half.saturating_mul(random) / 1_000
}

impl fmt::Debug for Link {
    /// Without the target: it has a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        let phase = match state.phase {
            Phase::Apart => "apart",
            Phase::Connecting(_) => "connecting",
            Phase::Connected(_) => "connected",
        };
        f.debug_struct("Link")
            .field("phase", &phase)
            .field("failures", &state.failures)
            .field("made", &state.made)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_spread() {
        assert_eq!(pause_after(0), Duration::ZERO);
        for (failures, longest) in [(1, 10), (2, 20), (5, 160), (6, 250), (u32::MAX, 250)] {
            let longest = Duration::from_millis(longest);
            let pauses: Vec<Duration> = (0..64).map(|_| pause_after(failures)).collect();
            assert!(pauses.iter().all(|it| (longest / 2..=longest).contains(it)));
            assert!(pauses.iter().any(|pause| pause != &pauses[0]));
        }
    }
}
