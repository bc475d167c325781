use std::fmt;
use std::str::FromStr;

use tiergate_core::Window;
use tiergate_core::time::{TimeZone, Timestamp};

/// A calendar month in which usage is billed, written like `2026-01`.
///
/// ```
/// use tiergate_billing::record::BillingMonth;
///
/// let month: BillingMonth = "2026-02".parse()?;
/// // In Tokyo, March begins nine hours before it does in Greenwich.
/// let tokyo = "Asia/Tokyo".parse()?;
/// let at = "2026-02-28T15:00:00Z".parse()?;
/// assert!(BillingMonth::containing(at, &tokyo) > month);
/// assert_eq!(BillingMonth::containing(at, &tokyo).to_string(), "2026-03");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillingMonth {
    year: u16,
    // INVARIANT: 1 to 12.
    month: u8,
}

impl BillingMonth {
    /// The first that can be written.
    pub(crate) const FIRST: Self = Self { year: 0, month: 1 };
    /// The last that can be written.
    pub(crate) const LAST: Self = Self {
        year: 9_999,
        month: 12,
    };

    /// The month that holds `at` in a time zone, cut as [`Window::of_month`] cuts it.
    #[must_use]
    pub fn containing(at: Timestamp, zone: &TimeZone) -> Self {
        Self::of(Window::of_month(at, zone))
    }

    /// The month that a calendar month's window is.
    pub(crate) fn of(window: Window) -> Self {
        // No zone is a week away from UTC, so the middle of a month lies in it everywhere.
        let middle = window.start().saturating_add(window.length() / 2);
        let text = middle.to_string();
        // Times before the year 0 or after 9999 are written with a sign; nothing is billed then.
        text.get(..7)
            .and_then(|month| month.parse().ok())
            .unwrap_or(Self { year: 0, month: 1 })
    }

    /// When it begins and ends in a time zone.
    #[must_use]
    pub fn window(self, zone: &TimeZone) -> Window {
        // The middle of a month lies in it everywhere; and every year of four digits has one.
        let middle = format!("{self}-15T12:00:00Z").parse();
        Window::of_month(middle.unwrap_or(Timestamp::MIN), zone)
    }
}

impl serde::Serialize for BillingMonth {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for BillingMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Debug for BillingMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BillingMonth {
    type Err = InvalidMonthError;

    fn from_str(text: &str) -> Result<Self, InvalidMonthError> {
        let read = || {
            let (year, month) = text.split_once('-')?;
            let digits = |text: &str, count| {
                text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
            };
            if !digits(year, 4) || !digits(month, 2) {
                return None;
            }
            let month = month
                .parse()
                .ok()
                .filter(|month| (1..=12).contains(month))?;
            Some(Self {
                year: year.parse().ok()?,
                month,
            })
        };
        read().ok_or(InvalidMonthError)
    }
}

/// The text is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a month like 2026-01")]
pub struct InvalidMonthError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_read_back_from_its_text() {
        for text in ["2026-01", "2026-12", "0001-06"] {
            assert_eq!(text.parse::<BillingMonth>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-01",
            "+026-01",
            "2026-01-01",
        ] {
            assert_eq!(
                text.parse::<BillingMonth>(),
                Err(InvalidMonthError),
                "{text}"
            );
        }
    }

    #[test]
    fn a_month_begins_and_ends_where_its_zone_says() {
        let month = |at: &str, zone: &str| {
            BillingMonth::containing(at.parse().unwrap(), &zone.parse().unwrap()).to_string()
        };
        assert_eq!(month("2026-01-31T23:59:59.999999Z", "UTC"), "2026-01");
        assert_eq!(month("2026-02-01T00:00:00Z", "UTC"), "2026-02");
        assert_eq!(month("2026-02-01T04:59:59Z", "America/New_York"), "2026-01");
        assert_eq!(month("2026-02-01T05:00:00Z", "America/New_York"), "2026-02");
        assert_eq!(
            month("2025-12-31T09:59:59Z", "Pacific/Kiritimati"),
            "2025-12"
        );
        assert_eq!(
            month("2025-12-31T10:00:00Z", "Pacific/Kiritimati"),
            "2026-01"
        );
    }

    proptest::proptest! {
        #[test]
        fn a_moment_lies_in_the_window_of_its_month_and_in_no_other(
            seconds in 0_i64..32_503_680_000,
            zone in proptest::sample::select(vec![
                "UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Pacific/Kiritimati",
            ]),
        ) {
            let zone = zone.parse().unwrap();
            let at = Timestamp::from_seconds(seconds);
            let window = BillingMonth::containing(at, &zone).window(&zone);
            proptest::prop_assert!(window.contains(at));
            let next = BillingMonth::containing(window.end(), &zone).window(&zone);
            proptest::prop_assert_eq!(next.start(), window.end());
            proptest::prop_assert!(!next.contains(at));
        }
    }
}
