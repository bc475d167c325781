use tiergate_core::SubscriptionStatus;
use tiergate_core::time::Timestamp;

use super::discount::{self, Percent};
use super::fault::Expected;
use super::fields::{self, Fields};
use super::metadata::Metadata;
use super::period::Period;
use super::price::{PriceObject, PriceUsage};
use crate::id::{CustomerId, InvoiceId, SubscriptionId, SubscriptionItemId};

/// A subscription as it was when an event about it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionObject {
    /// Its id.
    pub id: SubscriptionId,
    /// Whose it is.
    pub customer: Option<CustomerId>,
    /// Its status. Stripe's words are tiergate's; another word is kept.
    pub status: SubscriptionStatus,
    /// What was bought, in Stripe's order.
    pub items: Vec<SubscriptionItem>,
    /// The current period, from the earliest start to the latest end of all items: nobody is locked
    /// out of what one item still pays for. From the subscription itself where the items say
    /// nothing, as before 2025-03-31.
    pub period: Option<Period>,
    /// Whether and when it will end by itself.
    pub cancellation: Cancellation,
    /// When somebody canceled it, though it may go on until later.
    pub canceled_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When its trial began.
    pub trial_start: Option<Timestamp>,
    /// When its trial ends, or ended.
    pub trial_end: Option<Timestamp>,
    /// The newest invoice for it, drafts included.
    pub latest_invoice: Option<InvoiceId>,
    /// What the percentages of its discounts take off together. Coupons over a fixed amount, and
    /// those that Stripe sent as a mere id, are not in it.
    pub discount: Option<Percent>,
    /// What somebody attached to it.
    pub metadata: Metadata,
    /// When it was made.
    pub created: Option<Timestamp>,
}

/// One thing that a subscription charges for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionItem {
    /// Its id.
    pub id: Option<SubscriptionItemId>,
    /// Its price.
    pub price: Option<PriceObject>,
    /// How many were bought; none where what was used is charged instead.
    pub quantity: Option<u64>,
    /// Its own current period, since 2025-03-31.
    pub period: Option<Period>,
}

/// Whether a subscription will end by itself.
///
/// Stripe has two fields for it. Its customer portal sets only `cancel_at` when the billing mode is
/// flexible, so a reader of `cancel_at_period_end` alone misses those who leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// It goes on.
    NotScheduled,
    /// It ends with the current period.
    AtPeriodEnd,
    /// It ends at that moment.
    At(Timestamp),
}

impl Cancellation {
    /// Whether it will end, at whatever time.
    #[must_use]
    pub const fn is_scheduled(self) -> bool {
        !matches!(self, Self::NotScheduled)
    }
}

impl SubscriptionObject {
    /// The price that names the tier: that of the first item that is charged again and again by
    /// quantity; if there is no such item, of the first that has a price.
    #[must_use]
    pub fn price(&self) -> Option<&PriceObject> {
        let prices = || self.items.iter().filter_map(|item| item.price.as_ref());
        prices()
            .find(|price| price.interval.is_some() && price.usage == PriceUsage::Licensed)
            .or_else(|| prices().next())
    }

    /// The sum of the quantities of all items whose price is charged by quantity. None if no such
    /// item has a quantity.
    ///
    /// Items that are charged by use have nothing to do with seats. A service that sells other
    /// things beside its seats adds up those [`items`](Self::items) whose price it knows to be one
    /// of seats.
    #[must_use]
    pub fn seats(&self) -> Option<u64> {
        let of_seats = |item: &&SubscriptionItem| {
            let price = item.price.as_ref();
            price.is_some_and(|price| price.usage == PriceUsage::Licensed)
        };
        self.items
            .iter()
            .filter(of_seats)
            .filter_map(|item| item.quantity)
            .reduce(u64::saturating_add)
    }

    pub(super) fn read(object: Fields<'_>) -> Option<Self> {
        let id = object.needed_id("id", SubscriptionId::new);
        let status = object.need("status", Expected::Text, fields::text);
        let mut items = object.list("items", |item| Some(SubscriptionItem::read(item)));
        if items.is_empty() {
            // Before there were items, a subscription had one plan and one quantity.
            items.extend(object.expanded("plan", |plan| {
                Some(SubscriptionItem {
                    id: None,
                    price: PriceObject::read_plan(plan),
                    quantity: object.count("quantity"),
                    period: None,
                })
            }));
        }
        let of_items = items.iter().filter_map(|item| item.period);
        let period = of_items
            .reduce(Period::cover)
            .or_else(|| Period::read(object, "current_period_start", "current_period_end"));
        let cancel_at = object.moment("cancel_at");
        let cancellation = match object.flag("cancel_at_period_end") {
            Some(true) => Cancellation::AtPeriodEnd,
            _ => cancel_at.map_or(Cancellation::NotScheduled, Cancellation::At),
        };
        let read = Self {
            status: status.unwrap_or_default().into(),
            customer: object.reference("customer", CustomerId::new),
            items,
            period,
            cancellation,
            canceled_at: object.moment("canceled_at"),
            ended_at: object.moment("ended_at"),
            trial_start: object.moment("trial_start"),
            trial_end: object.moment("trial_end"),
            latest_invoice: object.reference("latest_invoice", InvoiceId::new),
            discount: discount::read(object),
            metadata: Metadata::read(object),
            created: object.moment("created"),
            // Last, so that every other fault has been noted by now.
            id: id?,
        };
        Some(read)
    }
}

impl SubscriptionItem {
    fn read(item: Fields<'_>) -> Self {
        Self {
            id: item.id("id", SubscriptionItemId::new),
            price: PriceObject::of_item(item),
            quantity: item.count("quantity"),
            period: Period::read(item, "current_period_start", "current_period_end"),
        }
    }
}
