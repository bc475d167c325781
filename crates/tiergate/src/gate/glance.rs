//! Answers that need no more than a look at the cache.

use std::sync::atomic::{AtomicU64, Ordering};

use tiergate_core::catalog::ForeignIdError;
use tiergate_core::{Catalog, FeatureId, Subject, TierId};
use tiergate_lookup::TierWord;

use super::TierGate;

/// Which tiers have each feature and meet each minimum, as far as it was asked: what makes an answer
/// out of a tier without going to the catalog.
///
/// Only what is allowed is noted. Anything else may have to be confirmed, and is decided the longer way.
#[derive(Debug)]
pub(super) struct Verdicts {
    features: Box<[Allowed]>,
    tiers: Box<[Allowed]>,
}

/// The tiers that were found to be allowed something by one revision of the catalog, in one number:
/// the revision above, a bit for each tier below.
#[derive(Debug, Default)]
struct Allowed(AtomicU64);

/// How many tiers have a bit. Those that came later are looked up in the catalog each time.
const TIERS: u16 = 32;

impl Verdicts {
    /// Room for what is in `catalog`. What a later one adds is decided the longer way.
    pub(super) fn new(catalog: &Catalog) -> Self {
        let room = |count: usize| (0..count).map(|_| Allowed::default()).collect();
        Self {
            features: room(catalog.features().len()),
            tiers: room(catalog.tiers().len()),
        }
    }
}

impl Allowed {
    #[inline]
    fn has(&self, revision: u32, tier: TierWord) -> bool {
        let noted = self.0.load(Ordering::Relaxed);
        noted >> 32 == u64::from(revision) && noted & bit(tier) != 0
    }

    fn note(&self, revision: u32, tier: TierWord) {
        let revision = u64::from(revision) << 32;
        // Two who note at once may lose one of the notes, which is then made again.
        let noted = self.0.load(Ordering::Relaxed);
        let is_same = noted >> 32 == revision >> 32;
        let known = if is_same { noted } else { revision };
        self.0.store(known | bit(tier), Ordering::Relaxed);
    }
}

/// None for a tier that has no bit.
#[inline]
fn bit(tier: TierWord) -> u64 {
    let number = tier.number();
    if number < TIERS { 1 << number } else { 0 }
}

impl TierGate {
    /// Whether a subject has a feature by its tier alone, as the cache has it. False says nothing. The
    /// id is one of this gate's catalog: that is not checked here.
    #[inline]
    pub(super) fn has_at_a_glance(&self, subject: &Subject, feature: FeatureId) -> bool {
        let allowed = self.inner.verdicts.features.get(feature.position());
        self.glance(subject, allowed, |catalog, tier| {
            catalog.grants(tier, feature)
        })
    }

    /// The same of a minimum tier.
    #[inline]
    pub(super) fn meets_at_a_glance(&self, subject: &Subject, minimum: TierId) -> bool {
        let allowed = self.inner.verdicts.tiers.get(minimum.position());
        self.glance(subject, allowed, |catalog, tier| {
            catalog.satisfies(tier, minimum)
        })
    }

    #[inline]
    fn glance(
        &self,
        subject: &Subject,
        allowed: Option<&Allowed>,
        gives: impl Fn(&Catalog, TierId) -> Result<bool, ForeignIdError>,
    ) -> bool {
        let Some(allowed) = allowed else {
            return false;
        };
        let revision = self.inner.catalog.revision();
        let accept = |tier| allowed.has(revision, tier) || self.find_out(tier, allowed, &gives);
        self.inner.lookup.glance(subject, accept).is_some()
    }

