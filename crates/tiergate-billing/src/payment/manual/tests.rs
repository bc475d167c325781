use std::time::Duration;

use proptest::prelude::*;
use tiergate_core::money::Currency;
use tiergate_core::{Subject, Window};

use super::*;
use crate::OperationId;
use crate::payment::{Charged, NewInvoice, Payer, Plan};
use crate::record::{BillingCycle, PendingChange, SubscriptionRecord};
use crate::subscriptions::apply;

fn plan(tier: &str, unit_amount: i64, seats: Option<u32>) -> Plan {
    Plan {
        tier: tier.to_owned(),
        cycle: BillingCycle::Monthly,
        seats,
        unit_amount,
        currency: Currency::USD,
        name: format!("{tier}, monthly"),
        discount_basis_points: 0,
    }
}

fn annual(tier: &str, unit_amount: i64) -> Plan {
    Plan {
        cycle: BillingCycle::Annual,
        ..plan(tier, unit_amount, None)
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A subscription and everything that was billed for it, driven as the service drives it.
struct Account {
    record: SubscriptionRecord,
    plan: Option<Plan>,
    next: Option<Plan>,
    invoices: Vec<NewInvoice>,
}

/// What the last charge of an invoice came to.
fn charge_of(invoice: &NewInvoice) -> i64 {
    let charges = invoice.lines.iter().map(|line| line.amount.amount.max(0));
    charges.sum::<i64>() - invoice.discount
}

impl Account {
    async fn open(plan: &Plan, now: Timestamp, trial_end: Option<Timestamp>) -> Self {
        let owner = Subject::user("pia");
        let request = Subscribe {
            operation: OperationId::new(now),
            payer: Payer {
                owner: &owner,
                email: None,
                name: None,
                customer: None,
            },
            plan,
            trial_end,
            payment_method: None,
            now,
        };
        let snapshot = ManualProvider.subscribe(&request).await.unwrap();
        let mut account = Self {
            record: SubscriptionRecord::none(&owner, "free", now.into()),
            plan: None,
            next: None,
            invoices: Vec::new(),
        };
        account.take(snapshot, Some(plan.clone()));
        account
    }

    fn take(&mut self, snapshot: Snapshot, plan: Option<Plan>) {
        self.record = apply(self.record.clone(), &snapshot, Provider::Manual);
        self.invoices.extend(snapshot.invoices);
        self.plan = plan;
    }

    fn existing(&self, now: Timestamp) -> Existing<'_> {
        let charged = self.invoices.last().and_then(|invoice| {
            let (start, end) = invoice.period?;
            let span = Window::new(start, end).filter(|span| span.contains(now))?;
            Some(Charged {
                amount: charge_of(invoice).max(0),
                span,
            })
        });
        Existing {
            operation: OperationId::new(now),
            subscription: &self.record,
            plan: self.plan.as_ref(),
            next_plan: self.next.as_ref(),
            charged,
            now,
        }
    }

    async fn change(&mut self, to: Option<&Plan>, effective: Effective, now: Timestamp) -> Preview {
        let request = ChangePlan {
            existing: self.existing(now),
            tier: to.map_or("free", |plan| &plan.tier),
            to,
            effective,
        };
        let preview = ManualProvider.preview(&request).await.unwrap();
        let snapshot = ManualProvider.change(&request).await.unwrap();
        if effective == Effective::PeriodEnd {
            self.next = to.cloned();
            let plan = self.plan.clone();
            self.take(snapshot, plan);
        } else {
            self.take(snapshot, to.cloned());
        }
        preview
    }

    /// True if something was due.
    async fn advance(&mut self, now: Timestamp) -> bool {
        let advanced = ManualProvider.advance(&self.existing(now)).await.unwrap();
        let Some(snapshot) = advanced else {
            return false;
        };
        let had = self.record.pending.is_some();
        let plan = if had {
            self.next.take()
        } else {
            self.plan.clone()
        };
        self.take(snapshot, plan);
        true
    }

    fn totals(&self) -> Vec<i64> {
        self.invoices
            .iter()
            .map(|invoice| {
                let lines = invoice.lines.iter().map(|line| line.amount.amount);
                lines.sum::<i64>() - invoice.discount
            })
            .collect()
    }

    fn period(&self) -> String {
        let (start, end) = (
            self.record.current_period_start.unwrap(),
            self.record.current_period_end.unwrap(),
        );
        format!("{start} {end}")
    }
}

#[tokio::test]
async fn a_trial_costs_nothing_and_the_first_period_begins_where_it_ends() {
    let pro = plan("pro", 1200, None);
    let (start, end) = (at("2026-01-17T08:00:00Z"), at("2026-01-31T08:00:00Z"));
    let mut account = Account::open(&pro, start, Some(end)).await;
    assert_eq!(account.record.status, "trialing");
    assert!(account.invoices.is_empty());
    assert!(!account.advance(at("2026-01-31T07:59:59.999999Z")).await);
    assert!(account.advance(end).await);
    assert_eq!(account.record.status, "active");
    assert_eq!(
        account.period(),
        "2026-01-31T08:00:00Z 2026-02-28T08:00:00Z"
    );
    assert_eq!(account.totals(), [1200]);
    assert!(!account.advance(end).await);
    assert!(account.advance(at("2026-03-31T08:00:00Z")).await);
    assert_eq!(
        account.period(),
        "2026-03-31T08:00:00Z 2026-04-30T08:00:00Z"
    );
    assert_eq!(account.totals(), [1200, 1200, 1200]);
}

#[tokio::test]
async fn missed_periods_are_each_billed_once() {
    let pro = plan("pro", 1200, None);
    let start = at("2026-01-31T00:00:00Z");
    let mut account = Account::open(&pro, start, None).await;
    assert!(account.advance(at("2026-06-15T00:00:00Z")).await);
    assert!(!account.advance(at("2026-06-15T00:00:00Z")).await);
    let starts: Vec<_> = account
        .invoices
        .iter()
        .map(|invoice| invoice.period.unwrap().0.to_string()[..10].to_owned())
        .collect();
    assert_eq!(
        starts,
        [
            "2026-01-31",
            "2026-02-28",
            "2026-03-31",
            "2026-04-30",
            "2026-05-31"
        ]
    );
}

#[tokio::test]
async fn years_from_a_leap_day_come_back_to_it() {
    let pro = annual("pro", 11_500);
    let mut account = Account::open(&pro, at("2024-02-29T12:00:00Z"), None).await;
    let mut starts = Vec::new();
    for year in 2025..=2028 {
        // One at a time, so that each starts from what was stored of the one before.
        assert!(
            account
                .advance(at(&format!("{year}-03-01T12:00:00Z")))
                .await
        );
        let start = account.record.current_period_start.unwrap().to_string();
        starts.push(start[..10].to_owned());
    }
    assert_eq!(
        starts,
        ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]
    );
}

