use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression,
};
use side_by_side::{Questions, Ways};

use crate::population::{Population, Question};

/// Every feature says which tiers have it, and every user of which tier they are. One policy for each
/// pair of both would cost some forty times as much: Cedar weighs every policy.
const POLICY: &str =
    "permit(principal, action, resource) when { resource.tiers.contains(principal.tier) };";

pub(super) struct Cedar<'a> {
    population: &'a Population,
    policies: PolicySet,
    entities: Entities,
    users: Vec<EntityUid>,
    features: Vec<EntityUid>,
    action: EntityUid,
}

impl<'a> Cedar<'a> {
    pub(super) fn of(population: &'a Population) -> Self {
        let rules = &population.rules;
        let uids = |kind, ids: &[String]| ids.iter().map(|id| uid(kind, id)).collect::<Vec<_>>();
        let users = uids("User", &population.ids);
        let features = uids("Feature", &rules.features);
        let word = |text: &String| RestrictedExpression::new_string(text.clone());
        let known_users = users.iter().zip(&population.tier_of).map(|(user, tier)| {
            let tier = word(&rules.tiers[usize::from(*tier)]);
            entity(user, "tier", tier)
        });
        let known_features = features.iter().enumerate().map(|(feature, uid)| {
            let tiers = rules.tiers.iter().zip(&*rules.grants);
            let tiers = tiers
                .filter(|(_, has)| has[feature])
                .map(|(tier, _)| word(tier));
            entity(uid, "tiers", RestrictedExpression::new_set(tiers))
        });
        let entities = Entities::from_entities(known_users.chain(known_features), None);
        Self {
            population,
            policies: POLICY.parse().expect("it is sound"),
            entities: entities.expect("they are sound"),
            users,
            features,
            action: uid("Action", "use"),
        }
    }

    pub(super) fn add<'b>(&'b self, questions: &Questions<Question, bool>, ways: &mut Ways<'b>) {
        assert_eq!(self.users.len(), self.population.ids.len());
        let authorizer = Authorizer::new();
        questions.answered(ways, "cedar-policy, one policy", move |question| {
            let request = Request::new(
                self.users[question.subject as usize].clone(),
                self.action.clone(),
                self.features[question.feature as usize].clone(),
                Context::empty(),
                None,
            );
            let request = request.expect("there is no schema to offend");
            let response = authorizer.is_authorized(&request, &self.policies, &self.entities);
            response.decision() == Decision::Allow
        });
    }
}

fn uid(kind: &str, id: &str) -> EntityUid {
    let kind: EntityTypeName = kind.parse().expect("it is a name");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

fn entity(uid: &EntityUid, attribute: &str, value: RestrictedExpression) -> Entity {
    let attributes = HashMap::from([(attribute.to_owned(), value)]);
    Entity::new(uid.clone(), attributes, HashSet::new()).expect("it is sound")
}
