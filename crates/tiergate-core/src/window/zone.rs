//! Where a date begins in a time zone.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::calendar::moment;
use crate::time::Timestamp;

/// The first moment at which the clock of `zone` shows `date` or a later one.
pub(super) fn first_moment(date: Date, zone: &TimeZone) -> Timestamp {
    let midnight = date.to_datetime(Time::midnight());
    match zone.to_ambiguous_timestamp(midnight).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            moment(midnight, offset)
        }
        AmbiguousOffset::Gap { before, after } => jump_over(midnight, zone, before, after),
    }
}

/// The moment at which the clock of `zone` jumps from before `skipped` to after it.
fn jump_over(skipped: DateTime, zone: &TimeZone, before: Offset, after: Offset) -> Timestamp {
    // Read with the offset after the jump, `skipped` is a moment before the jump; read with the
    // offset before it, the jump itself or a moment after it.
    let (earlier, later) = (moment(skipped, after), moment(skipped, before));
    zone.following(earlier.to_jiff())
        .take_while(|change| change.timestamp() <= later.to_jiff())
        .find(|change| change.offset().to_datetime(change.timestamp()) >= skipped)
        .map_or(later, |jump| Timestamp::from_jiff(jump.timestamp()))
}
