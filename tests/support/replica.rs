//! What a replica is told: one process of several that guard the same route and count in one store.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tiergate::lookup::Answer;
use tiergate::time::Timestamp;
use tiergate::usage::{CounterKey, CounterWindow};
use tiergate::window::{BillingAnchor, Window};
use tiergate::{Subject, Subscription, SubscriptionLookup, async_trait};
use tiergate_clock::{Clock, SystemClock};

use crate::limited;

/// The quota of the platform's catalog that a replica counts.
pub const QUOTA: &str = "workflow_executions_monthly";

/// How a replica is set up. It is handed over as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replica {
    /// The address of the store, see [`open_usage`](crate::open_usage).
    pub store: String,
    /// The longest that a call of the store may take.
    pub store_deadline: Duration,
    /// Whether each operation asks the store.
    pub admission: Admission,
    /// After how long a reservation is given back that nobody settled.
    pub reservation_ttl: Duration,
    /// How long an answer waits until it is counted.
    pub answer_wait: Duration,
    /// What becomes of requests that the store gives no answer for.
    pub outage: Outage,
    /// How long the handler works for a request.
    pub work: Duration,
    /// Where everybody's billing period began, in microseconds. Not long ago, so that no window ends
    /// while a scenario runs.
    pub began: i64,
    /// What is wrong with its store, on purpose.
    pub sabotage: Sabotage,
}

/// Where operations are admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admission {
    /// In the store, each of them.
    Direct,
    /// In the replica's memory, out of blocks that the store leased to it.
    Leased {
        /// How long a block lives that the replica does not renew.
        ttl: Duration,
        /// How many units may be used before the store has heard of them; none for the default.
        ahead: Option<u64>,
    },
}

/// What becomes of requests that the store gives no answer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outage {
    /// They are refused.
    Deny,
    /// They are let through.
    Allow,
    /// So many are, at each replica.
    Allowance(NonZeroU64),
}

/// A mistake that a store could make, to see that a scenario finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sabotage {
    /// None.
    None,
    /// It looks whether there is room, and then counts: two steps.
    LooksBeforeItCounts,
    /// It says that units are committed before they are.
    CommitsLater,
}

/// Whose units are counted. The id says how many there are, so that every process knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    id: String,
    limit: u64,
}

/// Knows the accounts by their ids.
#[derive(Clone, Copy, Debug)]
pub struct Accounts {
    began: Timestamp,
}

impl Replica {
    /// A replica that admits by the store at that address, and whose reservations live for long.
    #[must_use]
    pub fn new(store: impl Into<String>, admission: Admission) -> Self {
        let began = SystemClock::new()
            .now()
            .saturating_sub(Duration::from_secs(3_600));
        Self {
            store: store.into(),
            store_deadline: Duration::from_secs(1),
            admission,
            reservation_ttl: Duration::from_secs(120),
            answer_wait: Duration::from_secs(20),
            outage: Outage::Deny,
            work: Duration::from_millis(2),
            began: began.as_micros(),
            sabotage: Sabotage::None,
        }
    }

    /// As it is handed over.
    ///
    /// # Panics
    ///
    /// Never: it has a text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap()
    }

    /// What was handed over.
    ///
    /// # Panics
    ///
    /// When it is something else.
    #[must_use]
    pub fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    /// Who knows the accounts.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        Accounts {
            began: Timestamp::from_micros(self.began),
        }
    }

    /// Where an account's units are counted.
    #[must_use]
    pub fn counter(&self, account: &Account) -> CounterKey {
        let began = Timestamp::from_micros(self.began);
        let anchor = BillingAnchor::from_period(began, None);
        let window = Window::of_billing_period(began, anchor);
        let window = CounterWindow::Fixed {
            start: window.start(),
            end: window.end(),
        };
        CounterKey::new(Subject::user(account.id.as_str()), QUOTA, window)
    }
}

impl Account {
    /// An account that nobody has used, with so many units.
    #[must_use]
    pub fn fresh(limit: u64) -> Self {
        Self {
            id: format!("{limit}-{:016x}", fastrand::u64(..)),
            limit,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many units it has.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }
}

#[async_trait]
impl SubscriptionLookup for Accounts {
    async fn lookup(&self, subject: &Subject) -> Answer {
        let limit = subject.id().split_once('-');
        let Some(limit) = limit.and_then(|(limit, _)| limit.parse().ok()) else {
            return Answer::Missing;
        };
        let month = Duration::from_secs(28 * 24 * 3_600);
        let subscription: Subscription = limited(subject.clone(), QUOTA, limit)
            .with_period(self.began, self.began.saturating_add(month));
        Answer::Found(Arc::new(subscription))
    }
}
