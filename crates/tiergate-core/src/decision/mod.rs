//! What a subject may do: one pure function from the catalog, what is known of the subscription,
//! what is used and the time, to a [`Decision`].
//!
//! Everything that enforces asks this module: the layers, the functions, a service, a command line.
//! It has no clock and asks nobody, so a decision can be made again from what was known, and tested
//! without waiting.
//!
//! It goes in two steps. [`Standing::of`] works out the effective tier; [`decide`] holds a
//! requirement against it.
//!
//! # From a subscription to an effective tier
//!
//! The first line that fits counts. Its reason is a [`Basis`].
//!
//! | what is known | effective tier | basis |
//! |---|---|---|
//! | nothing, because the lookup failed | the default, or as [`UnavailableAccess`] says | [`Unavailable`](Basis::Unavailable) |
//! | no subscription | the default | [`NoSubscription`](Basis::NoSubscription) |
//! | canceled at period end, and the period is not over | its own | [`PaidUntil`](Basis::PaidUntil) |
//! | canceled otherwise | the default | [`Ended`](Basis::Ended) |
//! | active, trialing or past due, to end with the period, and the period is over | the default | [`Ended`](Basis::Ended) |
//! | active | its own | [`Active`](Basis::Active) |
//! | trialing, and no trial end is known or it is not yet | its own | [`Trial`](Basis::Trial) |
//! | trialing, and within the grace period from the trial's end | its own | [`Grace`](Basis::Grace) |
//! | past due, and before the end of the grace period from the period's start | its own | [`Grace`](Basis::Grace) |
//! | anything else: another status, the grace over, or past due with no period's start to count from | the default, or as [`InactiveAccess`] says | [`Inactive`](Basis::Inactive) |
//!
//! Where its own tier is one that the catalog does not name, it is the default tier instead, and the
//! basis is [`UnknownTier`](Basis::UnknownTier). Every span is half-open: at its very end, it is over.
//!
//! An override on the subscription wins over the value of the tier, up or down, until it expires. The
//! last one set wins over earlier ones. It counts while the subscription is in force, and only if its
//! value is one of the feature's kind. It does not turn on a feature that is disabled.
//!
//! # From a requirement to a denial
//!
//! The first line that fits counts.
//!
//! | what is missing | denial |
//! |---|---|
//! | the feature is disabled for everyone, whatever is known | [`FeatureNotAvailable`](DenialKind::FeatureNotAvailable) |
//! | nothing is known, and policy does not allow it | [`BillingUnavailable`](DenialKind::BillingUnavailable) |
//! | the subscription is inactive, and would be allowed if it were active | [`SubscriptionInactive`](DenialKind::SubscriptionInactive) |
//! | the tier is not the minimum and does not include it | [`TierRequired`](DenialKind::TierRequired) |
//! | the feature is off, its limit is zero, or its level is too low | [`FeatureNotAvailable`](DenialKind::FeatureNotAvailable) |
//! | more units are asked for at once than the whole limit | [`CostAboveLimit`](DenialKind::CostAboveLimit) |
//! | the units do not fit beside what is used | [`LimitExceeded`](DenialKind::LimitExceeded) |
//!
//! The last four propose the tiers on which the subject would be allowed, if there are any.
//!
//! # Units of a limit
//!
//! Units of a limit take one more step, because only a store of counters can check and count at
//! once: [`admit`] says how many units the subject may use and in which window they count, the store
//! is asked, and [`exceeded`] is the denial if they did not fit.

mod ask;
mod basis;
mod decide;
mod denial;
mod denial_kind;
mod effective;
mod explain;
mod narrate;
mod policy;
mod refuse;
mod requirement;
mod standing;
mod units;
mod unlock;
mod verdict;
mod wording;

pub use basis::Basis;
pub use decide::{decide, decide_feature, decide_level, decide_min_tier};
pub use denial::Denial;
pub use denial_kind::DenialKind;
pub use effective::{EffectiveValue, ValueSource};
pub use explain::{Explanation, Step, explain};
pub use policy::{InactiveAccess, Policy, UnavailableAccess};
pub use requirement::{Requirement, RequirementError, UnknownLevelError};
pub use standing::{Knowledge, Standing};
pub use units::{Admission, Allowance, Used, admit, exceeded};
pub use verdict::{Assurance, Decision, Grant, grant};

#[cfg(test)]
mod tests;
