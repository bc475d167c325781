use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::DenialKind;
use crate::time::Timestamp;
use crate::{Limit, SubscriptionStatus};

/// Why something was refused, and what would change that.
///
/// Opaque, so that it can say more one day. What is common to all is in [`kind`](Self::kind);
/// everything else is there where it applies.
///
/// ```
/// use tiergate_core::catalog::{FeatureSpec, PriceSpec, TierSpec};
/// use tiergate_core::decision::{Knowledge, Policy, Standing, decide_feature};
/// use tiergate_core::time::Timestamp;
/// use tiergate_core::{Catalog, DenialKind, Subject};
///
/// let catalog = Catalog::builder()
///     .default_tier("free")
///     .tier(TierSpec::new("free").name("Free"))
///     .tier(
///         TierSpec::new("pro")
///             .name("Pro")
///             .includes("free")
///             .price(PriceSpec::amounts("12.00", "115.00")),
///     )
///     .feature(FeatureSpec::boolean("crm").name("CRM").value("free", false).value("pro", true))
///     .build()?;
/// let crm = catalog.require_feature("crm")?;
/// let ada = Subject::user("ada");
/// let now = Timestamp::from_seconds(0);
/// let standing = Standing::of(&catalog, &ada, Knowledge::NoSubscription, Policy::DEFAULT, now);
///
/// let denial = decide_feature(&catalog, &standing, crm)?.into_result().unwrap_err();
/// assert_eq!(denial.kind(), DenialKind::FeatureNotAvailable);
/// assert_eq!(denial.current_tier(), Some("free"));
/// assert_eq!(denial.required_tier(), Some("pro"));
/// assert_eq!(denial.detail(), "The Free plan does not include CRM. The Pro plan does.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Denial {
    /// Shared by clones. One pointer, because whatever may deny hands a denial on, also where it allows.
    told: Arc<Told>,
}

/// What a denial tells.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    kind: DenialKind,
    facts: Facts,
}

/// What a denial can tell, where it applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) feature: Option<Named>,
    pub(super) level: Option<Arc<str>>,
    pub(super) minimum_tier: Option<Named>,
    pub(super) current_tier: Option<Named>,
    /// The tier that an inactive subscription would give, and its status.
    pub(super) own_tier: Option<Named>,
    pub(super) status: Option<SubscriptionStatus>,
    pub(super) cause: Cause,
    pub(super) upgrade: Upgrade,
    pub(super) limit: Option<Limit>,
    pub(super) used: Option<u64>,
    pub(super) units: Option<u64>,
    /// What the units are, where they are not a plain count.
    pub(super) unit: Option<Box<str>>,
    pub(super) resets_at: Option<Timestamp>,
    pub(super) retry_after: Option<Duration>,
    pub(super) reason: Option<&'static str>,
}

/// Something with a key for programs and a name for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) key: Box<str>,
    pub(super) name: Box<str>,
}

/// Whose lack a missing feature is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cause {
    /// The effective tier's.
    #[default]
    CurrentTier,
    /// That of an inactive subscription's own tier, where policy leaves it nothing else.
    OwnTier,
    /// That of an override, which is the same on every tier.
    Override,
    /// Nobody's in particular: the feature is off for all.
    OffForAll,
}

/// What is known of tiers that would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// Nothing that should be told.
    #[default]
    Untold,
    /// There are none.
    Nothing,
    /// These.
    To {
        required: Named,
        available_in: Vec<Box<str>>,
    },
}

impl Denial {
    pub(super) fn new(kind: DenialKind, facts: Facts) -> Self {
        Self {
            told: Arc::new(Told { kind, facts }),
        }
    }

    fn facts(&self) -> &Facts {
        &self.told.facts
    }

    /// Nobody is asking, or nobody who may, for a reason that is told to them.
    #[must_use]
    pub fn unauthorized(reason: &'static str) -> Self {
        Self::new(
            DenialKind::Unauthorized,
            Facts {
                reason: Some(reason),
                ..Facts::default()
            },
        )
    }

    /// It is not known whether this would be allowed.
    #[must_use]
    pub fn billing_unavailable() -> Self {
        Self::new(DenialKind::BillingUnavailable, Facts::default())
    }

    /// The idempotency key of this request came with another request before.
    #[must_use]
    pub fn idempotency_key_reused() -> Self {
        Self::new(DenialKind::IdempotencyKeyReused, Facts::default())
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> DenialKind {
        self.told.kind
    }

    /// A sentence for the person who was refused, with what would help.
    #[must_use]
    pub fn detail(&self) -> String {
        super::wording::detail(self.kind(), self.facts())
    }

    /// The key of the feature.
    #[must_use]
    pub fn feature(&self) -> Option<&str> {
        self.facts().feature.as_ref().map(|feature| &*feature.key)
    }

    /// The key of the effective tier. None when it is not known.
    #[must_use]
    pub fn current_tier(&self) -> Option<&str> {
        self.facts().current_tier.as_ref().map(|tier| &*tier.key)
    }

    /// The key of the cheapest tier that would do, one on the subject's own track first, and one
    /// whose price only a contract says last. None where no tier would do, or none should be
    /// proposed.
    #[must_use]
    pub fn required_tier(&self) -> Option<&str> {
        match &self.facts().upgrade {
            Upgrade::To { required, .. } => Some(&required.key),
            Upgrade::Untold | Upgrade::Nothing => None,
        }
    }

    /// The keys of all tiers that would do, in the order of the catalog, with
    /// [`required_tier`](Self::required_tier) among them.
    ///
    /// On each of them the subject would be allowed what it is denied here, with the overrides that
    /// it has and the units that it has used. Where the denial does not say how many are
    /// [used](Self::used), that is as if none were.
    #[must_use]
    pub fn available_in(&self) -> &[Box<str>] {
        match &self.facts().upgrade {
            Upgrade::To { available_in, .. } => available_in,
            Upgrade::Untold | Upgrade::Nothing => &[],
        }
    }

    /// The limit in which the units do not fit.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        self.facts().limit
    }

    /// How many units are used, open reservations included.
    #[must_use]
    pub fn used(&self) -> Option<u64> {
        self.facts().used
    }

    /// How many units are left; zero where more are used than the limit allows.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.facts().limit?.remaining(self.facts().used?)
    }

    /// When units come free by the passing of time.
    #[must_use]
    pub fn resets_at(&self) -> Option<Timestamp> {
        self.facts().resets_at
    }

    /// How long to wait before the same request can succeed. None when waiting does not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.facts().retry_after
    }

    /// The same denial with another time to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        Arc::make_mut(&mut self.told).facts.retry_after = Some(wait);
        self
    }

    /// The same denial without anything that proposes another tier: for a subject whose tier was
    /// known once and cannot be confirmed now.
    #[must_use]
    pub fn without_upgrade(mut self) -> Self {
        Arc::make_mut(&mut self.told).facts.upgrade = Upgrade::Untold;
        self
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind().code(), self.detail())
    }
}

impl fmt::Debug for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denial")
            .field("kind", &self.told.kind)
            .field("facts", &self.told.facts)
            .finish()
    }
}

impl std::error::Error for Denial {}
