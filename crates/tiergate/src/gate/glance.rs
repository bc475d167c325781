//! Answers that need no more than a look at the cache.

use std::sync::atomic::{AtomicU64, Ordering};

use tiergate_core::{Catalog, Subject};
use tiergate_lookup::{Sight, TierWord};

use super::TierGate;
use super::now::Question;

/// Which tiers have each feature and meet each minimum, and which do not, as far as it was asked: what
/// makes an answer out of a tier without going to the catalog.
#[derive(Debug)]
pub(super) struct Verdicts {
    /// What was found out about each feature, and then about each minimum: as many for each as it takes
    /// for all tiers, in most catalogs one.
    found: Box<[Verdict]>,
    /// How many of the rows are features'.
    features: usize,
    /// For how many tiers there is room in a row, as a power of two. All are found in the same way,
    /// because a processor could not guess which way it will be.
    width: u32,
}

/// Which tiers were found to be allowed something, and which were not.
#[derive(Debug, Default)]
struct Verdict {
    allowed: Noted,
    denied: Noted,
}

/// Tiers of which one revision of the catalog says the same, in one number: the revision above, a bit
/// for each of some tiers below.
#[derive(Debug, Default)]
struct Noted(AtomicU64);

/// How many tiers have a bit in one number.
const TIERS: usize = 32;

impl Verdicts {
    /// Room for what is in `catalog`. What a later one adds is decided the longer way.
    pub(super) fn new(catalog: &Catalog) -> Self {
        // No subscription has a number of its own.
        let numbers = catalog.tiers().len().saturating_add(1);
        let room = numbers.next_power_of_two().max(TIERS);
        let rows = catalog.features().len() + catalog.tiers().len();
        let found = 0..rows * (room / TIERS);
        Self {
            found: found.map(|_| Verdict::default()).collect(),
            features: catalog.features().len(),
            width: room.ilog2(),
        }
    }

    /// Whether a tier is allowed what is asked, by that revision of the catalog, if it was found out.
    #[inline]
    fn known(&self, question: Question, tier: TierWord, revision: u32) -> Option<bool> {
        self.get(question, tier)?.on(tier, revision)
    }

    #[inline]
    fn get(&self, question: Question, tier: TierWord) -> Option<&Verdict> {
        let row = match question {
            Question::Feature(feature) if feature.position() < self.features => feature.position(),
            Question::Feature(_) => return None,
            Question::MinTier(minimum) => minimum.position().wrapping_add(self.features),
        };
        let tier = usize::from(tier.number());
        // A width is some bits, so that no shift wraps. Asking for that takes its time.
        let place = row.wrapping_shl(self.width) | tier;
        let found = self.found.get(place / TIERS);
        found.filter(|_| tier.wrapping_shr(self.width) == 0)
    }
}

impl Verdict {
    /// Whether a tier is allowed it, if that was found out.
    #[inline]
    fn on(&self, tier: TierWord, revision: u32) -> Option<bool> {
        if self.allowed.has(revision, tier) {
            Some(true)
        } else if self.denied.has(revision, tier) {
            Some(false)
        } else {
            None
        }
    }
}

impl Noted {
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
    /// Whether the answer is yes by the subject's tier alone, as the cache has it. False says nothing. The
    /// id is one of this gate's catalog: that is not checked here.
    // Apart, so that a future that asks has no more to keep than what it asks.
    #[inline(never)]
    pub(super) fn is_yes_at_a_glance(&self, subject: &Subject, question: &Question) -> bool {
        let question = *question;
        let accept = |tier| {
            let revision = self.inner.catalog.revision();
            let known = self.inner.verdicts.known(question, tier, revision);
            known.unwrap_or_else(|| self.find_out_now(tier, question))
        };
        self.inner.lookup.glance(subject, accept).is_some()
    }

    /// The same by `catalog`, of a subject of which nothing but the tier decides.
    #[inline]
    pub(crate) fn is_yes_by_tier(
        &self,
        catalog: &Catalog,
        tier: TierWord,
        question: Question,
    ) -> bool {
        let known = self
            .inner
            .verdicts
            .known(question, tier, catalog.revision());
        known.unwrap_or_else(|| self.find_out(catalog, tier, question))
    }

    /// Whether the answer is no by the tier alone, of a subject who was seen in the cache. False says
    /// nothing.
    pub(super) fn is_no_by_tier(&self, sight: &Sight, question: Question) -> bool {
        let is_denied = |tier| {
            let revision = self.inner.catalog.revision();
            self.inner.verdicts.known(question, tier, revision) == Some(false)
        };
        sight.word().is_some_and(is_denied) && !self.is_too_old_to_deny_by(sight.age())
    }

