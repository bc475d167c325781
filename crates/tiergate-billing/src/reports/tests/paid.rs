use super::*;

#[tokio::test]
async fn a_month_is_cut_by_the_catalogs_zone() {
    for office in Office::each().await {
        let text = include_str!("../../../feature-flags.yaml")
            .replace("time_zone: UTC", "time_zone: America/New_York");
        let billing = Billing::assemble(
            office.billing.database().clone(),
            Catalog::from_yaml(&text).unwrap(),
            std::sync::Arc::new(crate::payment::ManualProvider),
            office.clock.clone(),
        );
        let id = store(&billing, record("pia", "pro")).await;
        for (cents, paid_at) in [
            (1, "2026-02-01T04:59:59.999999Z"),
            (10, "2026-02-01T05:00:00Z"),
            (100, "2026-03-01T04:59:59.999999Z"),
            (1000, "2026-03-01T05:00:00Z"),
        ] {
            let amounts = (cents, 0, 0);
            invoice(
                &billing,
                id,
                "pro",
                amounts,
                Currency::USD,
                Some(time(paid_at)),
            )
            .await;
        }
        let report = revenue(&billing, "2026-02".parse().unwrap()).await.unwrap();
        assert_eq!(report.totals[0].paid, Amount::new(110, "USD"));
        assert_eq!(report.start, time("2026-02-01T05:00:00Z"));
    }
}

#[tokio::test]
async fn only_paid_invoices_count_and_refunds_are_taken_off() {
    for office in Office::each().await {
        let billing = &office.billing;
        let id = store(billing, record("pia", "pro")).await;
        let paid = Some(time("2026-01-05T00:00:00Z"));
        invoice(billing, id, "pro", (1200, 228, 0), Currency::USD, paid).await;
        invoice(billing, id, "pro", (1200, 0, 500), Currency::USD, paid).await;
        invoice(billing, id, "max", (2900, 0, 0), Currency::EUR, paid).await;
        invoice(billing, id, "max", (2900, 0, 0), Currency::EUR, None).await;
        let report = revenue(billing, "2026-01".parse().unwrap()).await.unwrap();
        let rows: Vec<_> = report
            .tiers
            .iter()
            .map(|row| {
                (
                    &*row.tier,
                    row.sums.invoices,
                    row.sums.paid.clone(),
                    row.sums.net.amount,
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("pro", 2, Amount::new(2628, "USD"), 2128),
                ("max", 1, Amount::new(2900, "EUR"), 2900)
            ]
        );
        assert_eq!(report.tiers[0].sums.tax.amount, 228);
        assert_eq!(report.tiers[0].sums.refunded.amount, 500);
        assert_eq!(report.totals.len(), 2);
        let february = revenue(billing, "2026-02".parse().unwrap()).await.unwrap();
        assert_eq!((february.tiers, february.totals), (vec![], vec![]));
    }
}

#[tokio::test]
async fn any_invoices_add_up_as_they_do_by_hand() {
    for office in Office::each().await {
        let billing = &office.billing;
        let mut random = fastrand::Rng::with_seed(7);
        let mut naive: BTreeMap<(String, String, String), (u64, i64, i64)> = BTreeMap::new();
        let id = store(billing, record("pia", "pro")).await;
        for _ in 0..150 {
            let tier = TIERS[random.usize(..TIERS.len())];
            let currency = [Currency::USD, Currency::EUR][random.usize(..2)];
            // A credit has a sum below zero; nothing of it is paid back.
            let price = random.i64(-500..10_000);
            let refunded = if price > 0 { random.i64(0..=price) } else { 0 };
            let day = Duration::from_secs(random.u64(0..120 * 24 * 60 * 60));
            let paid_at = Time(time("2026-01-01T00:00:00Z").0.saturating_add(day));
            let paid_at = random.bool().then_some(paid_at);
            invoice(billing, id, tier, (price, 0, refunded), currency, paid_at).await;
            if let Some(paid_at) = paid_at {
                let month = paid_at.to_string()[..7].to_owned();
                let sums = naive
                    .entry((month, tier.to_owned(), currency.code().to_owned()))
                    .or_default();
                *sums = (sums.0 + 1, sums.1 + price, sums.2 + refunded);
            }
        }
        let mut reported = BTreeMap::new();
        for month in [
            "2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05",
        ] {
            let report = revenue(billing, month.parse().unwrap()).await.unwrap();
            let total: i64 = report.totals.iter().map(|total| total.net.amount).sum();
            assert_eq!(
                total,
                report
                    .tiers
                    .iter()
                    .map(|row| row.sums.net.amount)
                    .sum::<i64>()
            );
            for row in report.tiers {
                let key = (month.to_owned(), row.tier, row.sums.paid.currency.clone());
                let sums = (
                    row.sums.invoices,
                    row.sums.paid.amount,
                    row.sums.refunded.amount,
                );
                assert_eq!(row.sums.net.amount, sums.1 - sums.2);
                assert_eq!(reported.insert(key, sums), None);
            }
        }
        assert_eq!(reported, naive);
    }
}
