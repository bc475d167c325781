use serde_json::json;

use super::*;
use crate::UsageId;
use crate::table::subscriptions;

async fn used(office: &Office, record: &SubscriptionRecord, metric: &str, quantity: i64) {
    let mut write = office.billing.database().write().await.unwrap();
    let now = office.billing.now();
    let (start, end) = (now.as_micros(), now.as_micros() + 1);
    on!(&mut write, connection => sqlx::query(
        "INSERT INTO usage_records (id, subscription_id, idempotency_key, metric, quantity, \
         period_start, period_end, billing_month, metadata, occurred_at, recorded_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, '2026-01', $8, $6, $6)"
    )
        .bind(UsageId::new(now).uuid())
        .bind(record.id.unwrap().uuid())
        .bind(UsageId::new(now).to_string())
        .bind(metric)
        .bind(quantity)
        .bind(start)
        .bind(end)
        .bind(sqlx::types::Json(json!({})))
        .execute(connection)
        .await
        .unwrap()
        .rows_affected());
    write.commit().await.unwrap();
}

#[tokio::test]
async fn a_preview_is_what_the_change_then_does_and_changes_nothing() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("pro")).await;
        office.at("2026-01-27T03:14:15Z");
        let told = office.told().await;
        let id = record.id.unwrap();
        let shown = preview(&office.billing, &pia, id, &to_tier("max"))
            .await
            .unwrap();
        assert_eq!(
            (office.told().await, office.stored(id).await),
            (told, record.clone())
        );
        assert_eq!(
            (shown.effective, shown.recurring.amount),
            (Effective::Now, 2900)
        );
        office.changed(&pia, &record, to_tier("max")).await.unwrap();
        let invoice = office.invoices(&record).await.pop().unwrap();
        assert_eq!((invoice.lines, invoice.total), (shown.lines, shown.due_now));
        let gained: Vec<_> = shown
            .features_gained
            .iter()
            .map(|one| (&*one.feature_key, one.from.clone(), one.to.clone()))
            .collect();
        assert!(gained.contains(&("payments_enabled", json!(false), json!(true))));
        assert!(gained.contains(&("storage_limit_gb", json!(50), json!("unlimited"))));
        assert!(gained.contains(&("support_level", json!("email"), json!("priority"))));
        assert!(!gained.iter().any(|(key, ..)| *key == "crm_enabled"));
        assert!(shown.features_lost.is_empty());
    }
}

#[tokio::test]
async fn a_preview_names_what_is_used_beyond_the_new_limits() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("premium")).await;
        used(&office, &record, "storage", 70).await;
        used(&office, &record, "sms_messages", 60).await;
        used(&office, &record, "sms_messages", 41).await;
        used(&office, &record, "bandwidth", 100).await;
        used(&office, &record, "api_calls", 1_000_000).await;
        let id = record.id.unwrap();
        let shown = preview(&office.billing, &pia, id, &to_tier("pro"))
            .await
            .unwrap();
        assert_eq!(shown.effective, Effective::PeriodEnd);
        assert_eq!(shown.effective_at, record.current_period_end.unwrap());
        assert_eq!((shown.lines.len(), shown.due_now.amount), (0, 0));
        let exceeded: Vec<_> = shown
            .limits_exceeded
            .iter()
            .map(|one| (&*one.feature_key, one.used, one.limit))
            .collect();
        assert_eq!(
            exceeded,
            [("storage_limit_gb", 70, 50), ("sms_messages", 101, 100)]
        );
        // What was sent in the period before does not count in this one; what is stored does.
        office.at("2026-02-15T00:00:00Z");
        office.run().await;
        let shown = preview(&office.billing, &pia, id, &to_tier("pro"))
            .await
            .unwrap();
        let exceeded: Vec<_> = shown
            .limits_exceeded
            .iter()
            .map(|one| &*one.feature_key)
            .collect();
        assert_eq!(exceeded, ["storage_limit_gb"]);
    }
}

#[tokio::test]
async fn for_who_pays_nothing_a_preview_tells_what_subscribing_does() {
    for office in Office::each().await {
        let pia = user("pia");
        let none =
            SubscriptionRecord::none(&Subject::user("pia"), "free", office.billing.now().into());
        let mut write = office.billing.database().write().await.unwrap();
        let record = subscriptions::insert(&mut write, none).await.unwrap();
        write.commit().await.unwrap();
        let id = record.id.unwrap();
        let shown = preview(&office.billing, &pia, id, &to_tier("pro"))
            .await
            .unwrap();
        assert_eq!((shown.due_now.amount, shown.recurring.amount), (0, 1200));
        assert_eq!(shown.trial_end.unwrap().to_string(), "2026-01-15T00:00:00Z");
        assert_eq!(shown.current.price.amount, 0);
        let nothing = preview(&office.billing, &pia, id, &to_seats(3))
            .await
            .unwrap_err();
        assert_eq!(faults(nothing)[0].0, "/tier");
    }
}
