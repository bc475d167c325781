//! Putting counters right, one at a time and by one process at a time.

use std::time::Duration;

use tiergate_core::{Limit, Subject};
use tiergate_usage::{
    Adjustment, CounterKey, CounterWindow, Lease, LeaseExtension, LeaseId, LeaseOutcome,
    SharedStore, Tally,
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{CounterRow, CountersError, CountersReport, Place, Verdict, answer, compare};
use crate::change::{Begun, Change, Reply};
use crate::table::usage_ledger;
use crate::{Billing, BillingError, Context};

/// For how long the right to rebuild is had, if nobody says any more that it is used.
pub(super) const RIGHT_FOR: Duration = Duration::from_secs(60);
/// How often it is said while nothing is done.
const STILL_HERE: Duration = Duration::from_secs(15);
/// The name of the counter that says who has the right. No feature has such a key.
const RIGHT: &str = "rebuild-counters";

/// What became of a counter that was not in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome", content = "units")]
pub enum Rebuilt {
    /// So many units were added.
    Raised(u64),
    /// So many units were taken off. What a quota counted since the report is left: it may be on its way
    /// to the ledger.
    Lowered(u64),
    /// It came into step by itself.
    InStep,
    /// It, or the ledger, has moved since the report, so that nothing is sure: it is left as it is.
    Moved,
    /// The difference may be one of time, and the settling time has not passed since the report.
    TooEarly,
}

impl Rebuilt {
    /// Whether the counter is in step now, as far as can be told.
    #[must_use]
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Raised(_) | Self::Lowered(_) | Self::InStep)
    }
}

/// The right to rebuild the counters of a store. One process at a time has it: two would both add what
/// is missing.
///
/// The right is a lease in the store itself, so it holds wherever the others are, and goes back within
/// a minute when this process is no more. Dropped without [`end`](Self::end), it goes back as late.
#[derive(Debug)]
pub struct Rebuild<'a> {
    billing: &'a Billing,
    store: &'a dyn SharedStore,
    right: CounterKey,
    id: LeaseId,
}

impl<'a> Rebuild<'a> {
    /// Takes the right.
    ///
    /// # Errors
    ///
    /// [`RebuiltElsewhere`](CountersError::RebuiltElsewhere) when somebody else has it, and when the
    /// store fails.
    pub async fn begin(
        billing: &'a Billing,
        store: &'a dyn SharedStore,
    ) -> Result<Self, CountersError> {
        let rebuild = Self {
            billing,
            store,
            right: CounterKey::new(
                Subject::organization("tiergate"),
                RIGHT,
                CounterWindow::Level,
            ),
            id: LeaseId::from_u128(Uuid::new_v4().as_u128()),
        };
        let lease = Lease {
            key: &rebuild.right,
            id: rebuild.id,
            units: 1,
            kept: 0,
            limit: Limit::AtMost(1),
            ttl: RIGHT_FOR,
        };
        match answer(store.lease(lease)).await? {
            LeaseOutcome::Granted(_) => Ok(rebuild),
            LeaseOutcome::Refused(..) | LeaseOutcome::Over => Err(CountersError::RebuiltElsewhere),
        }
    }

