use std::fmt;

/// The kinds of denial. Each has one cause, one code and one remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DenialKind {
    /// Nobody is asking: the request carries no subject.
    Unauthorized,
    /// The feature is not part of the tier.
    FeatureNotAvailable,
    /// The tier is below the minimum.
    TierRequired,
    /// An inactive subscription would have it, if it were active.
    SubscriptionInactive,
    /// The limit is used up.
    LimitExceeded,
    /// More was asked for at once than the whole limit.
    CostAboveLimit,
    /// Billing cannot be asked, so it is not known.
    BillingUnavailable,
    /// The idempotency key was used before, for another request.
    IdempotencyKeyReused,
}

impl DenialKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Unauthorized,
        Self::FeatureNotAvailable,
        Self::TierRequired,
        Self::SubscriptionInactive,
        Self::LimitExceeded,
        Self::CostAboveLimit,
        Self::BillingUnavailable,
        Self::IdempotencyKeyReused,
    ];

    /// The code that clients match on. It never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::FeatureNotAvailable => "FEATURE_NOT_AVAILABLE",
            Self::TierRequired => "TIER_REQUIRED",
            Self::SubscriptionInactive => "SUBSCRIPTION_INACTIVE",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::CostAboveLimit => "COST_ABOVE_LIMIT",
            Self::BillingUnavailable => "BILLING_UNAVAILABLE",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
        }
    }

    /// A short sentence that is the same for every denial of the kind.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Unauthorized => "Authentication required",
            Self::FeatureNotAvailable => "Feature not available in the current tier",
            Self::TierRequired => "A higher tier is required",
            Self::SubscriptionInactive => "The subscription is inactive",
            Self::LimitExceeded => "Limit reached",
            Self::CostAboveLimit => "The request is larger than the limit",
            Self::BillingUnavailable => "Billing is temporarily unavailable",
            Self::IdempotencyKeyReused => "The idempotency key was used before",
        }
    }

    /// The HTTP status that says it: 403 when waiting cannot help, 429 and 503 when it can.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::FeatureNotAvailable
            | Self::TierRequired
            | Self::SubscriptionInactive
            | Self::CostAboveLimit => 403,
            Self::LimitExceeded => 429,
            Self::BillingUnavailable => 503,
            Self::IdempotencyKeyReused => 422,
        }
    }
}

impl fmt::Display for DenialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
