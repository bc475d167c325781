use super::*;

fn pending_tier(record: &SubscriptionRecord) -> Option<&str> {
    record.pending.as_ref()?.tier.as_deref()
}

#[tokio::test]
async fn an_upgrade_acts_now_and_is_charged_in_proportion() {
    for office in Office::each().await {
        let pia = user("pia");
        // The paid period is the one from 15 January to 15 February: 31 days.
        let record = office.paying(&pia, &monthly("pro")).await;
        assert_eq!(
            (&*record.status, office.totals(&record).await),
            ("active", vec![1200])
        );
        office.at("2026-01-30T12:00:00Z");
        let record = office.changed(&pia, &record, to_tier("max")).await.unwrap();
        assert_eq!((&*record.tier, &record.pending), ("max", &None));
        // Exactly half of the period is left.
        assert_eq!(office.totals(&record).await, [1200, 1450 - 600]);
        let again = office
            .changed(&pia, &record, to_tier("premium"))
            .await
            .unwrap();
        // What is credited is what is left of the last charge, to the cent.
        assert_eq!(office.totals(&again).await, [1200, 850, 2950 - 1450]);
        assert_eq!(office.told().await, (4, 4));
    }
}

#[tokio::test]
async fn a_downgrade_waits_for_the_end_of_the_period() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("premium")).await;
        let record = office.changed(&pia, &record, to_tier("pro")).await.unwrap();
        assert_eq!(
            (&*record.tier, pending_tier(&record)),
            ("premium", Some("pro"))
        );
        // Naming the tier that it has takes it back.
        let record = office
            .changed(&pia, &record, to_tier("premium"))
            .await
            .unwrap();
        assert_eq!(record.pending, None);
        let record = office.changed(&pia, &record, to_tier("pro")).await.unwrap();
        office.at("2026-02-15T00:00:00Z");
        assert_eq!(office.run().await, Advanced { done: 1, failed: 0 });
        let record = office.stored(record.id.unwrap()).await;
        assert_eq!((&*record.tier, &record.pending), ("pro", &None));
        assert_eq!(office.totals(&record).await, [5900, 1200]);
    }
}

#[tokio::test]
async fn a_downgrade_acts_now_where_that_is_said() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("premium")).await;
        office.at("2026-01-30T12:00:00Z");
        let wanted = PlanChange {
            effective: Some(Effective::Now),
            ..to_tier("pro")
        };
        let record = office.changed(&pia, &record, wanted).await.unwrap();
        assert_eq!(record.tier, "pro");
        assert_eq!(office.totals(&record).await, [5900, 600 - 2950]);
    }
}

#[tokio::test]
async fn seats_go_up_now_and_down_at_renewal() {
    for office in Office::each().await {
        let record = office.paying(&boss(), &team("team_small", 6)).await;
        office.at("2026-01-30T12:00:00Z");
        let record = office
            .changed(&boss(), &record, to_seats(10))
            .await
            .unwrap();
        assert_eq!(record.seats, Some(10));
        assert_eq!(office.totals(&record).await, [4800, 4000 - 2400]);
        let record = office.changed(&boss(), &record, to_seats(5)).await.unwrap();
        let pending = record.pending.clone().unwrap();
        assert_eq!((record.seats, pending.seats), (Some(10), Some(5)));
        let few = office
            .changed(&boss(), &record, to_seats(4))
            .await
            .unwrap_err();
        assert_eq!(faults(few)[0].0, "/seats");
        office.at("2026-02-15T00:00:00Z");
        office.run().await;
        let record = office.stored(record.id.unwrap()).await;
        assert_eq!((record.seats, record.pending.clone()), (Some(5), None));
        assert_eq!(office.totals(&record).await.last(), Some(&4000));
    }
}

#[tokio::test]
async fn paying_by_the_year_starts_a_year_now_and_by_the_month_waits() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("pro")).await;
        office.at("2026-01-30T12:00:00Z");
        let yearly = to_cycle(BillingCycle::Annual);
        let record = office.changed(&pia, &record, yearly).await.unwrap();
        assert_eq!(office.totals(&record).await, [1200, 11_500 - 600]);
        let end = record.current_period_end.unwrap().to_string();
        assert_eq!(end, "2027-01-30T12:00:00Z");
        let record = office
            .changed(&pia, &record, to_cycle(BillingCycle::Monthly))
            .await
            .unwrap();
        assert_eq!(record.billing_cycle, Some(BillingCycle::Annual));
        office.at("2027-01-30T12:00:00Z");
        office.run().await;
        let record = office.stored(record.id.unwrap()).await;
        assert_eq!(record.billing_cycle, Some(BillingCycle::Monthly));
        // The months go on from the day of the year's, and come back to it.
        let end = record.current_period_end.unwrap().to_string();
        assert_eq!(end, "2027-02-28T12:00:00Z");
        office.at(&end);
        office.run().await;
        let record = office.stored(record.id.unwrap()).await;
        let end = record.current_period_end.unwrap().to_string();
        assert_eq!(end, "2027-03-30T12:00:00Z");
    }
}

