//! Telling that usage reaches thresholds of limits.
//!
//! Every batch adds what it brings to running totals, one for each metric of a subscription and window
//! that a limit counts in. The steps that batches make of one total lie one after the other, see
//! `table/usage_running.rs`; so whichever way records come, each crossing lies in the step of exactly
//! one batch, and that batch tells it with what else it commits.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::json;
use tiergate_core::decision::{Knowledge, Standing};
use tiergate_core::window::BillingAnchor;
use tiergate_core::{Catalog, FeatureId, FeatureKind, Limit, Meter};

use super::meters::limit_of;
use super::period::Periods;
use super::thresholds::{Mark, Thresholds};
use crate::change::Change;
use crate::context::Context;
use crate::record::{SubscriptionRecord, UsageRecord, organization_id, user_id};
use crate::table::outbox::Message;
use crate::table::usage_running::{self, Added, Step, Total};
use crate::table::{overrides, subscriptions};
use crate::{Billing, BillingError, SubscriptionId, UsageId};

/// A limit that counts a metric.
struct Counter<'c> {
    feature: FeatureId,
    key: &'c str,
    meter: Meter,
    /// The marks of every tier's value, in rising order.
    marks: Vec<i64>,
}

/// What a batch adds to one total.
struct Addition {
    added: Added,
    /// Which of the metric's counters count it.
    counters: BTreeSet<usize>,
    /// The newest of the records: no other batch has it.
    newest: UsageId,
}

/// A total that may have reached a threshold.
struct Risen<'a> {
    total: Total,
    step: Step,
    counters: Vec<&'a Counter<'a>>,
    newest: UsageId,
}

type Counters<'c> = HashMap<&'c str, Vec<Counter<'c>>>;

/// Adds the records of a batch that were new to the running totals, and tells which thresholds are
/// reached by that.
pub(super) async fn follow<'r>(
    change: &mut Change<'_>,
    billing: &Billing,
    context: &Context,
    catalog: &Catalog,
    records: impl Iterator<Item = (&'r UsageRecord, Option<BillingAnchor>)>,
) -> Result<(), BillingError> {
    let thresholds = billing.thresholds();
    let counters = counters(catalog, thresholds);
    let mut additions = additions(catalog, &counters, records);
    let ids: BTreeSet<_> = additions.keys().map(|total| total.subscription).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    // Before the totals: until the commit, others wait for them.
    let overridden = if thresholds.percents().is_empty() {
        HashSet::new()
    } else {
        overrides::among(change.write(), &ids).await?
    };
    // Also where nothing is to be told: what is added up is whole then, whenever that changes.
    let totals = additions.iter();
    let totals = totals.map(|(total, addition)| (total.clone(), addition.added));
    let steps = usage_running::add(change.write(), totals.collect()).await?;
    if thresholds.percents().is_empty() {
        return Ok(());
    }
    let rises = steps
        .into_iter()
        .filter(|(_, step)| step.after > step.before);
    let risen: Vec<_> = rises
        .filter_map(|(total, step)| {
            let addition = additions.remove(&total)?;
            let of_metric = counters.get(&*total.metric)?;
            let own = addition.counters.iter();
            Some(Risen {
                counters: own.filter_map(|index| of_metric.get(*index)).collect(),
                newest: addition.newest,
                total,
                step,
            })
        })
        .collect();
    let near: Vec<_> = risen
        .into_iter()
        .filter(|risen| risen.is_near(&overridden))
        .collect();
    let ids: BTreeSet<_> = near.iter().map(|risen| risen.total.subscription).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let records = subscriptions::by_ids(change.write(), &ids).await?;
    let records: HashMap<_, _> = records
        .into_iter()
        .filter_map(|record| Some((record.id?, record)))
        .collect();
    for risen in near {
        if let Some(record) = records.get(&risen.total.subscription) {
            for message in risen.reached(billing, context, catalog, record) {
                change.tell(message);
            }
        }
    }
    Ok(())
}

/// The limits that count each metric, but for rates: they have no total.
fn counters<'c>(catalog: &'c Catalog, thresholds: &Thresholds) -> Counters<'c> {
    let mut counters = Counters::new();
    for (feature, described) in catalog.features() {
        let FeatureKind::Limit {
            metric: Some(metric),
            meter: Some(meter @ (Meter::Gauge | Meter::Quota(_))),
        } = &described.kind
        else {
            continue;
        };
        let values = catalog.tiers().filter_map(|(tier, _)| {
            let value = catalog.value(tier, feature).ok()?;
            value.as_limit()?.at_most()
        });
        let mut marks: Vec<_> = values
            .flat_map(|limit| thresholds.marks(limit))
            .map(|mark| mark.units)
            .collect();
        marks.sort_unstable();
        counters.entry(metric).or_default().push(Counter {
            feature,
            key: &described.key,
            meter: *meter,
            marks,
        });
    }
    counters
}

