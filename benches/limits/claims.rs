//! What is asked of a store.

use std::sync::Arc;
use std::time::Duration;

use tiergate::time::Timestamp;
use tiergate::usage::{Claim, CounterKey, CounterWindow};
use tiergate::{Limit, Subject};

/// Above what any run uses.
pub(crate) const LIMIT: u64 = 1 << 60;

const QUOTA: CounterWindow = CounterWindow::Fixed {
    start: Timestamp::from_seconds(0),
    end: Timestamp::from_seconds(4_102_444_800),
};
const RATE: CounterWindow = CounterWindow::Sliding {
    length: Duration::from_millis(100),
};

/// So many customers, by UUID.
pub(crate) fn ids(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{number:08x}-0000-4000-8000-{number:012x}"))
        .collect()
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
    /// One unit of each, as a gate asks for them: the subject came with the request, the rest is there.
    pub(crate) fn claims(&self, subject: &Subject) -> [Claim; N] {
        self.0.each_ref().map(|(feature, window)| {
            let key = CounterKey::new(subject.clone(), Arc::clone(feature), *window);
            Claim::new(key, 1, Limit::AtMost(LIMIT))
        })
    }
}
