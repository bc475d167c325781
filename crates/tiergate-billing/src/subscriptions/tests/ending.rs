use super::*;

async fn end(
    office: &Office,
    record: &SubscriptionRecord,
    effective: Effective,
) -> Result<SubscriptionRecord, BillingError> {
    let pia = user("pia");
    let id = record.id.unwrap();
    let context = office.context(&pia);
    cancel(
        &office.billing,
        &pia,
        &context,
        id,
        effective,
        Some("too dear"),
    )
    .await?;
    Ok(office.stored(id).await)
}

async fn take_back(
    office: &Office,
    record: &SubscriptionRecord,
) -> Result<SubscriptionRecord, BillingError> {
    let pia = user("pia");
    let id = record.id.unwrap();
    reactivate(&office.billing, &pia, &office.context(&pia), id).await?;
    Ok(office.stored(id).await)
}

#[tokio::test]
async fn canceled_it_lasts_to_the_end_of_the_period_and_no_longer() {
    for office in Office::each().await {
        let record = office.paying(&user("pia"), &monthly("pro")).await;
        let record = end(&office, &record, Effective::PeriodEnd).await.unwrap();
        assert_eq!(
            (&*record.status, record.cancel_at_period_end),
            ("active", true)
        );
        let told = office.told().await;
        let again = end(&office, &record, Effective::PeriodEnd).await.unwrap();
        assert_eq!((again.version, office.told().await), (record.version, told));
        office.at("2026-02-14T23:59:59Z");
        assert_eq!(office.run().await, Advanced::default());
        office.at("2026-02-15T00:00:00Z");
        assert_eq!(office.run().await, Advanced { done: 1, failed: 0 });
        let record = office.stored(record.id.unwrap()).await;
        assert_eq!(record.status, "canceled");
        assert_eq!(office.totals(&record).await, [1200]);
        let owner = Subject::user("pia");
        let standing = of_owner(&office.billing, &user("pia"), &owner)
            .await
            .unwrap();
        assert_eq!((standing.id, &*standing.tier), (None, "free"));
    }
}

#[tokio::test]
async fn an_end_that_has_not_come_is_taken_back() {
    for office in Office::each().await {
        let record = office.paying(&user("pia"), &monthly("pro")).await;
        let none = take_back(&office, &record).await;
        assert!(matches!(none, Err(BillingError::InvalidState(_))));
        let record = end(&office, &record, Effective::PeriodEnd).await.unwrap();
        let record = take_back(&office, &record).await.unwrap();
        assert_eq!(
            (record.cancel_at_period_end, record.canceled_at),
            (false, None)
        );
        office.at("2026-02-15T00:00:00Z");
        office.run().await;
        assert_eq!(office.totals(&record).await, [1200, 1200]);
    }
}

#[tokio::test]
async fn an_end_that_has_come_is_not_taken_back_even_if_the_job_is_late() {
    for office in Office::each().await {
        let record = office.paying(&user("pia"), &monthly("pro")).await;
        let record = end(&office, &record, Effective::PeriodEnd).await.unwrap();
        office.at("2026-02-15T00:00:00Z");
        let late = take_back(&office, &record).await;
        assert!(matches!(late, Err(BillingError::InvalidState(_))));
        assert_eq!(office.stored(record.id.unwrap()).await.status, "canceled");
    }
}

#[tokio::test]
async fn canceled_at_once_it_is_over() {
    for office in Office::each().await {
        let record = office.paying(&user("pia"), &monthly("pro")).await;
        let record = end(&office, &record, Effective::Now).await.unwrap();
        assert_eq!(
            (&*record.status, record.cancel_at_period_end),
            ("canceled", false)
        );
        assert_eq!(record.canceled_at, Some(office.billing.now().into()));
        for effective in [Effective::Now, Effective::PeriodEnd] {
            let again = end(&office, &record, effective).await;
            assert!(matches!(again, Err(BillingError::InvalidState(_))));
        }
        let back = take_back(&office, &record).await;
        assert!(matches!(back, Err(BillingError::InvalidState(_))));
        assert_eq!(
            office.actions().await,
            [
                "invoice.created",
                "subscription.advanced",
                "subscription.canceled",
                "subscription.created",
            ]
        );
    }
}

#[tokio::test]
async fn a_trial_that_is_canceled_ends_without_a_charge() {
    for office in Office::each().await {
        let record = office.subscribed(&user("pia"), &monthly("pro")).await;
        end(&office, &record, Effective::PeriodEnd).await.unwrap();
        office.at("2026-03-01T00:00:00Z");
        office.run().await;
        let record = office.stored(record.id.unwrap()).await;
        assert_eq!(record.status, "canceled");
        assert!(office.totals(&record).await.is_empty());
    }
}

#[tokio::test]
async fn what_costs_nothing_cannot_be_canceled() {
    let office = Office::open().await;
    let pia = user("pia");
    let record = office.paying(&pia, &monthly("pro")).await;
    let wanted = PlanChange {
        effective: Some(Effective::Now),
        ..to_tier("free")
    };
    let record = office.changed(&pia, &record, wanted).await.unwrap();
    assert_eq!(record.tier, "free");
    // All that was left of the period was credited.
    assert_eq!(office.totals(&record).await, [1200, -1200]);
    for effective in [Effective::Now, Effective::PeriodEnd] {
        let refused = end(&office, &record, effective).await;
        assert!(matches!(refused, Err(BillingError::InvalidState(_))));
    }
}

#[tokio::test]
async fn one_key_ends_it_once_whoever_is_faster() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("pro")).await;
        let id = record.id.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (billing, pia) = (office.billing.clone(), pia.clone());
            // Once it has ended, asking again without the key would be refused, and so would the version.
            let context = with_key(office.context(&pia), "k", "now");
            let context = at_version(context, record.version);
            tasks.spawn(async move {
                cancel(&billing, &pia, &context, id, Effective::Now, None)
                    .await
                    .unwrap()
            });
        }
        let answers = tasks.join_all().await;
        assert!(answers.iter().all(|answer| answer == &answers[0]));
    }
}

#[tokio::test]
async fn what_is_overdue_can_end_too() {
    for office in Office::each().await {
        let mut ended = Vec::new();
        for (number, asked) in [
            // Before its period is over, and after.
            (0, "2026-02-01T00:00:00Z"),
            (1, "2026-03-01T00:00:00Z"),
        ] {
            office.at("2026-01-01T00:00:00Z");
            let caller = user(&format!("user-{number}"));
            let record = office.paying(&caller, &monthly("pro")).await;
            let id = record.id.unwrap();
            let adjustment = Adjustment {
                status: Some("past_due".to_owned()),
                ..Adjustment::default()
            };
            let context = office.context(&admin());
            adjust(&office.billing, &context, id, &adjustment, "test")
                .await
                .unwrap();
            office.at(asked);
            let context = office.context(&caller);
            cancel(
                &office.billing,
                &caller,
                &context,
                id,
                Effective::PeriodEnd,
                None,
            )
            .await
            .unwrap();
            ended.push(office.stored(id).await);
        }
        assert_eq!(
            (&*ended[0].status, ended[0].cancel_at_period_end),
            ("past_due", true)
        );
        assert_eq!(ended[1].status, "canceled");
        assert_eq!(office.run().await, Advanced { done: 1, failed: 0 });
        let first = office.stored(ended[0].id.unwrap()).await;
        assert_eq!(
            (&*first.status, office.totals(&first).await),
            ("canceled", vec![1200])
        );
    }
}
