use super::Policy;
use crate::subscription::Renewal;
use crate::time::Timestamp;
use crate::{Subscription, SubscriptionStatus, TierId};

/// Why a subject's effective tier is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Basis {
    /// The subscription is active.
    Active,
    /// The subscription is on trial, until the moment given if one is known.
    Trial {
        /// The end of the trial.
        until: Option<Timestamp>,
    },
    /// The subscription was canceled, and is paid until the moment given.
    PaidUntil {
        /// The end of the paid period.
        until: Timestamp,
    },
    /// A payment failed, and the grace period runs until the moment given.
    Grace {
        /// The end of the grace period.
        until: Timestamp,
    },
    /// The subscription was canceled and is over: the default tier.
    Ended,
    /// The subscription is inactive: the default tier, or nothing, by policy.
    Inactive {
        /// The tier it would give if it were active, where the catalog names it.
        own: Option<TierId>,
    },
    /// There is no subscription: the default tier.
    NoSubscription,
    /// The catalog does not name the subscription's tier: the default tier.
    UnknownTier,
    /// It is not known whether there is a subscription: the default tier, or as policy says.
    Unavailable,
}

impl Basis {
    /// Whether the subscription is in force, so that its overrides are too.
    pub(super) fn is_in_force(self) -> bool {
        match self {
            Self::Active
            | Self::Trial { .. }
            | Self::PaidUntil { .. }
            | Self::Grace { .. }
            | Self::UnknownTier => true,
            Self::Ended | Self::Inactive { .. } | Self::NoSubscription | Self::Unavailable => false,
        }
    }
}

/// Whether a subscription gives its tier at a moment, whatever that tier is.
pub(super) enum Force {
    Gives(Basis),
    Ended,
    Inactive,
}

impl Force {
    pub(super) fn of(subscription: &Subscription, policy: Policy, now: Timestamp) -> Self {
        let paid_until = match subscription.renewal {
            Renewal::EndsWithPeriod => subscription.period_end,
            Renewal::Renews => None,
        };
        match &subscription.status {
            SubscriptionStatus::Active
            | SubscriptionStatus::Trialing
            | SubscriptionStatus::PastDue
                if paid_until.is_some_and(|end| now >= end) =>
            {
                // Its end has come, and the news of that has not.
                Self::Ended
            }
            SubscriptionStatus::Active => Self::Gives(Basis::Active),
            SubscriptionStatus::Trialing => match subscription.trial_end {
                // The first paid period starts where the trial ends. Without news of its payment,
                // it counts as failed from there.
                Some(end) if now >= end => Self::in_grace(end, policy, now),
                until => Self::Gives(Basis::Trial { until }),
            },
            SubscriptionStatus::PastDue => match subscription.period_start {
                Some(start) => Self::in_grace(start, policy, now),
                None => Self::Inactive,
            },
            SubscriptionStatus::Canceled => match paid_until {
                Some(until) if now < until => Self::Gives(Basis::PaidUntil { until }),
                _ => Self::Ended,
            },
            SubscriptionStatus::Suspended
            | SubscriptionStatus::Incomplete
            | SubscriptionStatus::IncompleteExpired
            | SubscriptionStatus::Unpaid
            | SubscriptionStatus::Paused
            | SubscriptionStatus::Other(_) => Self::Inactive,
        }
    }

    fn in_grace(unpaid_since: Timestamp, policy: Policy, now: Timestamp) -> Self {
        let until = unpaid_since.saturating_add(policy.grace);
        if now < until {
            Self::Gives(Basis::Grace { until })
        } else {
            Self::Inactive
        }
    }
}
