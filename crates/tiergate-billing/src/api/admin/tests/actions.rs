use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::{ADMIN, each};
use crate::api::testing::{Answered, As, ask, send};
use crate::record::BillingCycle;
use crate::subscriptions::{NewSubscription, PlanChange, advance_due, change, subscribe};
use crate::testing::{Office, user};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Subscribes a user to `pro`, monthly, and returns the id. It begins with a trial of 14 days.
async fn subscribed(office: &Office, id: &str) -> String {
    let caller = user(id);
    let new = NewSubscription {
        tier: "pro".to_owned(),
        billing_cycle: BillingCycle::Monthly,
        organization_id: None,
        seats: None,
        payment_method_id: None,
    };
    let context = office.context(&caller);
    let reply = subscribe(&office.billing, &caller, &context, &new)
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    body["data"]["id"].as_str().unwrap().to_owned()
}

/// The trial is over and the first invoice is paid.
async fn paying(office: &Office, user: &str) -> String {
    let id = subscribed(office, user).await;
    office.clock.advance(14 * DAY);
    advance_due(&office.billing, office.billing.now())
        .await
        .unwrap();
    id
}

async fn act(office: &Office, id: &str, action: &str, body: Value) -> Answered {
    let line = format!("POST /api/admin/subscriptions/{id}/{action}");
    send(&office.billing, ADMIN, &line, &[], Some(body)).await
}

/// The reasons that the audit log has of an action of the admin's, in the order of their text: entries of
/// one moment are in none.
async fn reasons(office: &Office, action: &str) -> Vec<Value> {
    let line = format!("GET /api/admin/audit?actor=admin:ann&action={action}");
    let log = ask(&office.billing, ADMIN, &line).await;
    let mut reasons: Vec<_> = each(&log, "reason").into_iter().cloned().collect();
    reasons.sort_by_key(ToString::to_string);
    reasons
}

#[tokio::test]
async fn an_admin_cancels_with_the_period_or_at_once() {
    for office in Office::each().await {
        let id = paying(&office, "pia").await;
        let later = act(
            &office,
            &id,
            "cancel",
            json!({ "reason": "asked by phone" }),
        )
        .await;
        assert_eq!(later.status, StatusCode::OK, "{}", later.body);
        let data = &later.body["data"];
        assert_eq!(
            (&data["status"], &data["cancelAtPeriodEnd"]),
            (&json!("active"), &json!(true))
        );
        let body = json!({ "immediately": true, "reason": "fraud" });
        let now = act(&office, &id, "cancel", body).await;
        assert_eq!(now.body["data"]["status"], "canceled");
        assert_eq!(
            reasons(&office, "subscription.canceled").await,
            ["asked by phone", "fraud"]
        );
        let again = act(&office, &id, "cancel", json!({ "reason": "again" })).await;
        assert_eq!(
            (again.status, &again.body["code"]),
            (StatusCode::CONFLICT, &json!("INVALID_STATE"))
        );
    }
}

#[tokio::test]
async fn a_trial_is_extended_while_it_lasts() {
    for office in Office::each().await {
        let id = subscribed(&office, "pia").await;
        let until = json!({ "until": "2026-03-01T00:00:00Z", "reason": "was ill" });
        let extended = act(&office, &id, "extend-trial", until.clone()).await;
        assert_eq!(
            extended.body["data"]["trialEnd"], "2026-03-01T00:00:00Z",
            "{}",
            extended.body
        );
        assert_eq!(
            reasons(&office, "subscription.trial_extended").await,
            ["was ill"]
        );
        let past = json!({ "until": "2025-03-01T00:00:00Z", "reason": "x" });
        let refused = act(&office, &id, "extend-trial", past).await;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["pointer"]),
            (StatusCode::BAD_REQUEST, &json!("/until"))
        );
        let other = paying(&office, "tom").await;
        let refused = act(&office, &other, "extend-trial", until).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    }
}

#[tokio::test]
async fn a_tier_is_granted_to_a_subscription_or_to_who_has_none() {
    for office in Office::each().await {
        let id = paying(&office, "pia").await;
        let body = json!({ "tier": "enterprise", "reason": "a contract" });
        let granted = act(&office, &id, "grant-tier", body).await;
        assert_eq!(granted.status, StatusCode::OK, "{}", granted.body);
        assert_eq!(granted.body["data"]["tier"], "enterprise");
        let body = json!({
            "organizationId": "eagle", "tier": "team_scale", "seats": 12,
            "until": "2026-12-31T00:00:00Z", "reason": "a nonprofit",
        });
        let line = "POST /api/admin/grants";
        let key = [("idempotency-key", "g-1")];
        let granted = send(&office.billing, ADMIN, line, &key, Some(body.clone())).await;
        assert_eq!(granted.status, StatusCode::OK, "{}", granted.body);
        let data = &granted.body["data"];
        assert_eq!(
            (&data["organizationId"], &data["seats"]),
            (&json!("eagle"), &json!(12))
        );
        let again = send(&office.billing, ADMIN, line, &key, Some(body)).await;
        assert_eq!(again.body, granted.body);
        assert_eq!(
            reasons(&office, "subscription.granted").await,
            ["a contract", "a nonprofit"]
        );
        for owners in [json!({}), json!({ "userId": "a", "organizationId": "b" })] {
            let mut body = json!({ "tier": "pro", "reason": "x" });
            body.as_object_mut()
                .unwrap()
                .extend(owners.as_object().unwrap().clone());
            let refused = send(&office.billing, ADMIN, line, &[], Some(body)).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        }
    }
}

