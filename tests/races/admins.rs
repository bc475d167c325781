//! Two who change one subscription: nobody overwrites what they have not seen, and the log tells each
//! change as the successor of the one before.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tiergate_tests::{Ask, Service, Trial};

use crate::crowd::{at_once, count, told};
use crate::services;

const ROUNDS: usize = 10;

struct Subscription {
    id: String,
    version: i64,
}

/// A paid subscription of that user.
async fn subscription(service: &Service, user: &str) -> Subscription {
    let reply = service.subscribe(user, "pro").send().await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    let data = reply.data();
    Subscription {
        id: data["id"].as_str().unwrap().to_owned(),
        version: data["version"].as_i64().unwrap(),
    }
}

fn admin(
    service: &Service,
    number: usize,
    subscription: &Subscription,
    action: &str,
    body: &Value,
) -> Ask {
    let path = format!("/api/admin/subscriptions/{}/{action}", subscription.id);
    service
        .as_admin(&format!("admin_{number}"), Method::POST, &path)
        .body(body.to_string())
}

fn for_version(request: Ask, version: i64) -> Ask {
    request.header("if-match", &format!("\"{version}\""))
}

/// The log tells of versions 1, 2, 3 …, each change beginning with what the one before ended with, and
/// the last is what there is.
async fn log_is_a_chain(service: &Service, user: &str, subscription: &Subscription) -> i64 {
    let path = format!(
        "/api/admin/audit?object=subscription:{}&limit=100",
        subscription.id
    );
    let reply = service.as_admin("auditor", Method::GET, &path).send().await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let data = reply.data();
    let mut entries = data.as_array().unwrap().clone();
    entries.sort_by_key(|entry| entry["after"]["version"].as_i64());
    let mut before = Value::Null;
    for (version, entry) in (1..).zip(&entries) {
        assert_eq!(
            entry["after"]["version"].as_i64(),
            Some(version),
            "{entries:?}"
        );
        assert_eq!(entry["before"], before, "{entries:?}");
        before = entry["after"].clone();
    }
    let standing = service.standing(user).await;
    assert_eq!(standing["version"], before["version"]);
    assert_eq!(standing["tier"], before["tier"]);
    before["version"].as_i64().unwrap()
}

#[tokio::test]
async fn of_those_who_saw_the_same_version_one_changes_it() {
    for service in services(Trial::None).await {
        let mut subscription = subscription(&service, "ada").await;
        for _ in 0..ROUNDS {
            let requests = (0..8).map(|number| {
                let body = json!({"metadata": {"by": number.to_string()}, "reason": "a race"});
                let request = admin(&service, number, &subscription, "adjust", &body);
                for_version(request, subscription.version)
            });
            let replies = at_once(requests.collect()).await;
            assert_eq!(count(&replies, StatusCode::OK), 1, "{:?}", told(&replies));
            let late = count(&replies, StatusCode::PRECONDITION_FAILED);
            assert_eq!(late, 7, "{:?}", told(&replies));
            let winner = replies
                .iter()
                .position(|reply| reply.status == StatusCode::OK);
            let winner = winner.unwrap();
            let data = replies[winner].data();
            assert_eq!(data["metadata"]["by"], winner.to_string());
            subscription.version += 1;
            assert_eq!(data["version"], subscription.version);
        }
        let last = log_is_a_chain(&service, "ada", &subscription).await;
        assert_eq!(last, subscription.version);
    }
}

#[tokio::test]
async fn of_a_cancel_and_a_change_of_the_same_version_one_is_done() {
    for service in services(Trial::None).await {
        for round in 0..ROUNDS {
            let user = format!("user_{round}");
            let subscription = subscription(&service, &user).await;
            let cancel = admin(
                &service,
                0,
                &subscription,
                "cancel",
                &json!({"reason": "a race"}),
            );
            let change = service.change(&user, &subscription.id, &json!({"tier": "max"}));
            let requests =
                [cancel, change].map(|request| for_version(request, subscription.version));
            let replies = at_once(requests.into()).await;
            assert_eq!(count(&replies, StatusCode::OK), 1, "{:?}", told(&replies));
            let late = count(&replies, StatusCode::PRECONDITION_FAILED);
            assert_eq!(late, 1, "{:?}", told(&replies));
            let is_canceled = replies[0].status == StatusCode::OK;
            let standing = service.standing(&user).await;
            assert_eq!(standing["cancelAtPeriodEnd"], is_canceled);
            assert_eq!(standing["tier"], if is_canceled { "pro" } else { "max" });
            log_is_a_chain(&service, &user, &subscription).await;
        }
    }
}

#[tokio::test]
async fn who_names_no_version_is_served_one_after_the_other() {
    for service in services(Trial::None).await {
        for round in 0..ROUNDS {
            let user = format!("user_{round}");
            let subscription = subscription(&service, &user).await;
            let requests = vec![
                admin(
                    &service,
                    0,
                    &subscription,
                    "cancel",
                    &json!({"reason": "a race"}),
                ),
                admin(
                    &service,
                    1,
                    &subscription,
                    "adjust",
                    &json!({"metadata": {"by": "admin_1"}, "reason": "a race"}),
                ),
                service.change(&user, &subscription.id, &json!({"tier": "max"})),
                service.change(&user, &subscription.id, &json!({"tier": "premium"})),
            ];
            let replies = at_once(requests).await;
            let last = log_is_a_chain(&service, &user, &subscription).await;
            let done = i64::try_from(count(&replies, StatusCode::OK)).unwrap();
            assert!(done > 0, "{:?}", told(&replies));
            // A change to what already holds is answered and changes nothing; each other that was
            // answered is one version.
            assert!(last <= subscription.version + done, "{:?}", told(&replies));
            for reply in &replies {
                let refused = reply.status == StatusCode::CONFLICT;
                assert!(
                    reply.status == StatusCode::OK || refused,
                    "{}",
                    reply.text()
                );
            }
            // Each invoice is of a change that the log tells.
            crate::invoices::belongs_to_a_change(&service).await;
        }
    }
}
