//! What a subscription costs, by the catalog.

use tiergate_core::Catalog;
use tiergate_core::catalog::{Price, PriceUnit, Tier};

use crate::payment::Plan;
use crate::record::{BillingCycle, SubscriptionRecord};

/// What is paid for a subscription now; none if nothing is: for a free tier, for one by contract, and for
/// one that was granted.
pub(super) fn of(catalog: &Catalog, record: &SubscriptionRecord) -> Option<Plan> {
    priced(
        catalog,
        &record.tier,
        record.billing_cycle?,
        record.seats,
        record.discount_basis_points,
    )
}

/// What is paid for it from its next renewal on, if that changes it and something is paid then.
pub(super) fn after_renewal(catalog: &Catalog, record: &SubscriptionRecord) -> Option<Plan> {
    let pending = record.pending.as_ref()?;
    priced(
        catalog,
        pending.tier.as_deref().unwrap_or(&record.tier),
        pending.billing_cycle.or(record.billing_cycle)?,
        pending.seats.or(record.seats),
        record.discount_basis_points,
    )
}

/// The plan of a tier that has a price.
pub(super) fn priced(
    catalog: &Catalog,
    key: &str,
    cycle: BillingCycle,
    seats: Option<u32>,
    discount_basis_points: u32,
) -> Option<Plan> {
    let tier = tier(catalog, key)?;
    let Price::Paid {
        monthly,
        annual,
        unit,
    } = tier.price
    else {
        return None;
    };
    let price = match cycle {
        BillingCycle::Monthly => monthly,
        BillingCycle::Annual => annual,
    };
    Some(Plan {
        tier: key.to_owned(),
        cycle,
        seats: match unit {
            PriceUnit::Flat => None,
            PriceUnit::PerSeat { minimum } => Some(seats.unwrap_or(minimum).max(1)),
        },
        unit_amount: price.minor_units(),
        currency: price.currency(),
        name: format!("{}, {}", tier.name, cycle.as_str()),
        discount_basis_points,
    })
}

/// The tier of a key.
pub(super) fn tier<'a>(catalog: &'a Catalog, key: &str) -> Option<&'a Tier> {
    catalog.tier(catalog.tier_id(key)?).ok()
}

/// The key of the default tier.
pub(super) fn default_tier(catalog: &Catalog) -> &str {
    // The catalog gave the id itself.
    catalog
        .tier(catalog.default_tier())
        .map_or("", |tier| &tier.key)
}

/// Whether one tier is above another: what makes a change an upgrade.
///
/// A tier that includes the other is above it, whatever they cost: `team_growing` is above `team_small`
/// although a seat of it costs less. Of two of which neither includes the other, the one that costs more
/// for the same cycle and seats is above. A tier without a price is above none in this way.
pub(super) fn is_above(catalog: &Catalog, above: &Plan, below: &Plan) -> bool {
    let ids = catalog
        .tier_id(&above.tier)
        .zip(catalog.tier_id(&below.tier));
    if let Some((above, below)) = ids {
        if catalog.satisfies(above, below) == Ok(true) {
            return true;
        }
        if catalog.satisfies(below, above) == Ok(true) {
            return false;
        }
    }
    let cost = |plan: &Plan| i128::from(plan.unit_amount) * i128::from(plan.seats.unwrap_or(1));
    cost(above) > cost(below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::catalog;

    fn plan(tier: &str, seats: Option<u32>) -> Plan {
        priced(&catalog(), tier, BillingCycle::Monthly, seats, 0).unwrap()
    }

    #[test]
    fn inclusion_comes_before_cost() {
        let catalog = catalog();
        let above = |a: &Plan, b: &Plan| is_above(&catalog, a, b);
        let (small, growing) = (plan("team_small", None), plan("team_growing", None));
        assert!(growing.unit_amount < small.unit_amount);
        assert!(above(&growing, &small) && !above(&small, &growing));
        // Neither of these includes the other.
        let premium = plan("premium", None);
        assert!(above(&premium, &plan("team_small", Some(7))));
        assert!(above(&plan("team_small", Some(8)), &premium));
    }

    #[test]
    fn seats_are_of_tiers_that_are_sold_by_seats() {
        assert_eq!(plan("pro", Some(9)).seats, None);
        assert_eq!(plan("team_small", None).seats, Some(5));
        assert_eq!(plan("team_small", Some(9)).seats, Some(9));
        for tier in ["free", "enterprise", "gold"] {
            assert_eq!(
                priced(&catalog(), tier, BillingCycle::Annual, None, 0),
                None
            );
        }
    }
}
