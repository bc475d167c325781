//! The windows that quotas are counted in.
//!
//! A window is a span of time from a start to an end. The start belongs to it; the end belongs to
//! the next one. Every moment lies in exactly one window of a kind: there are no gaps and no
//! overlaps, whatever the calendar or a time zone does.
//!
//! | quota per | a window runs | told by |
//! |---|---|---|
//! | [`Day`](QuotaPeriod::Day) | from midnight to midnight | a [`TimeZone`] |
//! | [`Month`](QuotaPeriod::Month) | from midnight of the first to midnight of the next first | a [`TimeZone`] |
//! | [`BillingPeriod`](QuotaPeriod::BillingPeriod) | from the anchor's day to the same day a month later | a [`BillingAnchor`], in UTC |
//!
//! A window is computed from the moment asked about alone, never from the window before it. So an
//! anchor on the 31st gives 31 January, 28 February and again 31 March, and the cost of an answer
//! does not grow with the age of a subscription.
//!
//! # Midnight in a time zone
//!
//! A local date begins at the first moment at which the local clock shows that date or a later one.
//! So:
//!
//! - Where the clock jumps over midnight, the date begins at the jump.
//! - Where the clock shows midnight twice, it begins at the earlier one. If the clock has then gone
//!   back to the evening before, that second evening is still counted with the new date.
//! - A date that a zone left out altogether has no window. The window before it ends where the one
//!   after it begins.
//!
//! Days are therefore 23, 24 or 25 hours long in most zones, and now and then something else. The
//! rules of a zone for years to come are those that its last known law states.
//!
//! # The ends of time
//!
//! Time runs from [`Timestamp::MIN`] to [`Timestamp::MAX`]. A window that would begin before the one
//! or end after the other is cut there. No moment comes after the last, so the window that is cut at
//! [`Timestamp::MAX`] also holds that moment.

mod anchor;
mod calendar;
mod month;
mod utc;
mod zone;

pub use anchor::BillingAnchor;

use std::fmt;
use std::time::Duration;

use crate::QuotaPeriod;
use crate::time::{TimeZone, Timestamp};
use calendar::Unit;
use month::Shown;

