//! Counters of a store against the ledger, which is the usage records, and putting them right.
//!
//! The ledger is behind the counters: usage waits in journals of the services that guard, until it is
//! delivered. So what says that a counter has too little is sure at once, and what says that it has too
//! much is only sure when all is delivered that was on its way. The settling time is how long that takes
//! at most. A counter is lowered only if neither it nor the ledger has moved for so long.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tiergate_core::decision::{Knowledge, Standing};
use tiergate_core::{Catalog, FeatureKind, Meter, Subject, SubjectKind, Window};
use tiergate_usage::{Adjustment, CounterKey, SharedStore, StoreError, Tally};
use tokio::time::timeout;

use crate::change::{Begun, Change, Reply};
use crate::record::{Time, organization_id, user_id};
use crate::subscriptions::standing_of;
use crate::table::usage_ledger::{self, Booked, Question};
use crate::usage::months;
use crate::{Billing, BillingError, Context};

/// How many owners are looked at together.
const OWNERS: u32 = 100;
/// How many questions the database gets at once.
const QUESTIONS: usize = 1_000;
/// How many questions the store gets at once.
const AT_ONCE: usize = 16;
/// How long the store may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The counters that are not in step with the ledger.
///
/// A counter is in step if the ledger has no less than is committed, and no more than what is open could
/// add to that. Looked at is every limit that is a quota or a gauge with a metric, of every owner who has
/// or had a subscription, in the window that holds now. Only metrics whose usage is recorded with this
/// service can be compared.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CountersReport {
    /// When it was begun.
    pub at: Time,
    /// How many counters were looked at.
    pub checked: u64,
    /// How many of them have more than the ledger, which is still growing: usage was recorded within the
    /// settling time, so more may be on its way.
    pub settling: u64,
    /// How many are not in step, but not listed, because there are so many.
    pub left_out: u64,
    /// Those that are not in step.
    pub counters: Vec<CounterRow>,
}

impl CountersReport {
    /// The most counters in a report.
    pub const MOST: usize = 10_000;

    /// Whether a counter has more than the ledger, so that [`rebuild_counter`] has to wait.
    #[must_use]
    pub fn has_counters_ahead(&self) -> bool {
        self.counters.iter().any(|row| row.difference < 0)
    }
}

/// A counter that is not in step with the ledger.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CounterRow {
    /// The user; null if it is an organization's.
    pub user_id: Option<String>,
    /// The organization; null if it is a user's.
    pub organization_id: Option<String>,
    /// The key of the feature that is counted.
    pub feature: String,
    /// The key of the metric.
    pub metric: String,
    /// Where the window starts; null for a level.
    pub window_start: Option<Time>,
    /// Where it ends.
    pub window_end: Option<Time>,
    /// Units that the counter has for sure.
    pub committed: u64,
    /// Units of open reservations and leases.
    pub open: u64,
    /// What is recorded.
    pub ledger: i64,
    /// By how much the counter has to change to be in step: the least that does.
    pub difference: i64,
    #[serde(skip)]
    place: Place,
}

/// What became of a counter that was not in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome", content = "units")]
pub enum Rebuilt {
    /// So many units were added.
    Raised(u64),
    /// So many units were taken off.
    Lowered(u64),
    /// It came into step by itself.
    InStep,
    /// It has more than the ledger, and one of them has moved since the report: it is left as it is.
    Moved,
    /// It has more than the ledger, and the settling time has not passed since the report.
    TooEarly,
}

impl Rebuilt {
    /// Whether the counter is in step now.
    #[must_use]
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Raised(_) | Self::Lowered(_) | Self::InStep)
    }
}

/// Why counters could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountersError {
    /// The records could not be read, or the audit log not be written.
    #[error(transparent)]
    Billing(#[from] BillingError),
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store gave no answer in time.
    #[error("the usage store did not answer within {} s", PATIENCE.as_secs())]
    StoreTimedOut,
}

