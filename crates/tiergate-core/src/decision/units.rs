use std::sync::Arc;
use std::time::Duration;

use super::ask::{Ask, bound};
use super::denial::Facts;
use super::refuse::{refuse, unit_of};
use super::{Denial, DenialKind, Grant, Standing, UnavailableAccess, grant};
use crate::catalog::{ForeignIdError, LimitId};
use crate::window::Window;
use crate::{Catalog, Limit, Meter};

/// How much of a limit is used, as a store of counters told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Units counted so far, open reservations included.
    pub units: u64,
    /// How long until the passing of time alone makes room; none if it never does, or is not known.
    pub wait: Option<Duration>,
}

impl Used {
    /// Nothing.
    pub const NOTHING: Self = Self::units(0);

    /// So many units, without saying when there is room again.
    #[must_use]
    pub const fn units(units: u64) -> Self {
        Self { units, wait: None }
    }
}

/// What a subject may use of a limit, and where that is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allowance {
    /// The key of the feature, which is also what it is counted under.
    pub feature: Arc<str>,
    /// How it is counted.
    pub meter: Meter,
    /// The window of a quota; none for a gauge or a rate.
    pub window: Option<Window>,
    /// How many units fit.
    pub limit: Limit,
    /// As whom the subject would be allowed.
    pub grant: Grant,
}

/// Whether units of a limit may be asked of a store of counters at all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// They may: whether they fit is for the store to say.
    Countable(Allowance),
    /// They may not, however much is used.
    Denied(Denial),
}

/// Decides whether a subject may ask for units of a limit: the first half of a decision whose
/// second half only a store of counters can make.
///
/// What is used does not matter here, so a denial that comes from here proposes tiers on which the
/// units would fit while none are used.
///
/// Zero units are a way to look: they are admitted wherever the subject has the feature.
///
/// # Errors
///
/// When the id is another catalog's.
///
/// ```
/// use tiergate_core::catalog::{FeatureSpec, TierSpec};
/// use tiergate_core::decision::{Admission, Knowledge, Policy, Standing, Used, admit, exceeded};
/// use tiergate_core::time::Timestamp;
/// use tiergate_core::{Catalog, DenialKind, Limit, Meter, QuotaPeriod, Subject};
///
/// let catalog = Catalog::builder()
///     .default_tier("free")
///     .tier(TierSpec::new("free"))
///     .feature(
///         FeatureSpec::limit("mails").counted(Meter::Quota(QuotaPeriod::Day)).value("free", 100),
///     )
///     .build()?;
/// let mails = catalog.limit_id(catalog.require_feature("mails")?)?;
/// let ada = Subject::user("ada");
/// let now: Timestamp = "2026-03-01T18:00:00Z".parse()?;
/// let standing = Standing::of(&catalog, &ada, Knowledge::NoSubscription, Policy::DEFAULT, now);
///
/// let Admission::Countable(allowance) = admit(&catalog, &standing, mails, 10)? else {
///     unreachable!("ten of a hundred mails can fit");
/// };
/// assert_eq!(allowance.limit, Limit::AtMost(100));
/// assert!(allowance.window.is_some_and(|day| day.contains(now)));
///
/// // The store found that they do not.
/// let denial = exceeded(&catalog, &standing, mails, 10, &allowance, Used::units(95))?;
/// assert_eq!(denial.kind(), DenialKind::LimitExceeded);
/// assert_eq!(denial.resets_at(), Some("2026-03-02T00:00:00Z".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn admit(
    catalog: &Catalog,
    standing: &Standing<'_>,
    limit: LimitId,
    units: u64,
) -> Result<Admission, ForeignIdError> {
    let feature = limit.feature();
    let (key, meter) = catalog.meter(limit)?;
    let ask = Ask::Units {
        feature,
        units,
        used: 0,
    };
    let deny = |kind, facts| refuse(catalog, standing, kind, &ask, facts).map(Admission::Denied);
    let bound = match standing.blind_policy() {
        // What is not known is not limited either: policy said to let everything pass.
        Some(UnavailableAccess::Allow) if !ask.is_off_for_all(catalog)? => Some(Limit::Unlimited),
        Some(UnavailableAccess::Allow | UnavailableAccess::Deny) => None,
        Some(UnavailableAccess::DefaultTier) | None => bound(catalog, standing, feature)?,
    };
    let Some(bound) = bound else {
        return deny(DenialKind::FeatureNotAvailable, Facts::default());
    };
    if !bound.admits(0, units) {
        let facts = Facts {
            limit: Some(bound),
            units: Some(units),
            unit: unit_of(catalog, feature)?,
            ..Facts::default()
        };
        return deny(DenialKind::CostAboveLimit, facts);
    }
    let window = match meter {
        Meter::Quota(period) => Some(Window::of(
            period,
            standing.now(),
            standing.billing_anchor(),
            catalog.time_zone(),
        )),
        Meter::Gauge | Meter::Rate(_) => None,
    };
    Ok(Admission::Countable(Allowance {
        feature: Arc::clone(key),
        meter,
        window,
        limit: bound,
        grant: grant(standing),
    }))
}

/// The denial of units that a store of counters found not to fit.
///
/// It says when there is room again: at the end of the window for a quota, otherwise after
/// [`Used::wait`].
///
/// # Errors
///
/// When the id is another catalog's.
pub fn exceeded(
    catalog: &Catalog,
    standing: &Standing<'_>,
    limit: LimitId,
    units: u64,
    allowance: &Allowance,
    used: Used,
) -> Result<Denial, ForeignIdError> {
    let feature = limit.feature();
    let now = standing.now();
    let until_reset = allowance.window.map(|window| window.remaining(now));
    let ask = Ask::Units {
        feature,
        units,
        used: used.units,
    };
    let facts = Facts {
        limit: Some(allowance.limit),
        used: Some(used.units),
        units: Some(units),
        unit: unit_of(catalog, feature)?,
        retry_after: used.wait.or(until_reset),
        resets_at: match allowance.window {
            Some(window) => Some(window.end()),
            None => used.wait.map(|wait| now.saturating_add(wait)),
        },
        ..Facts::default()
    };
    refuse(catalog, standing, DenialKind::LimitExceeded, &ask, facts)
}
