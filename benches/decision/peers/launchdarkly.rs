use std::time::Duration;

use launchdarkly_server_sdk::{
    AttributeValue, Client, ConfigBuilder, Context, ContextBuilder, FlagBuilder,
    NullEventProcessorBuilder, TestData,
};
use side_by_side::{Questions, Ways};
use tokio::runtime::{Builder, Runtime};

use crate::population::{Population, Question};

/// Its source of data for tests: nothing is fetched, and no events are sent.
pub(super) struct LaunchDarkly<'a> {
    population: &'a Population,
    client: Client,
    contexts: Vec<Context>,
    // Tasks of the client live in it.
    _runtime: Runtime,
}

impl<'a> LaunchDarkly<'a> {
    pub(super) fn of(population: &'a Population) -> Self {
        let rules = &population.rules;
        let flags = TestData::new();
        for (feature, key) in rules.features.iter().enumerate() {
            let tiers = rules.tiers.iter().zip(&*rules.grants);
            let tiers = tiers.filter(|(_, has)| has[feature]);
            let tiers: Vec<AttributeValue> = tiers.map(|(tier, _)| tier.clone().into()).collect();
            let flag = FlagBuilder::new(key.as_str())
                .on(true)
                .fallthrough_variation(false);
            flags.update(flag.if_match("tier", tiers).then_return(true));
        }
        let config = ConfigBuilder::new("sdk-key")
            .data_source(&flags)
            .event_processor(&NullEventProcessorBuilder::new())
            .build()
            .expect("it is complete");
        let client = Client::build(config).expect("it is sound");
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let started = runtime.block_on(async {
            client.start_with_default_executor();
            client
                .wait_for_initialization(Duration::from_secs(10))
                .await
        });
        assert_eq!(started, Some(true));
        let contexts = population.ids.iter().zip(&population.tier_of);
        let contexts = contexts.map(|(id, tier)| {
            let tier = rules.tiers[usize::from(*tier)].as_str();
            let mut context = ContextBuilder::new(id.as_str());
            context.set_string("tier", tier);
            context.build().expect("it is sound")
        });
        Self {
            population,
            client,
            contexts: contexts.collect(),
            _runtime: runtime,
        }
    }

    pub(super) fn add<'b>(&'b self, questions: &Questions<Question, bool>, ways: &mut Ways<'b>) {
        let features = &self.population.rules.features;
        questions.answered(ways, "LaunchDarkly, context ready made", |question| {
            let context = &self.contexts[question.subject as usize];
            self.client
                .bool_variation(context, &features[question.feature as usize], false)
        });
    }
}
