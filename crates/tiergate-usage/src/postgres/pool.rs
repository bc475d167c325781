//! Connections that calls take turns with.
//!
//! Not the driver's own pool: that asks the server for a sign of life whenever a connection comes back,
//! which is a second message for each call, and it puts no bound on who waits.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Error, PgConnection, Postgres};
use tiergate_clock::{Clock, SystemClock};
use tokio::runtime::Handle;

use super::places::{Permit, Places};
use crate::urgency::Urgency;

/// How long a connection may be idle and still be used: what lies between may have forgotten it, and
/// whoever uses it then waits in vain.
const MOST_IDLE: Duration = Duration::from_secs(60);

/// One call of a function.
pub(super) type PgQuery = Query<'static, Postgres, PgArguments>;

/// How a connection is used.
#[derive(Debug)]
pub(super) enum Mode {
    /// It is one session of the server.
    Session,
    /// It is one transaction at a time, which begins with these statements.
    Transaction(Arc<str>),
}

/// The connections to one database: so many at most, made when they are needed.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    options: PgConnectOptions,
    mode: Mode,
    connections: usize,
    places: Arc<Places>,
    idle: Mutex<Vec<Idle>>,
    /// Rises when connections turn out to be broken: those made before are not used again.
    epoch: AtomicU64,
    made: AtomicU64,
    patience: Duration,
    clock: SystemClock,
}

struct Idle {
    connection: PgConnection,
    since: Duration,
    epoch: u64,
}

