use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tiergate_core::money::Currency;
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, Subject};

use super::{Days, churn, distribution, mrr, revenue, top_owners, usage};
use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::payment::NewInvoice;
use crate::record::{
    Amount, BillingCycle, InvoiceLine, InvoiceRecord, InvoiceStatus, SubscriptionRecord, Time,
};
use crate::table::reports::SoldRow;
use crate::table::{invoices, subscriptions};
use crate::testing::{Office, catalog};
use crate::{Billing, BillingError, SubscriptionId};

mod leaving;
mod paid;
mod recurring;

const TIERS: [&str; 10] = [
    "free",
    "pro",
    "max",
    "premium",
    "team_small",
    "team_growing",
    "team_scale",
    "enterprise",
    "gold",
    "bronze",
];

fn time(text: &str) -> Time {
    Time(text.parse().unwrap())
}

/// A subscription that lives, is active and was made when the year began.
fn record(user: &str, tier: &str) -> SubscriptionRecord {
    SubscriptionRecord {
        billing_cycle: Some(BillingCycle::Monthly),
        ..SubscriptionRecord::none(&Subject::user(user), tier, time("2026-01-01T00:00:00Z"))
    }
}

async fn store(billing: &Billing, record: SubscriptionRecord) -> SubscriptionId {
    let mut write = billing.database().write().await.unwrap();
    let stored = subscriptions::insert(&mut write, record).await.unwrap();
    write.commit().await.unwrap();
    stored.id.unwrap()
}

/// Writes into the audit log that a subscription had a tier from then on.
async fn log_tier(billing: &Billing, id: SubscriptionId, at: Time, tier: &str) {
    log(billing, id, at, &json!({ "tier": tier })).await;
}

async fn log(billing: &Billing, id: SubscriptionId, at: Time, after: &serde_json::Value) {
    let context = Context::system("test", at.0);
    let Begun::Fresh(mut change) = Change::begin_for_all(billing, &context).await.unwrap() else {
        panic!("no key was given");
    };
    let object = ("subscription", id.to_string());
    change
        .audit(
            "subscription.changed",
            object,
            None::<&()>,
            Some(after),
            None,
        )
        .await
        .unwrap();
    change.finish(Reply::done(&())).await.unwrap();
}

async fn invoice(
    billing: &Billing,
    subscription: SubscriptionId,
    tier: &str,
    amounts: (i64, i64, i64),
    currency: Currency,
    paid_at: Option<Time>,
) -> InvoiceRecord {
    let (price, tax, refunded) = amounts;
    let new = NewInvoice {
        reference: None,
        tier: tier.to_owned(),
        status: if paid_at.is_some() {
            InvoiceStatus::Paid
        } else {
            InvoiceStatus::Open
        },
        lines: vec![InvoiceLine {
            description: "a line".to_owned(),
            quantity: 1,
            amount: Amount::new(price, currency.code()),
            period_start: None,
            period_end: None,
        }],
        discount: 0,
        tax,
        currency,
        period: None,
        due_at: None,
        paid_at: paid_at.map(|time| time.0),
    };
    let now = billing.now().into();
    let mut write = billing.database().write().await.unwrap();
    let stored = invoices::insert(&mut write, subscription, &new, now)
        .await
        .unwrap();
    let refunded = InvoiceRecord {
        refunded: Amount::new(refunded, currency.code()),
        ..stored
    };
    let stored = invoices::update(&mut write, refunded, now).await.unwrap();
    write.commit().await.unwrap();
    stored
}

#[tokio::test]
async fn every_subscription_is_in_the_distribution_once() {
    for office in Office::each().await {
        let billing = &office.billing;
        let mut random = fastrand::Rng::with_seed(3);
        let mut naive: BTreeMap<(String, String), u64> = BTreeMap::new();
        for user in 0..80 {
            let tier = TIERS[random.usize(..TIERS.len())];
            let status = ["active", "trialing", "canceled", "odd"][random.usize(..4)];
            let record = SubscriptionRecord {
                status: status.to_owned(),
                ..record(&format!("u{user}"), tier)
            };
            store(billing, record).await;
            *naive
                .entry((tier.to_owned(), status.to_owned()))
                .or_default() += 1;
        }
        let report = distribution(billing).await.unwrap();
        let mut reported = BTreeMap::new();
        for tier in &report.tiers {
            assert_eq!(
                tier.total,
                tier.statuses.iter().map(|status| status.count).sum::<u64>()
            );
            for status in &tier.statuses {
                reported.insert((tier.tier.clone(), status.status.clone()), status.count);
            }
        }
        assert_eq!(reported, naive);
        assert_eq!(report.total, 80);
        assert_eq!(
            report
                .statuses
                .iter()
                .map(|status| status.count)
                .sum::<u64>(),
            80
        );
        let order: Vec<_> = report.tiers.iter().map(|tier| &*tier.tier).collect();
        let mut known = TIERS.to_vec();
        known.swap(8, 9);
        assert_eq!(order, known);
    }
}

#[tokio::test]
async fn usage_lists_every_metric_and_refuses_unknown_ones() {
    for office in Office::each().await {
        let billing = &office.billing;
        let month = "2026-01".parse().unwrap();
        let report = usage(billing, month).await.unwrap();
        let keys: Vec<_> = report
            .metrics
            .iter()
            .map(|metric| &*metric.metric)
            .collect();
        let catalog = billing.catalog();
        let expected: Vec<_> = catalog.metrics().map(|metric| &*metric.key).collect();
        assert_eq!(keys, expected);
        assert!(
            report
                .metrics
                .iter()
                .all(|metric| (metric.quantity, metric.records) == (0, 0))
        );
        let top = top_owners(billing, "storage", month, 10).await.unwrap();
        assert_eq!(top.owners, []);
        let error = top_owners(billing, "storag", month, 10).await.unwrap_err();
        assert!(matches!(error, BillingError::Invalid(_)));
        assert!(
            error.to_string().contains("did you mean `storage`?"),
            "{error}"
        );
    }
}
