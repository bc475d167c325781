//! Gates for tests: fixed subscriptions, a clock that is set, a lookup that fails on command.

use tiergate_clock::ManualClock;
use tiergate_core::{Catalog, Subject, Subscription, SubscriptionStatus};
use tiergate_lookup::StaticLookup;

pub use tiergate_clock::ManualClock as Clock;
pub use tiergate_lookup::testing::ScriptedLookup;
//USAGE

use crate::TierGate;
use crate::gate::TierGateBuilder;

/// A gate whose subscriptions, time and faults a test decides.
///
/// It begins at the first moment of 2026, UTC, with nobody subscribed.
///
/// ```
/// use std::time::Duration;
/// use tiergate::Subject;
/// use tiergate::lookup::LookupErrorKind;
/// use tiergate::testing::TestGate;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let test = TestGate::platform().user("ada", "pro");
/// let ada = Subject::user("ada");
/// assert!(test.gate().has_feature_access(&ada, "crm_enabled").await?);
///
/// // Billing goes away. Who is known is served on.
/// test.lookup().fail(LookupErrorKind::Unreachable);
/// test.clock().advance(Duration::from_secs(3_600));
/// assert!(test.gate().has_feature_access(&ada, "crm_enabled").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TestGate {
    gate: TierGate,
    clock: ManualClock,
    lookup: ScriptedLookup,
}

impl TestGate {
    /// A gate with the catalog that comes with tiergate: eight tiers and 22 features.
    #[must_use]
    pub fn platform() -> Self {
        Self::new(platform_catalog())
    }

    /// A gate with a catalog of the test's own.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self::configured(catalog, |builder| builder)
    }

    /// A gate with a catalog of the test's own and whatever else the test configures.
    ///
    /// # Panics
    ///
    /// When `configure` makes something that cannot be built.
    #[must_use]
    pub fn configured(
        catalog: Catalog,
        configure: impl FnOnce(TierGateBuilder) -> TierGateBuilder,
    ) -> Self {
        let clock = ManualClock::default();
        let lookup = ScriptedLookup::new(StaticLookup::default());
        let builder = TierGate::builder(catalog)
            .lookup(lookup.clone())
            .clock(clock.clone());
        match configure(builder).build() {
            Ok(gate) => Self {
                gate,
                clock,
                lookup,
            },
            Err(error) => fail(&error),
        }
    }

    /// Gives a user an active subscription.
    #[must_use]
    pub fn user(self, id: &str, tier: &str) -> Self {
        self.subscribe(Subject::user(id), tier)
    }

    /// Gives an organization an active subscription.
    #[must_use]
    pub fn organization(self, id: &str, tier: &str) -> Self {
        self.subscribe(Subject::organization(id), tier)
    }

    fn subscribe(self, subject: Subject, tier: &str) -> Self {
        self.set(Subscription::new(subject, tier, SubscriptionStatus::Active));
        self
    }

    /// Changes a subscription where the lookup reads it, and drops what is cached of it.
    pub fn set(&self, subscription: Subscription) {
        let subject = subscription.subject.clone();
        self.lookup.subscriptions().set(subscription);
        self.gate.invalidate(&subject);
    }

    /// The gate.
    #[must_use]
    pub fn gate(&self) -> &TierGate {
        &self.gate
    }

    /// The gate alone.
    #[must_use]
    pub fn into_gate(self) -> TierGate {
        self.gate
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Its lookup, which fails, hangs and is slow on command.
    #[must_use]
    pub fn lookup(&self) -> &ScriptedLookup {
        &self.lookup
    }
}

/// The catalog that comes with tiergate: eight tiers and 22 features of a social platform.
///
/// # Panics
///
/// Never: a test reads it.
#[must_use]
pub fn platform_catalog() -> Catalog {
    match Catalog::from_yaml(include_str!("../feature-flags.yaml")) {
        Ok(catalog) => catalog,
        Err(error) => fail(&error),
    }
}

#[expect(clippy::panic, reason = "a test that is set up wrong has to fail")]
fn fail(error: &dyn std::error::Error) -> ! {
    panic!("{error}")
}
