//! Recording a batch: one transaction, in which each new record is counted once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use tiergate_core::{Catalog, Subject};

use super::check::{Checked, Checker, Target};
use super::period::Periods;
use super::{BatchOutcome, Outcome, RecordOutcome, Submission, watch};
use crate::auth::{Caller, Role};
use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::record::{SubscriptionRecord, UsageRecord};
use crate::table::usage_owners::{self, Counted};
use crate::table::{subscriptions, usage};
use crate::{Billing, BillingError, SubscriptionId, UsageId};

/// Excludes batches that make subscriptions from each other, so that all of them together hold few
/// locks, and none waits for an owner that another has.
const MAKING_ROWS: &str = "usage:making-rows";

/// Counts the records that are new, in one transaction, and answers what became of each.
///
/// An owner who has no subscription gets a free one with the first record.
///
/// # Errors
///
/// [`BillingError::Forbidden`] unless the caller is a service or an admin.
pub(crate) async fn record(
    billing: &Billing,
    caller: &Caller,
    context: &Context,
    batch: Vec<Submission>,
) -> Result<Reply, BillingError> {
    if !caller.is(Role::Service) && !caller.is(Role::Admin) {
        return Err(BillingError::Forbidden(
            "usage is recorded by callers with the role `service`".into(),
        ));
    }
    let catalog = billing.catalog();
    let checker = Checker::new(&catalog, context.now);
    let told = batch.into_iter().map(|submission| {
        let key = submission.idempotency_key.clone();
        (key, checker.check(submission))
    });
    let told: Vec<_> = told.collect();

    let mut change = match Change::begin_for_all(billing, context).await? {
        Begun::Fresh(change) => change,
        Begun::Answered(reply) => return Ok(reply),
    };
    let right = told.iter().filter_map(|(_, checked)| checked.as_ref().ok());
    let counted = find(
        &mut change,
        context,
        &catalog,
        right.map(|right| &right.target),
    )
    .await?;
    let stored = store(&mut change, context, &catalog, &told, &counted).await?;
    let anchors: HashMap<_, _> = counted
        .values()
        .map(|counted| (counted.id, counted.anchor))
        .collect();
    let new = stored.new_records().map(|record| {
        let anchor = anchors.get(&record.subscription_id).copied().flatten();
        (record, anchor)
    });
    watch::follow(&mut change, billing, context, &catalog, new).await?;

    let mut outcomes = Vec::with_capacity(told.len());
    for (index, (key, checked)) in told.into_iter().enumerate() {
        let fate = match checked {
            Ok(checked) => stored.fate(index, &checked, &counted)?,
            Err(faults) => Fate::Rejected(faults.into()),
        };
        outcomes.push(fate.tell(index, key));
    }
    let reply = Reply::done(&BatchOutcome::of(outcomes));
    change.finish(reply).await
}

type Told = (String, Result<Checked, String>);

/// The subscriptions that records count for. Owners who have none get one.
async fn find<'t>(
    change: &mut Change<'_>,
    context: &Context,
    catalog: &Catalog,
    targets: impl Iterator<Item = &'t Target>,
) -> Result<HashMap<Target, Counted>, BillingError> {
    let (mut ids, mut owners) = (Vec::new(), Vec::new());
    for target in targets {
        match target {
            Target::Subscription(id) => ids.push(*id),
            Target::Owner(owner) => owners.push(owner.clone()),
        }
    }
    ids.sort_unstable();
    ids.dedup();
    owners.sort_unstable();
    owners.dedup();

    let by_id = usage_owners::by_ids(change.write(), &ids).await?;
    let mut of_owners = usage_owners::of_owners(change.write(), &owners, context.now).await?;
    owners.retain(|owner| !of_owners.contains_key(owner));
    if !owners.is_empty() {
        of_owners.extend(make_rows(change, context, catalog, &owners).await?);
    }
    let by_id = by_id
        .into_iter()
        .map(|(id, counted)| (Target::Subscription(id), counted));
    let of_owners = of_owners
        .into_iter()
        .map(|(owner, counted)| (Target::Owner(owner), counted));
    Ok(by_id.chain(of_owners).collect())
}

/// Makes free subscriptions for owners who seem to have none.
async fn make_rows(
    change: &mut Change<'_>,
    context: &Context,
    catalog: &Catalog,
    owners: &[Subject],
) -> Result<HashMap<Subject, Counted>, BillingError> {
    change.write().lock(MAKING_ROWS).await?;
    for owner in owners {
        change.write().lock_owner(owner).await?;
    }
    // Others may have made some before the locks were held.
    let mut found = usage_owners::of_owners(change.write(), owners, context.now).await?;
    // The catalog gave the id.
    let free = catalog.tier(catalog.default_tier());
    let free = free.map(|tier| tier.key.to_string()).unwrap_or_default();
    for owner in owners {
        if found.contains_key(owner) {
            continue;
        }
        let row = SubscriptionRecord::none(owner, &free, context.now.into());
        let row = subscriptions::insert(change.write(), row).await?;
        change
            .subscription_changed("subscription.created", None, &row, Some("its first usage"))
            .await?;
        if let Some(id) = row.id {
            found.insert(owner.clone(), Counted { id, anchor: None });
        }
    }
    Ok(found)
}