    // Not inlined either, or what is found at a glance is not.
    #[cold]
    #[inline(never)]
    fn find_out_now(&self, word: TierWord, question: Question) -> bool {
        self.find_out(&self.inner.catalog.peek(), word, question)
    }

    #[cold]
    #[inline(never)]
    fn find_out(&self, catalog: &Catalog, word: TierWord, question: Question) -> bool {
        let tier = if word == TierWord::NONE {
            Some(catalog.default_tier())
        } else {
            let key = self.inner.lookup.tier_key(word);
            key.and_then(|key| catalog.tier_id(key))
        };
        // What is not the catalog's is a mistake, and told by the longer way.
        let gives = |tier| match question {
            Question::Feature(feature) => catalog.grants(tier, feature).ok(),
            Question::MinTier(minimum) => catalog.satisfies(tier, minimum).ok(),
        };
        let is_allowed = tier.and_then(gives);
        let verdict = self.inner.verdicts.get(question, word);
        if let (Some(Verdict { allowed, denied }), Some(is_allowed)) = (verdict, is_allowed) {
            let noted = if is_allowed { allowed } else { denied };
            noted.note(catalog.revision(), word);
        }
        is_allowed.unwrap_or(false)
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
                        let at_a_glance =
                            gate.is_yes_at_a_glance(&subject, &Question::Feature(feature));
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
        assert!(!gate.is_yes_at_a_glance(&ada, &Question::Feature(crm.id())));
        assert!(!crm.is_allowed(&ada).await.unwrap());
        gate.replace_catalog(catalog(true)).unwrap();
        assert!(crm.is_allowed(&ada).await.unwrap());

        gate.lookup().push_missing(&ada);
        assert!(!gate.is_yes_at_a_glance(&ada, &Question::Feature(crm.id())));
        assert!(!gate.is_yes_at_a_glance(&ada, &Question::MinTier(at_least_pro.id())));
        assert!(!crm.is_allowed(&ada).await.unwrap());
        let news = gate.feature_id("news").unwrap();
        assert!(
            gate.is_yes_at_a_glance(&ada, &Question::Feature(news)),
            "the default tier has it"
        );
    }

    #[tokio::test]
    async fn what_a_later_catalog_adds_is_not_taken_for_a_minimum_tier() {
        let gate = TestGate::new(catalog(true)).into_gate();
        let ada = Subject::user("ada");
        gate.lookup()
            .push(pro(&ada, SubscriptionStatus::Active).into());
        let more = ["tea", "coffee", "cocoa"].map(|key| {
            FeatureSpec::boolean(key)
                .value("free", false)
                .value("pro", false)
        });
        let features = ["crm", "news"].map(|key| {
            FeatureSpec::boolean(key)
                .value("free", true)
                .value("pro", true)
        });
        let later = Catalog::builder()
            .default_tier("free")
            .tier(TierSpec::new("free"))
            .tier(TierSpec::new("pro").includes("free"))
            .features(features)
            .features(more)
            .build()
            .unwrap();
        gate.replace_catalog(later).unwrap();
        for tier in ["free", "pro"] {
            let minimum = Question::MinTier(gate.tier_id(tier).unwrap());
            assert!(gate.is_yes_at_a_glance(&ada, &minimum));
        }
        for key in ["tea", "coffee", "cocoa"] {
            let added = Question::Feature(gate.feature_id(key).unwrap());
            assert!(!gate.is_yes_at_a_glance(&ada, &added), "{key}");
        }
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
                let has_it =
                    |feature| gate.is_yes_at_a_glance(&subject, &Question::Feature(feature));
                assert_eq!(has_it(crm), has(tier), "{tier}");
                assert_eq!(has_it(news), !has(tier), "{tier}");
                for minimum in [0, TIERS, COUNT - 1] {
                    let least = Question::MinTier(gate.tier_id(&key(minimum)).unwrap());
                    let meets = gate.is_yes_at_a_glance(&subject, &least);
                    assert_eq!(meets, tier == minimum, "{tier} {minimum}");
                }
            }
        }
        // What was found out was noted: as many bits as there are answers.
        let verdicts = &gate.inner.verdicts;
        let noted = |question: Question| {
            let word = |tier| gate.lookup().glance(&Subject::user(key(tier)), |_| true);
            let words = (0..COUNT).map(|tier| word(tier).unwrap());
            let known = |word| verdicts.known(question, word, 0).unwrap();
            words.map(known).filter(|is_allowed| *is_allowed).count()
        };
        let count_with = (0..COUNT).filter(|tier| has(*tier)).count();
        assert_eq!(noted(Question::Feature(crm)), count_with);
        assert_eq!(noted(Question::Feature(news)), COUNT - count_with);
        let last = gate.tier_id(&key(COUNT - 1)).unwrap();
        assert_eq!(noted(Question::MinTier(last)), 1);
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
