//! Brings what is stored of a Stripe subscription and its invoices up to what all their events say.

use std::collections::BTreeMap;

use tiergate_core::Subject;
use tiergate_core::time::Timestamp;
use tiergate_stripe::event::{Event, EventObject};
use tiergate_stripe::id::{
    InvoiceId as StripeInvoiceId, ObjectId, PaymentIntentId, SubscriptionId as StripeId,
};
use tiergate_stripe::{Standing, history};

use super::history::{History, snapshot};
use super::owner::{owner_by_events, owner_of};
use super::subscriptions::{plan_of, stored_as};
use super::{STRIPE, StripeWebhooks, invoices as stored_invoices, notify};
use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::record::{InvoiceRecord, Provider, SubscriptionRecord, is_live};
use crate::table::{customers, inbox, invoices, payments, subscriptions};
use crate::{BillingError, InboxId};

/// What came of processing an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Processed {
    /// It is in the records, and settled in the inbox by the same transaction.
    Done,
    /// It concerns nothing here.
    Ignored,
    /// Something it needs has not come yet.
    Waiting(String),
}

/// What came of storing a subscription.
enum Stored {
    /// This.
    As(SubscriptionRecord),
    /// This, which lived before.
    AsEnded(SubscriptionRecord),
    /// Nothing, because of something that it has to wait for.
    Not(String),
}

impl StripeWebhooks {
    /// Brings the records of a subscription up to date with all its events, and settles those whose news
    /// are in the records then.
    pub(super) async fn project(
        &self,
        id: &StripeId,
        context: &Context,
    ) -> Result<Processed, BillingError> {
        let (mut history, owner) = {
            let mut read = self.billing().database().read().await?;
            let history = History::read(&mut read, id).await?;
            let Some(standing) = history.standing() else {
                return Ok(Processed::Waiting(
                    "its subscription has not come yet".to_owned(),
                ));
            };
            let owner = owner_of(&mut read, standing.subscription, &history).await?;
            (history, owner)
        };
        let Some(owner) = owner else {
            return Ok(Processed::Waiting(
                "nobody knows whose it is: the customer is not bound to anybody, and the \
                 subscription's metadata has neither userId nor organizationId"
                    .to_owned(),
            ));
        };
        let Begun::Fresh(mut change) = Change::begin(self.billing(), context, &owner).await? else {
            // Without a key, nothing is answered before it is done.
            return Ok(Processed::Done);
        };
        // Again, now that nobody else writes for this owner: more may have come meanwhile.
        history.catch_up(change.write()).await?;
        let Some(standing) = history.standing() else {
            return Ok(Processed::Waiting(
                "its subscription has not come yet".to_owned(),
            ));
        };
        let mut others_can_go_on = false;
        if let Some(customer) = &standing.subscription.customer {
            let customer = customer.as_str();
            // Payments of a customer are written without their owner being known.
            change
                .write()
                .lock(&format!("stripe:customer:{customer}"))
                .await?;
            let write = change.write();
            others_can_go_on =
                customers::bind(write, STRIPE, customer, &owner, context.now).await?;
        }
        // Somebody else may have bound the customer or stored the subscription before the locks held.
        let known = subscriptions::by_stripe_id(change.write(), id.as_str()).await?;
        let owner_now = match &known {
            Some(known) => Some(known.owner()),
            None => owner_by_events(change.write(), standing.subscription, &history).await?,
        };
        if owner_now.as_ref() != Some(&owner) {
            return Err(BillingError::Contention);
        }
        let record = match self
            .store(&mut change, known, &owner, &standing, context)
            .await?
        {
            Stored::As(record) => record,
            Stored::AsEnded(record) => {
                others_can_go_on = true;
                record
            }
            Stored::Not(why) => {
                // Whose the customer is is known all the same.
                change.finish(Reply::done(&())).await?;
                return Ok(Processed::Waiting(why));
            }
        };
        let news = history.news();
        self.store_invoices(&mut change, &record, history.events(), &news, context)
            .await?;
        for (_, event) in &news {
            if let Some(message) = notify::message(event, Some(&owner)) {
                change.tell(message);
            }
        }
        if others_can_go_on {
            inbox::wake(change.write(), STRIPE, &owner, context.now).await?;
        }
        let settled: Vec<_> = news.iter().map(|(name, _)| *name).collect();
        inbox::settle_all(change.write(), STRIPE, id.as_str(), &settled, context.now).await?;
        change.finish(Reply::done(&())).await?;
        Ok(Processed::Done)
    }