#[tokio::test]
async fn more_and_less_at_once_has_to_say_when() {
    let office = Office::open().await;
    let record = office.paying(&boss(), &team("team_small", 10)).await;
    let both = PlanChange {
        seats: Some(5),
        ..to_tier("team_scale")
    };
    let refused = office
        .changed(&boss(), &record, both.clone())
        .await
        .unwrap_err();
    assert_eq!(faults(refused)[0].0, "/effective");
    let said = PlanChange {
        effective: Some(Effective::PeriodEnd),
        ..both
    };
    let record = office.changed(&boss(), &record, said).await.unwrap();
    let pending = record.pending.clone().unwrap();
    assert_eq!(
        (pending.tier.as_deref(), pending.seats),
        (Some("team_scale"), Some(5))
    );
    // A year of a tier that is about to be left has to be asked for in so many words.
    let yearly = to_cycle(BillingCycle::Annual);
    let refused = office.changed(&boss(), &record, yearly).await.unwrap_err();
    assert_eq!(faults(refused)[0].0, "/effective");
}

#[tokio::test]
async fn on_trial_another_tier_is_tried_and_nothing_is_billed() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.subscribed(&pia, &monthly("pro")).await;
        let record = office
            .changed(&pia, &record, to_tier("premium"))
            .await
            .unwrap();
        assert_eq!((&*record.tier, &*record.status), ("premium", "trialing"));
        assert!(office.totals(&record).await.is_empty());
        office.at("2026-01-15T00:00:00Z");
        office.run().await;
        assert_eq!(office.totals(&record).await, [5900]);
    }
}

#[tokio::test]
async fn to_the_free_tier_it_goes_at_the_end_of_the_period() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("pro")).await;
        let record = office
            .changed(&pia, &record, to_tier("free"))
            .await
            .unwrap();
        assert_eq!(
            (&*record.tier, pending_tier(&record)),
            ("pro", Some("free"))
        );
        office.at("2026-02-15T00:00:00Z");
        office.run().await;
        let record = office.stored(record.id.unwrap()).await;
        assert_eq!((&*record.tier, &*record.status), ("free", "active"));
        assert_eq!(
            (record.billing_cycle, record.current_period_end),
            (None, None)
        );
        assert_eq!(office.run().await, Advanced::default());
        assert_eq!(office.totals(&record).await, [1200]);
        // From there it is subscribed again, without a second trial.
        let context = office.context(&pia);
        let reply = subscribe(&office.billing, &pia, &context, &monthly("max"))
            .await
            .unwrap();
        assert_eq!(
            (id_of(&reply), &data(&reply)["status"]),
            (record.id.unwrap(), &"active".into())
        );
    }
}

#[tokio::test]
async fn a_change_to_what_it_is_changes_nothing() {
    let office = Office::open().await;
    let pia = user("pia");
    let record = office.paying(&pia, &monthly("pro")).await;
    let told = office.told().await;
    let same = office.changed(&pia, &record, to_tier("pro")).await.unwrap();
    assert_eq!((same.version, office.told().await), (record.version, told));
}

#[tokio::test]
async fn what_cannot_be_changed_says_what_can_be_done() {
    let office = Office::open().await;
    let pia = user("pia");
    let record = office.paying(&pia, &monthly("pro")).await;
    for (wanted, pointer) in [
        (PlanChange::default(), ""),
        (to_tier("team_small"), "/tier"),
        (to_tier("enterprise"), "/tier"),
        (to_tier("mx"), "/tier"),
        (to_seats(3), "/seats"),
        (
            PlanChange {
                seats: Some(1),
                ..to_tier("free")
            },
            "/seats",
        ),
    ] {
        let refused = office
            .changed(&pia, &record, wanted.clone())
            .await
            .unwrap_err();
        assert_eq!(faults(refused)[0].0, pointer, "{wanted:?}");
    }
    let context = office.context(&pia);
    let id = record.id.unwrap();
    cancel(
        &office.billing,
        &pia,
        &context,
        id,
        Effective::PeriodEnd,
        None,
    )
    .await
    .unwrap();
    let ending = office.changed(&pia, &record, to_tier("max")).await;
    assert!(matches!(ending, Err(BillingError::InvalidState(_))));
}

#[tokio::test]
async fn only_the_version_that_was_seen_is_changed() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("pro")).await;
        let (billing, id) = (&office.billing, record.id.unwrap());
        let seen = at_version(office.context(&pia), record.version);
        change(billing, &pia, &seen, id, to_tier("max"))
            .await
            .unwrap();
        let current = record.version + 1;
        let refused = change(billing, &pia, &seen, id, to_tier("premium")).await;
        let Err(BillingError::VersionMismatch { current: told }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(told, current);
        assert_eq!(office.stored(id).await.tier, "max");
    }
}

#[tokio::test]
async fn one_key_charges_once_whoever_is_faster() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("pro")).await;
        let id = record.id.unwrap();
        office.at("2026-01-30T12:00:00Z");
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (billing, pia) = (office.billing.clone(), pia.clone());
            let context = with_key(office.context(&pia), "k", "max");
            tasks.spawn(async move {
                change(&billing, &pia, &context, id, to_tier("max"))
                    .await
                    .unwrap()
            });
        }
        let answers = tasks.join_all().await;
        assert!(answers.iter().all(|answer| answer == &answers[0]));
        assert_eq!(office.totals(&record).await, [1200, 850]);
    }
}

#[tokio::test]
async fn a_stranger_learns_nothing_and_a_member_changes_nothing() {
    let office = Office::open().await;
    let record = office.paying(&boss(), &team("team_small", 5)).await;
    let stranger = office.changed(&user("eve"), &record, to_seats(9)).await;
    assert!(matches!(stranger, Err(BillingError::NotFound(_))));
    let tom = member("tom", "eagle", OrganizationRole::Member);
    let only_member = office.changed(&tom, &record, to_seats(9)).await;
    assert!(matches!(only_member, Err(BillingError::Forbidden(_))));
}
