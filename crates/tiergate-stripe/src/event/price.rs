use super::amount::CurrencyCode;
use super::fault::Expected;
use super::fields::Fields;
use crate::id::PriceId;

/// A price, as far as it says what was bought. A plan, from before there were prices, is read as
/// one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PriceObject {
    /// Its id.
    pub id: PriceId,
    /// The name by which programs look it up, which stays when the amount changes.
    pub lookup_key: Option<Box<str>>,
    /// How often it is charged; none if once.
    pub interval: Option<Interval>,
    /// Whether it is charged by quantity or by what was used.
    pub usage: PriceUsage,
    /// What one unit costs, in minor units; none if it depends on how many there are, or is a
    /// fraction of a minor unit.
    pub unit_amount: Option<i64>,
    /// The currency of the amount.
    pub currency: Option<CurrencyCode>,
}

/// How often a price is charged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// The unit.
    pub unit: IntervalUnit,
    /// How many units are between two charges, at least 1.
    pub count: u64,
}

/// The unit of an [`Interval`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IntervalUnit {
    /// Days.
    Day,
    /// Weeks.
    Week,
    /// Months of the calendar.
    Month,
    /// Years.
    Year,
    /// A word that this version does not know.
    Other(Box<str>),
}

impl From<&str> for IntervalUnit {
    fn from(word: &str) -> Self {
        match word {
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "year" => Self::Year,
            other => Self::Other(other.into()),
        }
    }
}

/// What a price is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PriceUsage {
    /// The quantity that was bought. Also where Stripe says nothing.
    Licensed,
    /// What was used, reported afterwards.
    Metered,
}

impl PriceObject {
    /// The price of an item of a subscription.
    pub(super) fn of_item(item: Fields<'_>) -> Option<Self> {
        item.expanded("price", Self::read)
            .or_else(|| item.expanded("plan", Self::read_plan))
    }

    fn read(price: Fields<'_>) -> Option<Self> {
        let recurring = price.object("recurring", |recurring| Some(Recurring::read(recurring)));
        Self::of(price, "unit_amount", recurring)
    }

    /// A plan has on itself what a price has in `recurring`.
    pub(super) fn read_plan(plan: Fields<'_>) -> Option<Self> {
        Self::of(plan, "amount", Some(Recurring::read(plan)))
    }

    fn of(price: Fields<'_>, amount: &str, recurring: Option<Recurring>) -> Option<Self> {
        let lookup_key = price.owned_text("lookup_key");
        let unit_amount = price.integer(amount);
        let currency = price.currency_if_any("currency");
        let id = price.needed_id("id", PriceId::new);
        let recurring = recurring.unwrap_or(Recurring {
            interval: None,
            usage: PriceUsage::Licensed,
        });
        Some(Self {
            id: id?,
            lookup_key,
            interval: recurring.interval,
            usage: recurring.usage,
            unit_amount,
            currency,
        })
    }
}

struct Recurring {
    interval: Option<Interval>,
    usage: PriceUsage,
}

impl Recurring {
    fn read(fields: Fields<'_>) -> Self {
        let unit = fields.text("interval").map(IntervalUnit::from);
        let count = fields.read("interval_count", Expected::Count, |value| {
            value.as_u64().filter(|count| *count > 0)
        });
        Self {
            interval: unit.map(|unit| Interval {
                unit,
                count: count.unwrap_or(1),
            }),
            usage: match fields.text("usage_type") {
                Some("metered") => PriceUsage::Metered,
                _ => PriceUsage::Licensed,
            },
        }
    }
}
