//! tiergate, as plain code asks it.

use std::sync::Arc;
use std::time::Duration;

use side_by_side::{Questions, Ways, at_once};
use tiergate::gate::FeatureHandle;
use tiergate::lookup::{Freshness, Known};
use tiergate::{CacheConfig, StaticLookup, Subject, Subscription, SubscriptionStatus, TierGate};

use super::population::{Population, Question};

pub(crate) struct Gate<'a> {
    population: &'a Population,
    gate: TierGate,
    subjects: Vec<Subject>,
    /// By feature.
    handles: Vec<FeatureHandle>,
}

impl<'a> Gate<'a> {
    pub(crate) fn of(population: &'a Population) -> Self {
        let room = population.ids.len() as u64 * 2;
        // Longer than a run, so that it is the same from its beginning to its end. Everything is checked
        // for its age all the same.
        let config = CacheConfig::builder()
            .fresh_for(Duration::from_secs(12 * 3_600))
            .confirm_age(Duration::from_secs(12 * 3_600))
            .max_entries(room)
            .max_bytes(room * 4_096)
            .build()
            .expect("the bounds are sound");
        let gate = TierGate::builder(population.rules.catalog.clone())
            .lookup(StaticLookup::default())
            .cache(config)
            .build()
            .expect("nothing is missing");
        let subjects: Vec<Subject> = population
            .ids
            .iter()
            .map(|id| Subject::user(&**id))
            .collect();
        for (subject, tier) in subjects.iter().zip(&population.tier_of) {
            let tier = &*population.rules.tiers[usize::from(*tier)];
            let active = SubscriptionStatus::Active;
            let subscription = Subscription::new(subject.clone(), tier, active);
            gate.lookup().push(Arc::new(subscription));
        }
        // The first reads of an entry are dearer than the later ones.
        for _ in 0..10 {
            for subject in &subjects {
                std::hint::black_box(gate.lookup().get(subject).expect("all are there"));
            }
        }
        let features = population.rules.features.iter();
        Self {
            handles: features
                .map(|key| gate.feature(key).expect("the catalog has it"))
                .collect(),
            population,
            gate,
            subjects,
        }
    }

    pub(crate) fn add<'b>(&'b self, questions: &Questions<Question, bool>, ways: &mut Ways<'b>) {
        questions.answered(ways, "tiergate: FeatureHandle::is_allowed", |question| {
            let handle = &self.handles[question.feature as usize];
            at_once(handle.is_allowed(self.subject(question))).expect("it is known")
        });
        questions.answered(ways, "tiergate: has_feature_access, by name", |question| {
            let key = &self.population.rules.features[question.feature as usize];
            at_once(self.gate.has_feature_access(self.subject(question), key)).expect("it is known")
        });
        let catalog = self.gate.catalog();
        questions.answered(
            ways,
            "tiergate: CachedLookup::get, and the catalog",
            move |question| {
                let snapshot = self
                    .gate
                    .lookup()
                    .get(self.subject(question))
                    .expect("it is there");
                assert_eq!(snapshot.freshness, Freshness::Fresh);
                let Known::Found(found) = &snapshot.known else {
                    return false;
                };
                let tier = catalog.tier_id(found.tier()).expect("the catalog has it");
                let feature = self.handles[question.feature as usize].id();
                catalog.grants(tier, feature).expect("both are its own")
            },
        );
    }

    fn subject(&self, question: Question) -> &Subject {
        &self.subjects[question.subject as usize]
    }
}