    /// Stores a subscription as it stands, in the place of what is `known` of it.
    async fn store(
        &self,
        change: &mut Change<'_>,
        known: Option<SubscriptionRecord>,
        owner: &Subject,
        standing: &Standing<'_>,
        context: &Context,
    ) -> Result<Stored, BillingError> {
        let catalog = self.billing().catalog();
        let plan = match plan_of(standing.subscription, &catalog, self.prices()) {
            Ok(plan) => plan,
            Err(unknown) => return Ok(Stored::Not(unknown.to_string())),
        };
        let now = context.now.into();
        let live = match known {
            Some(_) => None,
            None => subscriptions::live_of(change.write(), owner).await?,
        };
        let is_free = |record: &SubscriptionRecord| {
            record.provider == Provider::Manual && record.billing_cycle.is_none()
        };
        let before = match (known, live) {
            (Some(known), _) => Some(known),
            // Who was on the free tier has this from now on, in the same record.
            (None, Some(free)) if is_free(&free) => Some(free),
            (None, Some(other)) if is_live(standing.status.as_str()) => {
                let other = other.id.map(|id| id.to_string()).unwrap_or_default();
                return Ok(Stored::Not(format!(
                    "its owner has another subscription that lives, {other}: it has to end first"
                )));
            }
            (None, _) => None,
        };
        let Some(before) = before else {
            // Its age is that of the subscription, not of its coming here: the newest of an owner's is
            // the one that counts, whichever came first.
            let created = standing.subscription.created;
            let created = created.unwrap_or(standing.event.created).into();
            let none = SubscriptionRecord::none(owner, &plan.tier, created);
            let mut new = stored_as(none, standing, plan, &catalog);
            new.updated_at = now;
            let new = subscriptions::insert(change.write(), new).await?;
            announce(change, None, &new).await?;
            return Ok(Stored::As(new));
        };
        let after = stored_as(before.clone(), standing, plan, &catalog);
        if after == before {
            return Ok(Stored::As(before));
        }
        let after = subscriptions::update(change.write(), after, now).await?;
        announce(change, Some(&before), &after).await?;
        Ok(if before.is_live() && !after.is_live() {
            Stored::AsEnded(after)
        } else {
            Stored::As(after)
        })
    }

    async fn store_invoices(
        &self,
        change: &mut Change<'_>,
        subscription: &SubscriptionRecord,
        events: &[Event],
        news: &[(InboxId, &Event)],
        context: &Context,
    ) -> Result<(), BillingError> {
        let Some(subscription_id) = subscription.id else {
            return Ok(());
        };
        for (id, created) in invoices_in(events) {
            let Some(standing) = history::invoice_standing(id, events) else {
                continue;
            };
            let tier = self.tier_at(events, created, subscription);
            let stored = invoices::by_stripe_id(change.write(), id.as_str()).await?;
            let record = match stored {
                Some(before) => {
                    let after = stored_invoices::stored_as(before.clone(), &standing, &tier);
                    if after == before {
                        before
                    } else {
                        let after =
                            invoices::update(change.write(), after, context.now.into()).await?;
                        audit_invoice(change, "invoice.changed", Some(&before), &after).await?;
                        after
                    }
                }
                None => {
                    let new = stored_invoices::new(subscription_id, &standing);
                    let new = stored_invoices::stored_as(new, &standing, &tier);
                    let new = invoices::insert_record(change.write(), new).await?;
                    audit_invoice(change, "invoice.created", None, &new).await?;
                    new
                }
            };
            // A payment that comes later finds its invoice by itself.
            if news.iter().any(|(_, event)| is_of_invoice(event, id)) {
                let write = change.write();
                payments::link_to(write, STRIPE, id.as_str(), record.id, subscription_id).await?;
                for intent in payment_intents_of(id, events) {
                    let write = change.write();
                    payments::link(write, STRIPE, intent, record.id, subscription_id).await?;
                }
            }
        }
        Ok(())
    }

