//! Changes of tier, cycle and seats, and what a preview says of them.

use std::time::Duration;

use serde_json::{Value, json};
use tiergate_tests::tokens::Role;

use crate::call::{Caller, data};
use crate::service::{DAY, Service};
use crate::subscribing::{invoices, path, subscribe, subscribe_without_trial, wants};

crate::scenarios![
    an_upgrade_holds_at_once_and_is_charged_in_proportion,
    a_downgrade_holds_from_the_end_of_the_period,
    a_downgrade_holds_now_if_that_is_said,
    more_seats_hold_now_and_fewer_from_the_renewal_on,
    paying_by_the_year_begins_a_new_period,
    more_of_one_and_less_of_another_has_to_say_when,
    a_change_on_trial_costs_nothing,
    a_change_to_what_is_there_changes_nothing,
    what_cannot_be_changed_says_so,
    a_preview_charges_what_the_change_then_does,
    a_preview_tells_what_is_gained_lost_and_exceeded,
    a_preview_changes_nothing,
];

/// Half of January.
const HALF: Duration = Duration::from_secs(31 * 12 * 60 * 60);

async fn change(caller: &Caller<'_>, subscription: &Value, wanted: Value) -> Value {
    data(&caller.patch(path(subscription), &wanted).gets(200).await)
}

fn amounts(invoice: &Value) -> Vec<i64> {
    let lines = invoice["lines"].as_array().unwrap().iter();
    lines
        .map(|line| line["amount"]["amount"].as_i64().unwrap())
        .collect()
}

/// Has what is due done: it is, before anything is told of a change.
async fn advance(caller: &Caller<'_>, subscription: &Value) -> Value {
    let preview = format!(
        "{}/preview?billingCycle=annual&effective=now",
        path(subscription)
    );
    caller.get(preview).send().await;
    caller.read(path(subscription)).await
}

async fn an_upgrade_holds_at_once_and_is_charged_in_proportion(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    service.pass(HALF);
    let ada = service.user("ada");
    let max = change(&ada, &pro, json!({ "tier": "max" })).await;
    assert_eq!((&max["id"], &max["tier"]), (&pro["id"], &json!("max")));
    assert_eq!(max["currentPeriodEnd"], "2026-02-01T00:00:00Z");
    assert_eq!(max["version"], pro["version"].as_i64().unwrap() + 1);
    let invoices = invoices(&ada, &max).await;
    // Half of twelve dollars back, half of twenty-nine to pay.
    assert_eq!(amounts(&invoices[0]), [-600, 1450]);
    assert_eq!(invoices[0]["total"]["amount"], 850);
    assert_eq!(invoices[0]["number"], "INV-2026-01-000002");
    assert_eq!(invoices.len(), 2);
}

async fn a_downgrade_holds_from_the_end_of_the_period(service: Service) {
    let ada = service.user("ada");
    let max = subscribe_without_trial(&ada, &wants("max", "monthly")).await;
    let waiting = change(&ada, &max, json!({ "tier": "pro" })).await;
    assert_eq!(waiting["tier"], "max");
    assert_eq!(waiting["pending"]["tier"], "pro");
    assert_eq!(invoices(&ada, &max).await.len(), 1);
    service.pass(31 * DAY);
    let ada = service.user("ada");
    let renewed = advance(&ada, &max).await;
    assert_eq!(
        (&renewed["tier"], &renewed["pending"]),
        (&json!("pro"), &Value::Null)
    );
    assert_eq!(renewed["currentPeriodStart"], "2026-02-01T00:00:00Z");
    assert_eq!(renewed["currentPeriodEnd"], "2026-03-01T00:00:00Z");
    let invoices = invoices(&ada, &max).await;
    assert_eq!(amounts(&invoices[0]), [1200]);
    assert_eq!(invoices[0]["number"], "INV-2026-02-000001");
}

