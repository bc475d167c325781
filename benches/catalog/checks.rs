//! Whether asking gets dearer with the size of the catalog.

use std::sync::Arc;

use side_by_side::{Effort, Questions, Stopwatch, Table, Threads, Ways, at_once, uniform, uuid_of};
use tiergate::decision::{Knowledge, Policy, Standing, decide_feature};
use tiergate::gate::FeatureHandle;
use tiergate::time::Timestamp;
use tiergate::{Catalog, Subject, Subscription, SubscriptionStatus};

use super::blueprint::Blueprint;

/// As many whatever the catalog, so that only that makes a difference.
const SUBJECTS: u32 = 1_000;
const NAMES: [&str; 3] = ["8 × 22", "50 × 1,000", "200 × 10,000"];

/// Whether a subject may use a feature, both by their numbers.
#[derive(Clone, Copy, Debug)]
struct Question {
    subject: usize,
    feature: usize,
}

struct Service {
    size: Blueprint,
    catalog: Arc<Catalog>,
    subscriptions: Vec<Arc<Subscription>>,
    /// By feature.
    handles: Vec<FeatureHandle>,
}

pub(crate) fn measure(sizes: [Blueprint; 3], effort: Effort) {
    let title = "A check, by tiers × features of the catalog";
    let mut table = Table::new(title, Stopwatch::ThreadCpu, effort);
    let populations = [
        ("standing known, all features alike", Features::All),
        ("by subject, all features alike", Features::All),
        ("by subject, ten features", Features::Ten),
    ];
    if !populations.iter().any(|(name, _)| table.wants(name)) {
        return;
    }
    let services = sizes.map(Service::of);
    for (at, (name, features)) in populations.into_iter().enumerate() {
        let mut ways = Ways::new();
        for (service, way) in services.iter().zip(NAMES) {
            if at == 0 {
                service.by_standing(way, features, &mut ways);
            } else {
                service.by_subject(way, features, &mut ways);
            }
        }
        table.measure(name, Threads::One, ways);
    }
    table.print();
}

/// Which features are asked for. A service of any size has few that are asked for with most requests.
#[derive(Clone, Copy)]
enum Features {
    All,
    Ten,
}

impl Service {
    fn of(size: Blueprint) -> Self {
        let gate = super::gate(size.builder().build().expect("it is sound"));
        let subscriptions: Vec<_> = (0..SUBJECTS)
            .map(|number| {
                let tier = size.tier(number as usize % size.tiers);
                let subject = Subject::user(uuid_of(number));
                Arc::new(Subscription::new(subject, tier, SubscriptionStatus::Active))
            })
            .collect();
        for subscription in &subscriptions {
            gate.lookup().push(Arc::clone(subscription));
        }
        // The first reads of an entry are dearer than the later ones.
        for _ in 0..10 {
            for subscription in &subscriptions {
                std::hint::black_box(gate.lookup().get(&subscription.subject));
            }
        }
        let keys = (0..size.features).map(|feature| size.feature(feature));
        Self {
            size,
            catalog: gate.catalog(),
            handles: keys
                .map(|key| gate.feature(&key).expect("the catalog has it"))
                .collect(),
            subscriptions,
        }
    }

    /// Questions that are answered with yes.
    fn questions(&self, features: Features) -> Questions<Question, bool> {
        let choice = match features {
            Features::All => self.size.features,
            Features::Ten => 10,
        };
        let has = |question: Question| {
            self.size
                .has(question.subject % self.size.tiers, question.feature)
        };
        let count = 1 << 16;
        let bound = u32::try_from(choice).expect("they are few");
        // Drawn on from where the subjects end, so that both are independent.
        let features = uniform(bound, 2 * count).into_iter().skip(count);
        let all: Vec<Question> = uniform(SUBJECTS, count)
            .into_iter()
            .zip(features)
            .map(|(subject, feature)| Question {
                subject: subject as usize,
                feature: feature as usize,
            })
            .collect();
        let granted = all.iter().copied().filter(|question| has(*question));
        // Refusals of old answers are looked up again, which is not what is measured here.
        Questions::new(granted.collect::<Vec<_>>(), [], has)
    }

    fn by_standing<'a>(&'a self, name: &'static str, features: Features, ways: &mut Ways<'a>) {
        let now = Timestamp::from_seconds(1_767_225_600);
        let standings: Vec<Standing<'a>> = self
            .subscriptions
            .iter()
            .map(|subscription| {
                let known = Knowledge::Subscription(subscription);
                let subject = &subscription.subject;
                Standing::of(&self.catalog, subject, known, Policy::DEFAULT, now)
            })
            .collect();
        self.questions(features)
            .answered(ways, name, move |question| {
                let feature = self.handles[question.feature].id();
                decide_feature(&self.catalog, &standings[question.subject], feature)
                    .expect("it is its own")
                    .is_allowed()
            });
    }

    fn by_subject<'a>(&'a self, name: &'static str, features: Features, ways: &mut Ways<'a>) {
        self.questions(features)
            .answered(ways, name, move |question| {
                let subject = &self.subscriptions[question.subject].subject;
                let asked = self.handles[question.feature].is_allowed(subject);
                at_once(asked).expect("it is known")
            });
    }
}
