//! Which plan a price of Stripe's is.

use std::collections::HashMap;

use tiergate_core::Catalog;

use crate::record::BillingCycle;

/// What a price sells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PricePlan {
    /// The key of the tier.
    pub tier: String,
    /// How often it is paid.
    pub cycle: BillingCycle,
}

/// Which price is which plan.
///
/// A price says so itself by its lookup key, `{tier}_{monthly|annual}`, which is the same in a sandbox
/// and in production. Ids that are named here go before that.
#[derive(Clone, Debug, Default)]
pub struct PriceMap {
    by_id: HashMap<String, PricePlan>,
}

impl PriceMap {
    /// Says which plan the price with that id is.
    #[must_use]
    pub fn with(mut self, price_id: impl Into<String>, plan: PricePlan) -> Self {
        self.by_id.insert(price_id.into(), plan);
        self
    }

    /// The plan of a price; none if neither its id nor its lookup key names one of the catalog's.
    pub(crate) fn plan(
        &self,
        catalog: &Catalog,
        price_id: &str,
        lookup_key: Option<&str>,
    ) -> Option<PricePlan> {
        let named = self.by_id.get(price_id).cloned();
        let plan = named.or_else(|| {
            let (tier, cycle) = lookup_key?.rsplit_once('_')?;
            Some(PricePlan {
                tier: tier.to_owned(),
                cycle: BillingCycle::from_word(cycle)?,
            })
        })?;
        catalog.tier_id(&plan.tier).map(|_| plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::catalog;

    #[test]
    fn an_id_goes_before_a_lookup_key_and_both_name_a_tier_of_the_catalog() {
        let plan = |tier: &str, cycle| PricePlan {
            tier: tier.to_owned(),
            cycle,
        };
        let catalog = catalog();
        let prices = PriceMap::default()
            .with("price_1", plan("max", BillingCycle::Annual))
            .with("price_2", plan("gold", BillingCycle::Annual));
        let found = |id, key| prices.plan(&catalog, id, key);
        assert_eq!(
            found("price_9", Some("team_small_monthly")),
            Some(plan("team_small", BillingCycle::Monthly))
        );
        assert_eq!(
            found("price_1", Some("pro_monthly")),
            Some(plan("max", BillingCycle::Annual))
        );
        assert_eq!(found("price_2", Some("pro_monthly")), None);
        for key in [
            None,
            Some("pro"),
            Some("pro_weekly"),
            Some("gold_monthly"),
            Some("_monthly"),
        ] {
            assert_eq!(found("price_9", key), None, "{key:?}");
        }
    }
}