async fn a_downgrade_holds_now_if_that_is_said(service: Service) {
    let ada = service.user("ada");
    let max = subscribe_without_trial(&ada, &wants("max", "monthly")).await;
    service.pass(HALF);
    let ada = service.user("ada");
    let pro = change(&ada, &max, json!({ "tier": "pro", "effective": "now" })).await;
    assert_eq!(
        (&pro["tier"], &pro["pending"]),
        (&json!("pro"), &Value::Null)
    );
    let invoices = invoices(&ada, &max).await;
    assert_eq!(amounts(&invoices[0]), [-1450, 600]);
}

async fn more_seats_hold_now_and_fewer_from_the_renewal_on(service: Service) {
    let ole = || service.member("ole", "eagle", Role::Owner);
    let mut wanted = wants("team_small", "monthly");
    wanted["organizationId"] = json!("eagle");
    wanted["seats"] = json!(6);
    let six = subscribe_without_trial(&ole(), &wanted).await;
    service.pass(HALF);
    let eight = change(&ole(), &six, json!({ "seats": 8 })).await;
    assert_eq!(eight["seats"], 8);
    // Six seats at eight dollars, and then eight of them, for half of the month.
    assert_eq!(amounts(&invoices(&ole(), &six).await[0]), [-2400, 3200]);
    let waiting = change(&ole(), &six, json!({ "seats": 5 })).await;
    assert_eq!(
        (&waiting["seats"], &waiting["pending"]["seats"]),
        (&json!(8), &json!(5))
    );
    let refused = ole().patch(path(&six), &json!({ "seats": 4 }));
    refused.invalid(&["/seats"]).await;
    service.pass(HALF);
    let renewed = advance(&ole(), &six).await;
    assert_eq!(renewed["seats"], 5);
    assert_eq!(amounts(&invoices(&ole(), &six).await[0]), [4000]);
}

async fn paying_by_the_year_begins_a_new_period(service: Service) {
    let ada = service.user("ada");
    let monthly = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    service.pass(HALF);
    let ada = service.user("ada");
    let annual = change(&ada, &monthly, json!({ "billingCycle": "annual" })).await;
    assert_eq!(annual["billingCycle"], "annual");
    assert_eq!(annual["currentPeriodStart"], "2026-01-16T12:00:00Z");
    assert_eq!(annual["currentPeriodEnd"], "2027-01-16T12:00:00Z");
    assert_eq!(amounts(&invoices(&ada, &monthly).await[0]), [-600, 11500]);
    // Back to months is less: it waits.
    let waiting = change(&ada, &monthly, json!({ "billingCycle": "monthly" })).await;
    assert_eq!(waiting["billingCycle"], "annual");
    assert_eq!(waiting["pending"]["billingCycle"], "monthly");
}

async fn more_of_one_and_less_of_another_has_to_say_when(service: Service) {
    let ada = service.user("ada");
    let annual = subscribe_without_trial(&ada, &wants("pro", "annual")).await;
    let both = json!({ "tier": "max", "billingCycle": "monthly" });
    let refused = ada.patch(path(&annual), &both);
    refused.invalid(&["/effective"]).await;
    assert_eq!(ada.read(path(&annual)).await, annual);
    let mut both = both;
    both["effective"] = json!("period_end");
    let waiting = change(&ada, &annual, both).await;
    assert_eq!(waiting["tier"], "pro");
    assert_eq!(
        waiting["pending"],
        json!({ "tier": "max", "billingCycle": "monthly", "seats": null })
    );
}

async fn a_change_on_trial_costs_nothing(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    service.pass(7 * DAY);
    let ada = service.user("ada");
    let max = change(&ada, &pro, json!({ "tier": "max" })).await;
    assert_eq!(
        (&max["tier"], &max["status"]),
        (&json!("max"), &json!("trialing"))
    );
    assert_eq!(max["trialEnd"], "2026-01-15T00:00:00Z");
    assert_eq!(invoices(&ada, &pro).await.len(), 0);
    service.pass(7 * DAY);
    let ada = service.user("ada");
    let active = advance(&ada, &pro).await;
    assert_eq!(
        (&active["tier"], &active["status"]),
        (&json!("max"), &json!("active"))
    );
    assert_eq!(active["currentPeriodEnd"], "2026-02-15T00:00:00Z");
    assert_eq!(amounts(&invoices(&ada, &pro).await[0]), [2900]);
}

