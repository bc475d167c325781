use std::collections::BTreeMap;

use serde_json::Value;
use tiergate_core::SubscriptionStatus;
use tiergate_core::time::Timestamp;

use super::invoice::{InvoiceStanding, invoice_of};
use super::order::{distinct, timeline};
use crate::event::{Event, EventObject, InvoiceStatus, SubscriptionObject};
use crate::id::{InvoiceId, SubscriptionId};

/// How a subscription stands, by all events that are known of it and of its invoices.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Standing<'a> {
    /// The event with its newest snapshot.
    pub event: &'a Event,
    /// That snapshot. For the status see below instead: an invoice may have newer news.
    pub subscription: &'a SubscriptionObject,
    /// Its status.
    pub status: SubscriptionStatus,
    /// Since when it is past due: from the first failure, if that is known, and none if it isn't
    /// past due.
    pub past_due_since: Option<Timestamp>,
}

/// How the subscription that is called `id` stands, by the rules of the [module](super); none if no
/// event has a snapshot of it, even if there are invoices for it.
///
/// `events` are those of the subscription and of its invoices, in any order and repeated at will.
/// Events of anything else are passed over.
#[must_use]
pub fn standing<'a>(
    id: &SubscriptionId,
    events: impl IntoIterator<Item = &'a Event>,
) -> Option<Standing<'a>> {
    let mut snapshots = Vec::new();
    let mut invoices: BTreeMap<&InvoiceId, Vec<&Event>> = BTreeMap::new();
    for event in distinct(events) {
        if subscription_of(event).is_some_and(|subscription| subscription.id == *id) {
            snapshots.push(event);
        } else if let Some(invoice) = invoice_of(event)
            && invoice.subscription.as_ref() == Some(id)
        {
            invoices.entry(&invoice.id).or_default().push(event);
        }
    }
    let timeline = timeline(snapshots.iter().copied());
    let newest = Snapshot::of(timeline.last()?)?;
    let invoices: Vec<InvoiceStanding<'_>> = invoices
        .values()
        .filter_map(|events| InvoiceStanding::of(events))
        .collect();
    let news = newest.news_in(&invoices);
    let status = match news {
        Some(invoice) if newest.falls_past_due(invoice, &snapshots) => SubscriptionStatus::PastDue,
        Some(invoice) if newest.recovers(invoice) => SubscriptionStatus::Active,
        _ => newest.subscription.status.clone(),
    };
    let past_due_since = (status == SubscriptionStatus::PastDue).then(|| {
        let failed = news.filter(|invoice| invoice.is_failed());
        let failed = failed.and_then(|invoice| invoice.first_failed_at);
        let seen = first_of_run(&timeline, &snapshots, &invoices);
        [failed, seen].into_iter().flatten().min()
    });
    Some(Standing {
        event: newest.event,
        subscription: newest.subscription,
        status,
        past_due_since: past_due_since.flatten(),
    })
}

/// The newest snapshot of a subscription.
struct Snapshot<'a> {
    event: &'a Event,
    subscription: &'a SubscriptionObject,
}

impl<'a> Snapshot<'a> {
    fn of(event: &'a Event) -> Option<Self> {
        Some(Self {
            event,
            subscription: subscription_of(event)?,
        })
    }

