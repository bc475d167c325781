//! Who is asked about a subscription, and what they are told.

use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, Window};

use super::plan;
use crate::payment::{
    Charged, Existing, ManualProvider, PaymentError, PaymentErrorKind, PaymentProvider, Plan,
};
use crate::record::{InvoiceRecord, Provider, SubscriptionRecord};
use crate::table::invoices;
use crate::{Billing, BillingError, OperationId};

/// What a provider is told of a subscription beside the record.
pub(super) struct Facts {
    plan: Option<Plan>,
    next_plan: Option<Plan>,
    charged: Option<Charged>,
}

impl Facts {
    pub(super) async fn of(
        billing: &Billing,
        catalog: &Catalog,
        record: &SubscriptionRecord,
        now: Timestamp,
    ) -> Result<Self, BillingError> {
        let invoice = match record.id {
            Some(id) => {
                let mut read = billing.database().read().await?;
                invoices::last_charge(&mut read, id, now.into()).await?
            }
            None => None,
        };
        Ok(Self {
            plan: plan::of(catalog, record),
            next_plan: plan::after_renewal(catalog, record),
            charged: invoice.as_ref().and_then(charge_of),
        })
    }

    pub(super) fn existing<'a>(
        &'a self,
        record: &'a SubscriptionRecord,
        operation: OperationId,
        now: Timestamp,
    ) -> Existing<'a> {
        Existing {
            operation,
            subscription: record,
            plan: self.plan.as_ref(),
            next_plan: self.next_plan.as_ref(),
            charged: self.charged,
            now,
        }
    }
}

/// What an invoice charged: not what it credited, and less what was paid back of it since.
fn charge_of(invoice: &InvoiceRecord) -> Option<Charged> {
    let span = Window::new(invoice.period_start?.0, invoice.period_end?.0)?;
    let charges = invoice
        .lines
        .iter()
        .map(|line| i128::from(line.amount.amount.max(0)))
        .sum::<i128>();
    let left = charges - i128::from(invoice.discount.amount) - i128::from(invoice.refunded.amount);
    Some(Charged {
        amount: i64::try_from(left.max(0)).unwrap_or(i64::MAX),
        span,
    })
}

/// Who takes the money of a subscription. What was granted or began without a payment service stays with
/// the manual provider, whatever has been configured since.
pub(super) fn provider_of<'a>(
    billing: &'a Billing,
    record: &SubscriptionRecord,
) -> Result<&'a dyn PaymentProvider, BillingError> {
    let configured = billing.provider();
    match record.provider {
        provider if provider == configured.name() => Ok(configured),
        Provider::Manual => Ok(&ManualProvider),
        Provider::Stripe => Err(PaymentError::new(
            PaymentErrorKind::Unsupported,
            "this subscription is paid at Stripe, and this service has no key for it; \
             set STRIPE_SECRET_KEY",
        )
        .into()),
    }
}
