use std::num::NonZeroU64;

/// What becomes of requests that the store of usage gives no answer for.
///
/// It is chosen for each layer, because it is a trade: refusing costs customers what they paid for,
/// allowing costs what they did not pay for.
///
/// | | a request is | more than the limit, at most |
/// |---|---|---|
/// | [`Deny`](Self::Deny) | answered 503 | nothing |
/// | [`Allow`](Self::Allow) | let through, uncounted | as much as is asked for |
/// | [`Allowance`](Self::Allowance) | counted in this process's memory, up to a bound | replicas x allowance, for each counter |
///
/// An allowance is one for each counter: for a quota it lasts for the whole of its window, however
/// many outages there are in it; for a rate it comes back with time; for a gauge it lasts until the
/// process ends. What was let through by it is not added to the store later. It is in the ledger, if
/// usage is recorded for billing, and a counter can be put right from there.
///
/// With a [`LeasedUsage`](crate::usage) in front of the store, what is leased is spent before any of
/// this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOutage {
    /// They are refused, as a fault and not for want of units.
    Deny,
    /// They are let through, and nobody counts them.
    Allow,
    /// They are let through up to so many units of each counter, and no more than its limit.
    Allowance(NonZeroU64),
}
