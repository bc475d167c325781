use super::*;

#[tokio::test]
async fn missed_renewals_are_made_up_for_once() {
    for office in Office::each().await {
        let record = office.subscribed(&user("pia"), &monthly("pro")).await;
        office.at("2026-04-20T00:00:00Z");
        assert_eq!(office.run().await, Advanced { done: 1, failed: 0 });
        assert_eq!(office.run().await, Advanced::default());
        // From 15 January, February, March and April.
        assert_eq!(office.totals(&record).await, [1200; 4]);
        let numbers: Vec<_> = office
            .invoices(&record)
            .await
            .into_iter()
            .map(|invoice| invoice.number)
            .collect();
        assert_eq!(numbers[0], "INV-2026-04-000001");
        assert_eq!(numbers[3], "INV-2026-04-000004");
        let record = office.stored(record.id.unwrap()).await;
        assert_eq!(
            record.current_period_end.unwrap().to_string(),
            "2026-05-15T00:00:00Z"
        );
        assert_eq!(office.told().await, (2, 2));
    }
}

#[tokio::test]
async fn several_jobs_at_once_renew_each_once() {
    for office in Office::each().await {
        let mut records = Vec::new();
        for number in 0..12 {
            let caller = user(&format!("user-{number}"));
            records.push(office.subscribed(&caller, &monthly("pro")).await);
        }
        office.at("2026-01-15T00:00:00Z");
        let mut jobs = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let billing = office.billing.clone();
            jobs.spawn(async move { advance_due(&billing, billing.now()).await.unwrap() });
        }
        let runs = jobs.join_all().await;
        assert_eq!(runs.iter().map(|run| run.failed).sum::<usize>(), 0);
        for record in &records {
            assert_eq!(office.totals(record).await, [1200]);
        }
    }
}

#[tokio::test]
async fn what_is_overdue_or_suspended_is_left_alone() {
    for office in Office::each().await {
        let record = office.paying(&user("pia"), &monthly("pro")).await;
        for status in ["past_due", "suspended", "unpaid", "paused"] {
            let adjustment = Adjustment {
                status: Some(status.to_owned()),
                ..Adjustment::default()
            };
            let context = office.context(&admin());
            let id = record.id.unwrap();
            adjust(&office.billing, &context, id, &adjustment, "test")
                .await
                .unwrap();
            office.at("2026-06-01T00:00:00Z");
            assert_eq!(office.run().await, Advanced::default(), "{status}");
        }
        assert_eq!(office.totals(&record).await, [1200]);
    }
}

#[tokio::test]
async fn who_changes_a_plan_before_the_job_came_is_billed_for_what_was_due_first() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("pro")).await;
        // The period from 15 February has 28 days, of which half is left.
        office.at("2026-03-01T00:00:00Z");
        let record = office.changed(&pia, &record, to_tier("max")).await.unwrap();
        assert_eq!(office.totals(&record).await, [1200, 1200, 1450 - 600]);
    }
}

#[tokio::test]
async fn a_discount_counts_in_every_charge() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("pro")).await;
        let adjustment = Adjustment {
            discount_basis_points: Some(5_000),
            ..Adjustment::default()
        };
        let context = office.context(&admin());
        let id = record.id.unwrap();
        adjust(&office.billing, &context, id, &adjustment, "nonprofit")
            .await
            .unwrap();
        office.at("2026-02-15T00:00:00Z");
        office.run().await;
        let invoices = office.invoices(&record).await;
        let renewal = &invoices[1];
        assert_eq!(
            (
                renewal.subtotal.amount,
                renewal.discount.amount,
                renewal.total.amount
            ),
            (1200, 600, 600)
        );
        office.at("2026-03-01T00:00:00Z");
        office.changed(&pia, &record, to_tier("max")).await.unwrap();
        // Half of 29.00 at half the price, less half of the 6.00 that were paid.
        assert_eq!(office.totals(&record).await, [1200, 600, 725 - 300]);
    }
}

#[tokio::test]
async fn a_trial_that_was_made_a_period_is_followed_by_a_whole_one() {
    for office in Office::each().await {
        let record = office.subscribed(&user("pia"), &monthly("pro")).await;
        let id = record.id.unwrap();
        let adjustment = Adjustment {
            status: Some("active".to_owned()),
            ..Adjustment::default()
        };
        let context = office.context(&admin());
        adjust(&office.billing, &context, id, &adjustment, "paid in cash")
            .await
            .unwrap();
        office.at("2026-01-15T00:00:00Z");
        office.run().await;
        let record = office.stored(id).await;
        assert_eq!(
            record.current_period_end.unwrap().to_string(),
            "2026-02-15T00:00:00Z"
        );
        office.at("2026-02-15T00:00:00Z");
        office.run().await;
        let record = office.stored(id).await;
        assert_eq!(
            record.current_period_end.unwrap().to_string(),
            "2026-03-15T00:00:00Z"
        );
        assert_eq!(office.totals(&record).await, [1200, 1200]);
    }
}

#[tokio::test]
async fn the_time_in_which_it_was_suspended_is_not_charged() {
    for office in Office::each().await {
        let record = office.paying(&user("pia"), &monthly("pro")).await;
        let id = record.id.unwrap();
        for (time, status) in [
            ("2026-02-01T00:00:00Z", "suspended"),
            ("2026-06-01T00:00:00Z", "active"),
        ] {
            office.at(time);
            let adjustment = Adjustment {
                status: Some(status.to_owned()),
                ..Adjustment::default()
            };
            let context = office.context(&admin());
            adjust(&office.billing, &context, id, &adjustment, "test")
                .await
                .unwrap();
        }
        assert_eq!(office.run().await, Advanced { done: 1, failed: 0 });
        let record = office.stored(id).await;
        assert_eq!(office.totals(&record).await, [1200, 1200]);
        assert_eq!(
            record.current_period_start.unwrap().to_string(),
            "2026-06-01T00:00:00Z"
        );
        assert_eq!(
            record.current_period_end.unwrap().to_string(),
            "2026-07-01T00:00:00Z"
        );
    }
}