#[tokio::test]
async fn who_is_far_behind_catches_up_in_bounded_steps() {
    let mut account = Account::open(&plan("pro", 1, None), at("1970-01-31T00:00:00Z"), None).await;
    let now = at("2026-01-01T00:00:00Z");
    let mut steps = 0;
    while account.advance(now).await {
        steps += 1;
    }
    assert_eq!((steps, account.invoices.len()), (6, 56 * 12));
    assert_eq!(
        account.period(),
        "2025-12-31T00:00:00Z 2026-01-31T00:00:00Z"
    );
}

#[tokio::test]
async fn half_a_month_of_one_is_credited_and_half_of_the_other_charged() {
    // April has 30 days.
    let mut account =
        Account::open(&plan("pro", 1201, None), at("2026-04-01T00:00:00Z"), None).await;
    let max = plan("max", 2901, None);
    let noon = at("2026-04-16T00:00:00Z");
    let preview = account.change(Some(&max), Effective::Now, noon).await;
    let amounts: Vec<_> = preview
        .lines
        .iter()
        .map(|line| line.amount.amount)
        .collect();
    assert_eq!(amounts, [-601, 1451]);
    assert_eq!((preview.due_now, preview.recurring), (850, 2901));
    assert_eq!(account.totals(), [1201, 850]);
    assert_eq!(
        account.period(),
        "2026-04-01T00:00:00Z 2026-05-01T00:00:00Z"
    );
}

