//! Usage: what is counted, and what is left.

use std::time::Duration;

use serde_json::{Value, json};
use tiergate_clock::Clock;
use tiergate_tests::tokens::Role;

use crate::call::{Caller, data};
use crate::service::{DAY, Service};
use crate::subscribing::{path, subscribe_without_trial, wants};

crate::scenarios![
    each_record_has_an_outcome_and_counts_once,
    a_batch_with_a_fault_of_form_counts_nothing,
    a_batch_has_1_to_1000_records,
    totals_are_told_with_limit_remaining_and_reset,
    a_window_that_is_over_counts_from_zero,
    usage_is_recorded_by_services_only,
    totals_are_told_to_services_over_all_that_an_owner_had,
];

async fn record(caller: &Caller<'_>, records: Value) -> Value {
    let batch = json!({ "records": records });
    data(&caller.post("/api/usage", &batch).gets(200).await)
}

/// What is told of a metric.
fn row(usage: &Value, metric: &str) -> Value {
    let metrics = usage["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|row| row["metric"] == metric);
    let names = ["used", "limit", "remaining", "resetsAt"];
    names
        .map(|name| found.unwrap()[name].clone())
        .into_iter()
        .collect()
}

async fn each_record_has_an_outcome_and_counts_once(service: Service) {
    let meter = service.meter();
    let pro = subscribe_without_trial(&service.user("ada"), &wants("pro", "monthly")).await;
    let id = &pro["id"];
    let sms = |key: &str, quantity: Value| {
        json!({
            "idempotencyKey": key, "subscriptionId": id, "metric": "sms_messages",
            "quantity": quantity,
        })
    };
    let mut unknown = sms("c", json!(1));
    unknown["metric"] = json!("pigeons");
    let mut nobodys = sms("d", json!(1));
    nobodys["subscriptionId"] = json!("00000000-0000-7000-8000-000000000000");
    let batch = json!([
        sms("a", json!(3)),
        sms("a", json!(3)),
        sms("a", json!(4)),
        unknown,
        nobodys,
        sms("e", json!(1.5)),
        sms("f", json!(-1)),
        sms("b", json!(4)),
    ]);
    let told = record(&meter, batch.clone()).await;
    let outcomes: Vec<_> = told["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        [
            "accepted",
            "duplicate",
            "rejected",
            "rejected",
            "rejected",
            "rejected",
            "rejected",
            "accepted",
        ]
    );
    let counts = ["accepted", "duplicates", "rejected"].map(|name| told[name].as_i64().unwrap());
    assert_eq!(counts, [2, 1, 5]);
    for (index, record) in told["records"].as_array().unwrap().iter().enumerate() {
        assert_eq!(record["index"], index);
        let why = record["reason"].as_str().unwrap_or_default();
        assert_eq!(record["outcome"] == "rejected", !why.is_empty(), "{record}");
    }
    let again = record(&meter, batch).await;
    assert_eq!(again["accepted"], 0);
    assert_eq!(again["duplicates"], 3);
    let usage = service
        .user("ada")
        .read(format!("{}/usage", path(&pro)))
        .await;
    assert_eq!(row(&usage, "sms_messages")[0], 7);
}

async fn a_batch_with_a_fault_of_form_counts_nothing(service: Service) {
    let meter = service.meter();
    let batch = json!({
        "records": [
            { "idempotencyKey": "a", "userId": "ada", "metric": "storage", "quantity": 1 },
            { "idempotencyKey": 7, "userId": "ada", "quantity": "1", "colour": "red" },
        ],
        "dryRun": true,
    });
    let refused = meter.post("/api/usage", &batch);
    refused
        .invalid(&[
            "/dryRun",
            "/records/1/colour",
            "/records/1/idempotencyKey",
            "/records/1/metric",
            "/records/1/quantity",
        ])
        .await;
    let all = service.admin().read("/api/admin/subscriptions").await;
    assert_eq!(all, json!([]));
}

async fn a_batch_has_1_to_1000_records(service: Service) {
    let meter = service.meter();
    let batch = |many: usize| -> Value {
        let one = |key| json!({ "idempotencyKey": format!("k{key}"), "userId": "ada", "metric": "email_sends", "quantity": 1 });
        (0..many).map(one).collect()
    };
    for many in [0, 1001] {
        let refused = meter.post("/api/usage", &json!({ "records": batch(many) }));
        refused.invalid(&["/records"]).await;
    }
    assert_eq!(record(&meter, batch(1000)).await["accepted"], 1000);
    let ada = service.user("ada");
    let free = ada.read("/api/subscriptions/user/ada").await;
    let usage = ada.read(format!("{}/usage", path(&free))).await;
    // Nothing limits it: it is counted for the bill alone.
    assert_eq!(row(&usage, "email_sends")[0], 1000);
    assert_eq!(row(&usage, "email_sends")[1], Value::Null);
}

