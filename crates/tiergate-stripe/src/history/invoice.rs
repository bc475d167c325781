use tiergate_core::time::Timestamp;

use super::order::{distinct, timeline};
use crate::event::{Event, EventKind, EventObject, InvoiceObject, InvoiceStatus};
use crate::id::InvoiceId;

/// How an invoice stands, by all events that are known of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InvoiceStanding<'a> {
    /// The event with its newest snapshot.
    pub event: &'a Event,
    /// That snapshot. For the status and the attempts see below instead: they may be known from
    /// other events.
    pub invoice: &'a InvoiceObject,
    /// Its status. Never goes back to draft or open once it was paid, given up or void.
    pub status: InvoiceStatus,
    /// How often its payment was tried, by Stripe's schedule.
    pub attempt_count: u64,
    /// When its payment failed first.
    pub first_failed_at: Option<Timestamp>,
    /// When its payment failed last.
    pub last_failed_at: Option<Timestamp>,
    /// When nothing was owed any more: paid, given up, or void.
    pub settled_at: Option<Timestamp>,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
}

/// How the invoice that is called `id` stands, by the rules of the [module](super); none if no
/// event has a snapshot of it. Events of anything else are passed over.
#[must_use]
pub fn invoice_standing<'a>(
    id: &InvoiceId,
    events: impl IntoIterator<Item = &'a Event>,
) -> Option<InvoiceStanding<'a>> {
    let of_it = |event: &&Event| invoice_of(event).is_some_and(|invoice| invoice.id == *id);
    InvoiceStanding::of(&distinct(events.into_iter().filter(of_it)))
}

impl<'a> InvoiceStanding<'a> {
    /// How an invoice stands by its events, each of them once.
    pub(super) fn of(events: &[&'a Event]) -> Option<Self> {
        let event = timeline(events.iter().copied()).pop()?;
        let invoice = invoice_of(event)?;
        let snapshots = || {
            events
                .iter()
                .filter_map(|event| Some((*event, invoice_of(event)?)))
        };
        let first = |matches: fn(&Event, &InvoiceObject) -> bool| {
            let matching = snapshots().filter(|(event, invoice)| matches(event, invoice));
            matching.map(|(event, _)| event.created).min()
        };
        let failed = |event: &Event| event.kind == EventKind::InvoicePaymentFailed;
        let paid_at = snapshots()
            .filter_map(|(_, invoice)| invoice.paid_at)
            .min()
            .or_else(|| first(|_, invoice| invoice.status == InvoiceStatus::Paid));
        Some(Self {
            event,
            invoice,
            status: invoice.status.clone(),
            attempt_count: snapshots()
                .map(|(_, invoice)| invoice.attempt_count)
                .max()
                .unwrap_or_default(),
            first_failed_at: first(|event, _| event.kind == EventKind::InvoicePaymentFailed),
            last_failed_at: snapshots()
                .filter(|(event, _)| failed(event))
                .map(|(event, _)| event.created)
                .max(),
            settled_at: first(|_, invoice| invoice.status.is_settled()),
            paid_at,
        })
    }

    /// Whether its last payment failed and nothing has settled it since.
    pub(super) fn is_failed(&self) -> bool {
        self.first_failed_at.is_some() && self.settled_at.is_none()
    }
}

pub(super) fn invoice_of(event: &Event) -> Option<&InvoiceObject> {
    match &event.object {
        EventObject::Invoice(invoice) => Some(invoice),
        _ => None,
    }
}
