use super::{Basis, Denial, Standing};
use crate::TierId;

/// What was decided.
///
/// ```
/// use tiergate_core::catalog::{FeatureSpec, TierSpec};
/// use tiergate_core::decision::{Knowledge, Policy, Standing, decide_feature};
/// use tiergate_core::time::Timestamp;
/// use tiergate_core::{Catalog, Decision, Subject};
///
/// let catalog = Catalog::builder()
///     .default_tier("free")
///     .tier(TierSpec::new("free"))
///     .tier(TierSpec::new("pro").name("Pro").includes("free"))
///     .feature(FeatureSpec::boolean("crm").name("CRM").value("free", false).value("pro", true))
///     .build()?;
/// let crm = catalog.require_feature("crm")?;
///
/// let ada = Subject::user("ada");
/// let now = Timestamp::from_seconds(0);
/// let standing = Standing::of(&catalog, &ada, Knowledge::NoSubscription, Policy::DEFAULT, now);
/// match decide_feature(&catalog, &standing, crm)? {
///     Decision::Allowed(grant) => println!("allowed as {:?}", grant.tier),
///     Decision::Denied(denial) => assert_eq!(denial.required_tier(), Some("pro")),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Go ahead.
    Allowed(Grant),
    /// Not now, and why.
    Denied(Denial),
}

impl Decision {
    /// Whether it was allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// The denial, if it is one.
    #[must_use]
    pub fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Allowed(_) => None,
            Self::Denied(denial) => Some(denial),
        }
    }

    /// Turns a denial into an error, for `?`.
    ///
    /// # Errors
    ///
    /// The denial, if it is one.
    pub fn into_result(self) -> Result<Grant, Denial> {
        match self {
            Self::Allowed(grant) => Ok(grant),
            Self::Denied(denial) => Err(denial),
        }
    }
}

/// What an allowed subject was allowed as.
///
/// ```
/// use tiergate_core::catalog::TierSpec;
/// use tiergate_core::decision::{Assurance, Knowledge, Policy, Standing, grant};
/// use tiergate_core::time::Timestamp;
/// use tiergate_core::{Catalog, Subject};
///
/// let catalog = Catalog::builder().default_tier("free").tier(TierSpec::new("free")).build()?;
/// let ada = Subject::user("ada");
/// let now = Timestamp::from_seconds(0);
///
/// // Billing could not be asked, so the default tier is only a guess.
/// let standing = Standing::of(&catalog, &ada, Knowledge::Unavailable, Policy::DEFAULT, now);
/// let grant = grant(&standing);
/// assert_eq!(grant.tier, catalog.default_tier());
/// assert_eq!(grant.assurance, Assurance::Degraded);
/// # Ok::<(), tiergate_core::catalog::CatalogError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// The effective tier.
    pub tier: TierId,
    /// Whether the subscription was known.
    pub assurance: Assurance,
}

impl Grant {
    /// Of a subject whose tier is known.
    #[must_use]
    #[inline]
    pub fn known(tier: TierId) -> Self {
        Self {
            tier,
            assurance: Assurance::Known,
        }
    }
}

/// Whether a decision rests on what is known of the subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assurance {
    /// It does.
    Known,
    /// It does not: billing could not be asked, and policy decided.
    Degraded,
}

/// What a subject is allowed as, if it is allowed.
#[must_use]
pub fn grant(standing: &Standing<'_>) -> Grant {
    Grant {
        tier: standing.tier(),
        assurance: match standing.basis() {
            Basis::Unavailable => Assurance::Degraded,
            _ => Assurance::Known,
        },
    }
}