/// A span of time, half-open: its start belongs to it, its end does not.
///
/// It is never empty.
///
/// ```
/// use std::time::Duration;
/// use tiergate_core::Window;
/// use tiergate_core::time::{TimeZone, Timestamp};
///
/// let zone: TimeZone = "Europe/Berlin".parse()?;
/// let at: Timestamp = "2026-03-15T12:00:00Z".parse()?;
///
/// let month = Window::of_month(at, &zone);
/// assert_eq!(month.to_string(), "[2026-02-28T23:00:00Z, 2026-03-31T22:00:00Z)");
/// assert!(month.contains(at));
/// assert!(!month.contains(month.end()));
/// // An hour of March went to daylight saving time.
/// assert_eq!(month.length(), Duration::from_secs(31 * 86_400 - 3_600));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    // INVARIANT: start < end.
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    /// All of time: where a level counts, which starts at zero once.
    ///
    /// ```
    /// use tiergate_core::Window;
    ///
    /// assert!(Window::ALL.contains("2026-03-15T12:00:00Z".parse()?));
    /// # Ok::<(), tiergate_core::time::ParseTimestampError>(())
    /// ```
    pub const ALL: Self = Self {
        start: Timestamp::MIN,
        end: Timestamp::MAX,
    };

    /// The span from `start` up to, but without, `end`. There is none unless `start` is before
    /// `end`.
    ///
    /// ```
    /// use tiergate_core::Window;
    /// use tiergate_core::time::Timestamp;
    ///
    /// let (one, two) = (Timestamp::from_seconds(1), Timestamp::from_seconds(2));
    /// assert!(Window::new(one, two).is_some());
    /// assert!(Window::new(one, one).is_none());
    /// assert!(Window::new(two, one).is_none());
    /// ```
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// The window of a quota per `period` that holds `at`.
    ///
    /// A billing period without an anchor is the calendar month in `zone`; with one, `zone` does not
    /// matter. The anchor matters to no other period.
    ///
    /// ```
    /// use tiergate_core::time::{TimeZone, Timestamp};
    /// use tiergate_core::window::BillingAnchor;
    /// use tiergate_core::{QuotaPeriod, Window};
    ///
    /// let at: Timestamp = "2026-02-10T00:00:00Z".parse()?;
    /// let anchor = BillingAnchor::from_period("2026-01-31T00:00:00Z".parse()?, None);
    /// let utc = TimeZone::utc();
    ///
    /// let paying = Window::of(QuotaPeriod::BillingPeriod, at, Some(anchor), &utc);
    /// assert_eq!(paying.to_string(), "[2026-01-31T00:00:00Z, 2026-02-28T00:00:00Z)");
    ///
    /// let free = Window::of(QuotaPeriod::BillingPeriod, at, None, &utc);
    /// assert_eq!(free, Window::of_month(at, &utc));
    /// # Ok::<(), tiergate_core::time::ParseTimestampError>(())
    /// ```
    #[must_use]
    pub fn of(
        period: QuotaPeriod,
        at: Timestamp,
        anchor: Option<BillingAnchor>,
        zone: &TimeZone,
    ) -> Self {
        match (period, anchor) {
            (QuotaPeriod::Day, _) => Self::of_day(at, zone),
            (QuotaPeriod::BillingPeriod, Some(anchor)) => Self::of_billing_period(at, anchor),
            (QuotaPeriod::Month, _) | (QuotaPeriod::BillingPeriod, None) => {
                Self::of_month(at, zone)
            }
        }
    }

    /// The day that holds `at` in `zone`, from midnight to midnight.
    ///
    /// The [module](self#midnight-in-a-time-zone) says what midnight is where the clock skips it or
    /// shows it twice.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tiergate_core::Window;
    ///
    /// // Clocks in Cairo go from 00:00 to 01:00 on this day.
    /// let day = Window::of_day("2026-04-24T12:00:00Z".parse()?, &"Africa/Cairo".parse()?);
    /// assert_eq!(day.start().to_string(), "2026-04-23T22:00:00Z");
    /// assert_eq!(day.length(), Duration::from_secs(23 * 3_600));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of_day(at: Timestamp, zone: &TimeZone) -> Self {
        Self::local(at, Unit::Day, zone)
    }

    /// The calendar month that holds `at` in `zone`, from midnight of its first day to midnight of
    /// the first day of the next.
    ///
    /// ```
    /// use tiergate_core::Window;
    ///
    /// // In Tokyo it is already March.
    /// let month = Window::of_month("2026-02-28T20:00:00Z".parse()?, &"Asia/Tokyo".parse()?);
    /// assert_eq!(month.to_string(), "[2026-02-28T15:00:00Z, 2026-03-31T15:00:00Z)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of_month(at: Timestamp, zone: &TimeZone) -> Self {
        Self::local(at, Unit::Month, zone)
    }

    /// The month that holds `at`, counted from `anchor` in UTC.
    ///
    /// ```
    /// use tiergate_core::Window;
    /// use tiergate_core::window::BillingAnchor;
    ///
    /// let anchor = BillingAnchor::from_period("2026-01-31T09:30:00Z".parse()?, None);
    /// let window = Window::of_billing_period("2026-03-01T00:00:00Z".parse()?, anchor);
    /// assert_eq!(window.to_string(), "[2026-02-28T09:30:00Z, 2026-03-31T09:30:00Z)");
    /// # Ok::<(), tiergate_core::time::ParseTimestampError>(())
    /// ```
    #[must_use]
    pub fn of_billing_period(at: Timestamp, anchor: BillingAnchor) -> Self {
        let month = Shown::at(at).month;
        let start = anchor.boundary(month);
        // A window that starts with the last moment would have to end there too.
        if at < start || start == Timestamp::MAX {
            return Self {
                start: anchor.boundary(month.previous()),
                end: start,
            };
        }
        // The next boundary is in the next month, and so after this moment.
        Self {
            start,
            end: anchor.boundary(month.next()),
        }
    }

    /// The month that holds `at`, counted from the [anchor](BillingAnchor::from_period) of a subscription
    /// whose current period runs from `start` to `end`.
    ///
    /// ```
    /// use tiergate_core::Window;
    /// use tiergate_core::time::Timestamp;
    ///
    /// let (start, end): (Timestamp, Timestamp) =
    ///     ("2026-01-15T09:30:00Z".parse()?, "2026-02-15T09:30:00Z".parse()?);
    /// let window = Window::of_period("2026-02-01T00:00:00Z".parse()?, start, Some(end));
    /// assert_eq!((window.start(), window.end()), (start, end));
    /// let next = Window::of_period(end, start, Some(end));
    /// assert_eq!(next.to_string(), "[2026-02-15T09:30:00Z, 2026-03-15T09:30:00Z)");
    /// # Ok::<(), tiergate_core::time::ParseTimestampError>(())
    /// ```
    #[must_use]
    pub fn of_period(at: Timestamp, start: Timestamp, end: Option<Timestamp>) -> Self {
        // Most are paid by the month, and asked about while they last: they are the window themselves.
        if let Some(end) = end
            && start <= at
            && at < end
            && Shown::at(start).is_a_month_before(start, end)
        {
            return Self { start, end };
        }
        Self::of_billing_period(at, BillingAnchor::from_period(start, end))
    }

    fn local(at: Timestamp, unit: Unit, zone: &TimeZone) -> Self {
        // Where most catalogs count. A calendar library takes several times as long.
        if zone.is_utc() {
            return utc::cut(at, unit);
        }
        Self::by_the_library(at, unit, zone)
    }

    fn by_the_library(at: Timestamp, unit: Unit, zone: &TimeZone) -> Self {
        let zone = zone.as_jiff();
        calendar::cut(at, zone.to_datetime(at.to_jiff()).date(), unit, |date| {
            zone::first_moment(date, zone)
        })
    }

    /// The first moment that belongs to it.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        self.start
    }

    /// The first moment that no longer belongs to it; the next window starts there.
    ///
    /// The one exception is a window that is cut at [`Timestamp::MAX`], which holds its end.
    #[must_use]
    pub const fn end(self) -> Timestamp {
        self.end
    }

    /// Whether `at` belongs to it: at or after the start, and before the end or at the very end of
    /// time.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && (at < self.end || self.end == Timestamp::MAX)
    }

    /// The time from start to end, as it elapses; never zero.
    #[must_use]
    pub fn length(self) -> Duration {
        self.end.duration_since(self.start)
    }

    /// The time from `at` to the end; zero at the end and after it. Before the start it is more than
    /// the length.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tiergate_core::Window;
    /// use tiergate_core::time::TimeZone;
    ///
    /// let day = Window::of_day("2026-05-01T22:30:00Z".parse()?, &TimeZone::utc());
    /// assert_eq!(day.remaining("2026-05-01T23:59:59Z".parse()?), Duration::from_secs(1));
    /// assert_eq!(day.remaining(day.start()), day.length());
    /// assert_eq!(day.remaining(day.end()), Duration::ZERO);
    /// # Ok::<(), tiergate_core::time::ParseTimestampError>(())
    /// ```
    #[must_use]
    pub fn remaining(self, at: Timestamp) -> Duration {
        self.end.duration_since(at)
    }
}

impl fmt::Display for Window {
    /// In the notation for half-open intervals: `[2026-01-31T00:00:00Z, 2026-02-28T00:00:00Z)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
