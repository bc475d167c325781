//! Where the months of a subscription begin.

use std::fmt;
use std::time::Duration;

use jiff::tz::Offset;

use super::month::{Month, Shown};
use crate::time::Timestamp;

/// Where the months of a subscription begin: a day of the month and a time of day, in UTC.
///
/// In a month that is too short for the day, the boundary is on its last day. Each boundary comes
/// from the anchor itself, so the months after a short one are back on the anchor's day.
///
/// The year and the month of the period that an anchor was made from do not matter to it. All the
/// months of a subscription, before that period and after it, lie on one grid.
///
/// ```
/// use tiergate_core::window::BillingAnchor;
///
/// // What a subscription that began on 31 January shows of itself a month later.
/// let anchor = BillingAnchor::from_period(
///     "2026-02-28T12:00:00Z".parse()?,
///     Some("2026-03-31T12:00:00Z".parse()?),
/// );
/// assert_eq!(anchor.day(), 31);
/// assert_eq!(anchor.to_string(), "day 31 at 12:00:00 UTC");
/// # Ok::<(), tiergate_core::time::ParseTimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BillingAnchor {
    // INVARIANT: a day that some month has, 1 to 31.
    day: u8,
    // INVARIANT: microseconds since midnight, less than a day has.
    time: i64,
}

impl BillingAnchor {
    /// The anchor of a subscription whose current period runs from `start` up to, but without,
    /// `end`.
    ///
    /// The time of day is that of `start`. The day is that of `start`, unless all of these hold:
    ///
    /// - `end` is after `start`, and at the same time of day,
    /// - `start` is on the last day of its month, and
    /// - `end` is on a later day of its month than `start`.
    ///
    /// Then `start` is taken for a boundary that its month was too short for, and the day is that of
    /// `end`.
    ///
    /// So, whenever there is a day of the month from which a whole number of months leads from
    /// `start` to `end`, both are boundaries. A monthly period is one window. A yearly one is twelve:
    /// from 29 February 2024 to 28 February 2025 they begin on the 29th, and the last ends with the
    /// period. Where more than one day would do, it is the earliest: a period from 28 February 2025
    /// to 28 February 2026 is counted from the 28th. Since the end of one period and the start of
    /// the next are the same moment, and a boundary for both, windows meet there even so.
    ///
    /// Any other period, such as a trial of 14 days, or one with no end or with an end that is not
    /// after its start, is counted from `start`. Then `start` is a boundary and `end` need not be.
    ///
    /// ```
    /// use tiergate_core::window::BillingAnchor;
    ///
    /// let day = |start: &str, end: &str| {
    ///     Ok(BillingAnchor::from_period(start.parse()?, Some(end.parse()?)).day())
    /// };
    /// assert_eq!(day("2026-01-15T00:00:00Z", "2026-02-15T00:00:00Z")?, 15);
    /// assert_eq!(day("2026-04-30T00:00:00Z", "2026-05-30T00:00:00Z")?, 30);
    /// assert_eq!(day("2026-04-30T00:00:00Z", "2026-05-31T00:00:00Z")?, 31);
    /// assert_eq!(day("2024-02-29T00:00:00Z", "2025-02-28T00:00:00Z")?, 29);
    /// // Fourteen days.
    /// assert_eq!(day("2026-02-10T00:00:00Z", "2026-02-24T00:00:00Z")?, 10);
    /// # Ok::<(), tiergate_core::time::ParseTimestampError>(())
    /// ```
    #[must_use]
    pub fn from_period(start: Timestamp, end: Option<Timestamp>) -> Self {
        let shown = Shown::at(start);
        // Nearly none is on the last day of its month, and then the end does not matter.
        let end = end.filter(|end| *end > start && shown.is_last_day());
        let day = end
            .map(Shown::at)
            .filter(|end| end.time == shown.time)
            .map_or(shown.day, |end| end.day.max(shown.day));
        Self {
            // No month has a day that is none; the fallback is unreachable and harmless.
            day: u8::try_from(day).unwrap_or(1),
            time: shown.time,
        }
    }

    /// The day of the month, from 1 to 31.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }

    /// How long after midnight in UTC the boundaries lie; less than 24 hours, to the microsecond.
    #[must_use]
    pub fn time_of_day(self) -> Duration {
        // It is never negative; the fallback is unreachable and harmless.
        Duration::from_micros(u64::try_from(self.time).unwrap_or(0))
    }

    /// The boundary in a month.
    pub(super) fn boundary(self, month: Month) -> Timestamp {
        month.moment(self.day.into(), self.time)
    }
}

impl fmt::Display for BillingAnchor {
    /// As a phrase: `day 31 at 12:00:00 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on_some_day = Timestamp::from_micros(self.time).to_jiff();
        let time = Offset::UTC.to_datetime(on_some_day).time();
        write!(f, "day {} at {time} UTC", self.day)
    }
}

impl fmt::Debug for BillingAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BillingAnchor({self})")
    }
}
