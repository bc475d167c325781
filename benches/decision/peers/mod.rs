//! Libraries that make the decision themselves, or could. Nothing they do leaves the machine.
//!
//! Left out is `monetize-embed` 0.3.1, which holds entitlements in memory but cannot make this decision:
//! `EntitlementCache::allows` asks whether a tenant may write, read or administer at all, by the state of
//! its payment, and knows of no features.

mod casbin;
mod cedar;
mod launchdarkly;
mod unleash;

use side_by_side::{Questions, Ways};

use super::population::{Population, Question};

pub(crate) struct Peers<'a> {
    casbin: casbin::Casbin<'a>,
    cedar: cedar::Cedar<'a>,
    launchdarkly: launchdarkly::LaunchDarkly<'a>,
    unleash: unleash::Unleash<'a>,
}

impl<'a> Peers<'a> {
    pub(crate) fn of(population: &'a Population) -> Self {
        Self {
            casbin: casbin::Casbin::of(population),
            cedar: cedar::Cedar::of(population),
            launchdarkly: launchdarkly::LaunchDarkly::of(population),
            unleash: unleash::Unleash::of(population),
        }
    }

    pub(crate) fn add<'b>(&'b self, questions: &Questions<Question, bool>, ways: &mut Ways<'b>) {
        self.unleash.add(questions, ways);
        self.launchdarkly.add(questions, ways);
        self.casbin.add(questions, ways);
        self.cedar.add(questions, ways);
    }
}
