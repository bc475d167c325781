use super::ask::Ask;
use super::denial::Facts;
use super::refuse::refuse;
use super::units::{Admission, Used, admit, exceeded};
use super::{
    Decision, Denial, DenialKind, Grant, Requirement, RequirementError, Standing,
    UnavailableAccess, grant,
};
use crate::catalog::ForeignIdError;
use crate::{Catalog, FeatureId, TierId};

/// Decides whether a subject meets a requirement.
///
/// A pure function: the same arguments always give the same decision. For units of a limit, `used`
/// says how much is used; whoever spends units must ask [`admit`] and then a store that checks and
/// counts in one step, because this function only looks. For any other requirement, `used` does not
/// matter.
///
/// # Errors
///
/// When the requirement names something that is not the catalog's.
///
/// ```
/// use tiergate_core::catalog::{FeatureSpec, TierSpec};
/// use tiergate_core::decision::{Knowledge, Policy, Requirement, Standing, Used, decide};
/// use tiergate_core::time::Timestamp;
/// use tiergate_core::{Catalog, DenialKind, Meter, Subject};
///
/// let catalog = Catalog::builder()
///     .default_tier("free")
///     .tier(TierSpec::new("free"))
///     .feature(FeatureSpec::limit("projects").counted(Meter::Gauge).value("free", 3))
///     .build()?;
/// let limit = catalog.limit_id(catalog.require_feature("projects")?)?;
/// let one_more = Requirement::Units { limit, units: 1 };
///
/// let ada = Subject::user("ada");
/// let now = Timestamp::from_seconds(0);
/// let standing = Standing::of(&catalog, &ada, Knowledge::NoSubscription, Policy::DEFAULT, now);
///
/// assert!(decide(&catalog, &standing, &one_more, Used::units(2))?.is_allowed());
/// let denial = decide(&catalog, &standing, &one_more, Used::units(3))?.into_result().unwrap_err();
/// assert_eq!(denial.kind(), DenialKind::LimitExceeded);
/// assert_eq!(denial.remaining(), Some(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decide(
    catalog: &Catalog,
    standing: &Standing<'_>,
    requirement: &Requirement,
    used: Used,
) -> Result<Decision, RequirementError> {
    Ok(match requirement {
        Requirement::Feature(feature) => decide_feature(catalog, standing, *feature)?,
        Requirement::Level { feature, at_least } => {
            decide_level(catalog, standing, *feature, at_least)?
        }
        Requirement::MinTier(minimum) => decide_min_tier(catalog, standing, *minimum)?,
        Requirement::Units { limit, units } => match admit(catalog, standing, *limit, *units)? {
            Admission::Denied(denial) => Decision::Denied(denial),
            Admission::Countable(allowance) if allowance.limit.admits(used.units, *units) => {
                Decision::Allowed(allowance.grant)
            }
            Admission::Countable(allowance) => Decision::Denied(exceeded(
                catalog, standing, *limit, *units, &allowance, used,
            )?),
        },
    })
}

/// Decides whether a subject has a feature at all.
///
/// Where it is allowed to a subject whose subscription has no overrides, this is a few comparisons
/// and one bit of the catalog. Nothing that is allowed allocates, but for an override of a level,
/// whose count is raised.
///
/// # Errors
///
/// When the id is another catalog's.
#[inline]
pub fn decide_feature(
    catalog: &Catalog,
    standing: &Standing<'_>,
    feature: FeatureId,
) -> Result<Decision, ForeignIdError> {
    if standing.rests_on_tier() && catalog.grants(standing.tier(), feature)? {
        return Ok(Decision::Allowed(granted_by_tier(standing)));
    }
    answer(
        catalog,
        standing,
        DenialKind::FeatureNotAvailable,
        &Ask::Feature(feature),
    )
}

/// Decides whether a subject has a feature at a level or above it.
///
/// # Errors
///
/// When the id is another catalog's, or the feature has no such level.
pub fn decide_level(
    catalog: &Catalog,
    standing: &Standing<'_>,
    feature: FeatureId,
    at_least: &str,
) -> Result<Decision, RequirementError> {
    let level = catalog.level(feature, at_least)?;
    let ask = Ask::Level {
        feature,
        at_least: &level,
    };
    Ok(answer(
        catalog,
        standing,
        DenialKind::FeatureNotAvailable,
        &ask,
    )?)
}

/// Decides whether a subject is on a tier or on one that includes it.
///
/// # Errors
///
/// When the id is another catalog's.
#[inline]
pub fn decide_min_tier(
    catalog: &Catalog,
    standing: &Standing<'_>,
    minimum: TierId,
) -> Result<Decision, ForeignIdError> {
    if standing.rests_on_tier() && catalog.satisfies(standing.tier(), minimum)? {
        return Ok(Decision::Allowed(granted_by_tier(standing)));
    }
    answer(
        catalog,
        standing,
        DenialKind::TierRequired,
        &Ask::MinTier(minimum),
    )
}

/// The same as [`grant`], where the tier alone decides: it is known then.
#[inline]
fn granted_by_tier(standing: &Standing<'_>) -> Grant {
    Grant::known(standing.tier())
}

// Apart, so that what the tier alone settles has none of it to carry along.
#[inline(never)]
fn answer(
    catalog: &Catalog,
    standing: &Standing<'_>,
    kind: DenialKind,
    ask: &Ask<'_>,
) -> Result<Decision, ForeignIdError> {
    let is_met = ask.is_met(catalog, standing)?;
    match standing.blind_policy() {
        Some(UnavailableAccess::Allow) if !ask.is_off_for_all(catalog)? => {
            Ok(Decision::Allowed(grant(standing)))
        }
        None | Some(UnavailableAccess::DefaultTier) if is_met => {
            Ok(Decision::Allowed(grant(standing)))
        }
        _ => refused(catalog, standing, kind, ask).map(Decision::Denied),
    }
}

#[cold]
fn refused(
    catalog: &Catalog,
    standing: &Standing<'_>,
    kind: DenialKind,
    ask: &Ask<'_>,
) -> Result<Denial, ForeignIdError> {
    refuse(catalog, standing, kind, ask, Facts::default())
}
