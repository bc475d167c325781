mod actions;

use http::StatusCode;
use serde_json::{Value, json};
use tiergate_core::Subject;

use crate::api::Api;
use crate::api::testing::{Answered, As, ask, send};
use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::database::on;
use crate::payment::NewInvoice;
use crate::record::{
    Amount, InvoiceLine, InvoiceRecord, InvoiceStatus, Provider, SubscriptionRecord,
};
use crate::table::{invoices, subscriptions};
use crate::testing::Office;
use crate::{Billing, InboxId};

const ADMIN: As<'_> = As::Admin("ann");

async fn store(billing: &Billing, record: SubscriptionRecord) -> SubscriptionRecord {
    let context = Context::system("test", record.created_at.0);
    let owner = record.owner();
    let Begun::Fresh(mut change) = Change::begin(billing, &context, &owner).await.unwrap() else {
        panic!("no key was given");
    };
    let record = subscriptions::insert(change.write(), record).await.unwrap();
    change
        .subscription_changed("subscription.created", None, &record, Some("a test"))
        .await
        .unwrap();
    change.finish(Reply::done(&())).await.unwrap();
    record
}

fn record(owner: &Subject, tier: &str, billing: &Billing) -> SubscriptionRecord {
    SubscriptionRecord::none(owner, tier, billing.now().into())
}

async fn open_invoice(billing: &Billing, owner: &str, reference: Option<&str>) -> InvoiceRecord {
    let record = store(billing, record(&Subject::user(owner), "pro", billing)).await;
    let new = NewInvoice {
        reference: reference.map(str::to_owned),
        tier: "pro".to_owned(),
        status: InvoiceStatus::Open,
        lines: vec![InvoiceLine {
            description: "Pro".to_owned(),
            quantity: 1,
            amount: Amount::new(1200, "USD"),
            period_start: None,
            period_end: None,
        }],
        discount: 0,
        tax: 0,
        currency: tiergate_core::money::Currency::USD,
        period: None,
        due_at: None,
        paid_at: None,
    };
    let now = billing.now().into();
    let mut write = billing.database().write().await.unwrap();
    let invoice = invoices::insert(&mut write, record.id.unwrap(), &new, now)
        .await
        .unwrap();
    write.commit().await.unwrap();
    invoice
}

/// The values of a member of each item of a list.
fn each<'a>(answered: &'a Answered, member: &str) -> Vec<&'a Value> {
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.body);
    let items = answered.body["data"].as_array().unwrap();
    items.iter().map(|item| &item[member]).collect()
}

#[tokio::test]
async fn nobody_but_an_admin_learns_anything_and_all_get_the_same_answer() {
    let office = Office::open().await;
    let invoice = open_invoice(&office.billing, "pia", None).await;
    let document = serde_json::to_value(Api::document()).unwrap();
    let mut routes = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/api/admin/") {
            continue;
        }
        for method in methods.as_object().unwrap().keys() {
            routes += 1;
            let mut refusals = Vec::new();
            for id in [
                invoice.id.to_string(),
                InboxId::new(office.billing.now()).to_string(),
                "1".to_owned(),
            ] {
                let line = format!(
                    "{} {}?odd=1",
                    method.to_uppercase(),
                    path.replace("{id}", &id)
                );
                let answered = ask(&office.billing, As::Nobody, &line).await;
                assert_eq!(answered.status, StatusCode::UNAUTHORIZED, "{line}");
                for who in [As::User("pia"), As::Service] {
                    let body = Some(json!({ "odd": true }));
                    let answered = send(&office.billing, who, &line, &[], body).await;
                    assert_eq!(answered.status, StatusCode::FORBIDDEN, "{line}");
                    refusals.push(answered.body);
                }
            }
            refusals.dedup();
            assert_eq!(refusals.len(), 1, "{method} {path}");
        }
    }
    assert!(routes >= 10, "{routes}");
}

