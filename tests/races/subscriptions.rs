//! One owner who subscribes many times at once has one subscription.

use http::StatusCode;
use tiergate_tests::{Reply, Service, Trial, fresh_key};

use crate::crowd::{at_once, count, told};
use crate::services;

const MANY: usize = 100;

/// How many subscriptions there are, and how many times the log tells that one was made.
async fn made(service: &Service) -> (String, String) {
    let rows = service
        .rows(
            "SELECT CAST((SELECT COUNT(*) FROM subscriptions) AS TEXT), \
             CAST((SELECT COUNT(*) FROM audit_log WHERE action = 'subscription.created') AS TEXT)",
        )
        .await;
    (rows[0][0].clone(), rows[0][1].clone())
}

fn one_is_made(replies: &[Reply]) {
    assert_eq!(
        count(replies, StatusCode::CREATED),
        1,
        "{:?}",
        told(replies)
    );
    let refused = replies.iter().filter(|reply| {
        reply.status == StatusCode::CONFLICT && reply.code() == "SUBSCRIPTION_EXISTS"
    });
    assert_eq!(refused.count(), replies.len() - 1, "{:?}", told(replies));
}

#[tokio::test]
async fn of_a_hundred_requests_one_makes_a_subscription() {
    for service in services(Trial::Days).await {
        let requests = (0..MANY).map(|_| service.subscribe("ada", "pro"));
        let replies = at_once(requests.collect()).await;
        one_is_made(&replies);
        assert_eq!(made(&service).await, ("1".into(), "1".into()));
    }
}

#[tokio::test]
async fn of_a_hundred_requests_with_keys_of_their_own_one_makes_a_subscription() {
    for service in services(Trial::Days).await {
        let keys: Vec<_> = (0..MANY).map(|_| fresh_key()).collect();
        let request = |key: &String| {
            let request = service.subscribe("ada", "pro");
            request.header("idempotency-key", key)
        };
        let first = at_once(keys.iter().map(request).collect()).await;
        one_is_made(&first);
        // Whoever asks again hears the same again.
        let again = at_once(keys.iter().map(request).collect()).await;
        for (first, again) in first.iter().zip(&again) {
            assert_eq!(first.status, again.status);
            if first.status == StatusCode::CREATED {
                assert_eq!(first.body, again.body);
            }
        }
        assert_eq!(made(&service).await, ("1".into(), "1".into()));
    }
}

#[tokio::test]
async fn a_hundred_requests_with_one_key_get_one_answer() {
    for service in services(Trial::Days).await {
        let key = fresh_key();
        let requests = (0..MANY).map(|_| {
            let request = service.subscribe("ada", "pro");
            request.header("idempotency-key", &key)
        });
        let replies = at_once(requests.collect()).await;
        for reply in &replies {
            assert_eq!(reply.status, StatusCode::CREATED, "{:?}", told(&replies));
            assert_eq!(reply.body, replies[0].body);
            for header in ["etag", "location", "content-type"] {
                assert_eq!(reply.header(header), replies[0].header(header));
                assert!(reply.header(header).is_some(), "{header}");
            }
        }
        assert_eq!(made(&service).await, ("1".into(), "1".into()));
    }
}
