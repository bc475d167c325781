use super::basis::Force;
use super::{Basis, InactiveAccess, Policy, UnavailableAccess};
use crate::subscription::PlainSubscription;
use crate::time::Timestamp;
use crate::window::BillingAnchor;
use crate::{Catalog, Subject, Subscription, TierId};

/// What is known about a subject's subscription. Absence is knowledge; a failed lookup is not.
#[derive(Clone, Copy, Debug)]
pub enum Knowledge<'a> {
    /// It has this one.
    Subscription(&'a Subscription),
    /// It has one that gives just its tier, and this is all that decides of it.
    Plain(PlainSubscription<'a>),
    /// It has none.
    NoSubscription,
    /// It could not be found out.
    Unavailable,
}

/// Where a subject stands at a moment: what is known of its subscription, and the tier that
/// follows from it.
///
/// It belongs to the catalog that it was worked out with, and holds for that moment alone.
///
/// ```
/// use tiergate_core::catalog::TierSpec;
/// use tiergate_core::decision::{Basis, Knowledge, Policy, Standing};
/// use tiergate_core::time::Timestamp;
/// use tiergate_core::{Catalog, Subject, Subscription, SubscriptionStatus};
///
/// let catalog = Catalog::builder()
///     .default_tier("free")
///     .tier(TierSpec::new("free"))
///     .tier(TierSpec::new("pro").includes("free"))
///     .build()?;
/// let ada = Subject::user("ada");
/// let unpaid = Subscription::new(ada.clone(), "pro", SubscriptionStatus::PastDue)
///     .with_period("2026-03-01T00:00:00Z".parse()?, "2026-04-01T00:00:00Z".parse()?);
/// let at = |now: Timestamp| {
///     let known = Knowledge::Subscription(&unpaid);
///     Standing::of(&catalog, &ada, known, Policy::DEFAULT, now)
/// };
///
/// // Seven days of grace, and at their very end they are over.
/// let until = "2026-03-08T00:00:00Z".parse()?;
/// let before = at("2026-03-07T23:59:59Z".parse()?);
/// assert_eq!(before.basis(), Basis::Grace { until });
/// assert_eq!(Some(before.tier()), catalog.tier_id("pro"));
/// let own = catalog.tier_id("pro");
/// assert_eq!(at(until).basis(), Basis::Inactive { own });
/// assert_eq!(at(until).tier(), catalog.default_tier());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    subject: &'a Subject,
    knowledge: Knowledge<'a>,
    tier: TierId,
    basis: Basis,
    policy: Policy,
    now: Timestamp,
    rest: Rest,
}

/// What decides, beside the tier, what the subject has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// Nothing: what is known of the subscription is its tier.
    TierAlone,
    /// Overrides, policy, or that nothing is known.
    More,
}

impl Rest {
    #[inline]
    fn of(knowledge: Knowledge<'_>, basis: Basis, policy: Policy) -> Self {
        let has_overrides = match knowledge {
            Knowledge::Subscription(subscription) => !subscription.overrides.is_empty(),
            Knowledge::Plain(_) | Knowledge::NoSubscription | Knowledge::Unavailable => false,
        };
        match basis {
            Basis::Inactive { .. } if policy.inactive == InactiveAccess::Nothing => Self::More,
            Basis::Unavailable => Self::More,
            _ if has_overrides && basis.is_in_force() => Self::More,
            _ => Self::TierAlone,
        }
    }
}

