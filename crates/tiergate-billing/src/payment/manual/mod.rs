//! The provider for those who take no money, or take it by other means.
//!
//! It works out everything from what it is told, without a clock, a network or a memory: asked the same
//! again, it answers the same.

mod advance;
mod amounts;
mod change;
mod invoice;
mod period;
mod standing;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use tiergate_core::Window;
use tiergate_core::time::Timestamp;

use super::{
    Cancel, ChangePlan, Checkout, Effective, Existing, Link, PaymentError, PaymentErrorKind,
    PaymentProvider, Portal, Preview, Refund, Refunded, Snapshot, Subscribe,
};
use crate::record::Provider;

/// The provider that does at once whatever it is asked, and counts every invoice as paid: the operator
/// answers for that. It keeps nothing.
///
/// - Periods are months or years of the calendar in UTC, counted from where the first one started. A
///   month that is too short ends on its last day, and the next is back on the day.
/// - A trial is a period that costs nothing. When it ends, the first paid period starts.
/// - What changes at once credits what is left of what was charged, and charges the new plan for the
///   rest of the period. A change of cycle starts a new period. An invoice can so be below zero; who is
///   owed what it says is for the operator to settle.
/// - What is canceled at once is not credited.
#[derive(Clone, Copy, Debug, Default)]
pub struct ManualProvider;

#[async_trait]
impl PaymentProvider for ManualProvider {
    fn name(&self) -> Provider {
        Provider::Manual
    }

    async fn subscribe(&self, request: &Subscribe<'_>) -> Result<Snapshot, PaymentError> {
        let (plan, now) = (request.plan, request.now);
        let mut snapshot = Snapshot {
            customer: None,
            reference: None,
            tier: plan.tier.clone(),
            status: "active".to_owned(),
            cycle: Some(plan.cycle),
            seats: plan.seats,
            period: None,
            anchor: None,
            cancel_at_period_end: false,
            canceled_at: None,
            trial: None,
            pending: None,
            discount_basis_points: plan.discount_basis_points,
            invoices: Vec::new(),
        };
        if let Some(end) = request.trial_end.filter(|end| now < *end) {
            "trialing".clone_into(&mut snapshot.status);
            snapshot.period = Some((now, end));
            snapshot.trial = Some((now, end));
            return Ok(snapshot);
        }
        let end = period::end_of(now, plan.cycle, period::anchor_at(now));
        let mut bill = invoice::Bill::default();
        if let Some(window) = Window::new(now, end) {
            bill.charge(plan, window)?;
        }
        snapshot.period = Some((now, end));
        snapshot.anchor = Some(now);
        let invoice = bill.into_invoice(&plan.tier, plan.currency, (now, end), now);
        snapshot.invoices.extend(invoice);
        Ok(snapshot)
    }

    async fn change(&self, request: &ChangePlan<'_>) -> Result<Snapshot, PaymentError> {
        change::change(request)
    }

    async fn preview(&self, request: &ChangePlan<'_>) -> Result<Preview, PaymentError> {
        change::preview(request)
    }

    async fn cancel(&self, request: &Cancel<'_>) -> Result<Snapshot, PaymentError> {
        let existing = &request.existing;
        let mut snapshot = standing::of(existing.subscription);
        snapshot.canceled_at = Some(existing.now);
        match request.effective {
            Effective::Now => {
                "canceled".clone_into(&mut snapshot.status);
                snapshot.cancel_at_period_end = false;
                snapshot.pending = None;
            }
            Effective::PeriodEnd if snapshot.period.is_some() => {
                snapshot.cancel_at_period_end = true;
            }
            Effective::PeriodEnd => {
                return Err(refused("it has no period at whose end it could end"));
            }
        }
        Ok(snapshot)
    }

    async fn reactivate(&self, request: &Existing<'_>) -> Result<Snapshot, PaymentError> {
        if !request.subscription.is_live() || !request.subscription.cancel_at_period_end {
            return Err(refused("it is not about to end"));
        }
        let mut snapshot = standing::of(request.subscription);
        snapshot.cancel_at_period_end = false;
        snapshot.canceled_at = None;
        Ok(snapshot)
    }

    async fn extend_trial(
        &self,
        request: &Existing<'_>,
        until: Timestamp,
    ) -> Result<Snapshot, PaymentError> {
        let mut snapshot = standing::of(request.subscription);
        match snapshot.trial {
            Some((start, _)) if standing::is_on_trial(request) && request.now < until => {
                snapshot.trial = Some((start, until));
                snapshot.period = Some((start, until));
                Ok(snapshot)
            }
            _ => Err(refused("it is not on trial")),
        }
    }

    async fn advance(&self, request: &Existing<'_>) -> Result<Option<Snapshot>, PaymentError> {
        advance::advance(request)
    }

    async fn refund(&self, request: &Refund<'_>) -> Result<Refunded, PaymentError> {
        Ok(Refunded {
            reference: request.operation.to_string(),
            amount: request.amount,
        })
    }

    async fn checkout_link(&self, _: &Checkout<'_>) -> Result<Link, PaymentError> {
        Err(no_pages())
    }

    async fn portal_link(&self, _: &Portal<'_>) -> Result<Link, PaymentError> {
        Err(no_pages())
    }
}

fn refused(why: &'static str) -> PaymentError {
    PaymentError::new(PaymentErrorKind::Refused, why)
}

fn no_pages() -> PaymentError {
    PaymentError::new(
        PaymentErrorKind::Unsupported,
        "this service takes no payments itself, so it has no page to pay on",
    )
}
