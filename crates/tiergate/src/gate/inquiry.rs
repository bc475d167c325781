use std::sync::Arc;
use std::time::Duration;

use tiergate_core::decision::{Basis, Grant, Knowledge, Standing, UnavailableAccess};
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, Denial, DenialKind, Subject};
use tiergate_lookup::{LookupError, Resolution, Sight};

use super::{Learned, TierGate};

/// How long a client is told to wait when billing is away and nobody said how long.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(5);

/// One question about one subject: the catalog it is asked of, and what is known. Both stay the same
/// until it is answered, whatever is reloaded meanwhile.
#[derive(Clone, Debug)]
pub struct Inquiry {
    pub(crate) subject: Subject,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) learned: Learned,
    pub(crate) unavailable: UnavailableAccess,
    /// The moment it is decided for; none where nothing hangs on it. Where nobody was waited for it is
    /// the coarse one, some milliseconds behind at most.
    now: Option<Timestamp>,
}

impl Inquiry {
    /// About what was seen in the cache. The clock is not read yet.
    #[inline]
    pub(crate) fn of_sight(
        subject: Subject,
        catalog: Arc<Catalog>,
        sight: Sight,
        unavailable: UnavailableAccess,
    ) -> Self {
        Self {
            subject,
            catalog,
            learned: sight.into(),
            unavailable,
            now: None,
        }
    }

    /// The same, for a decision of this moment.
    #[inline]
    pub(crate) fn of_sight_at(
        subject: Subject,
        catalog: Arc<Catalog>,
        sight: Sight,
        unavailable: UnavailableAccess,
        now: Timestamp,
    ) -> Self {
        Self {
            now: Some(now),
            ..Self::of_sight(subject, catalog, sight, unavailable)
        }
    }

    /// Goes on, for a decision of this moment, with what was found out before about the same request.
    #[inline]
    pub(crate) fn go_on(&mut self, now: Timestamp, unavailable: UnavailableAccess) {
        self.unavailable = unavailable;
        self.now = Some(now);
    }

    /// What somebody is allowed whose tier alone decides.
    pub(crate) fn grant_by_tier(&self) -> Grant {
        let own = self
            .learned
            .tier()
            .and_then(|key| self.catalog.tier_id(key));
        Grant::known(own.unwrap_or_else(|| self.catalog.default_tier()))
    }
}

impl TierGate {
    /// Begins with what is in the cache. Gives the subject back if the lookup has to be asked.
    pub(crate) fn inquire_now(
        &self,
        subject: Subject,
        unavailable: UnavailableAccess,
    ) -> Result<Inquiry, Subject> {
        let sight = self.inner.lookup.see(&subject);
        self.inquire_with(subject, sight, unavailable)
    }

    /// The same, with what was seen there.
    pub(super) fn inquire_with(
        &self,
        subject: Subject,
        sight: Option<Sight>,
        unavailable: UnavailableAccess,
    ) -> Result<Inquiry, Subject> {
        match sight {
            Some(sight) => {
                let (catalog, now) = (self.catalog_at_hand(), self.inner.clock.coarse_now());
                Ok(Inquiry::of_sight_at(
                    subject,
                    catalog,
                    sight,
                    unavailable,
                    now,
                ))
            }
            None => self.inquire_unseen(subject, unavailable),
        }
    }

    /// The same, where nothing was seen that is fresh and plain to use.
    pub(crate) fn inquire_unseen(
        &self,
        subject: Subject,
        unavailable: UnavailableAccess,
    ) -> Result<Inquiry, Subject> {
        let Some(snapshot) = self.inner.lookup.get_unseen(&subject) else {
            return Err(subject);
        };
        Ok(Inquiry {
            subject,
            catalog: self.catalog(),
            learned: Learned::Resolved(Resolution::Known(snapshot)),
            unavailable,
            now: Some(self.inner.clock.coarse_now()),
        })
    }

    /// Goes on, for a decision of this moment, with what was found out before about the same request.
    #[inline]
    pub(crate) fn inquire_on(&self, inquiry: &mut Inquiry, unavailable: UnavailableAccess) {
        inquiry.go_on(self.inner.clock.coarse_now(), unavailable);
    }

