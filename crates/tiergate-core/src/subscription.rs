//! What a subscription service knows about a subject.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::{Limit, Subject, time::Timestamp};

/// A subscription, as far as decisions need it.
///
/// The tier is text, because it comes from elsewhere: a catalog may or may not name it.
///
/// ```
/// use tiergate_core::{Subject, Subscription, SubscriptionStatus};
///
/// let subscription = Subscription::new(Subject::user("42"), "pro", SubscriptionStatus::Active)
///     .with_period("2026-01-31T00:00:00Z".parse()?, "2026-02-28T00:00:00Z".parse()?);
/// assert_eq!(&*subscription.tier, "pro");
/// # Ok::<(), tiergate_core::time::ParseTimestampError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    /// The service's id of the record; none when it has none, as for a free tier by default.
    pub id: Option<Box<str>>,
    /// Who it belongs to.
    pub subject: Subject,
    /// The key of the tier.
    pub tier: Box<str>,
    /// Its status.
    pub status: SubscriptionStatus,
    /// Where the current period starts.
    pub period_start: Option<Timestamp>,
    /// Where the current period ends; the next one starts there.
    pub period_end: Option<Timestamp>,
    /// Whether it ends with the current period instead of being renewed.
    pub renewal: Renewal,
    /// When the trial ends, if there was one.
    pub trial_end: Option<Timestamp>,
    /// For how many seats it is paid.
    pub seats: Option<u32>,
    /// What this subscription has other than its tier.
    pub overrides: Vec<Override>,
    /// The number of the record's revision. Of two records with the same id, the higher is newer.
    pub version: Option<u64>,
}

/// What happens at the end of a subscription's current period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Renewal {
    /// It goes on.
    #[default]
    Renews,
    /// It ends: it was canceled at period end.
    EndsWithPeriod,
}

impl Subscription {
    /// A subscription with nothing but an owner, a tier and a status.
    #[must_use]
    pub fn new(subject: Subject, tier: impl Into<Box<str>>, status: SubscriptionStatus) -> Self {
        Self {
            id: None,
            subject,
            tier: tier.into(),
            status,
            period_start: None,
            period_end: None,
            renewal: Renewal::default(),
            trial_end: None,
            seats: None,
            overrides: Vec::new(),
            version: None,
        }
    }

    /// Sets the id of the record.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<Box<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the current period, half-open: `start` belongs to it, `end` to the next.
    #[must_use]
    pub fn with_period(mut self, start: Timestamp, end: Timestamp) -> Self {
        self.period_start = Some(start);
        self.period_end = Some(end);
        self
    }

    /// Says that it ends with the current period.
    #[must_use]
    pub fn ending_with_period(mut self) -> Self {
        self.renewal = Renewal::EndsWithPeriod;
        self
    }

    /// Sets the end of the trial.
    #[must_use]
    pub fn with_trial_end(mut self, end: Timestamp) -> Self {
        self.trial_end = Some(end);
        self
    }

    /// Sets the number of paid seats.
    #[must_use]
    pub fn with_seats(mut self, seats: u32) -> Self {
        self.seats = Some(seats);
        self
    }

    /// Adds an override.
    #[must_use]
    pub fn with_override(mut self, value: Override) -> Self {
        self.overrides.push(value);
        self
    }

    /// Sets the revision of the record.
    #[must_use]
    pub fn with_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// Whether it gives its tier whatever the time and the policy, and nothing but its tier: it is
    /// active, goes on, and has no overrides.
    #[must_use]
    pub fn gives_just_its_tier(&self) -> bool {
        self.status == SubscriptionStatus::Active
            && self.renewal == Renewal::Renews
            && self.overrides.is_empty()
    }

    /// All that decides of it, if it [gives just its tier](Self::gives_just_its_tier).
    #[must_use]
    #[inline]
    pub fn as_plain(&self) -> Option<PlainSubscription<'_>> {
        self.gives_just_its_tier().then_some(PlainSubscription {
            tier: &self.tier,
            period_start: self.period_start,
            period_end: self.period_end,
        })
    }

    /// The moment after which this record by itself no longer says what its owner has: the end of
    /// a trial, or of a period that isn't renewed. A cache must not use the record beyond it while
    /// it cannot ask for a newer one.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        let period_end = match (&self.status, self.renewal) {
            (SubscriptionStatus::Canceled, _) | (_, Renewal::EndsWithPeriod) => self.period_end,
            _ => None,
        };
        let trial_end = match self.status {
            SubscriptionStatus::Trialing => self.trial_end,
            _ => None,
        };
        match (period_end, trial_end) {
            (Some(period), Some(trial)) => Some(period.min(trial)),
            (one, other) => one.or(other),
        }
    }
}

/// All that decides of a subscription that
/// [gives just its tier](Subscription::gives_just_its_tier), borrowed from wherever it is kept.
///
/// ```
/// use tiergate_core::{Subject, Subscription, SubscriptionStatus};
///
/// let pro = Subscription::new(Subject::user("42"), "pro", SubscriptionStatus::Active);
/// assert_eq!(pro.as_plain().map(|plain| plain.tier), Some("pro"));
/// assert_eq!(pro.ending_with_period().as_plain(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainSubscription<'a> {
    /// The key of the tier.
    pub tier: &'a str,
    /// Where the current period starts.
    pub period_start: Option<Timestamp>,
    /// Where the current period ends; the next one starts there.
    pub period_end: Option<Timestamp>,
}