impl<'a> Standing<'a> {
    /// Works out where `subject` stands at `now`.
    #[must_use]
    pub fn of(
        catalog: &Catalog,
        subject: &'a Subject,
        knowledge: Knowledge<'a>,
        policy: Policy,
        now: Timestamp,
    ) -> Self {
        let default = catalog.default_tier();
        let (tier, basis) = match knowledge {
            Knowledge::Subscription(subscription) => {
                let own = catalog.tier_id(&subscription.tier);
                match (Force::of(subscription, policy, now), own) {
                    (Force::Gives(basis), Some(own)) => (own, basis),
                    (Force::Gives(_), None) => (default, Basis::UnknownTier),
                    (Force::Ended, _) => (default, Basis::Ended),
                    (Force::Inactive, own) => (default, Basis::Inactive { own }),
                }
            }
            Knowledge::Plain(plain) => match catalog.tier_id(plain.tier) {
                Some(own) => (own, Basis::Active),
                None => (default, Basis::UnknownTier),
            },
            Knowledge::NoSubscription => (default, Basis::NoSubscription),
            Knowledge::Unavailable => (default, Basis::Unavailable),
        };
        Self {
            subject,
            knowledge,
            tier,
            basis,
            policy,
            now,
            rest: Rest::of(knowledge, basis, policy),
        }
    }

    /// Who this is about.
    #[must_use]
    pub fn subject(&self) -> &'a Subject {
        self.subject
    }

    /// What is known of the subscription.
    #[must_use]
    pub fn knowledge(&self) -> Knowledge<'a> {
        self.knowledge
    }

    /// The subscription, where there is one and the whole of it is known.
    #[must_use]
    pub fn subscription(&self) -> Option<&'a Subscription> {
        match self.knowledge {
            Knowledge::Subscription(subscription) => Some(subscription),
            Knowledge::Plain(_) | Knowledge::NoSubscription | Knowledge::Unavailable => None,
        }
    }

    /// The effective tier. Where policy leaves nothing to an inactive subscription, this is the
    /// default tier all the same, and nothing of it is granted.
    #[must_use]
    #[inline]
    pub fn tier(&self) -> TierId {
        self.tier
    }

    /// Why it is that tier.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// The policy it was worked out with.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// The moment it holds for.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Where the months of the subject's quotas are pinned, if its subscription has a period.
    #[must_use]
    pub fn billing_anchor(&self) -> Option<BillingAnchor> {
        let (start, end) = match self.knowledge {
            Knowledge::Subscription(known) => (known.period_start, known.period_end),
            Knowledge::Plain(known) => (known.period_start, known.period_end),
            Knowledge::NoSubscription | Knowledge::Unavailable => return None,
        };
        Some(BillingAnchor::from_period(start?, end))
    }

    /// Whether the tier alone decides what the subject has: its subscription is known, no override of
    /// it counts, and policy leaves it what the tier gives.
    #[inline]
    pub(super) fn rests_on_tier(&self) -> bool {
        self.rest == Rest::TierAlone
    }

    /// Whether policy leaves the subject nothing, because its subscription is inactive.
    pub(super) fn has_nothing(&self) -> bool {
        matches!(self.basis, Basis::Inactive { .. })
            && self.policy.inactive == InactiveAccess::Nothing
    }

    /// What policy says, where nothing is known.
    pub(super) fn blind_policy(&self) -> Option<UnavailableAccess> {
        match self.basis {
            Basis::Unavailable => Some(self.policy.unavailable),
            _ => None,
        }
    }

    /// The same subject as if its subscription were active; none if it is not inactive.
    pub(super) fn if_active(&self) -> Option<Self> {
        let (tier, basis) = match self.basis {
            Basis::Inactive { own: Some(own) } => (own, Basis::Active),
            Basis::Inactive { own: None } => (self.tier, Basis::UnknownTier),
            _ => return None,
        };
        Some(Self {
            tier,
            basis,
            rest: Rest::of(self.knowledge, basis, self.policy),
            ..*self
        })
    }

    /// The same subject as if it subscribed to `tier`: by changing the subscription that it has,
    /// which keeps its overrides, or by a new one if it has none or that is over.
    pub(super) fn on(&self, tier: TierId) -> Self {
        let knowledge = match self.basis {
            Basis::Ended => Knowledge::NoSubscription,
            _ => self.knowledge,
        };
        Self {
            tier,
            basis: Basis::Active,
            knowledge,
            rest: Rest::of(knowledge, Basis::Active, self.policy),
            ..*self
        }
    }
}