/// What records add to each total.
fn additions<'r>(
    catalog: &Catalog,
    counters: &Counters<'_>,
    records: impl Iterator<Item = (&'r UsageRecord, Option<BillingAnchor>)>,
) -> BTreeMap<Total, Addition> {
    let mut periods = Periods::new(catalog.time_zone());
    let mut additions: BTreeMap<Total, Addition> = BTreeMap::new();
    for (record, anchor) in records {
        let of_metric = counters.get(&*record.metric).into_iter().flatten();
        let mut counted = BTreeSet::new();
        for (index, counter) in of_metric.enumerate() {
            let window = periods.of_meter(counter.meter, record.occurred_at.0, anchor);
            let total = Total {
                subscription: record.subscription_id,
                metric: record.metric.clone(),
                start: window.start().into(),
                end: window.end().into(),
            };
            let months = periods.months(window);
            let addition = additions.entry(total.clone()).or_insert_with(|| Addition {
                added: Added {
                    quantity: 0,
                    months,
                },
                counters: BTreeSet::new(),
                newest: record.id,
            });
            addition.counters.insert(index);
            addition.newest = addition.newest.max(record.id);
            // Two limits may count in one window; it is one total.
            if counted.insert(total) {
                let sum = addition.added.quantity.saturating_add(record.quantity);
                addition.added.quantity = sum;
            }
        }
    }
    additions
}

impl Risen<'_> {
    /// Whether it may have reached a threshold: one of what some tier has, or of what the subscription
    /// has in place of its tier's.
    fn is_near(&self, overridden: &HashSet<SubscriptionId>) -> bool {
        let passed = |counter: &&Counter<'_>| {
            let below = |total: i64| counter.marks.partition_point(|mark| *mark <= total);
            below(self.step.before) < below(self.step.after)
        };
        overridden.contains(&self.total.subscription) || self.counters.iter().any(passed)
    }

    /// What is to be told of it, by what the subscription has now.
    fn reached(
        &self,
        billing: &Billing,
        context: &Context,
        catalog: &Catalog,
        record: &SubscriptionRecord,
    ) -> Vec<Message> {
        let (owner, view) = (record.owner(), record.view());
        let known = Knowledge::Subscription(&view);
        let standing = Standing::of(catalog, &owner, known, billing.policy(), context.now);
        let mut messages = Vec::new();
        for counter in &self.counters {
            let Limit::AtMost(limit) = limit_of(catalog, &standing, counter.feature) else {
                continue;
            };
            let marks = billing.thresholds().marks(limit);
            let (before, after) = (self.step.before, self.step.after);
            let reached = marks.filter(|mark| before < mark.units && mark.units <= after);
            messages.extend(reached.map(|mark| self.message(counter, mark, limit, record)));
        }
        messages
    }

    fn message(
        &self,
        counter: &Counter<'_>,
        mark: Mark,
        limit: u64,
        record: &SubscriptionRecord,
    ) -> Message {
        let Total {
            subscription,
            metric,
            start,
            end,
        } = &self.total;
        let owner = record.owner();
        let window = matches!(counter.meter, Meter::Quota(_)).then_some((*start, *end));
        // A quota reaches a threshold once in a window, whatever becomes of its limit meanwhile. A level
        // reaches it again after it has fallen; the newest record says which time it is.
        let once = match window {
            Some((start, end)) => format!("{}-{}", start.as_micros(), end.as_micros()),
            None => format!("level-{}", self.newest),
        };
        let (key, percent) = (counter.key, mark.percent);
        Message {
            kind: "usage.threshold_reached",
            payload: json!({
                "subject": {
                    "userId": user_id(&owner),
                    "organizationId": organization_id(&owner),
                },
                "subscriptionId": subscription,
                "feature": key,
                "metric": metric,
                "threshold": percent,
                "limit": limit,
                "used": self.step.after,
                "windowStart": window.map(|(start, _)| start),
                "windowEnd": window.map(|(_, end)| end),
            }),
            subject: Some(owner),
            version: None,
            dedupe_key: Some(format!("usage:{subscription}:{key}:{once}:{percent}")),
        }
    }
}

#[cfg(test)]
mod tests;