#[tokio::test]
async fn another_cycle_starts_a_period_of_its_own() {
    let mut account =
        Account::open(&plan("pro", 1200, None), at("2026-04-01T00:00:00Z"), None).await;
    let now = at("2026-04-16T00:00:00Z");
    account
        .change(Some(&annual("pro", 11_500)), Effective::Now, now)
        .await;
    assert_eq!(account.totals(), [1200, 11_500 - 600]);
    assert_eq!(
        account.period(),
        "2026-04-16T00:00:00Z 2027-04-16T00:00:00Z"
    );
}

#[tokio::test]
async fn what_waits_for_the_period_end_holds_from_then_and_no_sooner() {
    let mut account =
        Account::open(&plan("max", 2900, None), at("2026-04-01T00:00:00Z"), None).await;
    let pro = plan("pro", 1200, None);
    let preview = account
        .change(Some(&pro), Effective::PeriodEnd, at("2026-04-10T00:00:00Z"))
        .await;
    assert_eq!((preview.due_now, preview.recurring), (0, 1200));
    assert_eq!(preview.effective_at, at("2026-05-01T00:00:00Z"));
    assert_eq!(account.record.tier, "max");
    assert!(!account.advance(at("2026-04-30T23:59:59Z")).await);
    assert!(account.advance(at("2026-06-02T00:00:00Z")).await);
    assert_eq!(
        (&*account.record.tier, &account.record.pending),
        ("pro", &None)
    );
    assert_eq!(account.totals(), [2900, 1200, 1200]);
}

#[tokio::test]
async fn a_change_to_nothing_waits_too_and_then_bills_nothing() {
    let mut account =
        Account::open(&plan("pro", 1200, None), at("2026-04-01T00:00:00Z"), None).await;
    account
        .change(None, Effective::PeriodEnd, at("2026-04-10T00:00:00Z"))
        .await;
    assert!(account.advance(at("2027-05-01T00:00:00Z")).await);
    let record = &account.record;
    assert_eq!((&*record.tier, &*record.status), ("free", "active"));
    assert_eq!(
        (record.billing_cycle, record.current_period_end),
        (None, None)
    );
    assert_eq!(account.totals(), [1200]);
}

#[tokio::test]
async fn what_is_to_change_and_is_not_touched_still_changes() {
    let mut account = Account::open(
        &plan("team_scale", 600, Some(10)),
        at("2026-04-01T00:00:00Z"),
        None,
    )
    .await;
    account
        .change(
            Some(&plan("team_small", 800, Some(10))),
            Effective::PeriodEnd,
            at("2026-04-10T00:00:00Z"),
        )
        .await;
    account
        .change(
            Some(&plan("team_scale", 600, Some(12))),
            Effective::Now,
            at("2026-04-16T00:00:00Z"),
        )
        .await;
    assert_eq!(account.record.seats, Some(12));
    assert_eq!(
        account.record.pending,
        Some(PendingChange {
            tier: Some("team_small".to_owned()),
            ..PendingChange::default()
        })
    );
}

#[tokio::test]
async fn what_was_discounted_is_not_credited_beyond_what_it_brought() {
    let half = Plan {
        discount_basis_points: 5_000,
        ..plan("pro", 1200, None)
    };
    let mut account = Account::open(&half, at("2026-04-01T00:00:00Z"), None).await;
    assert_eq!(account.totals(), [600]);
    // The discount is gone by the time of the change.
    account.plan = Some(plan("pro", 1200, None));
    account
        .change(
            Some(&plan("max", 2900, None)),
            Effective::Now,
            at("2026-04-16T00:00:00Z"),
        )
        .await;
    assert_eq!(account.totals(), [600, 1450 - 300]);
}

