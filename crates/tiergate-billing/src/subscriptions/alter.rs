//! How a subscription that is there is altered: by asking its provider and storing what that tells.

use tiergate_core::time::Timestamp;

use super::change::{PlanChange, Resolution};
use super::facts::{Facts, provider_of};
use super::{apply, operation};
use crate::auth::Caller;
use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::payment::{Cancel, ChangePlan, Effective, Snapshot};
use crate::record::{InvoiceRecord, Provider, SubscriptionRecord};
use crate::table::{invoices, subscriptions};
use crate::{Billing, BillingError, SubscriptionId};

/// How often a change is planned anew because somebody else was faster.
pub(super) const MOST_TRIES: usize = 3;

/// What is to be done with a subscription.
#[derive(Clone, Debug)]
pub(super) enum Alteration {
    /// Its plan changes.
    Plan(PlanChange),
    /// It ends.
    Cancel(Effective),
    /// Its end is taken back.
    Reactivate,
    /// Its trial ends at another time.
    ExtendTrial(Timestamp),
    /// What is due is done.
    Advance,
}

impl Alteration {
    /// What the audit log calls it.
    fn action(&self) -> &'static str {
        match self {
            Self::Plan(_) => "subscription.changed",
            Self::Cancel(_) => "subscription.canceled",
            Self::Reactivate => "subscription.reactivated",
            Self::ExtendTrial(_) => "subscription.trial_extended",
            Self::Advance => "subscription.advanced",
        }
    }
}

/// The subscription of that id, if the caller may change it.
///
/// # Errors
///
/// [`BillingError::NotFound`] for who may not even see it, [`BillingError::Forbidden`] for who may.
pub(super) async fn changeable(
    billing: &Billing,
    caller: &Caller,
    id: SubscriptionId,
) -> Result<SubscriptionRecord, BillingError> {
    let record = super::by_id(billing, caller, id).await?;
    if caller.may_change(&record.owner()) {
        Ok(record)
    } else {
        Err(BillingError::Forbidden(
            "you may see this subscription and not change it; an owner or admin of the organization may"
                .into(),
        ))
    }
}

/// Alters a subscription and answers with what it is then. Whoever asks has been found to be allowed to.
///
/// The provider is asked before the transaction. What it answered is stored if the subscription is still
/// what it was when it was asked; else it all begins again, a few times at most.
pub(super) async fn alter(
    billing: &Billing,
    context: &Context,
    id: SubscriptionId,
    alteration: &Alteration,
    reason: Option<&str>,
) -> Result<Reply, BillingError> {
    for _ in 0..MOST_TRIES {
        let record = up_to_date(billing, id, context.now).await?;
        // Only now: if what was read is what this very request did a moment ago, its answer is there.
        if let Some(reply) = Change::answered(billing, context).await? {
            return Ok(reply);
        }
        context.check_version(record.version)?;
        if let Some(reply) = attempt(billing, context, &record, alteration, reason).await? {
            return Ok(reply);
        }
    }
    Err(BillingError::Contention)
}

/// A subscription with what was due by `now` done: what is changed is what is there, not what should
/// have ended yesterday.
pub(super) async fn up_to_date(
    billing: &Billing,
    id: SubscriptionId,
    now: Timestamp,
) -> Result<SubscriptionRecord, BillingError> {
    advance(billing, id, now).await?;
    stored(billing, id).await
}

/// Does what is due of one subscription. False if nothing was.
pub(super) async fn advance(
    billing: &Billing,
    id: SubscriptionId,
    now: Timestamp,
) -> Result<bool, BillingError> {
    let context = Context::system("renewals", now);
    let mut advanced = false;
    // Who is far behind takes more than one step; the bound is of steps, not of tries.
    for _ in 0..MOST_TRIES {
        let record = stored(billing, id).await?;
        if !is_due(&record, now) {
            break;
        }
        let step = attempt(billing, &context, &record, &Alteration::Advance, None).await?;
        match step {
            Some(_) if stored(billing, id).await?.version == record.version => break,
            Some(_) => advanced = true,
            None => {}
        }
    }
    Ok(advanced)
}

