//! The lines and invoices of the manual provider.

use tiergate_core::Window;
use tiergate_core::money::Currency;
use tiergate_core::time::Timestamp;

use super::amounts;
use crate::payment::{Charged, NewInvoice, PaymentError, Plan};
use crate::record::{Amount, InvoiceLine, InvoiceStatus};

/// What is charged and credited at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bill {
    /// The lines, credits below zero.
    pub(super) lines: Vec<InvoiceLine>,
    /// What is taken off, by the discount of the plan that is charged. Credits are of what was charged,
    /// after its discount.
    pub(super) discount: i64,
}

impl Bill {
    /// Charges a plan for the whole of a period.
    pub(super) fn charge(&mut self, plan: &Plan, period: Window) -> Result<(), PaymentError> {
        self.charge_from(plan, period, period.start())
    }

    /// Charges a plan for what is left of a period at `now`.
    pub(super) fn charge_from(
        &mut self,
        plan: &Plan,
        period: Window,
        now: Timestamp,
    ) -> Result<(), PaymentError> {
        let amount = amounts::share(
            amounts::gross(plan)?,
            period.remaining(now),
            period.length(),
        );
        if amount == 0 {
            return Ok(());
        }
        let whole = now <= period.start();
        let description = if whole {
            plan.name.clone()
        } else {
            format!("{}, rest of the period", plan.name)
        };
        self.discount = amounts::sum([
            self.discount,
            amounts::discount(amount, plan.discount_basis_points),
        ])?;
        self.lines.push(InvoiceLine {
            description,
            quantity: plan.seats.unwrap_or(1),
            amount: Amount::new(amount, plan.currency.code()),
            period_start: Some(now.max(period.start()).into()),
            period_end: Some(period.end().into()),
        });
        Ok(())
    }

    /// Credits what is left at `now` of what was charged.
    ///
    /// It is worked out from the charge and not from a price: so what was discounted, granted, paid
    /// back or sold at another price before is never credited beyond what it brought. Every change
    /// credits all that came before it, so only the last charge has anything left.
    pub(super) fn credit(&mut self, plan: &Plan, charged: Charged, now: Timestamp) {
        let amount = amounts::share(
            charged.amount.max(0),
            charged.span.remaining(now),
            charged.span.length(),
        );
        if amount == 0 {
            return;
        }
        self.lines.push(InvoiceLine {
            description: format!("{}, not used", plan.name),
            quantity: plan.seats.unwrap_or(1),
            amount: Amount::new(-amount, plan.currency.code()),
            period_start: Some(now.max(charged.span.start()).into()),
            period_end: Some(charged.span.end().into()),
        });
    }

    /// What is due for it all; below zero for what is credited.
    pub(super) fn total(&self) -> Result<i64, PaymentError> {
        let lines = self.lines.iter().map(|line| line.amount.amount);
        amounts::sum(lines.chain([-self.discount]))
    }

    /// It as an invoice that is paid at `now`; none if there is nothing on it.
    pub(super) fn into_invoice(
        self,
        tier: &str,
        currency: Currency,
        span: (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Option<NewInvoice> {
        (!self.lines.is_empty()).then(|| NewInvoice {
            reference: None,
            tier: tier.to_owned(),
            status: InvoiceStatus::Paid,
            lines: self.lines,
            discount: self.discount,
            tax: 0,
            currency,
            period: Some(span),
            due_at: Some(span.0),
            paid_at: Some(now),
        })
    }
}