#[tokio::test]
async fn ends_and_ends_taken_back_leave_the_period_alone() {
    let mut account =
        Account::open(&plan("pro", 1200, None), at("2026-04-01T00:00:00Z"), None).await;
    let now = at("2026-04-10T00:00:00Z");
    let cancel = Cancel {
        existing: account.existing(now),
        effective: Effective::PeriodEnd,
    };
    let canceled = ManualProvider.cancel(&cancel).await.unwrap();
    let plan = account.plan.clone();
    account.take(canceled, plan.clone());
    assert!(account.record.cancel_at_period_end && account.record.status == "active");
    let back = ManualProvider.reactivate(&account.existing(now)).await;
    let ended = ManualProvider
        .advance(&account.existing(at("2026-05-01T00:00:00Z")))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&*ended.status, ended.canceled_at), ("canceled", Some(now)));
    assert!(ended.invoices.is_empty());
    account.take(back.unwrap(), plan);
    assert_eq!(
        (
            account.record.cancel_at_period_end,
            account.record.canceled_at
        ),
        (false, None)
    );
    assert!(
        ManualProvider
            .reactivate(&account.existing(now))
            .await
            .is_err()
    );
}

fn any_plan() -> impl Strategy<Value = Option<Plan>> {
    let priced = (
        0_i64..1_000_000,
        1_u32..500,
        0_u32..=10_000,
        prop::bool::ANY,
    );
    prop::option::weighted(
        0.9,
        priced.prop_map(|(amount, seats, discount_basis_points, yearly)| Plan {
            cycle: if yearly {
                BillingCycle::Annual
            } else {
                BillingCycle::Monthly
            },
            discount_basis_points,
            ..plan("tier", amount, Some(seats))
        }),
    )
}

proptest! {
    /// Whatever is changed whenever: what a preview says is what is billed; no credit is above the
    /// charge that it takes back; what was credited in all is never above what was charged in all.
    #[test]
    fn bills_are_as_previewed_and_credits_stay_below_charges(
        first in any_plan().prop_filter_map("paid", |plan| plan),
        changes in prop::collection::vec((any_plan(), 0_u64..40 * 86_400_000_000), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut now = at("2026-01-31T00:00:00Z");
            let mut account = Account::open(&first, now, None).await;
            for (to, later) in changes {
                now = now.saturating_add(Duration::from_micros(later));
                account.advance(now).await;
                let before = account.invoices.len();
                let last_charge = account.invoices.last().map_or(0, charge_of);
                let preview = account.change(to.as_ref(), Effective::Now, now).await;
                let billed = account.invoices.get(before);
                let lines = billed.map_or(&[][..], |invoice| &invoice.lines);
                prop_assert_eq!(&preview.lines, lines);
                prop_assert_eq!(preview.due_now, account.totals()[before..].iter().sum::<i64>());
                let credit: i64 = lines.iter().map(|line| line.amount.amount.min(0)).sum();
                prop_assert!(-credit <= last_charge);
                let net: i64 = account.totals().iter().sum();
                prop_assert!(net >= 0);
            }
            Ok(())
        })?;
    }

    /// Changes within one period come, all in all, to the price of each plan for the time it was had:
    /// exactly, but for one unit of rounding for each line. The oracle adds exact fractions.
    #[test]
    fn a_period_of_changes_costs_what_was_had(
        prices in prop::collection::vec(0_i64..10_000_000, 2..8),
        cuts in prop::collection::vec(0_i64..30 * 86_400_000_000, 7),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let start = at("2026-04-01T00:00:00Z");
            let whole = 30 * 86_400_000_000_i128;
            let mut cuts = cuts;
            cuts.truncate(prices.len() - 1);
            cuts.sort_unstable();
            let mut account = Account::open(&plan("tier", prices[0], None), start, None).await;
            for (price, cut) in prices[1..].iter().zip(&cuts) {
                let now = Timestamp::from_micros(start.as_micros() + cut);
                account.change(Some(&plan("tier", *price, None)), Effective::Now, now).await;
            }
            // In units of money times microseconds, so that there is nothing to round.
            let mut edges = vec![0_i128];
            edges.extend(cuts.iter().map(|cut| i128::from(*cut)));
            edges.push(whole);
            let had: i128 = prices
                .iter()
                .zip(edges.windows(2))
                .map(|(price, edge)| i128::from(*price) * (edge[1] - edge[0]))
                .sum();
            let billed = i128::from(account.totals().iter().sum::<i64>()) * whole;
            let lines = i128::try_from(account.invoices.iter().map(|one| one.lines.len()).sum::<usize>()).unwrap();
            prop_assert!((billed - had).abs() <= lines * whole);
            Ok(())
        })?;
    }
}
