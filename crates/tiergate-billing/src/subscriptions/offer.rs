//! Whether what somebody wants is for sale to them.

use tiergate_core::catalog::{Price, PriceUnit, Track};
use tiergate_core::{Catalog, SubjectKind};

use super::plan;
use crate::FieldFault;
use crate::payment::Plan;
use crate::record::BillingCycle;

/// What somebody wants to pay for.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'a> {
    /// Who wants it.
    pub(super) owner: SubjectKind,
    /// The key of the tier.
    pub(super) tier: &'a str,
    /// How often it is to be paid.
    pub(super) cycle: BillingCycle,
    /// For how many seats, if that was said.
    pub(super) seats: Option<u32>,
    /// The discount they have, in hundredths of a percent.
    pub(super) discount_basis_points: u32,
}

/// The plan that is wanted; or what is wrong with it, all of it.
///
/// Where seats are not named, it is for as few as the tier is sold for.
pub(super) fn plan_for(catalog: &Catalog, wanted: &Wanted<'_>) -> Result<Plan, Vec<FieldFault>> {
    let id = catalog
        .require_tier(wanted.tier)
        .map_err(|unknown| vec![FieldFault::new("/tier", unknown.to_string())])?;
    let Ok(tier) = catalog.tier(id) else {
        return Err(vec![FieldFault::new("/tier", "unknown tier")]);
    };
    let mut faults = Vec::new();
    let key = wanted.tier;
    let track = match wanted.owner {
        SubjectKind::User => Track::Individual,
        SubjectKind::Organization => Track::Organization,
    };
    match tier.price {
        Price::Free => faults.push(FieldFault::new(
            "/tier",
            format!("`{key}` costs nothing, so there is nothing to subscribe to; cancel to get back to it"),
        )),
        Price::ByContract => faults.push(FieldFault::new(
            "/tier",
            format!("`{key}` is sold by contract: get in touch with us about it"),
        )),
        Price::Paid { .. } if tier.track != track => {
            faults.push(FieldFault::new("/tier", wrong_track(catalog, key, track)));
        }
        Price::Paid { unit, .. } => faults.extend(seats_fault(key, unit, wanted.seats)),
    }
    let plan = plan::priced(
        catalog,
        key,
        wanted.cycle,
        wanted.seats,
        wanted.discount_basis_points,
    );
    match plan {
        Some(plan) if faults.is_empty() => Ok(plan),
        _ => Err(faults),
    }
}

fn seats_fault(key: &str, unit: PriceUnit, seats: Option<u32>) -> Option<FieldFault> {
    let detail = match (unit, seats?) {
        (PriceUnit::PerSeat { minimum }, seats) if seats < minimum => {
            format!("`{key}` is sold for at least {minimum} seats")
        }
        (PriceUnit::PerSeat { .. }, _) => return None,
        (PriceUnit::Flat, _) => format!("`{key}` is not sold by seats; leave them out"),
    };
    Some(FieldFault::new("/seats", detail))
}

fn wrong_track(catalog: &Catalog, key: &str, track: Track) -> String {
    let offered: Vec<_> = catalog
        .tiers()
        .map(|(_, tier)| tier)
        .filter(|tier| tier.track == track && matches!(tier.price, Price::Paid { .. }))
        .map(|tier| format!("`{}`", tier.key))
        .collect();
    let (whom, others) = match track {
        Track::Individual => ("persons", "organizations"),
        Track::Organization => ("organizations", "persons"),
    };
    let offered = offered.join(", ");
    format!("`{key}` is sold to {others}; {whom} can have one of {offered}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::catalog;

    fn faults(owner: SubjectKind, tier: &str, seats: Option<u32>) -> Vec<String> {
        let wanted = Wanted {
            owner,
            tier,
            cycle: BillingCycle::Monthly,
            seats,
            discount_basis_points: 0,
        };
        let faults = plan_for(&catalog(), &wanted).err().unwrap_or_default();
        faults
            .iter()
            .map(|fault| format!("{}: {}", fault.pointer, fault.detail))
            .collect()
    }

    #[test]
    fn what_is_not_for_sale_is_told_with_a_way_out() {
        use SubjectKind::{Organization, User};
        for (owner, tier, seats, expected) in [
            (
                User,
                "prp",
                None,
                "/tier: unknown tier `prp`, did you mean `pro`?",
            ),
            (
                User,
                "free",
                None,
                "/tier: `free` costs nothing, so there is nothing to subscribe to; cancel to get back to it",
            ),
            (
                Organization,
                "enterprise",
                None,
                "/tier: `enterprise` is sold by contract: get in touch with us about it",
            ),
            (
                User,
                "team_small",
                Some(5),
                "/tier: `team_small` is sold to organizations; persons can have one of `pro`, `max`, `premium`",
            ),
            (
                Organization,
                "pro",
                None,
                "/tier: `pro` is sold to persons; organizations can have one of `team_small`, `team_growing`, `team_scale`",
            ),
            (
                Organization,
                "team_small",
                Some(4),
                "/seats: `team_small` is sold for at least 5 seats",
            ),
            (
                User,
                "pro",
                Some(1),
                "/seats: `pro` is not sold by seats; leave them out",
            ),
        ] {
            assert_eq!(faults(owner, tier, seats), [expected]);
        }
    }

    #[test]
    fn what_is_for_sale_has_a_plan() {
        assert!(faults(SubjectKind::User, "premium", None).is_empty());
        assert!(faults(SubjectKind::Organization, "team_scale", Some(5)).is_empty());
        assert!(faults(SubjectKind::Organization, "team_scale", None).is_empty());
    }
}
