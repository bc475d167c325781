//! Payment providers: who takes the money, and so says what a subscription is.
//!
//! A provider is asked to do something and answers with what the subscription is then, as a whole: a
//! [`Snapshot`]. The service stores snapshots, whether they come from a call or from a webhook, and never
//! works out by itself what a provider will have done. Every call that changes something carries an
//! [`OperationId`]: a provider does the same operation once, however often it is asked.

mod error;
mod manual;

use async_trait::async_trait;
use tiergate_core::Subject;
use tiergate_core::money::Currency;
use tiergate_core::time::Timestamp;

pub use error::{PaymentError, PaymentErrorKind};
pub use manual::ManualProvider;

use crate::OperationId;
use crate::record::{
    BillingCycle, InvoiceLine, InvoiceRecord, InvoiceStatus, Provider, SubscriptionRecord,
};

/// Who takes the money.
///
/// Calls are made outside of any transaction and may take as long as the network does. Dropping the
/// future of a call leaves it open whether it was done; asking again with the same operation finds out.
#[async_trait]
pub trait PaymentProvider: std::fmt::Debug + Send + Sync + 'static {
    /// Which one it is.
    fn name(&self) -> Provider;

    /// Makes a subscription, and a customer for its owner if there is none.
    async fn subscribe(&self, request: &Subscribe<'_>) -> Result<Snapshot, PaymentError>;

    /// Changes the plan of a subscription.
    async fn change(&self, request: &ChangePlan<'_>) -> Result<Snapshot, PaymentError>;

    /// What [`change`](Self::change) would charge now, without doing it.
    async fn preview(&self, request: &ChangePlan<'_>) -> Result<Preview, PaymentError>;

    /// Ends a subscription.
    async fn cancel(&self, request: &Cancel<'_>) -> Result<Snapshot, PaymentError>;

    /// Takes back an end that has not come.
    async fn reactivate(&self, request: &Existing<'_>) -> Result<Snapshot, PaymentError>;

    /// Moves the end of a trial.
    async fn extend_trial(
        &self,
        request: &Existing<'_>,
        until: Timestamp,
    ) -> Result<Snapshot, PaymentError>;

    /// Does what is due at `now`: the end of a trial, a renewal, the end of a period that is not renewed.
    /// None if nothing is, or if the provider does so by itself and tells by webhooks.
    async fn advance(&self, request: &Existing<'_>) -> Result<Option<Snapshot>, PaymentError>;

    /// Pays back all or a part of what was paid for an invoice.
    async fn refund(&self, request: &Refund<'_>) -> Result<Refunded, PaymentError>;

    /// A page on which the owner pays for a plan.
    ///
    /// # Errors
    ///
    /// [`PaymentErrorKind::Unsupported`] where the provider has no pages, as with all errors of calls.
    async fn checkout_link(&self, request: &Checkout<'_>) -> Result<Link, PaymentError>;

    /// A page on which the owner sees invoices and changes how they pay.
    async fn portal_link(&self, request: &Portal<'_>) -> Result<Link, PaymentError>;
}

/// What is sold, and how it is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The key of the tier.
    pub tier: String,
    /// How often it is paid.
    pub cycle: BillingCycle,
    /// For how many seats, if it is sold by seats.
    pub seats: Option<u32>,
    /// The price of one seat, or of all, for one period, in minor units. From the catalog: providers with
    /// prices of their own find theirs by tier and cycle.
    pub unit_amount: i64,
    /// The currency.
    pub currency: Currency,
    /// What an invoice calls it.
    pub name: String,
    /// The discount, in hundredths of a percent.
    pub discount_basis_points: u32,
}

/// Who pays.
#[derive(Clone, Debug)]
pub struct Payer<'a> {
    /// Whose the subscription is.
    pub owner: &'a Subject,
    /// Where to reach them.
    pub email: Option<&'a str>,
    /// What to call them.
    pub name: Option<&'a str>,
    /// What the provider calls them, if they are known to it.
    pub customer: Option<&'a str>,
}

/// A subscription to be made.
#[derive(Clone, Debug)]
pub struct Subscribe<'a> {
    /// The operation.
    pub operation: OperationId,
    /// Who pays.
    pub payer: Payer<'a>,
    /// What for.
    pub plan: &'a Plan,
    /// Until when it costs nothing.
    pub trial_end: Option<Timestamp>,
    /// What the provider calls the means of payment.
    pub payment_method: Option<&'a str>,
    /// When it is asked for.
    pub now: Timestamp,
}

/// A subscription that is there, as it is stored.
#[derive(Clone, Debug)]
pub struct Existing<'a> {
    /// The operation.
    pub operation: OperationId,
    /// The subscription.
    pub subscription: &'a SubscriptionRecord,
    /// What it is now; none if it is free or its tier has no price.
    pub plan: Option<&'a Plan>,
    /// What it is from its next renewal on, where that differs.
    pub next_plan: Option<&'a Plan>,
    /// What was charged last, if it was for time that is not over.
    pub charged: Option<Charged>,
    /// When it is asked for.
    pub now: Timestamp,
}

/// What was charged for a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charged {
    /// How much, in minor units: less discounts, and less what was paid back. Not below zero.
    pub amount: i64,
    /// The span.
    pub span: tiergate_core::Window,
}

/// A change of plan.
#[derive(Clone, Debug)]
pub struct ChangePlan<'a> {
    /// What is there.
    pub existing: Existing<'a>,
    /// The key of the tier it is to be.
    pub tier: &'a str,
    /// What it is to be; none for free.
    pub to: Option<&'a Plan>,
    /// From when on.
    pub effective: Effective,
}

/// From when on a change holds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Effective {
    /// At once; what is left of the period is credited and charged in proportion.
    Now,
    /// From the end of the current period.
    PeriodEnd,
}

/// The end of a subscription.
#[derive(Clone, Debug)]
pub struct Cancel<'a> {
    /// What is there.
    pub existing: Existing<'a>,
    /// When it ends.
    pub effective: Effective,
}

