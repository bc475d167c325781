use super::ask::Ask;
use super::denial::{Cause, Facts, Named, Upgrade};
use super::unlock::Unlock;
use super::{Basis, Denial, DenialKind, Standing, ValueSource};
use crate::catalog::ForeignIdError;
use crate::{Catalog, FeatureId, FeatureKind, TierId};

/// The denial of what a standing does not meet: of the kind given, unless something else is the
/// reason that should be told.
pub(super) fn refuse(
    catalog: &Catalog,
    standing: &Standing<'_>,
    kind: DenialKind,
    ask: &Ask<'_>,
    facts: Facts,
) -> Result<Denial, ForeignIdError> {
    let mut facts = complete(catalog, standing, ask, facts)?;
    // Neither an active subscription nor another tier, nor billing's return, would change this.
    if ask.is_off_for_all(catalog)? {
        facts.cause = Cause::OffForAll;
        facts.upgrade = Upgrade::Nothing;
        return Ok(Denial::new(DenialKind::FeatureNotAvailable, facts));
    }
    if standing.basis() == Basis::Unavailable {
        return Ok(Denial::billing_unavailable());
    }
    if let Some(twin) = standing.if_active()
        && ask.is_met(catalog, &twin)?
    {
        return Ok(Denial::new(DenialKind::SubscriptionInactive, facts));
    }
    facts.upgrade = upgrade(catalog, standing, ask)?;
    Ok(Denial::new(kind, facts))
}

fn complete(
    catalog: &Catalog,
    standing: &Standing<'_>,
    ask: &Ask<'_>,
    facts: Facts,
) -> Result<Facts, ForeignIdError> {
    let basis = standing.basis();
    let (own, status) = match (basis, standing.subscription()) {
        (Basis::Inactive { own }, Some(subscription)) => (own, Some(subscription.status.clone())),
        _ => (None, None),
    };
    let name = |tier: TierId| named_tier(catalog, tier);
    Ok(Facts {
        feature: match ask.feature() {
            Some(feature) => Some(named_feature(catalog, feature)?),
            None => None,
        },
        level: match ask {
            Ask::Level { at_least, .. } => Some(at_least.name().into()),
            Ask::Feature(_) | Ask::MinTier(_) | Ask::Units { .. } => None,
        },
        minimum_tier: match ask {
            Ask::MinTier(minimum) => Some(name(*minimum)?),
            Ask::Feature(_) | Ask::Level { .. } | Ask::Units { .. } => None,
        },
        current_tier: match basis {
            Basis::Unavailable => None,
            _ => Some(name(standing.tier())?),
        },
        own_tier: own.map(name).transpose()?,
        status,
        cause: cause(catalog, standing, ask)?,
        ..facts
    })
}

/// Whose lack it is. An override is the same on every tier, so no plan is to blame for it.
fn cause(
    catalog: &Catalog,
    standing: &Standing<'_>,
    ask: &Ask<'_>,
) -> Result<Cause, ForeignIdError> {
    if let Some(feature) = ask.feature() {
        let value = standing.on(standing.tier()).value(catalog, feature)?;
        if let ValueSource::Override { .. } = value.source {
            return Ok(Cause::Override);
        }
    }
    Ok(if standing.has_nothing() {
        Cause::OwnTier
    } else {
        Cause::CurrentTier
    })
}

fn upgrade(
    catalog: &Catalog,
    standing: &Standing<'_>,
    ask: &Ask<'_>,
) -> Result<Upgrade, ForeignIdError> {
    let Some(unlock) = Unlock::find(catalog, standing, ask)? else {
        return Ok(Upgrade::Nothing);
    };
    let keys = unlock
        .available_in
        .iter()
        .map(|tier| Ok(catalog.tier(*tier)?.key.clone()))
        .collect::<Result<_, ForeignIdError>>()?;
    Ok(Upgrade::To {
        required: named_tier(catalog, unlock.required)?,
        available_in: keys,
    })
}

/// The unit of a limit's metric, where it is not a plain count.
pub(super) fn unit_of(
    catalog: &Catalog,
    feature: FeatureId,
) -> Result<Option<Box<str>>, ForeignIdError> {
    let FeatureKind::Limit {
        metric: Some(key), ..
    } = &catalog.feature(feature)?.kind
    else {
        return Ok(None);
    };
    let metric = catalog.metrics().find(|metric| metric.key == *key);
    Ok(metric.and_then(|metric| metric.unit.clone()))
}

fn named_tier(catalog: &Catalog, tier: TierId) -> Result<Named, ForeignIdError> {
    let tier = catalog.tier(tier)?;
    Ok(Named {
        key: tier.key.clone(),
        name: tier.name.clone(),
    })
}

fn named_feature(catalog: &Catalog, feature: FeatureId) -> Result<Named, ForeignIdError> {
    let feature = catalog.feature(feature)?;
    Ok(Named {
        key: (*feature.key).into(),
        name: feature.name.clone(),
    })
}
