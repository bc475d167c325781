use std::time::Duration;

/// How the cases are decided that neither the catalog nor the subscription settles.
///
/// ```
/// use std::time::Duration;
/// use tiergate_core::decision::{InactiveAccess, Policy};
///
/// let mut policy = Policy::default();
/// assert_eq!(policy.grace, Duration::from_secs(7 * 24 * 3_600));
/// policy.inactive = InactiveAccess::Nothing;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// How long a subscription whose payment failed keeps its tier, counted from the start of the
    /// unpaid period, or from the end of the trial. Seven days by default; none at all if zero.
    pub grace: Duration,
    /// What is left to a subscription that is suspended, unpaid or otherwise inactive.
    pub inactive: InactiveAccess,
    /// What is answered when nothing is known of a subject, because billing cannot be asked.
    pub unavailable: UnavailableAccess,
}

impl Policy {
    /// The policy by default.
    pub const DEFAULT: Self = Self {
        grace: Duration::from_secs(7 * 24 * 3_600),
        inactive: InactiveAccess::DefaultTier,
        unavailable: UnavailableAccess::DefaultTier,
    };
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is left to an inactive subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InactiveAccess {
    /// What the default tier has: what is free stays open.
    #[default]
    DefaultTier,
    /// Nothing, not even what is free.
    Nothing,
}

/// What is answered while billing cannot be asked and nothing is known of a subject.
///
/// None of these ever answers that the subject should upgrade: that is not known either. A feature
/// that is disabled for everyone is denied as such under all of them, because that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnavailableAccess {
    /// What the default tier has is allowed; the rest is refused as unavailable, for now.
    #[default]
    DefaultTier,
    /// Everything is refused as unavailable, for now.
    Deny,
    /// Everything is allowed, and nothing is limited. Units are counted by calendar month where the
    /// start of the subject's billing period would have to be known.
    Allow,
}