    #[cold]
    fn find_out(
        &self,
        word: TierWord,
        allowed: &Allowed,
        gives: impl Fn(&Catalog, TierId) -> Result<bool, ForeignIdError>,
    ) -> bool {
        let catalog = self.inner.catalog.peek();
        let tier = if word == TierWord::NONE {
            Some(catalog.default_tier())
        } else {
            let key = self.inner.lookup.tier_key(word);
            key.and_then(|key| catalog.tier_id(key))
        };
        // What is not the catalog's is a mistake, and told by the longer way.
        let is_allowed = tier.is_some_and(|tier| gives(&catalog, tier).unwrap_or(false));
        if is_allowed {
            allowed.note(catalog.revision(), word);
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tiergate_clock::Clock;
    use tiergate_core::catalog::{FeatureSpec, TierSpec};
    use tiergate_core::decision::Requirement;
    use tiergate_core::subscription::{Override, OverrideValue};
    use tiergate_core::{Subscription, SubscriptionStatus};

    use super::*;
    use crate::testing::TestGate;

    fn catalog(pro_has_crm: bool) -> Catalog {
        Catalog::builder()
            .default_tier("free")
            .tier(TierSpec::new("free"))
            .tier(TierSpec::new("pro").includes("free"))
            .feature(
                FeatureSpec::boolean("crm")
                    .value("free", false)
                    .value("pro", pro_has_crm),
            )
            .feature(
                FeatureSpec::boolean("news")
                    .value("free", true)
                    .value("pro", true),
            )
            .build()
            .unwrap()
    }

    fn pro(subject: &Subject, status: SubscriptionStatus) -> Subscription {
        Subscription::new(subject.clone(), "pro", status)
    }

    #[tokio::test]
    async fn what_is_allowed_at_a_glance_is_allowed_by_the_full_decision() {
        use SubscriptionStatus::{
            Active, Canceled, Incomplete, IncompleteExpired, PastDue, Paused, Suspended, Trialing,
            Unpaid,
        };
        let statuses = [
            Active,
            Trialing,
            PastDue,
            Canceled,
            Suspended,
            Incomplete,
            IncompleteExpired,
            Unpaid,
            Paused,
            SubscriptionStatus::Other("odd".into()),
        ];
        let gate = TestGate::new(catalog(true)).into_gate();
        let now = gate.clock().now();
        let hour = Duration::from_secs(3_600);
        let mut seen = 0;
        for status in statuses {
            for (number, vary) in [
                |one: Subscription, _, _| one,
                |one: Subscription, from, to| one.with_period(from, to).ending_with_period(),
                |one: Subscription, from, _| one.with_period(from, from).ending_with_period(),
                |one: Subscription, _, _| {
                    one.with_override(Override {
                        feature: "crm".into(),
                        value: OverrideValue::Boolean(false),
                        expires_at: None,
                    })
                },
            ]
            .into_iter()
            .enumerate()
            {
                let subject = Subject::user(format!("{status} {number}"));
                let one = pro(&subject, status.clone());
                let varied = vary(one, now.saturating_sub(hour), now.saturating_add(hour));
                gate.lookup().push(varied.into());
                for feature in ["crm", "news"] {
                    let feature = gate.feature_id(feature).unwrap();
                    let full = gate.check(&subject, &Requirement::Feature(feature)).await;
                    let is_allowed = full.unwrap().is_allowed();
                    for _ in 0..2 {
                        let at_a_glance = gate.has_at_a_glance(&subject, feature);
                        assert!(!at_a_glance || is_allowed, "{subject}");
                        seen += usize::from(at_a_glance);
                    }
                }
            }
        }
        assert_eq!(seen, 4, "both features of the one who is simply active");
    }

    #[tokio::test]
    async fn another_catalog_and_another_subscription_hold_at_once() {
        let gate = TestGate::new(catalog(true)).into_gate();
        let ada = Subject::user("ada");
        gate.lookup()
            .push(pro(&ada, SubscriptionStatus::Active).into());
        let crm = gate.feature("crm").unwrap();
        let at_least_pro = gate.tier("pro").unwrap();
        for _ in 0..2 {
            assert!(crm.is_allowed(&ada).await.unwrap());
            assert!(at_least_pro.is_met(&ada).await.unwrap());
        }

        gate.replace_catalog(catalog(false)).unwrap();
        assert!(!gate.has_at_a_glance(&ada, crm.id()));
        assert!(!crm.is_allowed(&ada).await.unwrap());
        gate.replace_catalog(catalog(true)).unwrap();
        assert!(crm.is_allowed(&ada).await.unwrap());

        gate.lookup().push_missing(&ada);
        assert!(!gate.has_at_a_glance(&ada, crm.id()));
        assert!(!gate.meets_at_a_glance(&ada, at_least_pro.id()));
        assert!(!crm.is_allowed(&ada).await.unwrap());
        let news = gate.feature_id("news").unwrap();
        assert!(gate.has_at_a_glance(&ada, news), "the default tier has it");
    }

    #[tokio::test]
    async fn it_is_counted_as_an_answer_from_memory() {
        let gate = TestGate::new(catalog(true)).into_gate();
        let ada = Subject::user("ada");
        gate.lookup()
            .push(pro(&ada, SubscriptionStatus::Active).into());
        let before = gate.lookup().statistics();
        assert!(gate.has_feature_access(&ada, "crm").await.unwrap());
        let after = gate.lookup().statistics();
        assert_eq!(after.fresh_hits, before.fresh_hits + 1);
    }
}
