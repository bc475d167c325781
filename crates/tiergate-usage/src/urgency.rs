//! Who goes first where calls of a store have to wait.

/// Whether a call begins something or ends it.
///
/// Who ends something has the units already, and an answer may be out. Whatever it costs those who
/// begin, it must not wait behind them: else a crowd of them keeps commits waiting until their
/// reservations expire, and the units are given out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// A commit, a release, or what is told of a lease that is held.
    Ends,
    /// All else: it begins something, or only looks.
    Begins,
}

/// How many calls of the first kind may wait or be under way, whatever the bound of the others is: as
/// many as reservations are settled at the same time.
pub(crate) const MOST_ENDING: usize = 16_384;