    /// Puts a counter of a report right, by a difference, so that what is committed meanwhile is kept.
    ///
    /// Both sides are read again before. A quota that lacks units gets them at once: as many as are
    /// recorded beyond what is committed and open. If some of the open ones are given back afterwards,
    /// it lacks those, and another report tells. Whatever else is wrong is changed only when the settling
    /// time has passed since the report; see [`Rebuilt`] for what stays as it is. The audit log has an
    /// entry before anything is changed.
    ///
    /// Usage that takes longer than the settling time to be recorded is taken for a surplus. It is
    /// added again by a rebuild after it was recorded.
    ///
    /// Dropped before it ends, it may have written the entry and not changed the counter.
    ///
    /// # Errors
    ///
    /// When the database or the store fails, and [`RightLost`](CountersError::RightLost) when the right
    /// has run out. If it is the store that does not answer to the change itself, the change may have
    /// been made; a new report tells.
    pub async fn counter(
        &self,
        context: &Context,
        report: &CountersReport,
        row: &CounterRow,
        settling: Duration,
    ) -> Result<Rebuilt, CountersError> {
        let Place { key, question, .. } = &row.place;
        let mut read = self.billing.database().read().await?;
        let asked = std::slice::from_ref(question);
        let booked = usage_ledger::booked(&mut read, asked).await?;
        drop(read);
        let ledger = booked.first().copied().unwrap_or_default().total;
        let now = answer(self.store.tally(key)).await?;
        let verdict = compare(now, ledger);
        if row.place.has_to_settle(verdict)
            && self.billing.now() < report.at.0.saturating_add(settling)
        {
            return Ok(Rebuilt::TooEarly);
        }
        let (adjustment, outcome) = match verdict {
            Verdict::InStep => return Ok(Rebuilt::InStep),
            Verdict::Behind(_) if row.is_level() && !row.stands(now, ledger) => {
                return Ok(Rebuilt::Moved);
            }
            Verdict::Behind(units) => (Adjustment::Raise(units), Rebuilt::Raised(units)),
            Verdict::Ahead(units) => match units.min(row.surplus(now, ledger)) {
                0 => return Ok(Rebuilt::Moved),
                units => (Adjustment::Lower(units), Rebuilt::Lowered(units)),
            },
        };
        write_down(self.billing, context, row, (now, ledger), outcome).await?;
        self.hold().await?;
        answer(self.store.adjust(key, adjustment)).await?;
        Ok(outcome)
    }

    /// Waits, and keeps the right meanwhile.
    ///
    /// # Errors
    ///
    /// [`RightLost`](CountersError::RightLost) when it could not be kept.
    pub async fn wait(&self, duration: Duration) -> Result<(), CountersError> {
        let until = Instant::now() + duration;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            sleep(left.min(STILL_HERE)).await;
            match self.hold().await {
                Err(CountersError::RightLost) => return Err(CountersError::RightLost),
                // A store that is away for a moment is asked again; before a change it has to answer.
                Ok(()) | Err(_) if left <= STILL_HERE => return Ok(()),
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// Gives the right back.
    ///
    /// # Errors
    ///
    /// When the store fails: then it goes back by itself, within a minute.
    pub async fn end(self) -> Result<(), CountersError> {
        answer(self.store.end(&self.right, self.id, 0)).await?;
        Ok(())
    }

    async fn hold(&self) -> Result<(), CountersError> {
        let extended = self.store.extend(&self.right, self.id, 0, RIGHT_FOR);
        match answer(extended).await? {
            LeaseExtension::Extended => Ok(()),
            LeaseExtension::Expired | LeaseExtension::Ended | LeaseExtension::Unknown => {
                Err(CountersError::RightLost)
            }
        }
    }
}

impl CounterRow {
    /// How many units too many the counter has for sure, a settling time after the report.
    fn surplus(&self, now: Tally, ledger: i64) -> u64 {
        if self.is_level() {
            return if self.stands(now, ledger) {
                u64::MAX
            } else {
                0
            };
        }
        // Somebody else has lowered it.
        if now.committed() < self.committed {
            return 0;
        }
        // What the counter had then, and is not recorded by now, never will be. What was recorded
        // meanwhile may be of later usage: then the surplus is greater, and a later report tells.
        let recorded = u64::try_from(ledger.max(self.ledger)).unwrap_or(0);
        self.committed.saturating_sub(recorded)
    }

    fn is_level(&self) -> bool {
        self.place.window.is_none()
    }

    /// Whether both sides are as they were.
    fn stands(&self, now: Tally, ledger: i64) -> bool {
        now.committed() == self.committed && ledger == self.ledger
    }
}

async fn write_down(
    billing: &Billing,
    context: &Context,
    row: &CounterRow,
    (tally, ledger): (Tally, i64),
    outcome: Rebuilt,
) -> Result<(), BillingError> {
    let owner = &row.place.question.owner;
    let Begun::Fresh(mut change) = Change::begin(billing, context, owner).await? else {
        return Err(BillingError::KeyReused);
    };
    let name = format!("{owner}/{}", row.feature);
    let before = serde_json::json!({
        "committed": tally.committed(), "open": tally.open(), "ledger": ledger,
        "windowStart": row.window_start, "windowEnd": row.window_end,
    });
    let reason = Some("the ledger says otherwise");
    change
        .audit(
            "counter.adjusted",
            ("counter", name),
            Some(&before),
            Some(&outcome),
            reason,
        )
        .await?;
    change.finish(Reply::done(&())).await?;
    Ok(())
}
