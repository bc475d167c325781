use serde_json::{Value, json};

use super::*;
use crate::record::Time;

fn value(value: Value) -> NewOverride {
    NewOverride {
        value,
        expires_at: None,
        reason: "as agreed".to_owned(),
    }
}

fn time(text: &str) -> Time {
    Time(text.parse().unwrap())
}

#[tokio::test]
async fn an_override_is_given_replaced_and_taken() {
    for office in Office::each().await {
        let record = office.paying(&user("pia"), &monthly("pro")).await;
        let (billing, id, root) = (&office.billing, record.id.unwrap(), admin());
        let context = office.context(&root);
        let told = office.told().await.0;
        for units in [json!(500), json!("unlimited")] {
            put_override(
                billing,
                &root,
                &context,
                id,
                "storage_limit_gb",
                value(units.clone()),
            )
            .await
            .unwrap();
            let stored = office.stored(id).await;
            assert_eq!(stored.overrides.len(), 1);
            assert_eq!(stored.overrides[0].value, units);
            assert_eq!(stored.overrides[0].created_by, "root");
        }
        let stored = office.stored(id).await;
        assert_eq!(stored.version, record.version + 2);
        delete_override(billing, &root, &context, id, "storage_limit_gb", None)
            .await
            .unwrap();
        assert!(office.stored(id).await.overrides.is_empty());
        assert_eq!(office.told().await, (told + 3, told + 3));
        let none = delete_override(billing, &root, &context, id, "storage_limit_gb", None).await;
        assert!(matches!(none, Err(BillingError::NotFound("override"))));
    }
}

#[tokio::test]
async fn an_override_has_to_fit_its_feature() {
    let office = Office::open().await;
    let record = office.paying(&user("pia"), &monthly("pro")).await;
    let (id, root) = (record.id.unwrap(), admin());
    let context = office.context(&root);
    let put = async |key: &'static str, new: NewOverride| {
        put_override(&office.billing, &root, &context, id, key, new).await
    };
    for (key, wrong) in [
        ("crm_enabled", json!(1)),
        ("storage_limit_gb", json!(-1)),
        ("storage_limit_gb", json!(1.5)),
        ("storage_limit_gb", json!(true)),
        ("storage_limit_gb", json!("infinite")),
        ("support_level", json!("excellent")),
    ] {
        let refused = put(key, value(wrong.clone())).await.unwrap_err();
        assert_eq!(faults(refused)[0].0, "/value", "{key} {wrong}");
    }
    for (key, right) in [
        ("crm_enabled", json!(false)),
        ("storage_limit_gb", json!(0)),
        ("support_level", json!("dedicated")),
    ] {
        put(key, value(right)).await.unwrap();
    }
    let expired = NewOverride {
        expires_at: Some(office.billing.now().into()),
        ..value(json!(true))
    };
    let told = faults(put("crm_enabledd", expired).await.unwrap_err());
    assert_eq!(
        told[0].1,
        "unknown feature `crm_enabledd`, did you mean `crm_enabled`?"
    );
    assert_eq!(told[1].0, "/expiresAt");
}

#[tokio::test]
async fn overrides_are_for_admins() {
    let office = Office::open().await;
    let record = office.paying(&user("pia"), &monthly("pro")).await;
    let id = record.id.unwrap();
    let put = async |caller: Caller| {
        let context = office.context(&caller);
        put_override(
            &office.billing,
            &caller,
            &context,
            id,
            "crm_enabled",
            value(json!(true)),
        )
        .await
    };
    assert!(matches!(
        put(user("pia")).await,
        Err(BillingError::Forbidden(_))
    ));
    assert!(matches!(
        put(user("eve")).await,
        Err(BillingError::NotFound(_))
    ));
    put(admin()).await.unwrap();
}

#[tokio::test]
async fn a_trial_is_extended_while_it_runs() {
    for office in Office::each().await {
        let record = office.subscribed(&user("pia"), &monthly("pro")).await;
        let (billing, id) = (&office.billing, record.id.unwrap());
        let context = office.context(&admin());
        let past = extend_trial(billing, &context, id, time("2025-12-31T00:00:00Z"), "x").await;
        assert_eq!(faults(past.unwrap_err())[0].0, "/until");
        let until = time("2026-01-20T00:00:00Z");
        extend_trial(billing, &context, id, until, "was ill")
            .await
            .unwrap();
        office.at("2026-01-19T23:59:59Z");
        assert_eq!(office.run().await, Advanced::default());
        office.at("2026-01-20T00:00:00Z");
        office.run().await;
        let record = office.stored(id).await;
        assert_eq!(
            (&*record.status, office.totals(&record).await),
            ("active", vec![1200])
        );
        let context = office.context(&admin());
        let later = time("2026-03-01T00:00:00Z");
        let over = extend_trial(billing, &context, id, later, "again").await;
        assert!(matches!(over, Err(BillingError::InvalidState(_))));
    }
}