/// A value that one subscription has in place of its tier's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The key of the feature.
    pub feature: Box<str>,
    /// The value.
    pub value: OverrideValue,
    /// When it stops to hold; never, if there is none. It no longer holds at that very moment.
    pub expires_at: Option<Timestamp>,
}

impl Override {
    /// Whether it has not expired by `now`.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expiry| now < expiry)
    }
}

/// The value of an [`Override`], before a catalog says what kind the feature is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideValue {
    /// For a boolean feature.
    Boolean(bool),
    /// For a limit.
    Limit(Limit),
    /// For a level, by its word.
    Level(Box<str>),
}

/// The status of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionStatus {
    /// Paid, or free.
    Active,
    /// In its trial.
    Trialing,
    /// The last payment failed and is being retried.
    PastDue,
    /// Canceled, now or at the end of the period.
    Canceled,
    /// Suspended by an operator.
    Suspended,
    /// The first payment is not made yet.
    Incomplete,
    /// The first payment was not made in time.
    IncompleteExpired,
    /// Payment was given up.
    Unpaid,
    /// Paused.
    Paused,
    /// A word that this version does not know. It is kept, and counts as inactive.
    Other(Box<str>),
}

impl SubscriptionStatus {
    /// The word for it on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Trialing => "trialing",
            Self::PastDue => "past_due",
            Self::Canceled => "canceled",
            Self::Suspended => "suspended",
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for SubscriptionStatus {
    fn from(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "trialing" => Self::Trialing,
            "past_due" => Self::PastDue,
            "canceled" => Self::Canceled,
            "suspended" => Self::Suspended,
            "incomplete" => Self::Incomplete,
            "incomplete_expired" => Self::IncompleteExpired,
            "unpaid" => Self::Unpaid,
            "paused" => Self::Paused,
            other => Self::Other(other.into()),
        }
    }
}

impl FromStr for SubscriptionStatus {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(word.into())
    }
}

impl fmt::Display for SubscriptionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_unknown_status_keeps_its_word() {
        let status = SubscriptionStatus::from("on_hold");
        assert_eq!(status, SubscriptionStatus::Other("on_hold".into()));
        assert_eq!(status.to_string(), "on_hold");
    }

    #[test]
    fn a_renewing_subscription_has_no_end_of_its_own() {
        let subscription = Subscription::new(Subject::user("u"), "pro", SubscriptionStatus::Active)
            .with_period(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"));
        assert_eq!(subscription.ends_at(), None);
        assert_eq!(
            subscription.ending_with_period().ends_at(),
            Some(at("2026-02-01T00:00:00Z"))
        );
    }

    #[test]
    fn a_trial_ends_with_the_trial_or_the_period_whichever_is_first() {
        let subscription =
            Subscription::new(Subject::user("u"), "pro", SubscriptionStatus::Trialing)
                .with_trial_end(at("2026-01-15T00:00:00Z"))
                .with_period(at("2026-01-01T00:00:00Z"), at("2026-01-10T00:00:00Z"));
        assert_eq!(subscription.ends_at(), Some(at("2026-01-15T00:00:00Z")));
        assert_eq!(
            subscription.ending_with_period().ends_at(),
            Some(at("2026-01-10T00:00:00Z"))
        );
    }

    #[test]
    fn every_known_status_is_read_back_from_its_word() {
        for word in [
            "active",
            "trialing",
            "past_due",
            "canceled",
            "suspended",
            "incomplete",
            "incomplete_expired",
            "unpaid",
            "paused",
        ] {
            let status = SubscriptionStatus::from(word);
            assert!(!matches!(status, SubscriptionStatus::Other(_)), "{word}");
            assert_eq!(status.as_str(), word);
            assert_eq!(word.parse(), Ok(status));
        }
    }

    #[test]
    fn a_trial_that_has_become_a_subscription_ends_nothing() {
        let subscription = Subscription::new(Subject::user("u"), "pro", SubscriptionStatus::Active)
            .with_trial_end(at("2026-01-15T00:00:00Z"));
        assert_eq!(subscription.ends_at(), None);
    }

    #[test]
    fn what_is_canceled_ends_with_its_period_at_the_latest() {
        let canceled = Subscription::new(Subject::user("u"), "pro", SubscriptionStatus::Canceled)
            .with_period(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"));
        assert_eq!(canceled.ends_at(), Some(at("2026-02-01T00:00:00Z")));
    }

    #[test]
    fn an_override_holds_up_to_its_expiry() {
        let mut set = Override {
            feature: "crm".into(),
            value: OverrideValue::Boolean(true),
            expires_at: None,
        };
        assert!(set.holds_at(Timestamp::MAX));
        set.expires_at = Some(at("2026-01-15T00:00:00Z"));
        assert!(set.holds_at(at("2026-01-14T23:59:59.999999Z")));
        assert!(!set.holds_at(at("2026-01-15T00:00:00Z")));
    }
}
