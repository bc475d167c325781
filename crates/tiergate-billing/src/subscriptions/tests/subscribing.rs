use tokio::task::JoinSet;

use super::*;

#[tokio::test]
async fn the_first_subscription_is_a_trial_and_costs_nothing() {
    for office in Office::each().await {
        let pia = user("pia");
        let context = office.context(&pia);
        let reply = subscribe(&office.billing, &pia, &context, &monthly("pro"))
            .await
            .unwrap();
        assert_eq!(reply.status, 201);
        let record = office.stored(id_of(&reply)).await;
        assert_eq!((&*record.tier, &*record.status), ("pro", "trialing"));
        assert_eq!(
            record.trial_end.unwrap().to_string(),
            "2026-01-15T00:00:00Z"
        );
        assert_eq!(record.current_period_end, record.trial_end);
        assert_eq!(data(&reply), serde_json::to_value(&record).unwrap());
        let location = format!("/api/subscriptions/{}", record.id.unwrap());
        assert!(reply.headers.contains(&("location".to_owned(), location)));
        assert!(office.totals(&record).await.is_empty());
        assert_eq!(office.told().await, (1, 1));
    }
}

#[tokio::test]
async fn there_is_one_trial_for_an_owner_ever() {
    for office in Office::each().await {
        let pia = user("pia");
        let first = office.subscribed(&pia, &monthly("pro")).await;
        cancel(
            &office.billing,
            &pia,
            &office.context(&pia),
            first.id.unwrap(),
            Effective::Now,
            None,
        )
        .await
        .unwrap();
        let second = office.subscribed(&pia, &monthly("max")).await;
        assert_ne!(second.id, first.id);
        assert_eq!((&*second.status, second.trial_end), ("active", None));
        assert_eq!(office.totals(&second).await, [2900]);
        assert_eq!(
            second.current_period_end.unwrap().to_string(),
            "2026-02-01T00:00:00Z"
        );
        // Another owner has a trial of their own.
        assert_eq!(
            office
                .subscribed(&boss(), &team("team_small", 5))
                .await
                .status,
            "trialing"
        );
    }
}

#[tokio::test]
async fn a_hundred_at_once_make_one() {
    for office in Office::each().await {
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let (billing, pia) = (office.billing.clone(), user("pia"));
            let context = office.context(&pia);
            tasks.spawn(async move { subscribe(&billing, &pia, &context, &monthly("pro")).await });
        }
        let answers = tasks.join_all().await;
        let made = answers.iter().filter(|answer| answer.is_ok()).count();
        let exist = answers
            .iter()
            .filter(|answer| matches!(answer, Err(BillingError::SubscriptionExists)))
            .count();
        assert_eq!((made, exist), (1, 99));
        assert_eq!(office.count("SELECT COUNT(*) FROM subscriptions").await, 1);
        assert_eq!(office.told().await, (1, 1));
    }
}

#[tokio::test]
async fn retries_with_one_key_get_one_answer_and_make_one() {
    for office in Office::each().await {
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let (billing, pia) = (office.billing.clone(), user("pia"));
            let context = with_key(office.context(&pia), "k", "body");
            tasks.spawn(async move { subscribe(&billing, &pia, &context, &monthly("pro")).await });
        }
        let answers = tasks.join_all().await.into_iter().map(|answer| {
            let mut answer = answer.unwrap();
            // Headers have no order.
            answer.headers.sort();
            answer
        });
        let answers: Vec<_> = answers.collect();
        assert!(answers.iter().all(|answer| answer == &answers[0]));
        assert_eq!(office.told().await, (1, 1));
        let pia = user("pia");
        let other = with_key(office.context(&pia), "k", "another body");
        let refused = subscribe(&office.billing, &pia, &other, &monthly("pro")).await;
        assert!(matches!(refused, Err(BillingError::KeyReused)));
    }
}

#[tokio::test]
async fn a_free_row_becomes_the_paid_one() {
    for office in Office::each().await {
        let pia = user("pia");
        let owner = Subject::user("pia");
        let grant = Grant {
            tier: "free".to_owned(),
            seats: None,
            until: None,
            reason: "so that there is a row".to_owned(),
        };
        let context = office.context(&admin());
        let granted = grant_tier(&office.billing, &context, &Grantee::Owner(owner), &grant)
            .await
            .unwrap();
        let context = office.context(&pia);
        let stale = at_version(context.clone(), 7);
        let refused = subscribe(&office.billing, &pia, &stale, &monthly("pro")).await;
        assert!(matches!(
            refused,
            Err(BillingError::VersionMismatch { current: 1 })
        ));
        let reply = subscribe(&office.billing, &pia, &context, &monthly("pro"))
            .await
            .unwrap();
        assert_eq!((reply.status, id_of(&reply)), (200, id_of(&granted)));
        let record = office.stored(id_of(&reply)).await;
        assert_eq!((&*record.tier, record.version), ("pro", 2));
        let again = subscribe(&office.billing, &pia, &context, &monthly("max")).await;
        assert!(matches!(again, Err(BillingError::SubscriptionExists)));
    }
}

#[tokio::test]
async fn a_contract_is_not_bought_over() {
    for office in Office::each().await {
        let grant = Grant {
            tier: "enterprise".to_owned(),
            seats: Some(300),
            until: None,
            reason: "contract 17".to_owned(),
        };
        let grantee = Grantee::Owner(Subject::organization("eagle"));
        grant_tier(&office.billing, &office.context(&admin()), &grantee, &grant)
            .await
            .unwrap();
        let context = office.context(&boss());
        let refused = subscribe(&office.billing, &boss(), &context, &team("team_small", 5)).await;
        assert!(matches!(refused, Err(BillingError::SubscriptionExists)));
    }
}

#[tokio::test]
async fn only_who_runs_an_organization_subscribes_for_it() {
    let office = Office::open().await;
    let ask = async |caller: Caller| {
        let context = office.context(&caller);
        subscribe(&office.billing, &caller, &context, &team("team_small", 5)).await
    };
    let member_of = |role| member("tom", "eagle", role);
    let as_member = ask(member_of(OrganizationRole::Member)).await;
    assert!(matches!(as_member, Err(BillingError::Forbidden(_))));
    let as_stranger = ask(user("eve")).await;
    assert!(matches!(as_stranger, Err(BillingError::NotFound(_))));
    let as_service = ask(operator("meter", Role::Service)).await;
    assert!(matches!(as_service, Err(BillingError::Forbidden(_))));
    ask(member_of(OrganizationRole::Admin)).await.unwrap();
}

#[tokio::test]
async fn what_is_not_for_sale_changes_nothing() {
    let office = Office::open().await;
    let pia = user("pia");
    for tier in ["prp", "free", "enterprise", "team_small"] {
        let context = office.context(&pia);
        let refused = subscribe(&office.billing, &pia, &context, &monthly(tier)).await;
        assert_eq!(faults(refused.unwrap_err())[0].0, "/tier", "{tier}");
    }
    assert_eq!(office.told().await, (0, 0));
}
