use std::fmt;
use std::sync::Arc;

use tiergate_core::decision::{Decision, Requirement};
use tiergate_core::{FeatureId, FeatureValue, LimitId, Subject, TierId};

use super::asked::Asked;
use super::now::Question;
use super::{CheckError, ReserveError, Reserved, TierGate, UsageReport};

/// A feature, resolved once, for plain code that asks often.
///
/// ```
/// use tiergate::Subject;
/// use tiergate::testing::TestGate;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let gate = TestGate::platform().user("ada", "pro").into_gate();
///
/// // At start-up: a typo ends the program here, with the nearest name.
/// let crm = gate.feature("crm_enabled")?;
///
/// // Later, as often as needed.
/// assert!(crm.is_allowed(&Subject::user("ada")).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FeatureHandle {
    gate: TierGate,
    id: FeatureId,
    key: Arc<str>,
}

/// A tier, resolved once, for plain code that asks often.
#[derive(Clone)]
pub struct TierHandle {
    gate: TierGate,
    id: TierId,
    key: Arc<str>,
}

/// A limit whose units are counted, resolved once, for plain code that asks often.
#[derive(Clone)]
pub struct LimitHandle {
    gate: TierGate,
    id: LimitId,
    key: Arc<str>,
}

impl TierGate {
    /// A handle on the feature `key`.
    ///
    /// # Errors
    ///
    /// When the catalog has no such feature.
    pub fn feature(&self, key: &str) -> Result<FeatureHandle, CheckError> {
        Ok(FeatureHandle {
            id: self.feature_id(key)?,
            gate: self.clone(),
            key: key.into(),
        })
    }

    /// A handle on the tier `key`.
    ///
    /// # Errors
    ///
    /// When the catalog has no such tier.
    pub fn tier(&self, key: &str) -> Result<TierHandle, CheckError> {
        Ok(TierHandle {
            id: self.tier_id(key)?,
            gate: self.clone(),
            key: key.into(),
        })
    }

    /// A handle on the limit `key`.
    ///
    /// # Errors
    ///
    /// When the catalog has no such feature, or it is not a limit whose units are counted.
    pub fn limit(&self, key: &str) -> Result<LimitHandle, CheckError> {
        Ok(LimitHandle {
            id: self.limit_named(key)?,
            gate: self.clone(),
            key: key.into(),
        })
    }
}

impl FeatureHandle {
    /// The id, for a [`Requirement`].
    #[must_use]
    pub fn id(&self) -> FeatureId {
        self.id
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether a subject has the feature at all.
    ///
    /// # Errors
    ///
    /// When it is not known what the subject has.
    #[inline]
    pub fn is_allowed<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> impl Future<Output = Result<bool, CheckError>> + Send + use<'a> {
        Asked::new(&self.gate, subject, Question::Feature(self.id))
    }

    /// What a subject has of the feature.
    ///
    /// # Errors
    ///
    /// When it is not known what the subject has.
    pub async fn value(&self, subject: &Subject) -> Result<FeatureValue, CheckError> {
        self.gate.value_of(subject, self.id).await
    }

    /// The full decision.
    ///
    /// # Errors
    ///
    /// As for [`TierGate::check`].
    pub async fn check(&self, subject: &Subject) -> Result<Decision, CheckError> {
        self.gate
            .check(subject, &Requirement::Feature(self.id))
            .await
    }
}

impl TierHandle {
    /// The id, for a [`Requirement`].
    #[must_use]
    pub fn id(&self) -> TierId {
        self.id
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether a subject is on the tier, or on one that includes it.
    ///
    /// # Errors
    ///
    /// When it is not known what the subject has.
    #[inline]
    pub fn is_met<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> impl Future<Output = Result<bool, CheckError>> + Send + use<'a> {
        Asked::new(&self.gate, subject, Question::MinTier(self.id))
    }
}

impl LimitHandle {
    /// The id, for a [`Requirement`].
    #[must_use]
    pub fn id(&self) -> LimitId {
        self.id
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Takes units. See [`TierGate::reserve`].
    ///
    /// # Errors
    ///
    /// As for [`TierGate::reserve`].
    pub async fn reserve(&self, subject: &Subject, units: u64) -> Result<Reserved, ReserveError> {
        self.gate.reserve_units(subject, self.id, units).await
    }

    /// How much a subject has used.
    ///
    /// # Errors
    ///
    /// As for [`TierGate::usage`].
    pub async fn usage(&self, subject: &Subject) -> Result<UsageReport, CheckError> {
        self.gate.usage_of(subject, self.id).await
    }
}

macro_rules! shown_by_key {
    ($($Handle:ident)*) => {
        $(
            impl fmt::Debug for $Handle {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.debug_tuple(stringify!($Handle)).field(&self.key).finish()
                }
            }
        )*
    };
}

shown_by_key!(FeatureHandle TierHandle LimitHandle);
