use crate::money::Money;

/// A tier as the catalog describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tier {
    /// The key that subscriptions and guards name it by.
    pub key: Box<str>,
    /// The name that people read.
    pub name: Box<str>,
    /// A sentence about it.
    pub description: Option<Box<str>>,
    /// Whom it is sold to.
    pub track: Track,
    /// What it costs.
    pub price: Price,
    /// The keys of the tiers it includes directly.
    pub includes: Vec<Box<str>>,
}

/// Whom a tier is sold to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// To persons.
    Individual,
    /// To organizations.
    Organization,
}

impl Track {
    /// Every track.
    pub const ALL: [Self; 2] = [Self::Individual, Self::Organization];

    /// The word for it in a catalog.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Individual => "individual",
            Self::Organization => "organization",
        }
    }
}

/// What a tier costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// Nothing.
    Free,
    /// So much for each month, or for each year.
    Paid {
        /// For a month, if it is paid monthly.
        monthly: Money,
        /// For a year, if it is paid annually.
        annual: Money,
        /// What the amounts are for.
        unit: PriceUnit,
    },
    /// What a contract says.
    ByContract,
}

/// What a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceUnit {
    /// The whole subscription.
    Flat,
    /// One seat.
    PerSeat {
        /// How many seats are paid at least.
        minimum: u32,
    },
}

impl Price {
    /// What a month costs at the least number of seats, in minor units: for comparing tiers, not
    /// for billing. None when only a contract says.
    #[must_use]
    pub fn monthly_minimum(&self) -> Option<i64> {
        match self {
            Self::Free => Some(0),
            Self::Paid { monthly, unit, .. } => {
                let seats = match unit {
                    PriceUnit::Flat => 1,
                    PriceUnit::PerSeat { minimum } => i64::from((*minimum).max(1)),
                };
                Some(monthly.minor_units().saturating_mul(seats))
            }
            Self::ByContract => None,
        }
    }
}
