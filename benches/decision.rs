//! May this subject use this feature, when its subscription is cached?
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark that is set up wrong has to stop"
)]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use side_by_side::{Comparison, Effort, Zipf, on_two_threads};
use tiergate::clock::SystemClock;
use tiergate::decision::{Assurance, Decision, Knowledge, Policy, Standing, decide_feature};
use tiergate::testing::TestGate;
use tiergate::time::Timestamp;
use tiergate::{
    CacheConfig, CachedLookup, Requirement, StaticLookup, Subject, Subscription, SubscriptionStatus,
};
use tokio::runtime::Builder;

const SUBJECTS: usize = 10_000;
/// More than what the caches of a processor hold.
const MANY_SUBJECTS: usize = 100_000;
const TIERS: [&str; 5] = ["free", "pro", "max", "premium", "team_small"];

fn main() {
    let effort = Effort::from_args();
    a_few_that_come_alike(effort);
    many_of_whom_few_come_often(effort);
}

fn id_of(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-{number:012x}")
}

fn a_few_that_come_alike(effort: Effort) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without I/O can always be built");

    let ids: Vec<String> = (0..SUBJECTS).map(id_of).collect();
    let tier_of = |number: usize| TIERS[number % TIERS.len()];

    let test = TestGate::platform();
    for (number, id) in ids.iter().enumerate() {
        test.set(Subscription::new(
            Subject::user(id.as_str()),
            tier_of(number),
            SubscriptionStatus::Active,
        ));
    }
    let gate = test.into_gate();
    let subjects: Vec<Subject> = ids.iter().map(|id| Subject::user(id.as_str())).collect();
    runtime.block_on(async {
        // The first reads of an entry are dearer than the later ones.
        for _ in 0..10 {
            for subject in &subjects {
                gate.lookup().resolve(subject).await;
            }
        }
    });
    let crm = gate.feature_id("crm_enabled").expect("the catalog has it");
    let catalog = gate.catalog();

    // The floor: one lookup of the tier in a map that nobody writes, and one bit.
    let plain: HashMap<String, usize, foldhash::fast::RandomState> = ids
        .iter()
        .enumerate()
        .map(|(number, id)| (id.clone(), number % TIERS.len()))
        .collect();
    let has_crm: Vec<bool> = TIERS
        .iter()
        .map(|tier| {
            let tier = catalog.tier_id(tier).expect("the catalog has it");
            catalog.grants(tier, crm).expect("both ids are its own")
        })
        .collect();
    // The peer: the cache that is nearest at hand, with the same answer in it.
    let moka: moka::sync::Cache<String, usize> = moka::sync::Cache::builder()
        .max_capacity(SUBJECTS as u64 * 2)
        .time_to_live(std::time::Duration::from_secs(300))
        .build();
    for (id, tier) in &plain {
        moka.insert(id.clone(), *tier);
    }

    let one = Subscription::new(subjects[1].clone(), "pro", SubscriptionStatus::Active);
    let now = Timestamp::from_seconds(1_767_225_600);
    let mut next = steps();
    let mut next_moka = steps();
    let mut next_gate = steps();
    let mut next_check = steps();

    Comparison::new("A cached decision: 10,000 users, uniform")
        .column("HashMap with foldhash, no freshness (floor)", |times| {
            for _ in 0..times {
                let tier = plain.get(&ids[next()]).copied();
                black_box(tier.is_some_and(|tier| has_crm[tier]));
            }
        })
        .column("moka get with a time to live", |times| {
            for _ in 0..times {
                let tier = moka.get(&ids[next_moka()]);
                black_box(tier.is_some_and(|tier| has_crm[tier]));
            }
        })
        .column("tiergate: the pure decision alone", |times| {
            for _ in 0..times {
                let subject = black_box(&subjects[1]);
                let knowledge = Knowledge::Subscription(&one);
                let standing = Standing::of(&catalog, subject, knowledge, Policy::DEFAULT, now);
                let decision = decide_feature(&catalog, &standing, crm);
                assert!(decision.is_ok_and(|decision| decision.is_allowed()));
            }
        })
        .column("tiergate: what is cached of a subject", |times| {
            for _ in 0..times {
                black_box(gate.lookup().get(&subjects[next_gate()]));
            }
        })
        .column("tiergate: check, by subject and feature", |times| {
            runtime.block_on(async {
                for _ in 0..times {
                    let subject = &subjects[next_check() / 5 * 5 + 1];
                    let requirement = Requirement::Feature(crm);
                    let decision = gate.check(subject, &requirement).await;
                    let Ok(Decision::Allowed(grant)) = decision else {
                        panic!("pro has it");
                    };
                    assert_eq!(grant.assurance, Assurance::Known);
                }
            });
        })
        .run(effort);
}