/// Money to be paid back.
#[derive(Clone, Debug)]
pub struct Refund<'a> {
    /// The operation.
    pub operation: OperationId,
    /// What it was paid for.
    pub invoice: &'a InvoiceRecord,
    /// How much, in minor units of the invoice's currency.
    pub amount: i64,
    /// Why.
    pub reason: &'a str,
    /// When it is asked for.
    pub now: Timestamp,
}

/// Money that is being paid back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refunded {
    /// What the provider calls it.
    pub reference: String,
    /// How much.
    pub amount: i64,
}

/// A page to pay on, wanted.
#[derive(Clone, Debug)]
pub struct Checkout<'a> {
    /// The operation.
    pub operation: OperationId,
    /// Who pays.
    pub payer: Payer<'a>,
    /// What for.
    pub plan: &'a Plan,
    /// Until when it costs nothing.
    pub trial_end: Option<Timestamp>,
    /// Where to go when it is done.
    pub success_url: &'a str,
    /// Where to go when it is not.
    pub cancel_url: &'a str,
}

/// A page to manage payment on, wanted.
#[derive(Clone, Debug)]
pub struct Portal<'a> {
    /// The operation.
    pub operation: OperationId,
    /// What the provider calls the customer.
    pub customer: &'a str,
    /// Where to go from there.
    pub return_url: &'a str,
}

/// The address of a page, valid for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The address.
    pub url: String,
    /// Until when it works, if that is known.
    pub expires_at: Option<Timestamp>,
}

/// What a subscription is, as its provider tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What the provider calls the customer.
    pub customer: Option<String>,
    /// What the provider calls the subscription; none where it does not name subscriptions.
    pub reference: Option<String>,
    /// The key of the tier.
    pub tier: String,
    /// The status, in Stripe's words.
    pub status: String,
    /// How often it is paid; none for free.
    pub cycle: Option<BillingCycle>,
    /// For how many seats.
    pub seats: Option<u32>,
    /// The current period.
    pub period: Option<(Timestamp, Timestamp)>,
    /// Where the first of its periods started, on whose day of the month all others start, but in months
    /// that are too short. None if there are no periods, or the provider counts them itself.
    pub anchor: Option<Timestamp>,
    /// Whether it ends with that period.
    pub cancel_at_period_end: bool,
    /// When it was canceled.
    pub canceled_at: Option<Timestamp>,
    /// The trial, past or present.
    pub trial: Option<(Timestamp, Timestamp)>,
    /// What its next renewal changes.
    pub pending: Option<crate::record::PendingChange>,
    /// The discount, in hundredths of a percent.
    pub discount_basis_points: u32,
    /// Invoices that this brought about.
    pub invoices: Vec<NewInvoice>,
}

/// An invoice that a provider made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvoice {
    /// What the provider calls it, if it has a name for it.
    pub reference: Option<String>,
    /// The tier that is sold.
    pub tier: String,
    /// Its state.
    pub status: InvoiceStatus,
    /// Its lines.
    pub lines: Vec<InvoiceLine>,
    /// What is taken off, in minor units.
    pub discount: i64,
    /// What is put on, in minor units.
    pub tax: i64,
    /// The currency.
    pub currency: Currency,
    /// The time it is for.
    pub period: Option<(Timestamp, Timestamp)>,
    /// Until when it is to be paid.
    pub due_at: Option<Timestamp>,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
}

/// What a change would charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The lines that would be invoiced at once, credits below zero.
    pub lines: Vec<InvoiceLine>,
    /// What would be due at once, in minor units; below zero for what would be credited.
    pub due_now: i64,
    /// What each period costs from then on, in minor units.
    pub recurring: i64,
    /// When the change would hold.
    pub effective_at: Timestamp,
}
