//! How time is cut into windows along a calendar.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

use super::Window;
use crate::time::Timestamp;

/// The unit of a calendar that one window is made of. A unit is named by its first date.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Day,
    Month,
}

impl Unit {
    fn of(self, date: Date) -> Date {
        match self {
            Self::Day => date,
            Self::Month => date.first_of_month(),
        }
    }

    fn after(self, first: Date) -> Option<Date> {
        match self {
            Self::Day => first.tomorrow().ok(),
            Self::Month => first.last_of_month().tomorrow().ok(),
        }
    }

    fn before(self, first: Date) -> Option<Date> {
        first.yesterday().ok().map(|date| self.of(date))
    }
}

/// The window that holds `at`, among those that run from the boundary of one unit to that of the
/// next. `date` is the date at `at`.
///
/// `boundary` must never fall as dates rise, and must lie so close to the beginning of its unit that
/// `at` is in the window of the unit of `date`, or in one beside it. Anchors keep to this, because
/// they lie within their month; time zones, because none has set its clock back by more than a day.
pub(super) fn cut(
    at: Timestamp,
    date: Date,
    unit: Unit,
    boundary: impl Fn(Date) -> Timestamp,
) -> Window {
    let starts = |first: Option<Date>| first.map_or(Timestamp::MIN, &boundary);
    let ends = |first: Option<Date>| first.map_or(Timestamp::MAX, &boundary);

    let this = unit.of(date);
    let start = boundary(this);
    // A window that starts with the last moment would have to end there too.
    if at < start || start == Timestamp::MAX {
        return Window {
            start: starts(unit.before(this)),
            end: start,
        };
    }
    let next = unit.after(this);
    let end = ends(next);
    if at < end || end == Timestamp::MAX {
        return Window { start, end };
    }
    Window {
        start: end,
        end: ends(next.and_then(|next| unit.after(next))),
    }
}

/// The moment at which a clock set to `offset` shows `shown`, brought into the range of timestamps.
pub(super) fn moment(shown: DateTime, offset: Offset) -> Timestamp {
    match offset.to_timestamp(shown) {
        Ok(moment) => Timestamp::from_jiff(moment),
        // The years that timestamps and clocks can show are the same, but for a day at either end.
        Err(_) if shown.year() < 0 => Timestamp::MIN,
        Err(_) => Timestamp::MAX,
    }
}
