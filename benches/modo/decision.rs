//! May this subject use this feature, when its subscription is cached? The bench `decision`, with modo in
//! place of the peers that lie in its workspace.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that is set up wrong has to stop"
)]

#[path = "../decision/gate.rs"]
mod gate;
#[path = "../decision/maps.rs"]
mod maps;
#[expect(
    dead_code,
    reason = "it is shared with another bench, which needs all of it"
)]
#[path = "../decision/population.rs"]
mod population;
mod tiers;

use std::collections::HashMap;

use foldhash::fast::RandomState;
use modo::tier::{TierInfo, TierResolver};
use population::{Asked, Population, Question, Spread};
use side_by_side::{Effort, Questions, Stopwatch, Table, Threads, Ways, at_once};

const SUBJECTS: u32 = 100_000;

fn main() {
    let effort = Effort::from_args();
    let title = "A decision about a cached subject, one thread, beside modo";
    let mut table = Table::new(title, Stopwatch::ThreadCpu, effort);
    let population = Population::new(SUBJECTS);
    let maps = maps::Maps::of(&population);
    let gate = gate::Gate::of(&population);
    let modo = Modo::of(&population);
    for (name, spread) in [
        ("100 k, uniform", Spread::Uniform),
        ("100 k, Zipf", Spread::Zipf),
    ] {
        let questions = population.questions(spread, Asked::Granted);
        let mut ways = Ways::new();
        maps.add_floor(&questions, &mut ways);
        gate.add(&questions, &mut ways);
        maps.add_peers(&questions, &mut ways);
        modo.add(&questions, &mut ways);
        table.measure(name, Threads::One, ways);
    }
    table.print();
}

struct Modo<'a> {
    population: &'a Population,
    tier_of: HashMap<&'a str, u8, RandomState>,
    infos: Vec<TierInfo>,
    resolver: TierResolver,
}

impl<'a> Modo<'a> {
    fn of(population: &'a Population) -> Self {
        let infos = tiers::infos(&population.rules.catalog);
        let pairs = || {
            population
                .ids
                .iter()
                .zip(population.tier_of.iter().copied())
        };
        let owned = pairs().map(|(id, tier)| (id.clone(), usize::from(tier)));
        Self {
            population,
            tier_of: pairs().map(|(id, tier)| (id.as_str(), tier)).collect(),
            resolver: tiers::resolver(infos.clone(), owned),
            infos,
        }
    }

    fn add<'b>(&'b self, questions: &Questions<Question, bool>, ways: &mut Ways<'b>) {
        let ids = &self.population.ids;
        let features = &self.population.rules.features;
        let name = "modo: TierInfo::has_feature, tier from the floor's map";
        questions.answered(ways, name, |question| {
            let tier = self.tier_of.get(ids[question.subject as usize].as_str());
            let tier = tier.expect("everybody is in it");
            self.infos[usize::from(*tier)].has_feature(&features[question.feature as usize])
        });
        let name = "modo: TierResolver::resolve over moka, and has_feature";
        questions.answered(ways, name, |question| {
            let resolved = at_once(self.resolver.resolve(&ids[question.subject as usize]));
            let info = resolved.expect("everybody is in it");
            info.has_feature(&features[question.feature as usize])
        });
    }
}