/// Finding a subject among so many that they do not fit into the processor, from one thread and from
/// two. What finds nobody is not measured.
fn many_of_whom_few_come_often(effort: Effort) {
    let ids: Vec<String> = (0..MANY_SUBJECTS).map(id_of).collect();
    let subjects: Vec<Subject> = ids.iter().map(|id| Subject::user(id.as_str())).collect();
    let room = MANY_SUBJECTS as u64 * 2;
    let plain: HashMap<&str, usize, foldhash::fast::RandomState> = ids
        .iter()
        .enumerate()
        .map(|(number, id)| (id.as_str(), number % TIERS.len()))
        .collect();
    let moka: moka::sync::Cache<String, usize> = moka::sync::Cache::builder()
        .max_capacity(room)
        .time_to_live(std::time::Duration::from_secs(300))
        .build();
    for (id, tier) in &plain {
        moka.insert((*id).to_owned(), *tier);
    }
    let config = CacheConfig::builder()
        .max_entries(room)
        .max_bytes(room * 4_096)
        .build()
        .expect("the bounds are sound");
    let cached = CachedLookup::new(
        Arc::new(StaticLookup::new([])),
        config,
        Arc::new(SystemClock::new()),
    );
    for (number, subject) in subjects.iter().enumerate() {
        let tier = TIERS[number % TIERS.len()];
        let subscription = Subscription::new(subject.clone(), tier, SubscriptionStatus::Active);
        cached.push(Arc::new(subscription));
    }
    moka.run_pending_tasks();
    // The first reads of an entry are dearer than the later ones.
    for _ in 0..10 {
        for subject in &subjects {
            black_box(cached.get(subject).expect("all are there"));
        }
    }

    let floor = |times: u64, mut walk: Zipf| {
        for _ in 0..times {
            black_box(plain.get(ids[walk.step()].as_str()).expect("all are there"));
        }
    };
    let peer = |times: u64, mut walk: Zipf| {
        for _ in 0..times {
            black_box(moka.get(&ids[walk.step()]).expect("all are there"));
        }
    };
    let ours = |times: u64, mut walk: Zipf| {
        for _ in 0..times {
            black_box(cached.get(&subjects[walk.step()]).expect("all are there"));
        }
    };
    let walk = Zipf::below(MANY_SUBJECTS, 0);
    Comparison::new("What is cached of a subject: 100,000 users, zipf")
        .column("HashMap with foldhash, no freshness (floor)", |times| {
            floor(times, walk.clone());
        })
        .column("moka get with a time to live", |times| {
            peer(times, walk.clone());
        })
        .column("tiergate: what is cached of a subject", |times| {
            ours(times, walk.clone());
        })
        .run(effort);
    Comparison::new("The same from two threads, for one of them")
        .column("HashMap with foldhash, never written (floor)", |times| {
            on_two_threads(times, &walk, floor);
        })
        .column("moka get with a time to live", |times| {
            on_two_threads(times, &walk, peer);
        })
        .column("tiergate: what is cached of a subject", |times| {
            on_two_threads(times, &walk, ours);
        })
        .run(effort);
}

/// Walks over the subjects so that the next one is not beside the last in memory.
fn steps() -> impl FnMut() -> usize {
    let mut at = 0;
    move || {
        at = (at + 7_919) % SUBJECTS;
        at
    }
}
