//! Invoices that no provider keeps: the operator says what became of them.

use serde_json::json;

use super::read::with_owner;
use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::record::{InvoiceRecord, InvoiceStatus, Provider, Time};
use crate::table::invoices;
use crate::table::payments::{self, Payment};
use crate::{Billing, BillingError, InvoiceId};

/// What became of an invoice.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mark {
    /// It was paid, by other means.
    Paid,
    /// It is given up.
    Uncollectible,
    /// It is taken back.
    Void,
}

impl Mark {
    /// The mark of that word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "paid" => Some(Self::Paid),
            "uncollectible" => Some(Self::Uncollectible),
            "void" => Some(Self::Void),
            _ => None,
        }
    }

    fn status(self) -> InvoiceStatus {
        match self {
            Self::Paid => InvoiceStatus::Paid,
            Self::Uncollectible => InvoiceStatus::Uncollectible,
            Self::Void => InvoiceStatus::Void,
        }
    }
}

/// What an invoice is once it is marked so. The steps are Stripe's: an open invoice may become anything,
/// one that was given up may still be paid or taken back, and what is paid or void stays so.
fn marked(invoice: &InvoiceRecord, mark: Mark, now: Time) -> Result<InvoiceRecord, BillingError> {
    if invoice.stripe_invoice_id.is_some() {
        return Err(BillingError::InvalidState(
            "Stripe keeps this invoice; mark it there, and Stripe will tell".into(),
        ));
    }
    let allowed = match invoice.status {
        InvoiceStatus::Open => true,
        InvoiceStatus::Uncollectible => mark != Mark::Uncollectible,
        InvoiceStatus::Draft | InvoiceStatus::Paid | InvoiceStatus::Void => false,
    };
    if !allowed {
        let (from, to) = (invoice.status.as_str(), mark.status().as_str());
        return Err(BillingError::InvalidState(
            format!("an invoice that is {from} cannot become {to}").into(),
        ));
    }
    Ok(InvoiceRecord {
        status: mark.status(),
        paid_at: (mark == Mark::Paid).then_some(now),
        // Nobody tries to collect it any more.
        next_attempt_at: None,
        ..invoice.clone()
    })
}

/// Marks an invoice that no provider keeps, and says why in the audit log.
///
/// # Errors
///
/// [`BillingError::NotFound`] when there is none; [`BillingError::InvalidState`] when a provider keeps it,
/// or it is in a state that does not allow the mark; [`BillingError::VersionMismatch`].
pub(crate) async fn mark(
    billing: &Billing,
    context: &Context,
    id: InvoiceId,
    mark: Mark,
    reason: &str,
) -> Result<Reply, BillingError> {
    let (_, owner) = with_owner(&mut billing.database().read().await?, id).await?;
    let mut change = match Change::begin(billing, context, &owner).await? {
        Begun::Fresh(change) => change,
        Begun::Answered(reply) => return Ok(reply),
    };
    let before = invoices::by_id(change.write(), id)
        .await?
        .ok_or(BillingError::NotFound("invoice"))?;
    context.check_version(before.version)?;
    let now = context.now.into();
    let after = invoices::update(change.write(), marked(&before, mark, now)?, now).await?;
    if mark == Mark::Paid {
        let payment = Payment {
            provider: Provider::Manual.as_str(),
            // It is paid once: what is paid stays so.
            provider_ref: &after.number,
            kind: "payment",
            invoice_ref: None,
            invoice: Some(id),
            subscription: Some(after.subscription_id),
            amount: after.total.amount,
            currency: &after.total.currency,
            detail: json!({ "reason": reason }),
            occurred_at: context.now,
        };
        payments::put(change.write(), &payment, context.now).await?;
    }
    let object = ("invoice", id.to_string());
    change
        .audit(
            "invoice.marked",
            object,
            Some(&before),
            Some(&after),
            Some(reason),
        )
        .await?;
    let reply = Reply::done(&after).with_version(after.version);
    change.finish(reply).await
}