    /// The tier that the subscription had when an invoice for it was made, by the newest snapshot from
    /// then or before. So an upgrade does not rename what was sold before it.
    fn tier_at(
        &self,
        events: &[Event],
        at: Timestamp,
        subscription: &SubscriptionRecord,
    ) -> String {
        let snapshots = || {
            events
                .iter()
                .filter_map(|event| Some((event, snapshot(event)?)))
        };
        let until = snapshots()
            .filter(|(event, _)| event.created <= at)
            .map(|(event, _)| event.created)
            .max()
            .or_else(|| snapshots().map(|(event, _)| event.created).min());
        let id = snapshots()
            .next()
            .and_then(|(_, subscription)| ObjectId::new(subscription.id.as_str()).ok());
        let newest = id.zip(until).and_then(|(id, until)| {
            let known = snapshots().map(|(event, _)| event);
            history::newest(&id, known.filter(|event| event.created <= until))
        });
        newest
            .and_then(snapshot)
            .and_then(|snapshot| plan_of(snapshot, &self.billing().catalog(), self.prices()).ok())
            .map_or_else(|| subscription.tier.clone(), |plan| plan.tier)
    }
}

async fn audit_invoice(
    change: &mut Change<'_>,
    action: &'static str,
    before: Option<&InvoiceRecord>,
    after: &InvoiceRecord,
) -> Result<(), BillingError> {
    let object = ("invoice", after.id.to_string());
    change
        .audit(action, object, before, Some(after), None)
        .await
}

/// Writes down that a subscription was made or changed, and tells those who follow its owner what the
/// owner has from now on. That is nothing new if it is one of their old ones that changed.
async fn announce(
    change: &mut Change<'_>,
    before: Option<&SubscriptionRecord>,
    after: &SubscriptionRecord,
) -> Result<(), BillingError> {
    let action = match before {
        Some(_) => "subscription.changed",
        None => "subscription.created",
    };
    let owner = after.owner();
    let counts = match subscriptions::live_of(change.write(), &owner).await? {
        Some(live) => Some(live),
        None => subscriptions::last_of(change.write(), &owner).await?,
    };
    let Some(other) = counts.filter(|counts| counts.id != after.id) else {
        return change
            .subscription_changed(action, before, after, None)
            .await;
    };
    let id = after.id.map(|id| id.to_string()).unwrap_or_default();
    change
        .audit(action, ("subscription", id), before, Some(after), None)
        .await?;
    if before.is_some_and(SubscriptionRecord::is_live) && !after.is_live() {
        // What ended was older than one that had ended before.
        let other = subscriptions::raise(change.write(), other).await?;
        change.tell_subscription(&other);
    }
    Ok(())
}

fn is_of_invoice(event: &Event, id: &StripeInvoiceId) -> bool {
    matches!(&event.object, EventObject::Invoice(invoice) if invoice.id == *id)
}

/// The invoices that events tell of, and when each was made, oldest first: they get their numbers in
/// this order.
fn invoices_in(events: &[Event]) -> Vec<(&StripeInvoiceId, Timestamp)> {
    let mut made: BTreeMap<&StripeInvoiceId, Timestamp> = BTreeMap::new();
    for event in events {
        if let EventObject::Invoice(invoice) = &event.object {
            let created = invoice.created.unwrap_or(event.created);
            let known = made.entry(&invoice.id).or_insert(created);
            *known = created.min(*known);
        }
    }
    let mut invoices: Vec<_> = made.into_iter().collect();
    invoices.sort_by_key(|(id, created)| (*created, *id));
    invoices
}

/// The payments that any event says an invoice is paid by: the newest need not name them any more.
fn payment_intents_of<'a>(
    id: &'a StripeInvoiceId,
    events: &'a [Event],
) -> impl Iterator<Item = &'a str> {
    events.iter().flat_map(move |event| {
        let intents = match &event.object {
            EventObject::Invoice(invoice) if invoice.id == *id => {
                invoice.payment_intents.as_slice()
            }
            _ => &[],
        };
        intents.iter().map(PaymentIntentId::as_str)
    })
}
