//! What is left when it is known where a subject stands: the rule itself.

use side_by_side::{Effort, Questions, Stopwatch, Table, Threads, Ways, uniform};
use tiergate::decision::{Knowledge, Policy, Standing, decide_feature};
use tiergate::time::Timestamp;
use tiergate::{FeatureId, Subject, Subscription, SubscriptionStatus};

use super::population::Rules;

/// Whether a tier has a feature, both by their numbers, and the feature as it is resolved.
#[derive(Clone, Copy, Debug)]
struct Question {
    tier: u32,
    feature: u32,
    id: FeatureId,
}

pub(crate) fn measure(effort: Effort) {
    let rules = Rules::platform();
    let catalog = &rules.catalog;
    let subscriptions: Vec<Subscription> = rules
        .tiers
        .iter()
        .map(|tier| {
            let subject = Subject::user(format!("on-{tier}"));
            Subscription::new(subject, &**tier, SubscriptionStatus::Active)
        })
        .collect();
    let now = Timestamp::from_seconds(1_767_225_600);
    let stand = |subscription| standing(catalog, subscription, now);
    let standings: Vec<Standing<'_>> = subscriptions.iter().map(stand).collect();
    let features: Vec<FeatureId> = catalog.features().map(|(feature, _)| feature).collect();

    let count = |list: &[String]| u32::try_from(list.len()).expect("they are few");
    let tiers = uniform(count(&rules.tiers), 1 << 12);
    // Another length, so that tiers meet all features.
    let asked = uniform(count(&rules.features), (1 << 12) + 1);
    let all: Vec<Question> = tiers
        .into_iter()
        .cycle()
        .zip(asked.into_iter().skip(1))
        .map(|(tier, feature)| Question {
            tier,
            feature,
            id: features[feature as usize],
        })
        .collect();
    let has = |question: Question| rules.grants[question.tier as usize][question.feature as usize];
    let granted = all.iter().copied().filter(|question| has(*question));
    let denied = all.iter().copied().filter(|question| !has(*question));
    let populations = [
        ("granted", granted.collect::<Vec<_>>()),
        ("denied", denied.collect()),
    ];

    let mut table = Table::new(
        "The decision about a resolved feature, standing known",
        Stopwatch::ThreadCpu,
        effort,
    );
    for (name, asked) in populations {
        let questions = Questions::new(asked, all.iter().copied(), has);
        let mut ways = Ways::new();
        questions.answered(&mut ways, "floor: table[tier][feature]", has);
        questions.answered(&mut ways, "tiergate: Standing::is_granted", |question| {
            standings[question.tier as usize]
                .is_granted(catalog, question.id)
                .expect("it is its own")
        });
        questions.answered(&mut ways, "tiergate: decide_feature", |question| {
            decide_feature(catalog, &standings[question.tier as usize], question.id)
                .expect("it is its own")
                .is_allowed()
        });
        questions.answered(
            &mut ways,
            "tiergate: Standing::of, decide_feature",
            |question| {
                let standing = stand(&subscriptions[question.tier as usize]);
                decide_feature(catalog, &standing, question.id)
                    .expect("it is its own")
                    .is_allowed()
            },
        );
        table.measure(name, Threads::One, ways);
    }
    table.print();
}

fn standing<'a>(
    catalog: &tiergate::Catalog,
    subscription: &'a Subscription,
    now: Timestamp,
) -> Standing<'a> {
    let knowledge = Knowledge::Subscription(subscription);
    Standing::of(
        catalog,
        &subscription.subject,
        knowledge,
        Policy::DEFAULT,
        now,
    )
}