impl Pool {
    /// Connections by `options`, no more than `connections`. `patience` is how long an answer is
    /// awaited that nobody wants any more.
    pub(super) fn new(
        options: PgConnectOptions,
        mode: Mode,
        connections: usize,
        patience: Duration,
    ) -> Self {
        let shared = Shared {
            options,
            mode,
            connections,
            places: Arc::new(Places::new(connections)),
            idle: Mutex::new(Vec::new()),
            epoch: AtomicU64::new(0),
            made: AtomicU64::new(0),
            patience,
            clock: SystemClock::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The right to a connection that nobody has.
    pub(super) fn try_place(&self) -> Option<Place> {
        Some(self.shared.place(self.shared.places.try_acquire()?))
    }

    /// The right to a connection. Waits for it as long as it is polled.
    pub(super) async fn place(&self, urgency: Urgency) -> Place {
        let permit = self.shared.places.acquire(urgency).await;
        self.shared.place(permit)
    }

    /// How many connections are in use, or being made.
    pub(super) fn in_use(&self) -> usize {
        let free = self.shared.places.free();
        self.shared.connections.saturating_sub(free)
    }

    /// How many connections were made so far.
    pub(super) fn made(&self) -> u64 {
        self.shared.made.load(Ordering::Relaxed)
    }

    /// Forgets the connections that are idle now: what broke one has mostly broken all.
    pub(super) fn forget_idle(&self) {
        self.shared.forget_idle();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the options, which have a password.
        f.debug_struct("Pool")
            .field("mode", &self.shared.mode)
            .field("in_use", &self.in_use())
            .field("idle", &self.shared.idle().len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn place(self: &Arc<Self>, permit: Permit) -> Place {
        Place {
            shared: Arc::clone(self),
            _permit: permit,
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection used last, if it is still good.
    fn take_idle(&self) -> Option<Idle> {
        let idle = self.idle().pop()?;
        self.is_good(&idle).then_some(idle)
    }

    fn forget_idle(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
        let broken = std::mem::take(&mut *self.idle());
        drop(broken);
    }

    fn is_good(&self, idle: &Idle) -> bool {
        idle.epoch == self.epoch.load(Ordering::Relaxed)
            && self.clock.elapsed().saturating_sub(idle.since) < MOST_IDLE
    }

    fn put_idle(&self, connection: PgConnection, epoch: u64) {
        let back = Idle {
            connection,
            since: self.clock.elapsed(),
            epoch,
        };
        let mut idle = self.idle();
        idle.push(back);
        // Those below have been idle for longest. One goes for each that comes.
        let old = match idle.first() {
            Some(first) if !self.is_good(first) => Some(idle.remove(0)),
            _ => None,
        };
        drop(idle);
        drop(old);
    }
}

/// The right to one connection.
pub(super) struct Place {
    shared: Arc<Shared>,
    _permit: Permit,
}

impl Place {
    /// A connection, an idle one if there is one.
    pub(super) async fn connect(self) -> Result<Session, Error> {
        match self.shared.take_idle() {
            Some(idle) => Ok(self.session(idle.connection, idle.epoch)),
            None => self.connect_anew().await,
        }
    }

    /// The same, but a connection that was idle gives a sign of life first.
    pub(super) async fn connect_checked(self) -> Result<Session, Error> {
        let Some(mut idle) = self.shared.take_idle() else {
            return self.connect_anew().await;
        };
        match idle.connection.ping().await {
            Ok(()) => Ok(self.session(idle.connection, idle.epoch)),
            Err(_) => {
                self.shared.forget_idle();
                self.connect_anew().await
            }
        }
    }

    async fn connect_anew(self) -> Result<Session, Error> {
        let epoch = self.shared.epoch.load(Ordering::Relaxed);
        let connection = self.shared.options.connect().await?;
        self.shared.made.fetch_add(1, Ordering::Relaxed);
        Ok(self.session(connection, epoch))
    }

    fn session(self, connection: PgConnection, epoch: u64) -> Session {
        Session {
            connection: Some(connection),
            epoch,
            place: Some(self),
        }
    }
}

/// A connection in use.
///
/// Dropped before it was given back or discarded, it waits in a task for the answer that nobody wants, and
/// keeps its place until then: a server that is slow does not get more connections for it.
pub(super) struct Session {
    // Some until it is given back.
    connection: Option<PgConnection>,
    epoch: u64,
    place: Option<Place>,
}

impl Session {
    /// Asks for all rows.
    pub(super) async fn fetch(&mut self, query: PgQuery) -> Result<Vec<PgRow>, Error> {
        let (Some(connection), Some(place)) = (&mut self.connection, &self.place) else {
            return Err(Error::PoolClosed);
        };
        match &place.shared.mode {
            Mode::Session => query.fetch_all(connection).await,
            Mode::Transaction(begin) => {
                let begin = AssertSqlSafe(Arc::clone(begin));
                sqlx::raw_sql(begin).execute(&mut *connection).await?;
                let rows = query.persistent(false).fetch_all(&mut *connection).await?;
                sqlx::raw_sql("COMMIT").execute(connection).await?;
                Ok(rows)
            }
        }
    }

    /// Leaves the connection to others after a call that failed, unless it is of no more use.
    pub(super) fn give_back_failed(self) {
        let is_clean =
            matches!(&self.place, Some(place) if matches!(place.shared.mode, Mode::Session));
        if is_clean {
            self.give_back();
        } else {
            self.discard();
        }
    }

    /// Leaves the connection to others.
    pub(super) fn give_back(mut self) {
        if let (Some(connection), Some(place)) = (self.connection.take(), self.place.take()) {
            place.shared.put_idle(connection, self.epoch);
        }
    }

    /// Closes the connection.
    pub(super) fn discard(mut self) {
        self.connection = None;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let (Some(mut connection), Some(place)) = (self.connection.take(), self.place.take())
        else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let epoch = self.epoch;
        // Detached on purpose: nobody is left to wait for it.
        drop(runtime.spawn(async move {
            let shared = &place.shared;
            let answered = tokio::time::timeout(shared.patience, async {
                match shared.mode {
                    Mode::Session => connection.ping().await,
                    // Its transaction is open.
                    Mode::Transaction(_) => {
                        let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut connection);
                        rollback.await.map(drop)
                    }
                }
            });
            if let Ok(Ok(())) = answered.await {
                shared.put_idle(connection, epoch);
            }
            // All of it has to be here until now, or its permit would have gone before.
            drop(place);
        }));
    }
}
