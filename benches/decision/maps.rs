//! Caches that hold a number for a tier, and beside them a table of what the tiers have.

use std::time::Duration;

use foldhash::fast::RandomState;
use side_by_side::{Questions, Ways};

use super::population::{Population, Question};

pub(crate) struct Maps<'a> {
    population: &'a Population,
    plain: std::collections::HashMap<String, u8, RandomState>,
    moka: moka::sync::Cache<String, u8>,
    papaya: papaya::HashMap<String, u8, RandomState>,
}

impl<'a> Maps<'a> {
    pub(crate) fn of(population: &'a Population) -> Self {
        let pairs = || {
            population
                .ids
                .iter()
                .cloned()
                .zip(population.tier_of.iter().copied())
        };
        let moka = moka::sync::Cache::builder()
            .max_capacity(population.ids.len() as u64 * 2)
            .time_to_live(Duration::from_secs(3_600))
            .build();
        let papaya = papaya::HashMap::default();
        for (id, tier) in pairs() {
            moka.insert(id.clone(), tier);
            papaya.pin().insert(id, tier);
        }
        moka.run_pending_tasks();
        Self {
            population,
            plain: pairs().collect(),
            moka,
            papaya,
        }
    }

    /// What nothing that finds a subject by its id can be much below: a map that nobody ever writes, in
    /// which nothing ages.
    pub(crate) fn add_floor<'b>(
        &'b self,
        questions: &Questions<Question, bool>,
        ways: &mut Ways<'b>,
    ) {
        questions.answered(
            ways,
            "floor: HashMap with foldhash, and a table",
            |question| {
                let tier = self.plain.get(self.id(question)).copied();
                tier.is_some_and(|tier| self.has(tier, question))
            },
        );
    }

    pub(crate) fn add_peers<'b>(
        &'b self,
        questions: &Questions<Question, bool>,
        ways: &mut Ways<'b>,
    ) {
        questions.answered(ways, "papaya, nothing ages", |question| {
            let tier = self.papaya.pin().get(self.id(question)).copied();
            tier.is_some_and(|tier| self.has(tier, question))
        });
        questions.answered(ways, "moka with a time to live", |question| {
            let tier = self.moka.get(self.id(question));
            tier.is_some_and(|tier| self.has(tier, question))
        });
    }

    fn id(&self, question: Question) -> &str {
        &self.population.ids[question.subject as usize]
    }

    fn has(&self, tier: u8, question: Question) -> bool {
        self.population.rules.grants[usize::from(tier)][question.feature as usize]
    }
}