fn is_due(record: &SubscriptionRecord, now: Timestamp) -> bool {
    record.provider == Provider::Manual
        && (matches!(record.status.as_str(), "active" | "trialing")
            || (record.cancel_at_period_end && record.is_live()))
        && record.current_period_end.is_some_and(|end| end.0 <= now)
}

async fn stored(billing: &Billing, id: SubscriptionId) -> Result<SubscriptionRecord, BillingError> {
    let mut read = billing.database().read().await?;
    subscriptions::by_id(&mut read, id)
        .await?
        .ok_or(BillingError::NotFound("subscription"))
}

/// One try. None if the subscription became another in between.
async fn attempt(
    billing: &Billing,
    context: &Context,
    record: &SubscriptionRecord,
    alteration: &Alteration,
    reason: Option<&str>,
) -> Result<Option<Reply>, BillingError> {
    let told = ask(billing, context, record, alteration).await?;
    let mut change = match Change::begin(billing, context, &record.owner()).await? {
        Begun::Fresh(change) => change,
        Begun::Answered(reply) => return Ok(Some(reply)),
    };
    let id = record.id.ok_or(BillingError::NotFound("subscription"))?;
    let current = subscriptions::by_id(change.write(), id).await?;
    if current.map(|current| current.version) != Some(record.version) {
        return Ok(None);
    }
    let reply = match told {
        None => reply_of(record),
        Some(snapshot) => {
            let after = apply(record.clone(), &snapshot, record.provider);
            let after = subscriptions::update(change.write(), after, context.now.into()).await?;
            keep_invoices(&mut change, id, &snapshot, context.now).await?;
            change
                .subscription_changed(alteration.action(), Some(record), &after, reason)
                .await?;
            reply_of(&after)
        }
    };
    change.finish(reply).await.map(Some)
}

/// The answer that shows a subscription.
pub(super) fn reply_of(record: &SubscriptionRecord) -> Reply {
    Reply::done(record).with_version(record.version)
}

/// Stores the invoices that a snapshot brought.
pub(super) async fn keep_invoices(
    change: &mut Change<'_>,
    id: SubscriptionId,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<(), BillingError> {
    for invoice in &snapshot.invoices {
        let stored = invoices::insert(change.write(), id, invoice, now.into()).await?;
        let object = ("invoice", stored.id.to_string());
        change
            .audit(
                "invoice.created",
                object,
                None::<&InvoiceRecord>,
                Some(&stored),
                None,
            )
            .await?;
    }
    Ok(())
}

/// Asks the provider. None if there is nothing to do.
async fn ask(
    billing: &Billing,
    context: &Context,
    record: &SubscriptionRecord,
    alteration: &Alteration,
) -> Result<Option<Snapshot>, BillingError> {
    let provider = provider_of(billing, record)?;
    let catalog = billing.catalog();
    let facts = Facts::of(billing, &catalog, record, context.now).await?;
    let existing = facts.existing(
        record,
        operation::named(context, alteration.action(), record.version),
        context.now,
    );
    Ok(match alteration {
        Alteration::Plan(wanted) => match super::change::resolve(&catalog, record, wanted)? {
            Resolution::Nothing => None,
            Resolution::Change(change) => Some(
                provider
                    .change(&ChangePlan {
                        existing,
                        tier: &change.tier,
                        to: change.plan.as_ref(),
                        effective: change.effective,
                    })
                    .await?,
            ),
        },
        Alteration::Cancel(effective) => {
            let Some(effective) = super::cancel::check(&catalog, record, *effective, context.now)?
            else {
                return Ok(None);
            };
            Some(
                provider
                    .cancel(&Cancel {
                        existing,
                        effective,
                    })
                    .await?,
            )
        }
        Alteration::Reactivate => {
            super::cancel::check_reactivate(record)?;
            Some(provider.reactivate(&existing).await?)
        }
        Alteration::ExtendTrial(until) => {
            super::trial::check(record, *until, context.now)?;
            Some(provider.extend_trial(&existing, *until).await?)
        }
        Alteration::Advance => provider.advance(&existing).await?,
    })
}
