//! What the parts of the service share.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tiergate_clock::{Clock, SystemClock};
use tiergate_core::catalog::SuccessionError;
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, Policy};
use tokio::sync::Notify;

use crate::database::Database;
use crate::payment::{ManualProvider, PaymentProvider};
use crate::usage::Thresholds;

/// The billing service, without its HTTP side: records, rules about changing them, and who takes the
/// money. Clones share everything.
#[derive(Clone, Debug)]
pub struct Billing {
    shared: Arc<Shared>,
    policy: Policy,
    thresholds: Thresholds,
}

/// What became of a catalog that was to be put in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It is in force.
    InForce,
    /// It says what the one in force says, which stays.
    Unchanged,
}

#[derive(Debug)]
struct Shared {
    database: Database,
    catalog: ArcSwap<Catalog>,
    /// Held while a successor is made, so that each succeeds the one before it.
    succession: Mutex<()>,
    provider: Arc<dyn PaymentProvider>,
    clock: Arc<dyn Clock>,
    outbox_grew: Notify,
    inbox_grew: Notify,
}

impl Billing {
    /// The service over a database whose schema is current, with the catalog in force, the manual
    /// payment provider and the machine's clock.
    #[must_use]
    pub fn new(database: Database, catalog: Catalog) -> Self {
        Self::assemble(
            database,
            catalog,
            Arc::new(ManualProvider),
            Arc::new(SystemClock::new()),
        )
    }

    /// The service over other parts.
    #[must_use]
    pub fn assemble(
        database: Database,
        catalog: Catalog,
        provider: Arc<dyn PaymentProvider>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                database,
                catalog: ArcSwap::from_pointee(catalog),
                succession: Mutex::new(()),
                provider,
                clock,
                outbox_grew: Notify::new(),
                inbox_grew: Notify::new(),
            }),
            policy: Policy::DEFAULT,
            thresholds: Thresholds::default(),
        }
    }

    /// Sets what past due subscriptions and the like still have, where this service says what somebody
    /// has. Whoever guards something decides by a policy of their own.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets which shares of a limit are told when recorded usage reaches them; else they are those of
    /// [`Thresholds::default`].
    #[must_use]
    pub fn with_thresholds(mut self, thresholds: Thresholds) -> Self {
        self.thresholds = thresholds;
        self
    }

    /// Which shares of a limit are told when they are reached.
    pub(crate) fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// What past due subscriptions and the like still have.
    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.shared.database
    }

    /// The catalog in force.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        self.shared.catalog.load_full()
    }

    /// Puts another catalog in force, as a whole. Tells whether it says anything new;
    /// [`seed_catalog`](Self::seed_catalog) then writes it down and tells others.
    ///
    /// # Errors
    ///
    /// When something is gone that somebody may have a subscription to or a guard for. The old catalog
    /// stays in force.
    pub fn replace_catalog(&self, next: Catalog) -> Result<Replaced, SuccessionError> {
        let succession = self.shared.succession.lock();
        let _turn = succession.unwrap_or_else(PoisonError::into_inner);
        let current = self.catalog();
        if *current == next {
            return Ok(Replaced::Unchanged);
        }
        self.shared.catalog.store(Arc::new(current.succeed(next)?));
        Ok(Replaced::InForce)
    }

    /// Who takes the money.
    pub(crate) fn provider(&self) -> &dyn PaymentProvider {
        &*self.shared.provider
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Told whenever something was added to the outbox by this process.
    pub(crate) fn outbox_grew(&self) -> &Notify {
        &self.shared.outbox_grew
    }

    /// Told whenever an event was stored in the inbox by this process.
    pub(crate) fn inbox_grew(&self) -> &Notify {
        &self.shared.inbox_grew
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Office, catalog};

    const SHIPPED: &str = include_str!("../feature-flags.yaml");

    fn changed(from: &str, to: &str) -> Catalog {
        let text = SHIPPED.replacen(from, to, 1);
        assert_ne!(text, SHIPPED);
        Catalog::from_yaml(&text).unwrap()
    }

    #[tokio::test]
    async fn a_catalog_that_says_something_new_succeeds_the_one_in_force() {
        let office = Office::open().await;
        let billing = &office.billing;
        let outcome = billing.replace_catalog(catalog()).unwrap();
        assert_eq!(outcome, Replaced::Unchanged);
        let before = billing.catalog().revision();
        let next = changed("trial_days: 14", "trial_days: 30");
        let outcome = billing.replace_catalog(next).unwrap();
        assert_eq!(outcome, Replaced::InForce);
        assert_eq!(billing.catalog().trial_days(), 30);
        assert!(billing.catalog().revision() > before);
    }

    #[tokio::test]
    async fn a_catalog_that_drops_what_somebody_may_have_is_refused() {
        let office = Office::open().await;
        let small = "version: 1\ncurrency: USD\ndefault_tier: free\ntiers:\n  free: { name: Free, track: individual, price: free }\nfeatures: {}\n";
        let refused = office
            .billing
            .replace_catalog(Catalog::from_yaml(small).unwrap());
        assert!(refused.is_err());
        assert_eq!(*office.billing.catalog(), catalog());
    }
}