async fn a_change_to_what_is_there_changes_nothing(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    let same = change(
        &ada,
        &pro,
        json!({ "tier": "pro", "billingCycle": "monthly" }),
    )
    .await;
    assert_eq!(same, pro);
    ada.patch(path(&pro), &json!({})).invalid(&[""]).await;
    ada.patch(path(&pro), &json!({ "effective": "now" }))
        .invalid(&[""])
        .await;
}

async fn what_cannot_be_changed_says_so(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe(&ada, &wants("pro", "monthly")).await;
    for (tier, place) in [
        ("gold", "/tier"),
        ("team_small", "/tier"),
        ("enterprise", "/tier"),
    ] {
        let refused = ada.patch(path(&pro), &json!({ "tier": tier }));
        refused.invalid(&[place]).await;
    }
    let refused = ada.patch(
        path(&pro),
        &json!({ "tier": "free", "seats": 5, "billingCycle": "annual" }),
    );
    refused.invalid(&["/billingCycle", "/seats"]).await;
    let cancel = ada.post(format!("{}/cancel", path(&pro)), &Value::Null);
    cancel.gets(200).await;
    let upgrade = json!({ "tier": "max" });
    let refused = ada.patch(path(&pro), &upgrade);
    refused.refused(409, "INVALID_STATE").await;
    let cancel = ada.post(
        format!("{}/cancel", path(&pro)),
        &json!({ "immediately": true }),
    );
    cancel.gets(200).await;
    let refused = ada.patch(path(&pro), &upgrade);
    refused.refused(409, "INVALID_STATE").await;
}

