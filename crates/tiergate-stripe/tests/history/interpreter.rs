//! What events mean to one who gets each of them once and in their true order: a state, changed by
//! one event after the other. It shares no code with the crate.

use tiergate_core::SubscriptionStatus;
use tiergate_core::time::Timestamp;
use tiergate_stripe::event::{Event, EventKind, EventObject, InvoiceObject, InvoiceStatus};
use tiergate_stripe::id::InvoiceId;

#[derive(Default)]
pub(crate) struct Interpreter<'a> {
    /// The event with the last snapshot.
    pub(crate) last: Option<&'a Event>,
    pub(crate) status: Option<SubscriptionStatus>,
    latest: Option<&'a InvoiceId>,
    /// Invoices that there was news of: when each was made, and whether it is settled.
    news: Vec<(&'a InvoiceId, Timestamp, Settled)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Settled {
    No,
    Yes,
}

impl<'a> Interpreter<'a> {
    /// Reads all events, which are in their true order.
    pub(crate) fn read(events: &[&'a Event]) -> Self {
        let voided = |id: &InvoiceId| {
            let mut of_it = events
                .iter()
                .filter_map(|it| invoice(it))
                .filter(|it| it.id == *id);
            of_it.any(|it| it.status == InvoiceStatus::Void)
        };
        let mut state = Self::default();
        for event in events {
            match &event.object {
                EventObject::Subscription(subscription) => {
                    state.last = Some(event);
                    state.status = Some(subscription.status.clone());
                    state.latest = subscription.latest_invoice.as_ref();
                }
                // What is void has never been.
                EventObject::Invoice(it) if !voided(&it.id) => {
                    state.read_invoice(event, it, events);
                }
                _ => {}
            }
        }
        state
    }

    fn read_invoice(&mut self, event: &'a Event, it: &'a InvoiceObject, all: &[&'a Event]) {
        let created = it.created.unwrap();
        let failed = event.kind == EventKind::InvoicePaymentFailed;
        let known = self.news.iter().position(|(id, _, _)| **id == it.id);
        let was_settled = known.is_some_and(|known| self.news[known].2 == Settled::Yes);
        let settled = it.status.is_settled();
        if was_settled || !(failed || settled) {
            return;
        }
        let now = if settled { Settled::Yes } else { Settled::No };
        match known {
            Some(known) => self.news[known].2 = now,
            None => self.news.push((&it.id, created, now)),
        }
        // No snapshot yet: whatever comes says more.
        let Some(last) = self.last else { return };
        let latest = self.latest.and_then(|id| {
            let mut invoices = all.iter().filter_map(|event| invoice(event));
            invoices.find(|it| it.id == *id)
        });
        let bears = |id: &InvoiceId, created: Timestamp| {
            let later = created >= last.created
                && latest
                    .and_then(|it| it.created)
                    .is_none_or(|of_latest| created > of_latest);
            self.latest.is_none_or(|latest| latest == id) || later
        };
        let newer =
            |(id, made, _): &(&InvoiceId, Timestamp, Settled)| *made > created && bears(id, *made);
        if !bears(&it.id, created) || self.news.iter().any(newer) {
            return;
        }
        self.status = match self.status.take() {
            Some(SubscriptionStatus::Active | SubscriptionStatus::Trialing) if !settled => {
                Some(SubscriptionStatus::PastDue)
            }
            // A failure that was made good has never been.
            Some(SubscriptionStatus::PastDue) if settled => Some(match &last.object {
                EventObject::Subscription(it) if it.status == SubscriptionStatus::Trialing => {
                    SubscriptionStatus::Trialing
                }
                _ => SubscriptionStatus::Active,
            }),
            other => other,
        };
    }
}

fn invoice(event: &Event) -> Option<&InvoiceObject> {
    match &event.object {
        EventObject::Invoice(invoice) => Some(invoice),
        _ => None,
    }
}
