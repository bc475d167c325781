use super::*;

#[tokio::test]
async fn annual_prices_count_a_twelfth_and_seats_and_discounts_count() {
    for office in Office::each().await {
        let billing = &office.billing;
        let annual = |user: &str, tier: &str| SubscriptionRecord {
            billing_cycle: Some(BillingCycle::Annual),
            ..record(user, tier)
        };
        // 115.00 a year is 9.58 a month and a third of a cent.
        store(billing, annual("a", "pro")).await;
        store(billing, annual("b", "pro")).await;
        // 6 × 8.00, half of it off.
        let half = SubscriptionRecord {
            seats: Some(6),
            discount_basis_points: 5000,
            ..record("c", "team_small")
        };
        store(billing, half).await;
        // No fewer than five seats are sold.
        store(
            billing,
            SubscriptionRecord {
                seats: Some(2),
                ..record("d", "team_scale")
            },
        )
        .await;
        // Seats mean nothing where a tier is not sold by them.
        store(
            billing,
            SubscriptionRecord {
                seats: Some(9),
                ..record("e", "max")
            },
        )
        .await;
        let report = mrr(billing).await.unwrap();
        let parts: Vec<_> = report
            .tiers
            .iter()
            .map(|part| (&*part.tier, part.subscriptions, part.amount.amount))
            .collect();
        assert_eq!(
            parts,
            [
                ("pro", 2, 1917),
                ("max", 1, 2900),
                ("team_small", 1, 2400),
                ("team_scale", 1, 3000)
            ]
        );
        assert_eq!(report.total, Amount::new(1917 + 2900 + 2400 + 3000, "USD"));
    }
}

#[tokio::test]
async fn only_what_is_active_or_trialing_counts() {
    for office in Office::each().await {
        let billing = &office.billing;
        for status in [
            "past_due",
            "canceled",
            "suspended",
            "unpaid",
            "incomplete",
            "paused",
            "odd",
        ] {
            let record = SubscriptionRecord {
                status: status.to_owned(),
                ..record(status, "pro")
            };
            store(billing, record).await;
        }
        let trial = |user: &str, end| SubscriptionRecord {
            status: "trialing".to_owned(),
            trial_end: Some(time(end)),
            ..record(user, "max")
        };
        store(billing, trial("early", "2026-01-01T00:00:00Z")).await;
        assert_eq!(mrr(billing).await.unwrap().total.amount, 0);
        store(billing, trial("late", "2026-01-01T00:00:00.000001Z")).await;
        store(
            billing,
            SubscriptionRecord {
                cancel_at_period_end: true,
                ..record("leaving", "pro")
            },
        )
        .await;
        assert_eq!(mrr(billing).await.unwrap().total.amount, 2900 + 1200);
    }
}

#[tokio::test]
async fn what_has_no_price_is_told_apart() {
    let office = Office::open().await;
    let billing = &office.billing;
    store(billing, record("a", "enterprise")).await;
    store(billing, record("b", "bronze")).await;
    store(billing, record("c", "free")).await;
    // A tier that was given away.
    store(
        billing,
        SubscriptionRecord {
            billing_cycle: None,
            ..record("d", "pro")
        },
    )
    .await;
    let report = mrr(billing).await.unwrap();
    assert_eq!(report.total.amount, 0);
    let unpriced: Vec<_> = report
        .unpriced
        .iter()
        .map(|tier| (&*tier.tier, tier.subscriptions))
        .collect();
    assert_eq!(unpriced, [("enterprise", 1), ("bronze", 1)]);
    assert_eq!(
        (&*report.tiers[0].tier, report.tiers[0].subscriptions),
        ("pro", 1)
    );
}

fn row() -> impl Strategy<Value = SoldRow> {
    let cycle = prop::sample::select(vec![None, Some("monthly"), Some("annual")]);
    let seats = prop::option::of(1_i64..500);
    let tier = prop::sample::select(TIERS.to_vec());
    (tier, cycle, seats, 0_i64..=10_000, 1_i64..200).prop_map(
        |(tier, cycle, seats, discount, subscriptions)| SoldRow {
            tier: tier.to_owned(),
            billing_cycle: cycle.map(str::to_owned),
            seats,
            discount,
            subscriptions,
        },
    )
}

/// What one subscription brings in a year, in ten-thousandths of a cent; from the price list itself.
fn yearly(row: &SoldRow) -> i128 {
    let (monthly, annual, per_seat) = match &*row.tier {
        "pro" => (1200, 11500, false),
        "max" => (2900, 27800, false),
        "premium" => (5900, 56600, false),
        "team_small" => (800, 7700, true),
        "team_growing" => (700, 6700, true),
        "team_scale" => (600, 5800, true),
        _ => return 0,
    };
    let price = match row.billing_cycle.as_deref() {
        Some("monthly") => 12 * monthly,
        Some("annual") => annual,
        _ => 0,
    };
    let seats = match (per_seat, row.seats) {
        (false, _) => 1,
        (true, Some(seats)) if seats > 5 => seats,
        (true, _) => 5,
    };
    i128::from(price) * i128::from(seats) * i128::from(10_000 - row.discount)
}

proptest! {
    #[test]
    fn the_sum_is_that_of_each_subscription_by_itself(rows in prop::collection::vec(row(), 0..30)) {
        let report = crate::reports::mrr::count(&catalog(), time("2026-01-01T00:00:00Z"), &rows);
        let mut exact: BTreeMap<&str, i128> = BTreeMap::new();
        let mut sum = 0;
        for row in &rows {
            for _ in 0..row.subscriptions {
                *exact.entry(&row.tier).or_default() += yearly(row);
                sum += yearly(row);
            }
        }
        // Rounded half up: twice the difference is within one unit, and not below.
        let twice = 2 * (i128::from(report.total.amount) * 120_000 - sum);
        prop_assert!(-120_000 < twice && twice <= 120_000);
        prop_assert_eq!(report.tiers.iter().map(|part| part.amount.amount).sum::<i64>(), report.total.amount);
        for part in &report.tiers {
            let off = i128::from(part.amount.amount) * 120_000 - exact[&*part.tier];
            prop_assert!(off.abs() < 120_000, "{} is off by {off}", part.tier);
        }
    }

    #[test]
    fn the_order_of_rows_changes_nothing(rows in prop::collection::vec(row(), 0..20)) {
        let at = time("2026-01-01T00:00:00Z");
        let mut turned = rows.clone();
        turned.reverse();
        prop_assert_eq!(
            crate::reports::mrr::count(&catalog(), at, &rows),
            crate::reports::mrr::count(&catalog(), at, &turned)
        );
    }
}
