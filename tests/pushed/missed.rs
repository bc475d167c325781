//! Changes that are made while the guard hears nothing.

use http::StatusCode;
use serde_json::json;
use tiergate_tests::{Guarded, Happening, Service, StripeSubscription, within};

use crate::line::Line;
use crate::services;

/// A paying user and one who pays nothing, both known to the guard.
async fn two_users(service: &Service, guarded: &Guarded) -> String {
    let reply = service.subscribe("ada", "premium").send().await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    assert_eq!(guarded.asks("ada", "/premium").await, StatusCode::OK);
    guarded.knows_of("bob").await;
    reply.data()["id"].as_str().unwrap().to_owned()
}

/// Asks until the answer is this.
async fn comes_to(guarded: &Guarded, user: &str, path: &str, status: StatusCode) {
    within("the change", async {
        while guarded.asks(user, path).await != status {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Ada pays for less, and Bob for more.
async fn both_change(service: &Service, ada: &str) {
    let down = json!({"tier": "pro", "effective": "now"});
    let change = service.change("ada", ada, &down);
    assert_eq!(change.status().await, StatusCode::OK);
    let bob = StripeSubscription::active("bob", "bob", "premium");
    let event = service.stripe().event(Happening::Created, &bob);
    assert_eq!(service.deliver(&event).status().await, StatusCode::OK);
    within("the event", async {
        while service.standing("bob").await["tier"] != "premium" {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_missed_is_told_when_the_line_is_there_again() {
    for service in services().await {
        let line = Line::to(service.program().address()).await;
        let guarded = Guarded::through(&line.url(), &service).await;
        let ada = two_users(&service, &guarded).await;
        let (applied, gaps) = (guarded.applied(), guarded.gaps());
        line.cut().await;
        both_change(&service, &ada).await;
        assert_eq!(guarded.asks("ada", "/premium").await, StatusCode::OK);
        line.mend();
        guarded.connected(2).await;
        guarded.told(applied + 2).await;
        assert_eq!(guarded.asks("ada", "/premium").await, StatusCode::FORBIDDEN);
        assert_eq!(guarded.asks("bob", "/premium").await, StatusCode::OK);
        assert_eq!(guarded.gaps(), gaps, "it went on where it was");
    }
}

#[tokio::test]
async fn what_was_missed_is_told_by_a_service_that_was_killed_and_started_again() {
    for service in services().await {
        let line = Line::to(service.program().address()).await;
        let guarded = Guarded::through(&line.url(), &service).await;
        let ada = two_users(&service, &guarded).await;
        let (applied, gaps) = (guarded.applied(), guarded.gaps());
        line.cut().await;
        both_change(&service, &ada).await;
        service.program().kill().await;
        service.program().restart().await;
        line.mend();
        guarded.connected(2).await;
        guarded.told(applied + 2).await;
        assert_eq!(guarded.asks("ada", "/premium").await, StatusCode::FORBIDDEN);
        assert_eq!(guarded.asks("bob", "/premium").await, StatusCode::OK);
        assert_eq!(guarded.gaps(), gaps, "it went on where it was");
    }
}

#[tokio::test]
async fn what_is_told_no_more_is_asked_for() {
    for service in services().await {
        let line = Line::to(service.program().address()).await;
        let guarded = Guarded::through(&line.url(), &service).await;
        let ada = two_users(&service, &guarded).await;
        let (applied, gaps) = (guarded.applied(), guarded.gaps());
        line.cut().await;
        both_change(&service, &ada).await;
        service.program().kill().await;
        // As after a week.
        service.execute("DELETE FROM outbox").await;
        service.program().restart().await;
        line.mend();
        guarded.connected(2).await;
        comes_to(&guarded, "ada", "/premium", StatusCode::FORBIDDEN).await;
        comes_to(&guarded, "bob", "/premium", StatusCode::OK).await;
        assert_eq!(guarded.applied(), applied, "nothing was told");
        assert_eq!(guarded.gaps(), gaps + 1);

        // From then on it follows as before.
        let change = service.change("ada", &ada, &json!({"tier": "premium"}));
        assert_eq!(change.status().await, StatusCode::OK);
        guarded.told(applied + 1).await;
        assert_eq!(guarded.asks("ada", "/premium").await, StatusCode::OK);
    }
}
