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
    features: Table,
    tiers: Table,
}

/// What was found out about each feature, or each minimum.
#[derive(Debug)]
struct Table {
    /// Some words for each, as many for all.
    words: Box<[Allowed]>,
    words_each: usize,
}

/// The tiers that were found to be allowed something by one revision of the catalog, in one number:
/// the revision above, a bit for each of some tiers below.
#[derive(Debug, Default)]
struct Allowed(AtomicU64);

/// How many tiers have a bit in one number.
const TIERS: usize = 32;

impl Verdicts {
    /// Room for what is in `catalog`. What a later one adds is decided the longer way.
    pub(super) fn new(catalog: &Catalog) -> Self {
        // No subscription has a number of its own.
        let numbers = catalog.tiers().len().saturating_add(1);
        let table = |rows: usize| {
            let words_each = numbers.div_ceil(TIERS);
            let words = (0..rows.saturating_mul(words_each)).map(|_| Allowed::default());
            Table {
                words: words.collect(),
                words_each,
            }
        };
        Self {
            features: table(catalog.features().len()),
            tiers: table(catalog.tiers().len()),
        }
    }
}

impl Table {
    #[inline]
    fn get(&self, row: usize, tier: TierWord) -> Option<&Allowed> {
        let word = usize::from(tier.number()) / TIERS;
        // Rows are some thousands, so that this does not wrap.
        let index = row.wrapping_mul(self.words_each).wrapping_add(word);
        self.words.get(index).filter(|_| word < self.words_each)
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

/// The bit of a tier, in the number that it is in.
#[inline]
fn bit(tier: TierWord) -> u64 {
    1 << (usize::from(tier.number()) % TIERS)
}

impl TierGate {
    /// Whether a subject has a feature by its tier alone, as the cache has it. False says nothing. The
    /// id is one of this gate's catalog: that is not checked here.
    #[inline]
    pub(super) fn has_at_a_glance(&self, subject: &Subject, feature: FeatureId) -> bool {
        let (table, row) = (&self.inner.verdicts.features, feature.position());
        self.glance(subject, table, row, |catalog, tier| {
            catalog.grants(tier, feature)
        })
    }

    /// The same of a minimum tier.
    #[inline]
    pub(super) fn meets_at_a_glance(&self, subject: &Subject, minimum: TierId) -> bool {
        let (table, row) = (&self.inner.verdicts.tiers, minimum.position());
        self.glance(subject, table, row, |catalog, tier| {
            catalog.satisfies(tier, minimum)
        })
    }

    /// Whether a subject of which nothing but the tier decides has a feature by `catalog`. False says
    /// nothing. The id is one of this gate's catalog: that is not checked here.
    #[inline]
    pub(crate) fn tier_has(&self, catalog: &Catalog, tier: TierWord, feature: FeatureId) -> bool {
        let allowed = self.inner.verdicts.features.get(feature.position(), tier);
        let gives = |catalog: &Catalog, tier| catalog.grants(tier, feature);
        self.tier_gives(catalog, tier, allowed, gives)
    }

    /// The same of a minimum tier.
    #[inline]
    pub(crate) fn tier_meets(&self, catalog: &Catalog, tier: TierWord, minimum: TierId) -> bool {
        let allowed = self.inner.verdicts.tiers.get(minimum.position(), tier);
        let gives = |catalog: &Catalog, tier| catalog.satisfies(tier, minimum);
        self.tier_gives(catalog, tier, allowed, gives)
    }

    #[inline]
    fn tier_gives(
        &self,
        catalog: &Catalog,
        tier: TierWord,
        allowed: Option<&Allowed>,
        gives: impl Fn(&Catalog, TierId) -> Result<bool, ForeignIdError>,
    ) -> bool {
        allowed.is_some_and(|allowed| allowed.has(catalog.revision(), tier))
            || self.find_out_by(catalog, tier, allowed, gives)
    }

    #[inline]
    fn glance(
        &self,
        subject: &Subject,
        table: &Table,
        row: usize,
        gives: impl Fn(&Catalog, TierId) -> Result<bool, ForeignIdError>,
    ) -> bool {
        let accept = |tier| {
            let allowed = table.get(row, tier);
            allowed.is_some_and(|allowed| allowed.has(self.inner.catalog.revision(), tier))
                || self.find_out(tier, allowed, &gives)
        };
        self.inner.lookup.glance(subject, accept).is_some()
    }

    // Not inlined either, or what is found at a glance is not.
    #[cold]
    #[inline(never)]
    fn find_out(
        &self,
        word: TierWord,
        allowed: Option<&Allowed>,
        gives: impl Fn(&Catalog, TierId) -> Result<bool, ForeignIdError>,
    ) -> bool {
        self.find_out_by(&self.inner.catalog.peek(), word, allowed, gives)
    }

    #[cold]
    #[inline(never)]
    fn find_out_by(
        &self,
        catalog: &Catalog,
        word: TierWord,
        allowed: Option<&Allowed>,
        gives: impl Fn(&Catalog, TierId) -> Result<bool, ForeignIdError>,
    ) -> bool {
        let tier = if word == TierWord::NONE {
            Some(catalog.default_tier())
        } else {
            let key = self.inner.lookup.tier_key(word);
            key.and_then(|key| catalog.tier_id(key))
        };
        // What is not the catalog's is a mistake, and told by the longer way.
        let is_allowed = tier.is_some_and(|tier| gives(catalog, tier).unwrap_or(false));
        if let Some(allowed) = allowed.filter(|_| is_allowed) {
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
    async fn every_tier_of_a_large_catalog_is_noted_and_is_its_own() {
        const COUNT: usize = 2 * TIERS + 7;
        let key = |tier: usize| format!("tier_{tier}");
        let has = |tier: usize| tier.is_multiple_of(3);
        let features = ["crm", "news"].map(|feature| {
            (0..COUNT).fold(FeatureSpec::boolean(feature), |spec, tier| {
                spec.value(&key(tier), has(tier) == (feature == "crm"))
            })
        });
        let builder = Catalog::builder().default_tier("tier_0");
        let tiers = (0..COUNT).map(|tier| TierSpec::new(&key(tier)));
        let builder = tiers.fold(builder, tiergate_core::catalog::CatalogBuilder::tier);
        let catalog = builder.features(features).build().unwrap();
        let gate = TestGate::new(catalog).into_gate();
        // The numbers that the cache gives them are not in the order of the catalog.
        for tier in (0..COUNT).rev() {
            let subject = Subject::user(key(tier));
            let active = SubscriptionStatus::Active;
            let one = Subscription::new(subject, key(tier), active);
            gate.lookup().push(one.into());
        }
        let [crm, news] = ["crm", "news"].map(|feature| gate.feature_id(feature).unwrap());
        for _ in 0..2 {
            for tier in 0..COUNT {
                let subject = Subject::user(key(tier));
                assert_eq!(gate.has_at_a_glance(&subject, crm), has(tier), "{tier}");
                assert_eq!(gate.has_at_a_glance(&subject, news), !has(tier), "{tier}");
                for minimum in [0, TIERS, COUNT - 1] {
                    let meets =
                        gate.meets_at_a_glance(&subject, gate.tier_id(&key(minimum)).unwrap());
                    assert_eq!(meets, tier == minimum, "{tier} {minimum}");
                }
            }
        }
        // What was allowed was noted: as many bits as there are answers.
        let noted = |table: &Table, row: usize| {
            let words = table.words.chunks(table.words_each).nth(row).unwrap();
            let bits = |allowed: &Allowed| allowed.0.load(Ordering::Relaxed) & u64::from(u32::MAX);
            words
                .iter()
                .map(|word| bits(word).count_ones())
                .sum::<u32>()
        };
        let verdicts = &gate.inner.verdicts;
        let count_with = (0..COUNT).filter(|tier| has(*tier)).count();
        assert_eq!(
            noted(&verdicts.features, crm.position()) as usize,
            count_with
        );
        assert_eq!(
            noted(&verdicts.features, news.position()) as usize,
            COUNT - count_with
        );
        let last = gate.tier_id(&key(COUNT - 1)).unwrap();
        assert_eq!(noted(&verdicts.tiers, last.position()), 1);
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
