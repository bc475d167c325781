//! Calls on their way: bounded, in time, and once more when their connection breaks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::Value;
use tiergate_clock::Clock;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::urgency::{MOST_ENDING, Urgency};
use crate::{StoreError, StoreErrorKind};

use super::call::{Call, Common, Form};
use super::config::RedisUsageBuilder;
use super::fault::Fault;
use super::link::{Connected, Link};
use super::name::Prefix;
use super::reply::Reply;
use super::statistics::RedisStatistics;

/// What all calls of a store go through.
pub(super) struct Sender {
    link: Link,
    prefix: Prefix,
    clock: Option<Arc<dyn Clock>>,
    gauge_ttl: Duration,
    deadline: Duration,
    max_calls: usize,
    places: Semaphore,
    /// For calls that end something, so that others leave them room.
    ending: Semaphore,
    refused: AtomicU64,
    repeated: AtomicU64,
    expired: AtomicU64,
}

impl Sender {
    pub(super) fn new(
        link: Link,
        prefix: Prefix,
        clock: Option<Arc<dyn Clock>>,
        settings: &RedisUsageBuilder,
    ) -> Self {
        Self {
            link,
            prefix,
            clock,
            gauge_ttl: settings.gauge_ttl,
            deadline: settings.deadline,
            max_calls: settings.max_calls,
            places: Semaphore::new(settings.max_calls),
            ending: Semaphore::new(settings.max_calls.max(MOST_ENDING)),
            refused: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        }
    }

    pub(super) fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.link.is_cluster()
    }

    pub(super) fn statistics(&self) -> RedisStatistics {
        RedisStatistics {
            calls: self.under_way(),
            refused_calls: self.refused.load(Ordering::Relaxed),
            repeated_calls: self.repeated.load(Ordering::Relaxed),
            connections: self.link.made(),
            expired: self.expired.load(Ordering::Relaxed),
        }
    }

    fn under_way(&self) -> usize {
        let begun = self
            .max_calls
            .saturating_sub(self.places.available_permits());
        let most_ending = self.max_calls.max(MOST_ENDING);
        begun + most_ending.saturating_sub(self.ending.available_permits())
    }

    /// What a script answers, within the deadline.
    pub(super) async fn run(&self, call: &Call) -> Result<Reply, StoreError> {
        let places = match call.urgency() {
            Urgency::Begins => &self.places,
            Urgency::Ends => &self.ending,
        };
        let Ok(_place) = places.try_acquire() else {
            return Err(self.no_place());
        };
        let end = self.end();
        loop {
            let command = |form| call.command(form, &self.prefix, &self.common());
            let reply = Reply::read(self.send(command, end).await?)?;
            self.observe_expired(reply.expired);
            // So much had expired that the script dealt with it first.
            if reply.status() != "more" {
                return Ok(reply);
            }
        }
    }

    /// What a command of another kind answers, within the deadline. It must change nothing.
    pub(super) async fn ask(&self, command: &redis::Cmd) -> Result<Value, StoreError> {
        let Ok(_place) = self.places.try_acquire() else {
            return Err(self.no_place());
        };
        Ok(self.send(|_| command.clone(), self.end()).await?)
    }

    fn end(&self) -> Instant {
        let now = Instant::now();
        // Tokio's farthest future, where a deadline is beyond what it can tell.
        let far = Duration::from_secs(86_400 * 365 * 30);
        now.checked_add(self.deadline.min(far)).unwrap_or(now)
    }

    fn common(&self) -> Common {
        let time = |clock: &Arc<dyn Clock>| (clock.elapsed(), clock.now().as_micros());
        Common {
            time: self.clock.as_ref().map(time),
            gauge_ttl: self.gauge_ttl,
        }
    }

    async fn send(
        &self,
        command: impl Fn(Form) -> redis::Cmd,
        end: Instant,
    ) -> Result<Value, Fault> {
        match self.attempt(&command, end).await {
            Err(fault) if fault.is_broken() => {
                self.repeated.fetch_add(1, Ordering::Relaxed);
                self.attempt(&command, end).await
            }
            result => result,
        }
    }

    async fn attempt(
        &self,
        command: &impl Fn(Form) -> redis::Cmd,
        end: Instant,
    ) -> Result<Value, Fault> {
        let mut connected = self.link.connected(end, self.deadline).await?;
        match self
            .exchange(&mut connected, &command(Form::Hash), end)
            .await
        {
            Err(Fault::NoScript) => {
                self.exchange(&mut connected, &command(Form::Source), end)
                    .await
            }
            result => result,
        }
    }

    async fn exchange(
        &self,
        connected: &mut Connected,
        command: &redis::Cmd,
        end: Instant,
    ) -> Result<Value, Fault> {
        let begin = Instant::now();
        let Ok(result) = timeout_at(end, connected.send(command)).await else {
            // A connection that is silent for so long may be dead without a word.
            if begin.elapsed() >= self.deadline / 2 {
                self.link.discard(connected);
            }
            return Err(Fault::TimedOut(self.deadline));
        };
        result.map_err(|error| {
            let fault = Fault::of(&error);
            if fault.replaces_connection() {
                self.link.discard(connected);
            }
            fault
        })
    }

    fn observe_expired(&self, expired: u64) {
        if expired > 0 {
            self.expired.fetch_add(expired, Ordering::Relaxed);
            tracing::warn!(
                target: "tiergate::usage", event = "reservations.expired",
                reservations = expired,
                "released reservations that nobody settled in time",
            );
        }
    }

    fn no_place(&self) -> StoreError {
        self.refused.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(target: "tiergate::usage", event = "store.full", "too many calls to Redis are under way");
        let error = StoreError::new(StoreErrorKind::Full);
        error.with_detail(format!("{} calls to Redis are under way", self.max_calls))
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("link", &self.link)
            .field("prefix", &self.prefix)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
