//! Who asks for what, and what the right answers are.

use std::sync::Arc;

use side_by_side::{Questions, uniform, uuid_of, zipf};
use tiergate::Catalog;
use tiergate::testing::platform_catalog;

/// Whether a subject may use a feature, both by their numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) subject: u32,
    pub(crate) feature: u32,
}

/// How often the same subjects come.
#[derive(Clone, Copy)]
pub(crate) enum Spread {
    Uniform,
    Zipf,
}

/// What the answers are. A guard mostly allows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Granted,
    Denied,
}

/// Subjects of eight tiers, and a catalog of 22 features.
pub(crate) struct Population {
    pub(crate) ids: Vec<String>,
    /// By subject.
    pub(crate) tier_of: Vec<u8>,
    pub(crate) rules: Rules,
}

/// Which tier has which feature.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) catalog: Catalog,
    pub(crate) tiers: Vec<String>,
    pub(crate) features: Vec<String>,
    /// By tier, and then by feature. Read out of the values, which no way of asking reads.
    pub(crate) grants: Arc<[Box<[bool]>]>,
}

impl Rules {
    pub(crate) fn platform() -> Self {
        let catalog = platform_catalog();
        let row = |tier| {
            let has = |feature| {
                let value = catalog.value(tier, feature).expect("both are its own");
                value.is_granted() && catalog.is_enabled(feature).expect("it is its own")
            };
            catalog
                .features()
                .map(|(feature, _)| has(feature))
                .collect()
        };
        Self {
            tiers: catalog
                .tiers()
                .map(|(_, tier)| tier.key.to_string())
                .collect(),
            features: catalog
                .features()
                .map(|(_, feature)| feature.key.to_string())
                .collect(),
            grants: catalog.tiers().map(|(tier, _)| row(tier)).collect(),
            catalog,
        }
    }
}

/// How many draws there are at least, before they come again.
const DRAWS: usize = 1 << 17;

impl Population {
    pub(crate) fn new(size: u32) -> Self {
        let rules = Rules::platform();
        let tiers = u32::try_from(rules.tiers.len()).expect("there are eight");
        // Tiers are drawn, so that no processor foresees them.
        let tier_of = uniform(tiers, size as usize);
        Self {
            ids: (0..size).map(uuid_of).collect(),
            tier_of: tier_of
                .into_iter()
                .map(|tier| u8::try_from(tier).expect("there are eight"))
                .collect(),
            rules,
        }
    }

    pub(crate) fn has(&self, question: Question) -> bool {
        let tier = self.tier_of[question.subject as usize];
        self.rules.grants[usize::from(tier)][question.feature as usize]
    }

    /// Questions of that kind. Every way also has to answer others rightly.
    pub(crate) fn questions(&self, spread: Spread, asked: Asked) -> Questions<Question, bool> {
        let size = u32::try_from(self.ids.len()).expect("it was made of one");
        // Enough for nearly everybody to come before the first comes again.
        let count = DRAWS.max(2 * self.ids.len());
        let subjects = match spread {
            Spread::Uniform => uniform(size, count),
            Spread::Zipf => zipf(size, count),
        };
        let features = u32::try_from(self.rules.features.len()).expect("there are 22");
        let draws = subjects.into_iter().zip(uniform(features, count));
        let all: Vec<Question> = draws
            .map(|(subject, feature)| Question { subject, feature })
            .collect();
        let wanted = all.iter().filter_map(|question| {
            // Everybody comes as often as drawn; what they ask for is looked for.
            (0..features)
                .map(|more| Question {
                    feature: (question.feature + more) % features,
                    ..*question
                })
                .find(|question| self.has(*question) == (asked == Asked::Granted))
        });
        Questions::new(
            wanted.collect::<Vec<_>>(),
            all.iter().copied(),
            |question| self.has(question),
        )
    }
}