impl From<crate::database::DatabaseError> for CountersError {
    fn from(error: crate::database::DatabaseError) -> Self {
        Self::Billing(error.into())
    }
}

/// How a counter stands to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    InStep,
    /// It lacks so many units.
    Behind(u64),
    /// It has so many units too many.
    Ahead(u64),
}

/// Where something is counted, and where it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    key: CounterKey,
    question: Question,
    window: Option<Window>,
}

/// Compares the counters of a store with the ledger, as of now. Changes nothing.
///
/// # Errors
///
/// When the database or the store fails.
pub async fn counters(
    billing: &Billing,
    store: &dyn SharedStore,
    settling: Duration,
) -> Result<CountersReport, CountersError> {
    let now = billing.now();
    let settled = now.saturating_sub(settling).into();
    let mut report = CountersReport {
        at: now.into(),
        checked: 0,
        settling: 0,
        left_out: 0,
        counters: Vec::new(),
    };
    for kind in [SubjectKind::User, SubjectKind::Organization] {
        let mut after = String::new();
        loop {
            let mut read = billing.database().read().await?;
            let owners = usage_ledger::owners(&mut read, kind, &after, OWNERS).await?;
            drop(read);
            let Some(last) = owners.last() else {
                break;
            };
            after.clone_from(last);
            let mut places = Vec::new();
            for id in owners {
                places.extend(places_of(billing, Subject::new(kind, id)).await?);
            }
            for places in places.chunks(QUESTIONS) {
                compare_all(billing, store, settled, places, &mut report).await?;
            }
        }
    }
    Ok(report)
}

/// The counters of an owner's limits, in the windows that hold now.
async fn places_of(billing: &Billing, owner: Subject) -> Result<Vec<Place>, BillingError> {
    let record = standing_of(billing, &owner).await?;
    let view = record.view();
    let catalog = billing.catalog();
    let known = Knowledge::Subscription(&view);
    let standing = Standing::of(&catalog, &owner, known, billing.policy(), billing.now());
    Ok(places(&catalog, &standing))
}

fn places(catalog: &Catalog, standing: &Standing<'_>) -> Vec<Place> {
    let zone = catalog.time_zone();
    let place = |(_, feature): (_, &tiergate_core::Feature)| {
        let FeatureKind::Limit {
            metric: Some(metric),
            meter: Some(meter),
        } = &feature.kind
        else {
            return None;
        };
        let window = match meter {
            Meter::Rate(_) => return None,
            Meter::Gauge => None,
            Meter::Quota(period) => {
                let anchor = standing.billing_anchor();
                Some(Window::of(*period, standing.now(), anchor, zone))
            }
        };
        let owner = standing.subject().clone();
        let span = window.unwrap_or(Window::ALL);
        Some(Place {
            key: CounterKey::of_limit(owner.clone(), feature.key.clone(), *meter, window),
            question: Question {
                owner,
                metric: metric.to_string(),
                window: span,
                months: months(span, zone),
            },
            window,
        })
    };
    catalog.features().filter_map(place).collect()
}

async fn compare_all(
    billing: &Billing,
    store: &dyn SharedStore,
    settled: Time,
    places: &[Place],
    report: &mut CountersReport,
) -> Result<(), CountersError> {
    let questions: Vec<_> = places.iter().map(|place| place.question.clone()).collect();
    // Before the store is asked: what is in the ledger by then has been counted.
    let mut read = billing.database().read().await?;
    let booked = usage_ledger::booked(&mut read, &questions).await?;
    drop(read);
    let tallies = stream::iter(places).map(|place| tally(store, &place.key));
    let mut tallies = tallies.buffered(AT_ONCE);
    for (place, booked) in places.iter().zip(booked) {
        let Some(tally) = tallies.next().await else {
            break;
        };
        report.checked += 1;
        report.add(place, tally?, booked, settled);
    }
    Ok(())
}