type Key<'t> = (SubscriptionId, &'t str);

/// What is stored under the keys of a batch.
struct Stored {
    records: HashMap<(SubscriptionId, String), UsageRecord>,
    /// Which of the records that were sent are counted now.
    accepted: HashMap<usize, UsageId>,
    /// The same, as they are stored.
    new: HashSet<UsageId>,
}

/// Writes the first record of each key that nothing is stored under.
async fn store(
    change: &mut Change<'_>,
    context: &Context,
    catalog: &Catalog,
    told: &[Told],
    counted: &HashMap<Target, Counted>,
) -> Result<Stored, BillingError> {
    let mut periods = Periods::new(catalog.time_zone());
    // Sorted by subscription and key: see `usage::insert`.
    let mut firsts: BTreeMap<Key<'_>, (usize, UsageRecord)> = BTreeMap::new();
    for (index, (_, checked)) in told.iter().enumerate() {
        let Ok(checked) = checked else { continue };
        let Some(counted) = counted.get(&checked.target) else {
            continue;
        };
        firsts
            .entry((counted.id, checked.key.as_str()))
            .or_insert_with(|| (index, new_record(checked, *counted, &mut periods, context)));
    }
    let (indexes, records): (Vec<_>, Vec<_>) = firsts.into_values().unzip();
    let new = usage::insert(change.write(), &records).await?;

    let known = records.iter().filter(|record| !new.contains(&record.id));
    let known: Vec<_> = known
        .map(|record| (record.subscription_id, record.idempotency_key.as_str()))
        .collect();
    let known = usage::by_keys(change.write(), &known).await?;

    let mut stored = Stored {
        records: HashMap::with_capacity(records.len()),
        accepted: HashMap::with_capacity(new.len()),
        new,
    };
    for (index, record) in indexes.into_iter().zip(records) {
        if stored.new.contains(&record.id) {
            stored.accepted.insert(index, record.id);
            stored.keep(record);
        }
    }
    for record in known {
        stored.keep(record);
    }
    Ok(stored)
}

fn new_record(
    checked: &Checked,
    counted: Counted,
    periods: &mut Periods<'_>,
    context: &Context,
) -> UsageRecord {
    let at = checked.occurred.at();
    let period = periods.period(at, counted.anchor);
    UsageRecord {
        id: UsageId::new(context.now),
        idempotency_key: checked.key.clone(),
        subscription_id: counted.id,
        user_id: checked.user.clone(),
        metric: checked.metric.clone(),
        quantity: checked.quantity,
        unit: checked.unit.clone(),
        cost: checked.cost.clone(),
        period_start: period.start().into(),
        period_end: period.end().into(),
        billing_month: periods.month(at).to_string(),
        metadata: checked.metadata.clone(),
        occurred_at: at.into(),
        recorded_at: context.now.into(),
    }
}

impl Stored {
    fn keep(&mut self, record: UsageRecord) {
        let key = (record.subscription_id, record.idempotency_key.clone());
        self.records.insert(key, record);
    }

    /// The records that are counted now.
    fn new_records(&self) -> impl Iterator<Item = &UsageRecord> {
        let records = self.records.values();
        records.filter(|record| self.new.contains(&record.id))
    }

    /// What became of a record that was right by itself.
    fn fate(
        &self,
        index: usize,
        checked: &Checked,
        counted: &HashMap<Target, Counted>,
    ) -> Result<Fate, BillingError> {
        let Some(counted) = counted.get(&checked.target) else {
            return Ok(Fate::Rejected(
                "subscriptionId: there is no such subscription".into(),
            ));
        };
        if let Some(id) = self.accepted.get(&index) {
            return Ok(Fate::Accepted(*id));
        }
        let stored = self.records.get(&(counted.id, checked.key.clone()));
        // Nothing deletes records: what kept this one out was there a moment ago.
        let stored = stored.ok_or(BillingError::Contention)?;
        Ok(if checked.says_the_same_as(stored) {
            Fate::Duplicate(stored.id)
        } else {
            Fate::Rejected("idempotencyKey: this key came with another record before".into())
        })
    }
}

enum Fate {
    Accepted(UsageId),
    Duplicate(UsageId),
    Rejected(Cow<'static, str>),
}

impl Fate {
    fn tell(self, index: usize, idempotency_key: String) -> RecordOutcome {
        let (outcome, id, reason) = match self {
            Self::Accepted(id) => (Outcome::Accepted, Some(id), None),
            Self::Duplicate(id) => (Outcome::Duplicate, Some(id), None),
            Self::Rejected(reason) => (Outcome::Rejected, None, Some(reason.into_owned())),
        };
        RecordOutcome {
            index,
            idempotency_key,
            outcome,
            id,
            reason,
        }
    }
}
