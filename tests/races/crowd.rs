//! Requests that are sent at once.

use std::sync::Arc;

use http::StatusCode;
use tiergate_tests::{Ask, Reply};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Sends all of them at once, and gives the answers in the order of the requests.
pub(crate) async fn at_once(requests: Vec<Ask>) -> Vec<Reply> {
    let start = Arc::new(Barrier::new(requests.len()));
    let mut tasks = JoinSet::new();
    for (number, request) in requests.into_iter().enumerate() {
        let start = Arc::clone(&start);
        tasks.spawn(async move {
            start.wait().await;
            (number, request.send().await)
        });
    }
    let mut replies = tasks.join_all().await;
    replies.sort_by_key(|(number, _)| *number);
    replies.into_iter().map(|(_, reply)| reply).collect()
}

/// How many answers have that status.
pub(crate) fn count(replies: &[Reply], status: StatusCode) -> usize {
    let such = replies.iter().filter(|reply| reply.status == status);
    such.count()
}

/// The statuses and codes of answers, for the message of a test that fails.
pub(crate) fn told(replies: &[Reply]) -> Vec<String> {
    let mut told: Vec<_> = replies
        .iter()
        .map(|reply| format!("{} {}", reply.status.as_u16(), reply.code()))
        .collect();
    told.sort_unstable();
    told.dedup();
    told
}