impl CountersReport {
    fn add(&mut self, place: &Place, tally: Tally, booked: Booked, settled: Time) {
        let difference = match compare(tally, booked.total) {
            Verdict::InStep => return,
            Verdict::Ahead(_) if booked.latest.is_some_and(|latest| latest > settled) => {
                self.settling += 1;
                return;
            }
            Verdict::Behind(units) => i64::try_from(units).unwrap_or(i64::MAX),
            Verdict::Ahead(units) => i64::try_from(units).map_or(i64::MIN, |units| -units),
        };
        if self.counters.len() >= Self::MOST {
            self.left_out += 1;
            return;
        }
        self.counters.push(CounterRow {
            user_id: user_id(&place.question.owner),
            organization_id: organization_id(&place.question.owner),
            feature: place.key.feature().to_owned(),
            metric: place.question.metric.clone(),
            window_start: place.window.map(|window| window.start().into()),
            window_end: place.window.map(|window| window.end().into()),
            committed: tally.committed(),
            open: tally.open(),
            ledger: booked.total,
            difference,
            place: place.clone(),
        });
    }
}

/// How a counter stands to the ledger. A level that is recorded below zero is none.
fn compare(tally: Tally, ledger: i64) -> Verdict {
    let ledger = u64::try_from(ledger).unwrap_or(0);
    let most = tally.committed().saturating_add(tally.open());
    if ledger > most {
        Verdict::Behind(ledger.saturating_sub(most))
    } else if ledger < tally.committed() {
        Verdict::Ahead(tally.committed().saturating_sub(ledger))
    } else {
        Verdict::InStep
    }
}

async fn tally(store: &dyn SharedStore, key: &CounterKey) -> Result<Tally, CountersError> {
    let answer = timeout(PATIENCE, store.tally(key)).await;
    Ok(answer.map_err(|_| CountersError::StoreTimedOut)??)
}

/// Puts a counter of a report right, by a difference, so that what is committed meanwhile is kept.
///
/// Both sides are read again before. A counter that lacks units gets them at once. One that has too many
/// is lowered only when the settling time has passed since the report, and neither it nor the ledger has
/// moved in that time. The audit log has an entry before anything is changed. Two rebuilds of one store
/// must not run at once: both would add what is missing.
///
/// Dropped before it ends, it may have written the entry and not changed the counter.
///
/// # Errors
///
/// When the database or the store fails. If it is the store that does not answer to the change itself,
/// the change may have been made; a new report tells.
pub async fn rebuild_counter(
    billing: &Billing,
    store: &dyn SharedStore,
    context: &Context,
    report: &CountersReport,
    row: &CounterRow,
    settling: Duration,
) -> Result<Rebuilt, CountersError> {
    let Place { key, question, .. } = &row.place;
    let mut read = billing.database().read().await?;
    let asked = std::slice::from_ref(question);
    let booked = usage_ledger::booked(&mut read, asked).await?;
    drop(read);
    let ledger = booked.first().copied().unwrap_or_default().total;
    let now = tally(store, key).await?;
    let (adjustment, outcome) = match compare(now, ledger) {
        Verdict::InStep => return Ok(Rebuilt::InStep),
        Verdict::Behind(units) => (Adjustment::Raise(units), Rebuilt::Raised(units)),
        Verdict::Ahead(_) if now.committed() != row.committed || ledger != row.ledger => {
            return Ok(Rebuilt::Moved);
        }
        Verdict::Ahead(_) if billing.now() < report.at.0.saturating_add(settling) => {
            return Ok(Rebuilt::TooEarly);
        }
        Verdict::Ahead(units) => (Adjustment::Lower(units), Rebuilt::Lowered(units)),
    };
    write_down(billing, context, row, (now, ledger), outcome).await?;
    let adjusted = timeout(PATIENCE, store.adjust(key, adjustment)).await;
    adjusted.map_err(|_| CountersError::StoreTimedOut)??;
    Ok(outcome)
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

#[cfg(test)]
mod tests;
