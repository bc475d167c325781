//! What is asked of a store.

use std::sync::Arc;
use std::time::Duration;

use side_by_side::{uniform, uuid_of, zipf};
use tiergate::time::Timestamp;
use tiergate::usage::{Claim, CounterKey, CounterWindow};
use tiergate::{Limit, Subject};

/// Above what any run uses.
pub(crate) const LIMIT: u64 = 1 << 60;

/// How many requests are made before they come again.
pub(crate) const REQUESTS: usize = 1 << 17;

const QUOTA: CounterWindow = CounterWindow::Fixed {
    start: Timestamp::from_seconds(0),
    end: Timestamp::from_seconds(4_102_444_800),
};
const RATE: CounterWindow = CounterWindow::Sliding {
    length: Duration::from_millis(100),
};

/// Whose requests come one after the other.
pub(crate) struct Walk {
    customers: u32,
    draws: Vec<u32>,
}

impl Walk {
    /// All customers come alike.
    pub(crate) fn uniform(customers: u32) -> Self {
        Self {
            customers,
            draws: uniform(customers, REQUESTS),
        }
    }

    /// Few of them come often.
    pub(crate) fn zipf(customers: u32) -> Self {
        Self {
            customers,
            draws: zipf(customers, REQUESTS),
        }
    }

    /// All customers.
    pub(crate) fn customers(&self) -> impl Iterator<Item = String> + use<> {
        (0..self.customers).map(id_of)
    }

    /// The customer of each request, in turn. Every request brings a text of its own, which a server has
    /// just read: so they lie in the order in which they are asked for, for whoever counts.
    pub(crate) fn requests(&self) -> impl Iterator<Item = String> + '_ {
        self.draws.iter().copied().map(id_of)
    }

    /// The customer of each request by number.
    pub(crate) fn numbers(&self) -> &[u32] {
        &self.draws
    }
}

fn id_of(number: u32) -> String {
    uuid_of(number)
}

/// The limits that one operation counts in.
pub(crate) struct Limits<const N: usize>([(Arc<str>, CounterWindow); N]);

pub(crate) fn gauge() -> Limits<1> {
    Limits([("storage_limit_gb".into(), CounterWindow::Level)])
}

pub(crate) fn quota() -> Limits<1> {
    Limits([("workflow_executions_monthly".into(), QUOTA)])
}

pub(crate) fn rate() -> Limits<1> {
    Limits([("api_calls_per_minute".into(), RATE)])
}

pub(crate) fn quota_and_rate() -> Limits<2> {
    Limits([
        ("sms_messages_monthly".into(), QUOTA),
        ("sms_messages_per_minute".into(), RATE),
    ])
}

impl<const N: usize> Limits<N> {
    /// One unit of each.
    pub(crate) fn claims(&self, subject: &Subject) -> [Claim; N] {
        self.0.each_ref().map(|(feature, window)| {
            let key = CounterKey::new(subject.clone(), Arc::clone(feature), *window);
            Claim::new(key, 1, Limit::AtMost(LIMIT))
        })
    }
}
