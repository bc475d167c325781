use tiergate_core::time::Timestamp;

use super::fields::Fields;

/// A span of time, half-open: `start` belongs to it, `end` to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    /// Where it starts.
    pub start: Timestamp,
    /// Where it ends.
    pub end: Timestamp,
}

impl Period {
    pub(super) fn read(fields: Fields<'_>, start: &str, end: &str) -> Option<Self> {
        let (start, end) = (fields.moment(start), fields.moment(end));
        Some(Self {
            start: start?,
            end: end?,
        })
    }

    /// The shortest period that holds both.
    pub(super) fn cover(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}
