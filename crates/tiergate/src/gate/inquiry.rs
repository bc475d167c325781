use std::sync::Arc;
use std::time::Duration;

use tiergate_core::decision::{Basis, Knowledge, Standing, UnavailableAccess};
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, Denial, DenialKind, Subject};
use tiergate_lookup::{Found, Known, LookupError, Resolution};

use super::TierGate;

/// How long a client is told to wait when billing is away and nobody said how long.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(5);

/// One question about one subject: the catalog it is asked of, and what is known. Both stay the same
/// until it is answered, whatever is reloaded meanwhile.
#[derive(Clone, Debug)]
pub struct Inquiry {
    pub(crate) subject: Subject,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) resolution: Resolution,
    pub(crate) unavailable: UnavailableAccess,
    /// The moment it is decided for. Where nobody was waited for it is the coarse one, some milliseconds
    /// behind at most.
    pub(crate) now: Timestamp,
}

impl TierGate {
    /// Begins with what is in the cache. Gives the subject back if the lookup has to be asked.
    pub(crate) fn inquire_now(
        &self,
        subject: Subject,
        unavailable: UnavailableAccess,
    ) -> Result<Inquiry, Subject> {
        let Some(snapshot) = self.inner.lookup.get(&subject) else {
            return Err(subject);
        };
        Ok(Inquiry {
            subject,
            catalog: self.catalog(),
            resolution: Resolution::Known(snapshot),
            unavailable,
            now: self.inner.clock.coarse_now(),
        })
    }

    /// Goes on with what an earlier layer found out about the same request.
    #[inline]
    pub(crate) fn inquire_on(&self, inquiry: &mut Inquiry, unavailable: UnavailableAccess) {
        inquiry.unavailable = unavailable;
        inquiry.now = self.inner.clock.coarse_now();
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
            resolution,
            unavailable,
            now: self.inner.clock.now(),
        }
    }

    /// Where the subject of an inquiry stands. Of a subscription that gives just its tier, no more is
    /// read than decides.
    pub(crate) fn standing<'a>(&self, inquiry: &'a Inquiry) -> Standing<'a> {
        self.standing_by(inquiry, what_decides(&inquiry.resolution))
    }

    /// The same, for telling all that is known of the subscription.
    pub(super) fn standing_in_full<'a>(&self, inquiry: &'a Inquiry) -> Standing<'a> {
        self.standing_by(inquiry, knowledge(&inquiry.resolution))
    }

    fn standing_by<'a>(&self, inquiry: &'a Inquiry, known: Knowledge<'a>) -> Standing<'a> {
        let mut policy = self.inner.policy;
        policy.unavailable = inquiry.unavailable;
        let standing = Standing::of(
            &inquiry.catalog,
            &inquiry.subject,
            known,
            policy,
            inquiry.now,
        );
        if standing.basis() == Basis::UnknownTier
            && let Some(found) = found_in(&inquiry.resolution)
        {
            self.inner.observer.unknown_tier(found.tier());
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
        rests_on_tier
            && inquiry
                .resolution
                .snapshot()
                .is_some_and(|snapshot| snapshot.age > self.inner.lookup.config().confirm_age())
    }

    /// Looks again before a denial. Tells why that failed, if it did.
    pub(crate) async fn confirm(&self, inquiry: &mut Inquiry) -> Result<(), LookupError> {
        match self.inner.lookup.confirm(&inquiry.subject).await {
            Resolution::Known(snapshot) => {
                inquiry.resolution = Resolution::Known(snapshot);
                inquiry.now = self.inner.clock.now();
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
pub(crate) fn with_retry(denial: Denial, resolution: &Resolution) -> Denial {
    if denial.kind() != DenialKind::BillingUnavailable || denial.retry_after().is_some() {
        return denial;
    }
    let wait = match resolution {
        Resolution::Failed(error) => retry_after(error),
        Resolution::Known(_) => RETRY_UNAVAILABLE,
    };
    denial.with_retry_after(wait)
}

fn retry_after(error: &LookupError) -> Duration {
    error.retry_after().unwrap_or(RETRY_UNAVAILABLE)
}

fn what_decides(resolution: &Resolution) -> Knowledge<'_> {
    match found_in(resolution).and_then(Found::as_plain) {
        Some(plain) => Knowledge::Plain(plain),
        None => knowledge(resolution),
    }
}

fn knowledge(resolution: &Resolution) -> Knowledge<'_> {
    match resolution {
        Resolution::Known(snapshot) => match &snapshot.known {
            Known::Found(found) => Knowledge::Subscription(found),
            Known::Missing => Knowledge::NoSubscription,
        },
        Resolution::Failed(_) => Knowledge::Unavailable,
    }
}

fn found_in(resolution: &Resolution) -> Option<&Found> {
    resolution.snapshot()?.known.subscription()
}
