use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Event;
use super::ring::Ring;
use crate::database::DatabaseError;
use crate::table::outbox::{self, CHANNEL, Extent, Stored};
use crate::{Billing, BillingError};

/// How long what another process wrote can stay unseen where the database does not tell of it.
const POLL: Duration = Duration::from_secs(1);
/// How long one look at the table may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many events are read at once.
const BATCH: u32 = 256;

/// Reads the outbox as it grows, once for all who follow. Clones share what was read.
#[derive(Clone, Debug)]
pub(crate) struct Follower {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    billing: Billing,
    /// None before the first look at the table.
    ring: Mutex<Option<Ring>>,
    /// The place up to which the ring has everything.
    place: watch::Sender<Option<i64>>,
    /// Told by the database.
    heard: Notify,
}

/// Where a client begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The place after which its events begin.
    pub(crate) place: i64,
    /// Whether it has missed nothing.
    pub(crate) resumed: bool,
}

impl Follower {
    /// One that has read nothing; [`run`](Self::run) reads.
    pub(crate) fn new(billing: Billing) -> Self {
        Self {
            shared: Arc::new(Shared {
                billing,
                ring: Mutex::new(None),
                place: watch::Sender::new(None),
                heard: Notify::new(),
            }),
        }
    }

    /// Reads until it is stopped. Faults of the database are logged, and it goes on where it was.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow() => {}
            () = self.listen() => {}
        }
    }

    async fn follow(&self) {
        let mut failing = false;
        loop {
            // Begins to listen before it looks, so that what comes in between is not missed.
            let grew = self.shared.billing.outbox_grew().notified();
            let mut grew = std::pin::pin!(grew);
            grew.as_mut().enable();
            let looked = timeout(PATIENCE, self.catch_up()).await;
            let fault = match looked {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("the database did not answer in time".to_owned()),
            };
            if let Some(fault) = fault {
                if !failing {
                    tracing::error!(target: "tiergate_billing", %fault, "the outbox cannot be read");
                }
                failing = true;
                tokio::time::sleep(jittered(POLL)).await;
                continue;
            }
            if failing {
                tracing::info!(target: "tiergate_billing", "the outbox can be read again");
                failing = false;
            }
            tokio::select! {
                () = grew => {}
                () = self.shared.heard.notified() => {}
                () = tokio::time::sleep(jittered(POLL)) => {}
            }
        }
    }

    /// Brings the ring up to what is committed by now.
    pub(super) async fn catch_up(&self) -> Result<(), DatabaseError> {
        let database = self.shared.billing.database();
        loop {
            let mut read = database.read().await?;
            let last = self.ring().as_ref().map(Ring::last);
            let Some(last) = last else {
                let place = outbox::extent(&mut read).await?.last;
                *self.ring() = Some(Ring::after_place(place));
                self.shared.place.send_replace(Some(place));
                return Ok(());
            };
            let rows = outbox::after(&mut read, last, BATCH).await?;
            let full = u32::try_from(rows.len()).is_ok_and(|rows| rows >= BATCH);
            if rows.is_empty() {
                return Ok(());
            }
            metrics::counter!("tiergate_billing_events_total")
                .increment(u64::try_from(rows.len()).unwrap_or_default());
            let place = self.add(rows);
            self.shared.place.send_replace(place);
            if !full {
                return Ok(());
            }
        }
    }

    fn add(&self, rows: Vec<Stored>) -> Option<i64> {
        let mut ring = self.ring();
        let ring = ring.as_mut()?;
        for row in rows {
            ring.push(Event::from(row));
        }
        Some(ring.last())
    }

    /// Wakes [`follow`](Self::follow) when the database tells of a commit; on SQLite it waits for ever.
    async fn listen(&self) {
        loop {
            match self.hear().await {
                Ok(()) => std::future::pending().await,
                Err(error) => {
                    tracing::warn!(
                        target: "tiergate_billing", %error,
                        "the database cannot be listened to; it is asked every second meanwhile"
                    );
                    tokio::time::sleep(jittered(5 * POLL)).await;
                }
            }
        }
    }

    async fn hear(&self) -> Result<(), DatabaseError> {
        let database = self.shared.billing.database();
        let Some(mut listener) = database.listen(CHANNEL).await? else {
            return Ok(());
        };
        loop {
            listener.heard().await?;
            self.shared.heard.notify_one();
        }
    }

    /// How the place changes up to which everything is known here; none before the first look.
    pub(crate) fn place(&self) -> watch::Receiver<Option<i64>> {
        self.shared.place.subscribe()
    }

    /// The first events after a place, `most` of them at most; none if they are kept no more.
    pub(super) fn after(&self, place: i64, most: usize) -> Option<Vec<Arc<Event>>> {
        self.ring().as_ref()?.after(place, most)
    }

    /// The same from the table; none if some of them are stored no more.
    pub(super) async fn stored_after(
        &self,
        place: i64,
        most: u32,
    ) -> Result<Option<Vec<Event>>, DatabaseError> {
        let mut read = self.shared.billing.database().read().await?;
        let rows = outbox::after(&mut read, place, most).await?;
        // After the rows: if something was deleted while they were read, this tells.
        let extent = outbox::extent(&mut read).await?;
        let events = rows.into_iter().map(Event::from).collect();
        Ok(extent.goes_on_from(place).then_some(events))
    }

    /// Where a client begins who has seen everything up to `seen`, or who is new.
    pub(crate) async fn start(&self, seen: Option<i64>) -> Result<Start, BillingError> {
        let fresh = |place| Start {
            place,
            resumed: false,
        };
        let here = self.first_look().await?;
        let Some(seen) = seen else {
            return Ok(fresh(here));
        };
        let resumed = Start {
            place: seen,
            resumed: true,
        };
        if seen <= here && self.after(seen, 0).is_some() {
            return Ok(resumed);
        }
        // It is further back than what is kept here, or has heard it from a process that was faster.
        let mut read = self.shared.billing.database().read().await?;
        let extent: Extent = outbox::extent(&mut read).await?;
        Ok(if extent.goes_on_from(seen) {
            resumed
        } else {
            fresh(here)
        })
    }

    /// The place up to which everything is known here, once something is.
    async fn first_look(&self) -> Result<i64, BillingError> {
        let mut places = self.place();
        let known = timeout(PATIENCE / 2, places.wait_for(Option::is_some)).await;
        let place = known.ok().and_then(|place| *place.ok()?);
        // Nothing was read yet, so the database was not to be had.
        place.ok_or_else(|| BillingError::Database(sqlx::Error::PoolTimedOut.into()))
    }

    /// How many changes were committed that were not read here yet.
    pub(crate) async fn lag(&self) -> Result<i64, DatabaseError> {
        let here = *self.shared.place.borrow();
        let mut read = self.shared.billing.database().read().await?;
        let last = outbox::extent(&mut read).await?.last;
        Ok(last.saturating_sub(here.unwrap_or_default()).max(0))
    }

    /// The clock's time, for feeds.
    pub(super) fn now(&self) -> tiergate_core::time::Timestamp {
        self.shared.billing.now()
    }

    fn ring(&self) -> MutexGuard<'_, Option<Ring>> {
        self.shared
            .ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fifth more or less, so that processes do not look in step.
fn jittered(base: Duration) -> Duration {
    base.mul_f64(0.8 + 0.4 * fastrand::f64())
}
