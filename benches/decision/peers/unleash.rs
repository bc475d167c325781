use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use side_by_side::{Questions, Ways};
use unleash_api_client::client::{Client, ClientBuilder, FeatureKey};
use unleash_api_client::context::Context;
use unleash_api_client::http::{Request, Response, Transport};

use crate::population::{Population, Question};

/// Its features are put in by hand, and nothing is fetched.
pub(super) struct Unleash<'a> {
    population: &'a Population,
    client: Client<NoKey>,
    contexts: Vec<Context>,
}

/// Features are asked for by name.
#[derive(Clone, Copy, Debug)]
enum NoKey {}

impl FeatureKey for NoKey {
    fn name(self) -> &'static str {
        match self {}
    }
}

struct NoTransport;

#[tiergate::async_trait]
impl Transport for NoTransport {
    async fn execute(&self, _request: Request) -> Result<Response, anyhow::Error> {
        Err(anyhow::anyhow!("nothing leaves the machine"))
    }
}

impl<'a> Unleash<'a> {
    pub(super) fn of(population: &'a Population) -> Self {
        let rules = &population.rules;
        let builder = ClientBuilder::default()
            .enable_string_features()
            .disable_metric_submission();
        let client = builder
            .into_client_with_transport(
                "http://nowhere",
                "bench",
                "bench",
                None,
                Arc::new(NoTransport),
            )
            .expect("it is sound");
        let features = rules.features.iter().enumerate().map(|(feature, key)| {
            let tiers = rules.tiers.iter().zip(&*rules.grants);
            let tiers = tiers.filter(|(_, has)| has[feature]);
            let tiers: Vec<&String> = tiers.map(|(tier, _)| tier).collect();
            let of_tier = json!({ "contextName": "tier", "operator": "IN", "values": tiers });
            let strategy = json!({ "name": "default", "constraints": [of_tier] });
            json!({ "name": key, "enabled": true, "strategies": [strategy] })
        });
        let features = json!({ "version": 2, "features": features.collect::<Vec<_>>() });
        let features = serde_json::from_value(features).expect("they are sound");
        client.memoize(features).expect("they are sound");
        let contexts = population.ids.iter().zip(&population.tier_of);
        let contexts = contexts.map(|(id, tier)| Context {
            user_id: Some(id.clone()),
            properties: HashMap::from([(
                "tier".to_owned(),
                rules.tiers[usize::from(*tier)].clone(),
            )]),
            ..Context::default()
        });
        Self {
            population,
            client,
            contexts: contexts.collect(),
        }
    }

    pub(super) fn add<'b>(&'b self, questions: &Questions<Question, bool>, ways: &mut Ways<'b>) {
        let features = &self.population.rules.features;
        questions.answered(ways, "Unleash, context ready made", |question| {
            let context = &self.contexts[question.subject as usize];
            let feature = &features[question.feature as usize];
            self.client.is_enabled_str(feature, Some(context), false)
        });
    }
}
