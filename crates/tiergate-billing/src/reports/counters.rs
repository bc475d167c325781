//! Counters of a store against the ledger, which is the usage records, and putting them right.
//!
//! The ledger is behind the counters: usage waits in journals of the services that guard, until it is
//! delivered. The settling time is how long that takes at most. So it depends on the counter when a
//! difference is sure:
//!
//! * A quota only grows. That it has too little is sure at once. That it has too much is sure of what it
//!   had a settling time ago and the ledger has not heard of by now; what was counted since may be on
//!   its way.
//! * A level rises and falls, and the news of either may be on its way. No difference is sure before
//!   neither it nor the ledger has moved for a settling time.

mod metrics;
mod rebuild;

pub use metrics::Metrics;
pub use rebuild::{Rebuild, Rebuilt};

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tiergate_core::decision::{Knowledge, Standing};
use tiergate_core::{Catalog, Feature, FeatureKind, Meter, Subject, SubjectKind, Window};
use tiergate_usage::{CounterKey, SharedStore, StoreError, StoreFuture, Tally};
use tokio::time::timeout;

use crate::record::{Time, organization_id, user_id};
use crate::subscriptions::standing_of;
use crate::table::usage_ledger::{self, Booked, Question};
use crate::usage::months;
use crate::{Billing, BillingError};

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
    /// How many of them have any units. If none has, the store has lost them all, or it is another store
    /// than the one that is counted in.
    pub counting: u64,
    /// How many of them differ from the ledger in a way that may pass: usage was recorded within the
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
    /// No counter that could be compared counts a metric that was asked for.
    #[error("no quota and no gauge counts the metric `{metric}`; there are: {}", .known.join(", "))]
    UnknownMetric {
        /// The metric.
        metric: String,
        /// All that are counted so.
        known: Vec<String>,
    },
    /// Somebody else rebuilds the counters of this store.
    #[error(
        "the counters of this store are being rebuilt by somebody else: wait until that ends, or {} s \
         if it was broken off",
        rebuild::RIGHT_FOR.as_secs()
    )]
    RebuiltElsewhere,
    /// The right to rebuild has gone to others, because this process stood still for too long.
    #[error(
        "this took so long that others may rebuild the counters of this store by now: begin again"
    )]
    RightLost,
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

/// Compares the counters of those metrics in a store with the ledger, as of now. Changes nothing.
///
/// # Errors
///
/// When the database or the store fails, or when nothing counts a metric that is named.
pub async fn counters(
    billing: &Billing,
    store: &dyn SharedStore,
    metrics: &Metrics,
    settling: Duration,
) -> Result<CountersReport, CountersError> {
    metrics.check(&billing.catalog())?;
    let now = billing.now();
    let settled = now.saturating_sub(settling).into();
    let mut report = CountersReport {
        at: now.into(),
        checked: 0,
        counting: 0,
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
                places.extend(places_of(billing, metrics, Subject::new(kind, id)).await?);
            }
            for places in places.chunks(QUESTIONS) {
                compare_all(billing, store, settled, places, &mut report).await?;
            }
        }
    }
    Ok(report)
}

/// The counters of an owner's limits, in the windows that hold now.
async fn places_of(
    billing: &Billing,
    metrics: &Metrics,
    owner: Subject,
) -> Result<Vec<Place>, BillingError> {
    let record = standing_of(billing, &owner).await?;
    let view = record.view();
    let catalog = billing.catalog();
    let known = Knowledge::Subscription(&view);
    let standing = Standing::of(&catalog, &owner, known, billing.policy(), billing.now());
    Ok(places(&catalog, metrics, &standing))
}

fn places(catalog: &Catalog, metrics: &Metrics, standing: &Standing<'_>) -> Vec<Place> {
    let zone = catalog.time_zone();
    let place = |(metric, meter, feature): (&str, Meter, &Feature)| {
        let window = match meter {
            Meter::Quota(period) => {
                let anchor = standing.billing_anchor();
                Some(Window::of(period, standing.now(), anchor, zone))
            }
            Meter::Gauge | Meter::Rate(_) => None,
        };
        let owner = standing.subject().clone();
        let span = window.unwrap_or(Window::ALL);
        Place {
            key: CounterKey::of_limit(owner.clone(), feature.key.clone(), meter, window),
            question: Question {
                owner,
                metric: metric.to_owned(),
                window: span,
                months: months(span, zone),
            },
            window,
        }
    };
    let counted = counted(catalog).filter(|(metric, ..)| metrics.include(metric));
    counted.map(place).collect()
}

/// The metrics that can be compared, each with what counts it.
fn counted(catalog: &Catalog) -> impl Iterator<Item = (&str, Meter, &Feature)> {
    catalog
        .features()
        .filter_map(|(_, feature)| match &feature.kind {
            FeatureKind::Limit {
                metric: Some(metric),
                meter: Some(meter @ (Meter::Gauge | Meter::Quota(_))),
            } => Some((&**metric, *meter, feature)),
            _ => None,
        })
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
    let tallies = stream::iter(places).map(|place| answer(store.tally(&place.key)));
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
        self.counting += u64::from(tally != Tally::default());
        let verdict = compare(tally, booked.total);
        let moves = booked.latest.is_some_and(|latest| latest > settled);
        if moves && place.has_to_settle(verdict) {
            self.settling += 1;
            return;
        }
        let difference = match verdict {
            Verdict::InStep => return,
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

impl Place {
    /// Whether a difference may be only one of time.
    fn has_to_settle(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::InStep => false,
            // What lowers a level may be on its way to the ledger. A quota has no such thing.
            Verdict::Behind(_) => self.window.is_none(),
            Verdict::Ahead(_) => true,
        }
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

/// What the store answers, if it does so in time.
async fn answer<T>(asked: StoreFuture<Result<T, StoreError>>) -> Result<T, CountersError> {
    let answer = timeout(PATIENCE, asked).await;
    Ok(answer.map_err(|_| CountersError::StoreTimedOut)??)
}

#[cfg(test)]
mod tests;
