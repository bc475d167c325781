//! The job that does what is due.

use tiergate_core::time::Timestamp;

use super::alter;
use crate::table::subscriptions;
use crate::{Billing, BillingError, SubscriptionId};

/// How many subscriptions are looked up at once.
const BATCH: u32 = 200;
/// How many batches one run does at most. What is left is done by the next run.
const MOST_BATCHES: usize = 50;

/// What a run of the job did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Advanced {
    /// How many subscriptions were renewed, ended, or came out of their trial.
    pub(crate) done: usize,
    /// How many could not be; the log says why.
    pub(crate) failed: usize,
}

/// Does what is due by `now`: ends of trials, renewals with what they change, and ends, each with its
/// invoices. What was missed is made up for, period by period. What is overdue, suspended or the like
/// is left alone.
///
/// One that fails is told in the log and does not keep the others. Several processes may run this at
/// once: each subscription is advanced in a transaction of its own, by whoever comes first.
///
/// Dropped, it has done what it has done; nothing is half done.
///
/// # Errors
///
/// When the database cannot say what is due.
pub(crate) async fn advance_due(
    billing: &Billing,
    now: Timestamp,
) -> Result<Advanced, BillingError> {
    let mut advanced = Advanced::default();
    let mut after = None;
    for _ in 0..MOST_BATCHES {
        let mut read = billing.database().read().await?;
        let due = subscriptions::due(&mut read, now.into(), after, BATCH).await?;
        drop(read);
        for (_, id) in &due {
            let id = SubscriptionId::from(*id);
            match alter::advance(billing, id, now).await {
                Ok(true) => advanced.done += 1,
                Ok(false) => {}
                Err(error) => {
                    advanced.failed += 1;
                    tracing::error!(
                        target: "tiergate_billing",
                        subscription = %id,
                        error = %error,
                        "a subscription is due and could not be advanced"
                    );
                }
            }
        }
        // Always on from the last one, so that one that stays due does not hold up the rest.
        after = due.last().copied();
        if after.is_none() {
            break;
        }
    }
    Ok(advanced)
}