#[tokio::test]
async fn a_granted_tier_costs_nothing_and_ends_when_it_was_said() {
    for office in Office::each().await {
        let record = office.paying(&boss(), &team("team_small", 5)).await;
        let grant = Grant {
            tier: "enterprise".to_owned(),
            seats: Some(40),
            until: Some(time("2026-03-01T00:00:00Z")),
            reason: "pilot".to_owned(),
        };
        let id = record.id.unwrap();
        let context = office.context(&admin());
        grant_tier(
            &office.billing,
            &context,
            &Grantee::Subscription(id),
            &grant,
        )
        .await
        .unwrap();
        let record = office.stored(id).await;
        assert_eq!((&*record.tier, record.seats), ("enterprise", Some(40)));
        assert_eq!(record.billing_cycle, None);
        office.at("2026-03-01T00:00:00Z");
        office.run().await;
        assert_eq!(office.stored(id).await.status, "canceled");
        assert_eq!(office.totals(&record).await, [4000]);
        let context = office.context(&admin());
        let grantee = Grantee::Subscription(id);
        let past = grant_tier(&office.billing, &context, &grantee, &grant).await;
        assert_eq!(faults(past.unwrap_err())[0].0, "/until");
    }
}

#[tokio::test]
async fn corrections_are_checked_as_a_whole() {
    for office in Office::each().await {
        let record = office.paying(&boss(), &team("team_small", 5)).await;
        let id = record.id.unwrap();
        let correct = async |adjustment: Adjustment| {
            let context = office.context(&admin());
            adjust(&office.billing, &context, id, &adjustment, "by request").await
        };
        let wrong = Adjustment {
            status: Some("trialing".to_owned()),
            discount_basis_points: Some(10_001),
            seats: Some(4),
            metadata: Some(
                [("x".to_owned(), json!("y".repeat(20_000)))]
                    .into_iter()
                    .collect(),
            ),
            current_period_end: Some(office.billing.now().into()),
        };
        let pointers: Vec<_> = faults(correct(wrong).await.unwrap_err())
            .into_iter()
            .map(|(pointer, _)| pointer)
            .collect();
        assert_eq!(
            pointers,
            [
                "/status",
                "/discountBasisPoints",
                "/seats",
                "/metadata",
                "/currentPeriodEnd"
            ]
        );
        assert_eq!(office.stored(id).await.version, record.version);
        let right = Adjustment {
            seats: Some(7),
            metadata: Some([("crm".to_owned(), json!("A-1"))].into_iter().collect()),
            current_period_end: Some(time("2026-02-20T00:00:00Z")),
            ..Adjustment::default()
        };
        correct(right).await.unwrap();
        office.at("2026-02-20T00:00:00Z");
        office.run().await;
        let record = office.stored(id).await;
        assert_eq!(record.metadata["crm"], "A-1");
        assert_eq!(office.totals(&record).await, [4000, 5600]);
        assert_eq!(
            record.current_period_end,
            Some(time("2026-03-20T00:00:00Z"))
        );
    }
}

#[tokio::test]
async fn a_canceled_one_is_brought_back_only_while_there_is_no_other() {
    for office in Office::each().await {
        let pia = user("pia");
        let first = office.paying(&pia, &monthly("pro")).await;
        let id = first.id.unwrap();
        let correct = async |status: &str| {
            let context = office.context(&admin());
            let adjustment = Adjustment {
                status: Some(status.to_owned()),
                ..Adjustment::default()
            };
            adjust(&office.billing, &context, id, &adjustment, "mistake").await
        };
        correct("canceled").await.unwrap();
        correct("active").await.unwrap();
        assert_eq!(office.stored(id).await.canceled_at, None);
        correct("canceled").await.unwrap();
        office.subscribed(&pia, &monthly("max")).await;
        let refused = correct("active").await;
        assert!(matches!(refused, Err(BillingError::SubscriptionExists)));
    }
}

#[tokio::test]
async fn no_more_is_refunded_than_was_paid() {
    for office in Office::each().await {
        let record = office.paying(&user("pia"), &monthly("pro")).await;
        let invoice = office.invoices(&record).await.remove(0);
        let back = async |amount: Option<i64>| {
            let context = office.context(&admin());
            refund(&office.billing, &context, invoice.id, amount, "sorry").await
        };
        for amount in [0, -1, 1201] {
            let refused = back(Some(amount)).await.unwrap_err();
            assert_eq!(faults(refused)[0].0, "/amount");
        }
        let reply = back(Some(500)).await.unwrap();
        assert_eq!(data(&reply)["refunded"]["amount"], 500);
        back(None).await.unwrap();
        let nothing_left = back(None).await;
        assert!(matches!(nothing_left, Err(BillingError::InvalidState(_))));
        assert_eq!(office.invoices(&record).await[0].refunded.amount, 1200);
        let paid_back = "SELECT CAST(SUM(amount) AS BIGINT) FROM payments WHERE kind = 'refund'";
        assert_eq!(office.count(paid_back).await, 1200);
        // What was paid back is not credited once more.
        office.at("2026-01-30T12:00:00Z");
        office
            .changed(&user("pia"), &record, to_tier("max"))
            .await
            .unwrap();
        assert_eq!(office.totals(&record).await, [1200, 1450]);
    }
}

#[tokio::test]
async fn two_who_refund_all_at_once_refund_it_once() {
    for office in Office::each().await {
        let record = office.paying(&user("pia"), &monthly("pro")).await;
        let invoice = office.invoices(&record).await.remove(0).id;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (billing, context) = (office.billing.clone(), office.context(&admin()));
            tasks.spawn(async move { refund(&billing, &context, invoice, None, "sorry").await });
        }
        let answers = tasks.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert_eq!(office.invoices(&record).await[0].refunded.amount, 1200);
    }
}
