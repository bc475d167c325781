//! Telling that a limit is nearly used up, once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use smallvec::SmallVec;
use tiergate_core::time::{TimeZone, Timestamp};
use tiergate_core::{Limit, Meter, Subject, Window};
use tiergate_usage::{
    Admission, Claim, CounterKey, CounterWindow, Reservation, Reserve, StoreError, UsageStore,
};
use tokio::runtime::Handle;

use super::observe;
use super::thresholds::Thresholds;

/// How many counters are known to have been told of at most; all are forgotten beyond it. The store
/// knows better: forgetting costs a question, and never a second alert.
const MAX_KNOWN: usize = 100_000;

/// How long the store may take to say whether an alert is the first of its kind.
const DEADLINE: Duration = Duration::from_secs(5);

/// Hears that the usage of a limit has reached one of the [`Thresholds`].
///
/// One alert goes out for each subject, limit, window and threshold, whichever replica sees it first
/// and however often the process restarts: the store of usage keeps count of it. A replica that dies
/// between the two takes the alert with it. A gauge, which has no window, is told of once a day for
/// as long as it is above. Rates are not told of.
///
/// It is called in a task of its own, after the request that reached the threshold was charged.
pub trait UsageAlerts: Send + Sync + 'static {
    /// A threshold was reached.
    fn reached(&self, reached: &ThresholdReached);
}

impl<F: Fn(&ThresholdReached) + Send + Sync + 'static> UsageAlerts for F {
    fn reached(&self, reached: &ThresholdReached) {
        self(reached);
    }
}

/// A share of a limit is used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThresholdReached {
    /// Whose limit.
    pub subject: Subject,
    /// The key of the feature.
    pub feature: Arc<str>,
    /// The threshold, in percent of the limit.
    pub percent: u8,
    /// The limit.
    pub limit: u64,
    /// What was used, or reserved by others under way, when it was reached.
    pub used: u64,
    /// The window of a quota; none for a gauge.
    pub window: Option<(Timestamp, Timestamp)>,
    /// When it was seen.
    pub at: Timestamp,
}

/// How much of a limit is used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) used: u64,
    pub(super) limit: Limit,
    pub(super) meter: Meter,
}

/// Watches for thresholds.
pub(super) struct Alerts {
    thresholds: Thresholds,
    told: Arc<Told>,
}

struct Told {
    listener: Box<dyn UsageAlerts>,
    /// The highest threshold that each counter is known to have reached, under its limit.
    known: Mutex<HashMap<(CounterKey, u64), u8>>,
}

impl Alerts {
    pub(super) fn new(thresholds: Thresholds, listener: Box<dyn UsageAlerts>) -> Self {
        Self {
            thresholds,
            told: Arc::new(Told {
                listener,
                known: Mutex::default(),
            }),
        }
    }

    /// Looks at a counter that was just charged.
    pub(super) fn watch(
        &self,
        store: &Arc<dyn UsageStore>,
        key: &CounterKey,
        level: Level,
        now: Timestamp,
    ) {
        let Limit::AtMost(limit @ 1..) = level.limit else {
            return;
        };
        if matches!(level.meter, Meter::Rate(_))
            || self.thresholds.reached(level.used, limit, 0).is_empty()
        {
            return;
        }
        // Without a runtime nobody could wait for the store; the next one who is charged will tell.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let window = match key.window() {
            CounterWindow::Fixed { start, end } => Some((start, end)),
            CounterWindow::Level | CounterWindow::Sliding { .. } => None,
        };
        let counted = CounterKey::new(
            key.subject().clone(),
            key.shared_feature(),
            window.map_or_else(|| day_of(now), |_| key.window()),
        );
        let Some(reached) = self
            .told
            .note(&self.thresholds, &counted, level.used, limit)
        else {
            return;
        };
        let event = ThresholdReached {
            subject: key.subject().clone(),
            feature: key.shared_feature(),
            percent: 0,
            limit,
            used: level.used,
            window,
            at: now,
        };
        let (told, store) = (Arc::clone(&self.told), Arc::clone(store));
        // Detached: the request does not wait for it.
        drop(runtime.spawn(async move {
            for percent in reached {
                let first =
                    tokio::time::timeout(DEADLINE, is_first(&store, &counted, percent, limit));
                match first.await {
                    Ok(Ok(First::Yes)) => told.tell(&ThresholdReached {
                        percent,
                        ..event.clone()
                    }),
                    Ok(Ok(First::No)) => {}
                    Ok(Err(_)) | Err(_) => {
                        told.forget(&counted, limit);
                        return;
                    }
                }
            }
        }));
    }
}

impl Told {
    /// Notes the thresholds that a counter has reached, and tells those that were not noted before.
    fn note(
        &self,
        thresholds: &Thresholds,
        key: &CounterKey,
        used: u64,
        limit: u64,
    ) -> Option<SmallVec<[u8; 4]>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (key.clone(), limit);
        let before = known.get(&name).copied().unwrap_or(0);
        let reached = thresholds.reached(used, limit, before);
        let highest = *reached.last()?;
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(name, highest);
        Some(reached)
    }

    fn forget(&self, key: &CounterKey, limit: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&(key.clone(), limit));
    }

    fn tell(&self, reached: &ThresholdReached) {
        observe::threshold_reached(reached);
        self.listener.reached(reached);
    }
}

enum First {
    Yes,
    No,
}

/// Claims an alert in the store, where only one can have it: it is a counter with a limit of one.
async fn is_first(
    store: &Arc<dyn UsageStore>,
    key: &CounterKey,
    percent: u8,
    limit: u64,
) -> Result<First, StoreError> {
    // No feature has a key like this. A limit that changes has thresholds of its own.
    let feature = format!("{percent} % of {limit} {}", key.feature());
    let alert = CounterKey::new(key.subject().clone(), feature, key.window());
    let claims = [Claim::new(alert, 1, Limit::AtMost(1))];
    let request = Reserve::new(&claims, 2 * DEADLINE);
    match Reservation::admit(Arc::clone(store), request).await? {
        Admission::Admitted(reservation) => {
            reservation.commit().await?;
            Ok(First::Yes)
        }
        Admission::Refused(_) => Ok(First::No),
    }
}

/// The day of a moment, in UTC: it stands in for the window of a gauge, which has none.
fn day_of(now: Timestamp) -> CounterWindow {
    let day = Window::of_day(now, &TimeZone::utc());
    CounterWindow::Fixed {
        start: day.start(),
        end: day.end(),
    }
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerts")
            .field("thresholds", &self.thresholds)
            .finish_non_exhaustive()
    }
}