#[tokio::test]
async fn every_fault_of_a_query_is_told() {
    let office = Office::open().await;
    for (line, faults) in [
        (
            "GET /api/admin/revenue?month=2026-13&days=1",
            vec!["month", "days"],
        ),
        ("GET /api/admin/churn?days=0", vec!["days"]),
        ("GET /api/admin/churn?days=367", vec!["days"]),
        (
            "GET /api/admin/usage/top?limit=101&month=x",
            vec!["metric", "month", "limit"],
        ),
        ("GET /api/admin/usage/top?metric=tea", vec!["metric"]),
        ("GET /api/admin/mrr?month=2026-01", vec!["month"]),
        ("GET /api/admin/distribution?x=", vec!["x"]),
        ("GET /api/admin/usage?month=", vec!["month"]),
        (
            "GET /api/admin/audit?object=&actor=:x&from=now&limit=0",
            vec!["object", "actor", "from", "limit"],
        ),
        (
            "GET /api/admin/subscriptions?owner=pia&text=&cursor=1",
            vec!["owner", "text", "cursor"],
        ),
        ("GET /api/admin/subscriptions?tier=a%00b", vec!["tier"]),
        ("GET /api/admin/webhooks?state=lost", vec!["state"]),
    ] {
        let answered = ask(&office.billing, ADMIN, line).await;
        assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{line}");
        assert_eq!(answered.body["code"], "VALIDATION_ERROR");
        let told = answered.body["errors"].as_array().unwrap().iter();
        let told: Vec<_> = told
            .map(|fault| fault["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(told, faults, "{line}");
    }
}

#[tokio::test]
async fn subscriptions_are_found_by_what_is_said_of_them() {
    for office in Office::each().await {
        let billing = &office.billing;
        let pia = Subject::user("Pia_1");
        let eagle = Subject::organization("eagle");
        store(billing, record(&pia, "pro", billing)).await;
        let team = SubscriptionRecord {
            status: "trialing".to_owned(),
            provider: Provider::Stripe,
            stripe_customer_id: Some("cus_ABC".to_owned()),
            ..record(&eagle, "team_small", billing)
        };
        store(billing, team).await;
        store(billing, record(&Subject::user("eagle"), "pro", billing)).await;
        for (query, owners) in [
            ("", vec!["eagle", "eagle", "Pia_1"]),
            ("?tier=pro&limit=100", vec!["eagle", "Pia_1"]),
            ("?tier=tea", vec![]),
            ("?status=trialing", vec!["eagle"]),
            ("?owner=user:Pia_1", vec!["Pia_1"]),
            ("?owner=organization:Pia_1", vec![]),
            ("?text=pIA_", vec!["Pia_1"]),
            // What LIKE would take for any character is itself here.
            ("?text=p_a", vec![]),
            ("?text=%25", vec![]),
            ("?text=abc", vec!["eagle"]),
            ("?text=eagle&tier=pro", vec!["eagle"]),
        ] {
            let answered = ask(
                billing,
                ADMIN,
                &format!("GET /api/admin/subscriptions{query}"),
            )
            .await;
            let items = answered.body["data"].as_array().unwrap();
            let mut found: Vec<_> = items
                .iter()
                .map(|item| {
                    item["userId"]
                        .as_str()
                        .or(item["organizationId"].as_str())
                        .unwrap()
                })
                .collect();
            found.sort_unstable_by(|one, other| other.cmp(one));
            assert_eq!(found, owners, "{query}");
        }
    }
}

#[tokio::test]
async fn pages_hold_every_subscription_once_newest_first() {
    for office in Office::each().await {
        let billing = &office.billing;
        for user in 0..7 {
            store(
                billing,
                record(&Subject::user(format!("u{user}")), "pro", billing),
            )
            .await;
            // Two at each moment but one.
            if user % 2 == 1 {
                office.clock.advance(std::time::Duration::from_secs(1));
            }
        }
        let mut seen = Vec::new();
        let mut next = String::new();
        for _ in 0..4 {
            let line = format!("GET /api/admin/subscriptions?tier=pro&limit=2{next}");
            let answered = ask(billing, ADMIN, &line).await;
            seen.extend(
                each(&answered, "createdAt")
                    .into_iter()
                    .cloned()
                    .zip(each(&answered, "id").into_iter().cloned())
                    .map(|(at, id)| (at.to_string(), id.to_string())),
            );
            match answered.body["page"]["next"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => break,
            }
        }
        let mut sorted = seen.clone();
        sorted.sort_by(|one, other| other.cmp(one));
        sorted.dedup();
        assert_eq!((seen.len(), &seen), (7, &sorted));
    }
}

#[tokio::test]
async fn the_audit_log_is_filtered_by_object_actor_action_and_time() {
    for office in Office::each().await {
        let billing = &office.billing;
        let first = store(billing, record(&Subject::user("pia"), "pro", billing)).await;
        office.clock.advance(std::time::Duration::from_secs(60));
        let invoice = open_invoice(billing, "tom", None).await;
        let line = format!("POST /api/admin/invoices/{}/mark", invoice.id);
        let body = json!({ "status": "paid", "reason": "by bank" });
        let headers = [("x-request-id", "r-1")];
        let answered = send(billing, ADMIN, &line, &headers, Some(body)).await;
        assert_eq!(answered.status, StatusCode::OK, "{}", answered.body);
        for (query, actions) in [
            (
                String::new(),
                vec![
                    "invoice.marked",
                    "subscription.created",
                    "subscription.created",
                ],
            ),
            (
                format!("?object=subscription:{}", first.id.unwrap()),
                vec!["subscription.created"],
            ),
            ("?object=invoice".to_owned(), vec!["invoice.marked"]),
            ("?actor=admin:ann".to_owned(), vec!["invoice.marked"]),
            ("?actor=admin:bob".to_owned(), vec![]),
            (
                "?actor=system&action=subscription.created".to_owned(),
                vec!["subscription.created"; 2],
            ),
            (
                "?to=2026-01-01T00:01:00Z".to_owned(),
                vec!["subscription.created"],
            ),
            (
                "?from=2026-01-01T00:01:00Z&actor=system".to_owned(),
                vec!["subscription.created"],
            ),
        ] {
            let answered = ask(billing, ADMIN, &format!("GET /api/admin/audit{query}")).await;
            let mut found = each(&answered, "action");
            found.sort_by_key(ToString::to_string);
            assert_eq!(found, actions, "{query}");
        }
        let answered = ask(billing, ADMIN, "GET /api/admin/audit?action=invoice.marked").await;
        let entry = &answered.body["data"][0];
        assert_eq!(entry["before"]["status"], "open");
        assert_eq!(entry["after"]["status"], "paid");
        assert_eq!(
            (&entry["reason"], &entry["requestId"]),
            (&json!("by bank"), &json!("r-1"))
        );
    }
}

#[tokio::test]
async fn an_invoice_that_nobody_keeps_is_marked_once() {
    for office in Office::each().await {
        let billing = &office.billing;
        let invoice = open_invoice(billing, "pia", None).await;
        let line = format!("POST /api/admin/invoices/{}/mark", invoice.id);
        let mark = |status: &str| Some(json!({ "status": status, "reason": "by bank" }));
        let stale = [("if-match", "\"7\"")];
        let answered = send(billing, ADMIN, &line, &stale, mark("void")).await;
        assert_eq!(answered.status, StatusCode::PRECONDITION_FAILED);
        let given_up = send(billing, ADMIN, &line, &[], mark("uncollectible")).await;
        assert_eq!(given_up.body["data"]["paidAt"], Value::Null);
        let key = [("idempotency-key", "k"), ("if-match", "\"2\"")];
        let paid = send(billing, ADMIN, &line, &key, mark("paid")).await;
        assert_eq!(paid.status, StatusCode::OK, "{}", paid.body);
        assert_eq!(paid.headers["etag"], "\"3\"");
        assert_eq!(paid.body["data"]["paidAt"], "2026-01-01T00:00:00Z");
        let again = send(billing, ADMIN, &line, &key, mark("paid")).await;
        assert_eq!((again.status, &again.body), (StatusCode::OK, &paid.body));
        let other = send(billing, ADMIN, &line, &key, mark("void")).await;
        assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
        let void = send(billing, ADMIN, &line, &[], mark("void")).await;
        assert_eq!(
            (void.status, &void.body["code"]),
            (StatusCode::CONFLICT, &json!("INVALID_STATE"))
        );
        let faulty = send(
            billing,
            ADMIN,
            &line,
            &[],
            Some(json!({ "status": "draft", "why": 1 })),
        )
        .await;
        let faults = faulty.body["errors"].as_array().unwrap();
        assert_eq!((faulty.status, faults.len()), (StatusCode::BAD_REQUEST, 3));
    }
}

#[tokio::test]
async fn an_invoice_that_stripe_keeps_is_left_to_stripe() {
    let office = Office::open().await;
    let invoice = open_invoice(&office.billing, "pia", Some("in_1")).await;
    let line = format!("POST /api/admin/invoices/{}/mark", invoice.id);
    let body = json!({ "status": "paid", "reason": "by bank" });
    let answered = send(&office.billing, ADMIN, &line, &[], Some(body)).await;
    assert_eq!(answered.status, StatusCode::CONFLICT);
    let line = format!("GET /api/invoices/{}", invoice.id);
    let answered = ask(&office.billing, ADMIN, &line).await;
    assert_eq!(answered.body["data"]["status"], "open");
}

async fn event(billing: &Billing, name: &str, state: &str, claimed_until: Option<i64>) -> InboxId {
    let now = billing.now();
    let id = InboxId::new(now);
    let mut write = billing.database().write().await.unwrap();
    on!(&mut write, connection => sqlx::query(
        "INSERT INTO webhook_inbox (id, provider, event_id, kind, livemode, created, payload, state, \
         attempts, next_attempt_at, claimed_until, fault, received_at) \
         VALUES ($1, 'stripe', $2, 'invoice.paid', $3, 1767225600, $4, $5, 9, $6, $7, 'no luck', $6)")
        .bind(id.uuid())
        .bind(name)
        .bind(true)
        .bind(b"{}".to_vec())
        .bind(state)
        .bind(now.as_micros())
        .bind(claimed_until)
        .execute(connection)
        .await
        .map(drop))
    .unwrap();
    write.commit().await.unwrap();
    id
}

#[tokio::test]
async fn a_dead_letter_is_seen_and_tried_again() {
    for office in Office::each().await {
        let billing = &office.billing;
        let dead = event(billing, "evt_1", "dead", None).await;
        event(billing, "evt_2", "done", None).await;
        let answered = ask(billing, ADMIN, "GET /api/admin/webhooks?state=dead").await;
        assert_eq!(each(&answered, "eventId"), ["evt_1"]);
        let shown = &answered.body["data"][0];
        assert_eq!(
            (&shown["fault"], &shown["nextAttemptAt"]),
            (&json!("no luck"), &Value::Null)
        );
        assert_eq!(shown["createdAt"], "2026-01-01T00:00:00Z");
        office.clock.advance(std::time::Duration::from_secs(60));
        let line = format!("POST /api/admin/webhooks/{dead}/retry");
        let answered = send(
            billing,
            ADMIN,
            &line,
            &[],
            Some(json!({ "reason": "fixed" })),
        )
        .await;
        assert_eq!(answered.status, StatusCode::OK, "{}", answered.body);
        let data = &answered.body["data"];
        assert_eq!(
            (&data["state"], &data["attempts"]),
            (&json!("received"), &json!(0))
        );
        assert_eq!(data["nextAttemptAt"], "2026-01-01T00:01:00Z");
        let again = ask(billing, ADMIN, &line).await;
        assert_eq!(
            (again.status, &again.body["code"]),
            (StatusCode::CONFLICT, &json!("INVALID_STATE"))
        );
        let log = ask(
            billing,
            ADMIN,
            &format!("GET /api/admin/audit?object=webhook:{dead}"),
        )
        .await;
        assert_eq!(each(&log, "reason"), ["fixed"]);
        let all = ask(billing, ADMIN, "GET /api/admin/webhooks").await;
        assert_eq!(each(&all, "eventId").len(), 2);
    }
}

#[tokio::test]
async fn what_is_done_or_under_way_is_not_tried_again() {
    for office in Office::each().await {
        let billing = &office.billing;
        let later = billing.now().as_micros() + 1;
        for (name, state, claimed_until) in [
            ("evt_1", "done", None),
            ("evt_2", "ignored", None),
            ("evt_3", "failed", Some(later)),
        ] {
            let id = event(billing, name, state, claimed_until).await;
            let answered = ask(
                billing,
                ADMIN,
                &format!("POST /api/admin/webhooks/{id}/retry"),
            )
            .await;
            assert_eq!(answered.status, StatusCode::CONFLICT, "{state}");
        }
        let id = InboxId::new(billing.now());
        let answered = ask(
            billing,
            ADMIN,
            &format!("POST /api/admin/webhooks/{id}/retry"),
        )
        .await;
        assert_eq!(answered.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn invoices_are_seen_by_their_owner_and_operators_only() {
    for office in Office::each().await {
        let billing = &office.billing;
        let invoice = open_invoice(billing, "pia", None).await;
        let one = format!("GET /api/invoices/{}", invoice.id);
        let list = format!(
            "GET /api/subscriptions/{}/invoices?limit=5",
            invoice.subscription_id
        );
        for who in [As::User("pia"), As::Service, ADMIN] {
            let answered = ask(billing, who, &one).await;
            assert_eq!(answered.body["data"]["number"], "INV-2026-01-000001");
            assert_eq!(answered.headers["etag"], "\"1\"");
            assert_eq!(
                each(&ask(billing, who, &list).await, "number"),
                ["INV-2026-01-000001"]
            );
        }
        let other = InboxId::new(billing.now());
        for line in [
            one,
            list,
            format!("GET /api/invoices/{other}"),
            "GET /api/invoices/1".to_owned(),
        ] {
            let answered = ask(billing, As::User("tom"), &line).await;
            assert_eq!(answered.status, StatusCode::NOT_FOUND, "{line}");
        }
    }
}

#[tokio::test]
async fn every_report_is_answered() {
    for office in Office::each().await {
        let billing = &office.billing;
        for (report, member, value) in [
            ("revenue", "month", json!("2026-01")),
            (
                "revenue?month=2025-07",
                "start",
                json!("2025-07-01T00:00:00Z"),
            ),
            ("distribution", "total", json!(0)),
            ("churn?days=7", "start", json!("2025-12-25T00:00:00Z")),
            ("churn", "rateBasisPoints", Value::Null),
            ("mrr", "total", json!({ "amount": 0, "currency": "USD" })),
            ("usage", "month", json!("2026-01")),
            ("usage/top?metric=storage", "owners", json!([])),
        ] {
            let answered = ask(billing, ADMIN, &format!("GET /api/admin/{report}")).await;
            assert_eq!(
                answered.status,
                StatusCode::OK,
                "{report}: {}",
                answered.body
            );
            assert_eq!(answered.body["data"][member], value, "{report}");
        }
    }
}
