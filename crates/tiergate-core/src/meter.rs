//! How the units of a limit are counted.

use std::fmt;
use std::time::Duration;

/// How the units of a limit are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meter {
    /// The level now, such as gigabytes stored. It rises and falls, and nothing resets it.
    Gauge,
    /// At most so many in any span as long as the period. Unlike a [`Quota`](Self::Quota), the span
    /// may begin at any moment, so there is no boundary around which twice as many fit.
    Rate(RatePeriod),
    /// So many in each period of a calendar, starting at zero with every new one.
    Quota(QuotaPeriod),
}

/// The span of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RatePeriod {
    /// One second.
    Second,
    /// Sixty seconds.
    Minute,
    /// 3,600 seconds.
    Hour,
}

impl RatePeriod {
    /// Every period, shortest first.
    pub const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    /// The length of the span.
    #[must_use]
    pub const fn length(self) -> Duration {
        match self {
            Self::Second => Duration::from_secs(1),
            Self::Minute => Duration::from_secs(60),
            Self::Hour => Duration::from_secs(3_600),
        }
    }

    /// The word for it in a catalog.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }
}

/// The calendar that the windows of a quota are cut by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuotaPeriod {
    /// From midnight to midnight in the catalog's time zone.
    Day,
    /// From the first of a month to the first of the next, in the catalog's time zone.
    Month,
    /// Month by month from the start of the subscription's period, in UTC. Who has no period is
    /// counted by calendar month.
    BillingPeriod,
}

impl QuotaPeriod {
    /// Every period, shortest first.
    pub const ALL: [Self; 3] = [Self::Day, Self::Month, Self::BillingPeriod];

    /// The word for it in a catalog.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::BillingPeriod => "billing_period",
        }
    }
}

impl fmt::Display for Meter {
    /// The phrase for it in a catalog: `gauge`, `rate per minute`, `quota per billing_period`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gauge => f.write_str("gauge"),
            Self::Rate(period) => write!(f, "rate per {}", period.as_str()),
            Self::Quota(period) => write!(f, "quota per {}", period.as_str()),
        }
    }
}
