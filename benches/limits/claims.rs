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

pub(crate) fn gauges(ids: &[String]) -> Vec<[Claim; 1]> {
    claims(ids, [("storage_limit_gb", CounterWindow::Level)])
}

pub(crate) fn quotas(ids: &[String]) -> Vec<[Claim; 1]> {
    claims(ids, [("workflow_executions_monthly", QUOTA)])
}

pub(crate) fn rates(ids: &[String]) -> Vec<[Claim; 1]> {
    claims(ids, [("api_calls_per_minute", RATE)])
}

pub(crate) fn quotas_and_rates(ids: &[String]) -> Vec<[Claim; 2]> {
    claims(
        ids,
        [
            ("sms_messages_monthly", QUOTA),
            ("sms_messages_per_minute", RATE),
        ],
    )
}

fn claims<const N: usize>(ids: &[String], counted: [(&str, CounterWindow); N]) -> Vec<[Claim; N]> {
    let counted = counted.map(|(feature, window)| (Arc::<str>::from(feature), window));
    ids.iter()
        .map(|id| {
            let subject = Subject::user(id.as_str());
            counted.each_ref().map(|(feature, window)| {
                let key = CounterKey::new(subject.clone(), Arc::clone(feature), *window);
                Claim::new(key, 1, Limit::AtMost(LIMIT))
            })
        })
        .collect()
}