    /// Begins by asking the lookup.
    pub(crate) async fn inquire(
        &self,
        subject: Subject,
        unavailable: UnavailableAccess,
    ) -> Inquiry {
        let resolution = self.inner.lookup.resolve(&subject).await;
        Inquiry {
            subject,
            catalog: self.catalog(),
            learned: Learned::Resolved(resolution),
            unavailable,
            now: Some(self.inner.clock.now()),
        }
    }

    /// Where the subject of an inquiry stands. Of a subscription that gives just its tier, no more is
    /// read than decides.
    pub(crate) fn standing<'a>(&self, inquiry: &'a Inquiry) -> Standing<'a> {
        self.standing_by(inquiry, inquiry.learned.what_decides(&inquiry.subject))
    }

    /// The same, for telling all that is known of the subscription.
    pub(super) fn standing_in_full<'a>(&self, inquiry: &'a Inquiry) -> Standing<'a> {
        self.standing_by(inquiry, inquiry.learned.knowledge(&inquiry.subject))
    }

    fn standing_by<'a>(&self, inquiry: &'a Inquiry, known: Knowledge<'a>) -> Standing<'a> {
        let mut policy = self.inner.policy;
        policy.unavailable = inquiry.unavailable;
        let now = inquiry.now.unwrap_or_else(|| self.inner.clock.coarse_now());
        let standing = Standing::of(&inquiry.catalog, &inquiry.subject, known, policy, now);
        if standing.basis() == Basis::UnknownTier
            && let Some(tier) = inquiry.learned.tier()
        {
            self.inner.observer.unknown_tier(tier);
        }
        standing
    }

    /// Whether a denial must first be held against a newer answer: who has just paid is not refused
    /// from a cache.
    pub(crate) fn needs_confirmation(&self, inquiry: &Inquiry, denial: &Denial) -> bool {
        let rests_on_tier = match denial.kind() {
            DenialKind::FeatureNotAvailable
            | DenialKind::TierRequired
            | DenialKind::SubscriptionInactive
            | DenialKind::LimitExceeded
            | DenialKind::CostAboveLimit => true,
            DenialKind::Unauthorized
            | DenialKind::BillingUnavailable
            | DenialKind::IdempotencyKeyReused => false,
        };
        rests_on_tier && self.is_to_be_confirmed(inquiry)
    }

    /// Whether an answer is too old to be denied by.
    pub(crate) fn is_to_be_confirmed(&self, inquiry: &Inquiry) -> bool {
        let age = inquiry.learned.age();
        age.is_some_and(|age| self.is_too_old_to_deny_by(age))
    }

    pub(super) fn is_too_old_to_deny_by(&self, age: Duration) -> bool {
        age > self.inner.lookup.config().confirm_age()
    }

    /// Looks again before a denial. Tells why that failed, if it did.
    pub(crate) async fn confirm(&self, inquiry: &mut Inquiry) -> Result<(), LookupError> {
        match self.inner.lookup.confirm(&inquiry.subject).await {
            Resolution::Known(snapshot) => {
                inquiry.learned = Learned::Resolved(Resolution::Known(snapshot));
                inquiry.now = Some(self.inner.clock.now());
                Ok(())
            }
            Resolution::Failed(error) => Err(error),
        }
    }
}

/// What is left of a denial that could not be confirmed. A used up limit is used up, whatever the
/// tier; everything else may have changed, and nobody is sold a plan on a guess.
pub(crate) fn unconfirmed(denial: Denial, error: &LookupError) -> Denial {
    match denial.kind() {
        DenialKind::LimitExceeded => denial.without_upgrade(),
        _ => Denial::billing_unavailable().with_retry_after(retry_after(error)),
    }
}

/// Tells a client that is refused because billing is away when to come back.
pub(crate) fn with_retry(denial: Denial, learned: &Learned) -> Denial {
    if denial.kind() != DenialKind::BillingUnavailable || denial.retry_after().is_some() {
        return denial;
    }
    let wait = learned.failure().map_or(RETRY_UNAVAILABLE, retry_after);
    denial.with_retry_after(wait)
}

fn retry_after(error: &LookupError) -> Duration {
    error.retry_after().unwrap_or(RETRY_UNAVAILABLE)
}
