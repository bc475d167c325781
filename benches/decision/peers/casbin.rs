use casbin::{CachedEnforcer, CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use side_by_side::{Questions, Ways};
use tokio::runtime::Builder;

use crate::population::{Population, Question};

/// A row for each feature of each tier.
const TIER_IS_ROLE: &str = "
[request_definition]
r = sub, obj

[policy_definition]
p = sub, obj

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj
";

/// The same without users.
const TIER_IS_SUBJECT: &str = "
[request_definition]
r = sub, obj

[policy_definition]
p = sub, obj

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.sub == p.sub && r.obj == p.obj
";

pub(super) struct Casbin<'a> {
    population: &'a Population,
    cached: CachedEnforcer,
    plain: Enforcer,
}

impl<'a> Casbin<'a> {
    pub(super) fn of(population: &'a Population) -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let (cached, plain) = runtime.block_on(async {
            let by_tier = DefaultModel::from_str(TIER_IS_SUBJECT)
                .await
                .expect("a model");
            let by_user = DefaultModel::from_str(TIER_IS_ROLE).await.expect("a model");
            let adapter = MemoryAdapter::default;
            let mut cached = CachedEnforcer::new(by_tier, adapter())
                .await
                .expect("it is sound");
            let mut plain = Enforcer::new(by_user, adapter())
                .await
                .expect("it is sound");
            cached
                .add_policies(rows(population))
                .await
                .expect("they are sound");
            plain
                .add_policies(rows(population))
                .await
                .expect("they are sound");
            let tiers = &population.rules.tiers;
            let roles = population.ids.iter().zip(&population.tier_of);
            let roles = roles.map(|(id, tier)| vec![id.clone(), tiers[usize::from(*tier)].clone()]);
            plain
                .add_grouping_policies(roles.collect())
                .await
                .expect("they are sound");
            (cached, plain)
        });
        Self {
            population,
            cached,
            plain,
        }
    }

    pub(super) fn add<'b>(&'b self, questions: &Questions<Question, bool>, ways: &mut Ways<'b>) {
        let Population {
            ids,
            tier_of,
            rules,
        } = self.population;
        // It is told the tier for nothing. A cache that is asked by user hardly ever has the answer: it
        // holds 200.
        questions.answered(ways, "casbin, cached, asked by tier", |question| {
            let tier = usize::from(tier_of[question.subject as usize]);
            let feature = &*rules.features[question.feature as usize];
            self.cached
                .enforce((&*rules.tiers[tier], feature))
                .expect("it is sound")
        });
        questions.answered(ways, "casbin, a role for each user", |question| {
            let id = &*ids[question.subject as usize];
            let feature = &*rules.features[question.feature as usize];
            self.plain.enforce((id, feature)).expect("it is sound")
        });
    }
}

fn rows(population: &Population) -> Vec<Vec<String>> {
    let rules = &population.rules;
    let rows = rules.tiers.iter().zip(&*rules.grants);
    rows.flat_map(|(tier, has)| {
        let features = rules.features.iter().zip(&**has);
        features
            .filter(|(_, has)| **has)
            .map(|(feature, _)| vec![tier.clone(), feature.clone()])
    })
    .collect()
}
