//! Works through the inbox.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tiergate_core::time::Timestamp;
use tiergate_stripe::event::{Event, EventKind, EventObject};
use tokio_util::sync::CancellationToken;

use super::project::Processed;
use super::receive::entry_of;
use super::schedule::next_try;
use super::{STRIPE, StripeWebhooks};
use crate::BillingError;
use crate::context::Context;
use crate::table::inbox::{self, Entry, Outcome};

/// How many events are taken at once.
const BATCH: u32 = 16;
/// For how long they are taken. That is how long an event waits that was taken by a process which was
/// killed, so it is shorter than a batch can last: what cannot be ended in time is left to others.
const LEASE: Duration = Duration::from_secs(15);
/// The longest that one event may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long to rest when there is nothing to do. Another process may have stored something.
const REST: Duration = Duration::from_secs(1);

/// How much was worked through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// Events that are in the records now, or concern nothing here.
    pub settled: usize,
    /// Events that are tried again later.
    pub put_off: usize,
    /// Events that were given up, for somebody to look at.
    pub dead: usize,
}

impl Worked {
    /// How many events were looked at.
    #[must_use]
    pub fn total(self) -> usize {
        self.settled + self.put_off + self.dead
    }
}

impl StripeWebhooks {
    /// Works until `shutdown`: an event is processed as soon as it is stored. The event that is being
    /// processed when that comes is processed to its end.
    pub async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let rest = match self.work().await {
                Ok(worked) if worked.total() > 0 => continue,
                Ok(_) => REST,
                Err(error) => {
                    tracing::error!(target: "tiergate_billing", error = %error, "the inbox cannot be worked through");
                    REST.mul_f64(1.0 + fastrand::f64())
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.billing().inbox_grew().notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Works through the events that are due now, a batch of them at most.
    ///
    /// # Errors
    ///
    /// When the database fails. What was taken is free for others again after 15 seconds.
    pub async fn work(&self) -> Result<Worked, BillingError> {
        let billing = self.billing();
        let now = billing.now();
        let mut write = billing.database().write().await?;
        let kind = billing.database().kind();
        // Who loses what was taken takes it again.
        write.may_be_forgotten().await?;
        let entries = inbox::claim(&mut write, kind, BATCH, LEASE, now).await?;
        write.commit().await?;
        let mut worked = Worked::default();
        let clock = billing.clock();
        let taken = clock.elapsed();
        for entry in entries {
            // Nobody else takes what is being worked on.
            if clock.elapsed().saturating_sub(taken) > LEASE.saturating_sub(DEADLINE) {
                break;
            }
            match self.settle(&entry).await? {
                Settled::Well => worked.settled += 1,
                Settled::Later => worked.put_off += 1,
                Settled::Never => worked.dead += 1,
            }
        }
        Ok(worked)
    }

    /// Processes an event and writes down what became of it.
    async fn settle(&self, entry: &Entry) -> Result<Settled, BillingError> {
        let now = self.billing().now();
        // One event must not stop all others, whatever is wrong with it.
        let processing = AssertUnwindSafe(self.process(entry, now)).catch_unwind();
        let (why, waits) = match tokio::time::timeout(DEADLINE, processing).await {
            Ok(Ok(Ok(Processed::Done))) => return Ok(Settled::Well),
            Ok(Ok(Ok(Processed::Ignored))) => {
                self.write_down(entry, Outcome::Ignored, now).await?;
                return Ok(Settled::Well);
            }
            Ok(Ok(Ok(Processed::Waiting(why)))) => (why, Waits::ForOthers),
            Ok(Ok(Err(error))) => (error.to_string(), Waits::ForBetterDays),
            Ok(Err(_)) => (
                "processing it panicked; the log says where".to_owned(),
                Waits::ForBetterDays,
            ),
            Err(_) => (
                "processing it took too long".to_owned(),
                Waits::ForBetterDays,
            ),
        };
        let next = next_try(entry.received_at.0, entry.attempts, now, fastrand::f64());
        let why = why.as_str();
        let (outcome, settled) = match (next, waits) {
            (None, _) => (Outcome::Dead { why }, Settled::Never),
            (Some(until), Waits::ForOthers) => (Outcome::Waiting { why, until }, Settled::Later),
            (Some(until), Waits::ForBetterDays) => (Outcome::Failed { why, until }, Settled::Later),
        };
        match settled {
            Settled::Never => {
                tracing::error!(target: "tiergate_billing", inbox_id = %entry.id, why, "an event of Stripe's was given up");
                metrics::counter!("tiergate_billing_inbox_dead_total").increment(1);
            }
            Settled::Well | Settled::Later => {
                tracing::info!(target: "tiergate_billing", inbox_id = %entry.id, why, "an event of Stripe's is tried again later");
            }
        }
        self.write_down(entry, outcome, now).await?;
        Ok(settled)
    }

    async fn process(&self, entry: &Entry, now: Timestamp) -> Result<Processed, BillingError> {
        {
            let mut read = self.billing().database().read().await?;
            if inbox::is_settled(&mut read, entry.id).await? {
                // With others of its subscription.
                return Ok(Processed::Done);
            }
        }
        let event = match Event::parse(&entry.payload) {
            Ok(event) => event,
            // Another version of the program may be able to read it.
            Err(error) => return Ok(Processed::Waiting(error.to_string())),
        };
        if !entry.is_named {
            // This version is the other version.
            let mut write = self.billing().database().write().await?;
            inbox::name(&mut write, entry.id, &entry_of(&event, &entry.payload)).await?;
            write.commit().await?;
        }
        let context = Context::provider(STRIPE, now);
        // By the object and not by the kind: Stripe tells of one thing in many kinds of events, and each
        // brings the whole object along.
        match &event.object {
            EventObject::Subscription(_) | EventObject::Invoice(_) => {
                match event.object.subscription_id() {
                    Some(id) => self.project(&id, &context).await,
                    // An invoice for something else than a subscription.
                    None => Ok(Processed::Ignored),
                }
            }
            EventObject::PaymentIntent(intent) if tells_of_money(&event.kind) => {
                self.record_payment(entry, &event, intent, &context).await
            }
            _ => Ok(Processed::Ignored),
        }
    }

    async fn write_down(
        &self,
        entry: &Entry,
        outcome: Outcome<'_>,
        now: Timestamp,
    ) -> Result<(), BillingError> {
        let mut write = self.billing().database().write().await?;
        inbox::settle(&mut write, entry, outcome, now).await?;
        Ok(write.commit().await?)
    }
}

/// Whether an event of a payment says that money moved, or failed to.
fn tells_of_money(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::PaymentIntentSucceeded | EventKind::PaymentIntentPaymentFailed
    )
}

/// What an event that was not processed is put off for.
#[derive(Clone, Copy)]
enum Waits {
    ForOthers,
    ForBetterDays,
}

/// What became of an event.
#[derive(Clone, Copy)]
enum Settled {
    Well,
    Later,
    Never,
}