    /// The newest of the invoices that bear on this snapshot and have any news. Not one that is void:
    /// what that means for the subscription is left to Stripe's next snapshot.
    fn news_in<'b>(&self, invoices: &'b [InvoiceStanding<'a>]) -> Option<&'b InvoiceStanding<'a>> {
        let has_news = |invoice: &&InvoiceStanding<'_>| {
            let any = invoice.first_failed_at.is_some() || invoice.settled_at.is_some();
            any && invoice.status != InvoiceStatus::Void
        };
        self.bearing(invoices)
            .filter(has_news)
            .max_by_key(|invoice| {
                (
                    invoice.invoice.created,
                    invoice.is_failed(),
                    &invoice.invoice.id,
                )
            })
    }

    /// The invoices that bear on this snapshot.
    ///
    /// Stripe derives the status from the latest invoice. One that is not the latest in this snapshot
    /// bears on it only if it may be a later one.
    fn bearing<'b>(
        &self,
        invoices: &'b [InvoiceStanding<'a>],
    ) -> impl Iterator<Item = &'b InvoiceStanding<'a>> {
        let snapshot_created = self.event.created;
        let latest = self.subscription.latest_invoice.as_ref();
        let latest_created = invoices
            .iter()
            .find(|invoice| Some(&invoice.invoice.id) == latest)
            .and_then(|invoice| invoice.invoice.created);
        invoices.iter().filter(move |invoice| {
            let is_later = invoice.invoice.created.is_none_or(|created| {
                created >= snapshot_created && latest_created.is_none_or(|latest| created > latest)
            });
            let may_be_latest = latest.is_none_or(|latest| *latest == invoice.invoice.id);
            may_be_latest || is_later
        })
    }

    fn falls_past_due(&self, invoice: &InvoiceStanding<'_>, snapshots: &[&Event]) -> bool {
        let may = matches!(
            self.subscription.status,
            SubscriptionStatus::Active | SubscriptionStatus::Trialing
        );
        let since = match invoice.last_failed_at {
            Some(failed) if failed == self.event.created => !self.was_just_paid(snapshots),
            Some(failed) => failed > self.event.created,
            None => false,
        };
        may && since && invoice.is_failed()
    }

    /// Whether the subscription comes from where only a payment leads out of, as any event says that
    /// has this snapshot. There are several if it came back to a state in the same second.
    fn was_just_paid(&self, snapshots: &[&Event]) -> bool {
        let has_it = |event: &Event| {
            event.created == self.event.created && subscription_of(event) == Some(self.subscription)
        };
        let unpaid = |event: &Event| {
            let before = event.snapshot().previous().get("status");
            let before = before.and_then(Value::as_str).map(SubscriptionStatus::from);
            matches!(
                before,
                Some(
                    SubscriptionStatus::PastDue
                        | SubscriptionStatus::Incomplete
                        | SubscriptionStatus::Unpaid
                )
            )
        };
        snapshots.iter().any(|event| has_it(event) && unpaid(event))
    }

    fn recovers(&self, invoice: &InvoiceStanding<'_>) -> bool {
        let since = match invoice.settled_at {
            Some(settled) if settled == self.event.created => {
                self.subscription.latest_invoice.as_ref() == Some(&invoice.invoice.id)
            }
            Some(settled) => settled > self.event.created,
            None => false,
        };
        self.subscription.status == SubscriptionStatus::PastDue && since
    }
}

/// Since when the snapshots say past due without a break up to the newest, or since the failure that
/// led there, if it came between them and the one before.
fn first_of_run(
    timeline: &[&Event],
    snapshots: &[&Event],
    invoices: &[InvoiceStanding<'_>],
) -> Option<Timestamp> {
    let past_due = |event: &Event| {
        let subscription = subscription_of(event);
        subscription.is_some_and(|it| it.status == SubscriptionStatus::PastDue)
    };
    let others = snapshots.iter().filter(|event| !past_due(event));
    let last_break = others.map(|event| event.created).max();
    let in_run = |event: &&Event| past_due(event) && Some(event.created) >= last_break;
    let first = timeline.iter().position(in_run)?;
    let since = timeline.get(first)?.created;
    if last_break == Some(since) {
        return Some(since);
    }
    let before = first
        .checked_sub(1)
        .and_then(|before| Snapshot::of(timeline.get(before)?));
    let failures = before.iter().flat_map(|before| {
        let failed = before.bearing(invoices).filter_map(|it| it.first_failed_at);
        failed.filter(|failed| (before.event.created..since).contains(failed))
    });
    failures.min().or(Some(since))
}

fn subscription_of(event: &Event) -> Option<&SubscriptionObject> {
    match &event.object {
        EventObject::Subscription(subscription) => Some(subscription),
        _ => None,
    }
}