#[tokio::test]
async fn what_is_adjusted_is_said_and_nothing_else_changes() {
    for office in Office::each().await {
        let id = paying(&office, "pia").await;
        let body =
            json!({ "status": "suspended", "discountBasisPoints": 5000, "reason": "a dispute" });
        let adjusted = act(&office, &id, "adjust", body).await;
        assert_eq!(adjusted.status, StatusCode::OK, "{}", adjusted.body);
        let data = &adjusted.body["data"];
        assert_eq!(
            (&data["status"], &data["discountBasisPoints"]),
            (&json!("suspended"), &json!(5000))
        );
        assert_eq!(
            (&data["tier"], &data["billingCycle"]),
            (&json!("pro"), &json!("monthly"))
        );
        assert_eq!(
            reasons(&office, "subscription.adjusted").await,
            ["a dispute"]
        );
        let body = json!({ "discountBasisPoints": 10_001, "seats": 0, "metadata": [], "odd": 1 });
        let refused = act(&office, &id, "adjust", body).await;
        let faults = refused.body["errors"].as_array().unwrap().iter();
        let faults: Vec<_> = faults
            .map(|fault| fault["pointer"].as_str().unwrap())
            .collect();
        for pointer in [
            "/discountBasisPoints",
            "/seats",
            "/metadata",
            "/reason",
            "/odd",
        ] {
            assert!(faults.contains(&pointer), "{pointer} in {faults:?}");
        }
        let nothing = act(&office, &id, "adjust", json!({ "reason": "x" })).await;
        assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn no_action_is_done_without_a_reason() {
    let office = Office::open().await;
    let id = subscribed(&office, "pia").await;
    for (action, body) in [
        ("cancel", json!({})),
        ("cancel", json!({ "reason": "" })),
        ("cancel", json!({ "reason": " \n" })),
        ("cancel", json!({ "reason": "x".repeat(1001) })),
        ("extend-trial", json!({ "until": "2026-03-01T00:00:00Z" })),
        ("grant-tier", json!({ "tier": "max" })),
        ("adjust", json!({ "status": "suspended" })),
    ] {
        let refused = act(&office, &id, action, body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{action}");
        assert_eq!(refused.body["errors"][0]["pointer"], "/reason", "{action}");
    }
    let line = format!("GET /api/subscriptions/{id}");
    let record = ask(&office.billing, As::User("pia"), &line).await;
    assert_eq!(record.body["data"]["version"], 1);
}

#[tokio::test]
async fn money_is_paid_back_once_and_never_more_than_was_paid() {
    for office in Office::each().await {
        let id = paying(&office, "pia").await;
        let line = format!("GET /api/subscriptions/{id}/invoices");
        let list = ask(&office.billing, As::User("pia"), &line).await;
        let invoice = &list.body["data"][0];
        assert_eq!(
            invoice["total"],
            json!({ "amount": 1200, "currency": "USD" })
        );
        let line = format!(
            "POST /api/admin/invoices/{}/refund",
            invoice["id"].as_str().unwrap()
        );
        let part = json!({ "amount": { "amount": 500, "currency": "USD" }, "reason": "an outage" });
        let key = [("idempotency-key", "r-1")];
        for _ in 0..2 {
            let refunded = send(&office.billing, ADMIN, &line, &key, Some(part.clone())).await;
            assert_eq!(refunded.status, StatusCode::OK, "{}", refunded.body);
            assert_eq!(refunded.body["data"]["refunded"]["amount"], 500);
        }
        for amount in [
            json!({ "amount": 701, "currency": "USD" }),
            json!({ "amount": 0, "currency": "USD" }),
            json!({ "amount": 7, "currency": "EUR" }),
            json!(7),
        ] {
            let body = json!({ "amount": amount, "reason": "x" });
            let refused = send(&office.billing, ADMIN, &line, &[], Some(body)).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{amount}");
        }
        let rest = send(
            &office.billing,
            ADMIN,
            &line,
            &[],
            Some(json!({ "reason": "goodwill" })),
        )
        .await;
        assert_eq!(rest.body["data"]["refunded"]["amount"], 1200);
        let more = send(
            &office.billing,
            ADMIN,
            &line,
            &[],
            Some(json!({ "reason": "more" })),
        )
        .await;
        assert_eq!(more.status, StatusCode::CONFLICT);
        assert_eq!(reasons(&office, "invoice.refunded").await.len(), 2);
        let revenue = ask(
            &office.billing,
            ADMIN,
            "GET /api/admin/revenue?month=2026-01",
        )
        .await;
        let pro = &revenue.body["data"]["tiers"][0];
        assert_eq!(
            (&pro["tier"], &pro["paid"]["amount"], &pro["net"]["amount"]),
            (&json!("pro"), &json!(1200), &json!(0))
        );
    }
}

#[tokio::test]
async fn who_downgrades_to_free_is_lost() {
    for office in Office::each().await {
        let id = paying(&office, "pia").await;
        paying(&office, "tom").await;
        office.clock.advance(20 * DAY);
        let mrr = ask(&office.billing, ADMIN, "GET /api/admin/mrr").await;
        assert_eq!(mrr.body["data"]["total"]["amount"], 2400);
        let caller = user("pia");
        let free = PlanChange {
            tier: Some("free".to_owned()),
            billing_cycle: None,
            seats: None,
            effective: None,
        };
        let context = office.context(&caller);
        change(
            &office.billing,
            &caller,
            &context,
            id.parse().unwrap(),
            free,
        )
        .await
        .unwrap();
        office.clock.advance(25 * DAY);
        advance_due(&office.billing, office.billing.now())
            .await
            .unwrap();
        let churn = ask(&office.billing, ADMIN, "GET /api/admin/churn").await;
        let data = &churn.body["data"];
        assert_eq!(
            (&data["atStart"], &data["lost"], &data["rateBasisPoints"]),
            (&json!(2), &json!(1), &json!(5000))
        );
    }
}