async fn a_preview_charges_what_the_change_then_does(service: Service) {
    let owner = |id: &str| service.member(id, &format!("of-{id}"), Role::Owner);
    for (number, (tier, cycle, query, wanted)) in [
        ("pro", "monthly", "tier=max", json!({ "tier": "max" })),
        (
            "pro",
            "monthly",
            "tier=premium&billingCycle=annual",
            json!({ "tier": "premium", "billingCycle": "annual" }),
        ),
        (
            "premium",
            "annual",
            "tier=pro&effective=now",
            json!({ "tier": "pro", "effective": "now" }),
        ),
        (
            "max",
            "monthly",
            "tier=free&effective=now",
            json!({ "tier": "free", "effective": "now" }),
        ),
        ("max", "monthly", "tier=pro", json!({ "tier": "pro" })),
        ("team_small", "monthly", "seats=11", json!({ "seats": 11 })),
        (
            "team_small",
            "monthly",
            "tier=team_scale&seats=6&billingCycle=annual",
            json!({ "tier": "team_scale", "seats": 6, "billingCycle": "annual" }),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("u{number}");
        let mut first = wants(tier, cycle);
        if tier.starts_with("team") {
            first["organizationId"] = json!(format!("of-{id}"));
        }
        let subscription = subscribe_without_trial(&owner(&id), &first).await;
        let before = invoices(&owner(&id), &subscription).await;
        // An odd time, so that something has to be rounded.
        service.pass(Duration::from_micros(123_456_789_012));
        let preview = format!("{}/preview?{query}", path(&subscription));
        let preview = owner(&id).read(preview).await;
        let changed = change(&owner(&id), &subscription, wanted).await;
        let after = invoices(&owner(&id), &subscription).await;
        let charged = &after[..after.len() - before.len()];
        let total: i64 = charged
            .iter()
            .map(|invoice| invoice["total"]["amount"].as_i64().unwrap())
            .sum();
        assert_eq!(preview["dueNow"]["amount"], total, "{query}");
        let lines: Vec<_> = charged
            .iter()
            .flat_map(|invoice| invoice["lines"].as_array().unwrap())
            .cloned()
            .collect();
        assert_eq!(preview["lines"], json!(lines), "{query}");
        if preview["effective"] == "now" {
            assert_eq!(preview["proposed"]["tier"], changed["tier"], "{query}");
            assert_eq!(preview["proposed"]["seats"], changed["seats"], "{query}");
        } else {
            assert_eq!(
                preview["effectiveAt"], changed["currentPeriodEnd"],
                "{query}"
            );
            assert_eq!(
                preview["proposed"]["tier"], changed["pending"]["tier"],
                "{query}"
            );
            assert!(charged.is_empty(), "{query}");
        }
    }
}

async fn a_preview_tells_what_is_gained_lost_and_exceeded(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    let used = json!({ "records": [
        { "idempotencyKey": "a", "userId": "ada", "metric": "storage", "quantity": 40 },
        { "idempotencyKey": "b", "userId": "ada", "metric": "sms_messages", "quantity": 70 },
    ] });
    service.meter().post("/api/usage", &used).gets(200).await;
    let keys = |preview: &Value, list: &str| -> Vec<String> {
        let list = preview[list].as_array().unwrap().iter();
        let mut keys: Vec<_> = list
            .map(|item| item["featureKey"].as_str().unwrap().to_owned())
            .collect();
        keys.sort_unstable();
        keys
    };
    let up = ada.read(format!("{}/preview?tier=max", path(&pro))).await;
    assert_eq!(
        up["recurring"],
        json!({ "amount": 2900, "currency": "USD" })
    );
    assert_eq!(
        keys(&up, "featuresGained"),
        [
            "advanced_permissions",
            "ai_moderation",
            "api_calls_per_minute",
            "bandwidth_limit_gb",
            "custom_integrations",
            "geospatial_enabled",
            "lowcode_enabled",
            "payments_enabled",
            "sla_uptime",
            "sms_messages",
            "storage_limit_gb",
            "support_level",
            "workflow_executions_monthly",
        ]
    );
    assert_eq!(keys(&up, "featuresLost"), [""; 0]);
    let gained = up["featuresGained"].as_array().unwrap().iter();
    let storage = gained
        .clone()
        .find(|item| item["featureKey"] == "storage_limit_gb");
    let storage = storage.unwrap();
    assert_eq!(
        (&storage["from"], &storage["to"]),
        (&json!(50), &json!("unlimited"))
    );
    let down = ada.read(format!("{}/preview?tier=free", path(&pro))).await;
    assert_eq!(down["effective"], "period_end");
    assert_eq!(down["effectiveAt"], "2026-02-01T00:00:00Z");
    assert_eq!(down["recurring"]["amount"], 0);
    assert_eq!(keys(&down, "featuresGained"), [""; 0]);
    assert!(keys(&down, "featuresLost").contains(&"crm_enabled".to_owned()));
    assert_eq!(
        keys(&down, "limitsExceeded"),
        ["sms_messages", "storage_limit_gb"]
    );
    for item in down["limitsExceeded"].as_array().unwrap() {
        let expected = match item["metric"].as_str().unwrap() {
            "storage" => (40, 5),
            _ => (70, 0),
        };
        assert_eq!(
            (&item["used"], &item["limit"]),
            (&json!(expected.0), &json!(expected.1))
        );
    }
}

async fn a_preview_changes_nothing(service: Service) {
    let ada = service.user("ada");
    let pro = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    let log = service.admin().read("/api/admin/audit").await;
    for query in ["tier=max", "billingCycle=annual", "tier=free"] {
        ada.read(format!("{}/preview?{query}", path(&pro))).await;
    }
    let preview = format!(
        "{}/preview?tier=gold&seats=0&billingCycle=weekly&who=me",
        path(&pro)
    );
    // What cannot be read is told before what cannot be bought.
    let refused = ada.get(preview);
    refused.invalid(&["seats", "billingCycle", "who"]).await;
    let preview = format!("{}/preview?tier=gold", path(&pro));
    ada.get(preview).invalid(&["tier"]).await;
    ada.get(format!("{}/preview", path(&pro)))
        .invalid(&["query"])
        .await;
    assert_eq!(ada.read(path(&pro)).await, pro);
    assert_eq!(service.admin().read("/api/admin/audit").await, log);
}