async fn totals_are_told_with_limit_remaining_and_reset(service: Service) {
    let ole = || service.member("ole", "eagle", Role::Owner);
    let mut wanted = wants("team_small", "monthly");
    wanted["organizationId"] = json!("eagle");
    service.pass(9 * DAY);
    let team = subscribe_without_trial(&ole(), &wanted).await;
    let of = |key: &str, metric: &str, quantity: i64| {
        json!({
            "idempotencyKey": key, "organizationId": "eagle", "userId": "mia", "metric": metric,
            "quantity": quantity,
        })
    };
    let used = json!([
        of("a", "storage", 60),
        of("b", "storage", -20),
        of("c", "bandwidth", 250),
        of("d", "sms_messages", 499),
        of("e", "api_calls", 5),
    ]);
    assert_eq!(record(&service.meter(), used).await["accepted"], 5);
    let mia = service.member("mia", "eagle", Role::Member);
    let usage = mia.read(format!("{}/usage", path(&team))).await;
    assert_eq!(usage["subscriptionId"], team["id"]);
    assert_eq!(usage["periodStart"], "2026-01-10T00:00:00Z");
    assert_eq!(usage["periodEnd"], "2026-02-10T00:00:00Z");
    assert_eq!(row(&usage, "storage"), json!([40, 100, 60, null]));
    let end = "2026-02-10T00:00:00Z";
    assert_eq!(row(&usage, "bandwidth"), json!([250, 200, 0, end]));
    assert_eq!(row(&usage, "sms_messages"), json!([499, 500, 1, end]));
    // A rate has no total.
    assert_eq!(row(&usage, "api_calls"), json!([null, 180, null, null]));
}

async fn a_window_that_is_over_counts_from_zero(service: Service) {
    let pro = subscribe_without_trial(&service.user("ada"), &wants("pro", "annual")).await;
    let of = |key: &str, metric: &str, quantity: i64| json!({ "idempotencyKey": key, "userId": "ada", "metric": metric, "quantity": quantity });
    let used = json!([of("a", "sms_messages", 90), of("b", "storage", 7)]);
    record(&service.meter(), used).await;
    service.pass(31 * DAY);
    let late = json!([
        of("c", "sms_messages", 1),
        {
            "idempotencyKey": "d", "userId": "ada", "metric": "sms_messages", "quantity": 4,
            "occurredAt": "2026-01-31T23:59:59.999999Z",
        },
    ]);
    assert_eq!(record(&service.meter(), late).await["accepted"], 2);
    let usage = service
        .user("ada")
        .read(format!("{}/usage", path(&pro)))
        .await;
    // A year is paid at once, and quotas are of months all the same.
    assert_eq!(
        row(&usage, "sms_messages"),
        json!([1, 100, 99, "2026-03-01T00:00:00Z"])
    );
    assert_eq!(row(&usage, "storage"), json!([7, 50, 43, null]));
    // What is too old, or yet to come, is refused by itself.
    service.pass(Duration::from_secs(1));
    let odd = json!([
        {
            "idempotencyKey": "e", "userId": "ada", "metric": "sms_messages", "quantity": 4,
            "occurredAt": "2025-12-27T00:00:00Z",
        },
        {
            "idempotencyKey": "f", "userId": "ada", "metric": "sms_messages", "quantity": 4,
            "occurredAt": "2026-02-01T00:10:00Z",
        },
    ]);
    assert_eq!(record(&service.meter(), odd).await["rejected"], 2);
}

async fn usage_is_recorded_by_services_only(service: Service) {
    let batch = json!({ "records": [
        { "idempotencyKey": "a", "userId": "ada", "metric": "storage", "quantity": 1 },
    ] });
    for who in [
        service.user("ada"),
        service.member("ada", "eagle", Role::Owner),
    ] {
        let refused = who.post("/api/usage", &batch);
        refused.refused(403, "FORBIDDEN").await;
    }
    service.admin().post("/api/usage", &batch).gets(200).await;
}

async fn totals_are_told_to_services_over_all_that_an_owner_had(service: Service) {
    let meter = service.meter();
    let ada = service.user("ada");
    let sms = |key: &str, quantity: u64| {
        json!([
            { "idempotencyKey": key, "userId": "ada", "metric": "sms_messages", "quantity": quantity },
        ])
    };
    let first = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    record(&meter, sms("a", 3)).await;
    let cancel = format!("{}/cancel", path(&first));
    ada.post(&*cancel, &json!({ "immediately": true }))
        .gets(200)
        .await;
    service.pass(DAY);
    subscribe_without_trial(&service.user("ada"), &wants("max", "monthly")).await;
    let meter = service.meter();
    record(&meter, sms("a", 40)).await;
    let question = |owner: &str, id: &str, metric: &str, from: &str, to: &str| json!({ owner: id, "metric": metric, "from": from, "to": to });
    let (january, march) = ("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z");
    let now = service.clock.now().to_string();
    let questions = json!({ "questions": [
        question("userId", "ada", "sms_messages", january, march),
        question("userId", "ada", "sms_messages", january, &now),
        question("userId", "ada", "sms_messages", &now, march),
        question("userId", "ada", "storage", january, march),
        question("organizationId", "ada", "sms_messages", january, march),
        question("userId", "nobody", "sms_messages", january, march),
    ] });
    let told = data(&meter.post("/api/usage/totals", &questions).gets(200).await);
    let totals = told["totals"].as_array().unwrap();
    let sums: Vec<_> = totals
        .iter()
        .map(|row| row["total"].as_i64().unwrap())
        .collect();
    assert_eq!(sums, [43, 3, 40, 0, 0, 0]);
    assert_eq!(
        (&totals[4]["organizationId"], &totals[4]["from"]),
        (&json!("ada"), &json!(january))
    );
    let odd = json!({ "questions": [
        question("userId", "ada", "pigeons", january, january),
        question("teamId", "ada", "storage", january, march),
    ] });
    let odd = meter.post("/api/usage/totals", &odd);
    odd.invalid(&[
        "/questions/0/metric",
        "/questions/0/to",
        "/questions/1/teamId",
        "/questions/1/userId",
    ])
    .await;
    let refused = service.user("ada").post("/api/usage/totals", &questions);
    refused.refused(403, "FORBIDDEN").await;
}
