//! The store against a plain map, and by many threads at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use tiergate_core::{Subject, Subscription, SubscriptionStatus};

use super::*;
use crate::cache::entry::Moment;
use crate::cache::era::{CurrentEra, Era};
use crate::cache::glance::as_nanos;
use crate::found::subscriptions;
use crate::jitter::Dice;
use crate::{Found, Known, TierWord};
use tiergate_clock::{Clock, ManualClock};

fn store(max_entries: u64) -> BoundedStore {
    let config = CacheConfig::builder()
        .max_entries(max_entries)
        .max_bytes(1 << 30);
    BoundedStore::new(&config.build().unwrap())
}

fn era() -> Era {
    CurrentEra::default().load()
}

/// An entry that says `version`, on a tier of that name.
fn entry(subject: &Subject, version: u64) -> Entry {
    let subscription = Subscription::new(
        subject.clone(),
        format!("tier {}", version % 100),
        SubscriptionStatus::Active,
    )
    .with_version(version);
    let now = Moment::of(&ManualClock::default());
    let known = Known::Found(subscription.into());
    Entry::holding(
        None,
        known,
        era(),
        now,
        &CacheConfig::default(),
        Dice::roll(),
    )
}

fn version(store: &BoundedStore, subject: &Subject) -> Option<u64> {
    let now = ManualClock::default();
    let snapshot = store
        .get(subject)?
        .snapshot(era(), now.elapsed(), || now.now());
    snapshot?.known.version()
}

proptest! {
    #[test]
    fn what_is_read_at_once_is_what_the_entry_says(
        found in prop::option::of(subscriptions()),
        id in "[a-z]{0,60}",
        age in 0_u64..800,
        is_doubted: bool,
    ) {
        let (store, subject) = (store(10), Subject::user(id));
        let known = found.map_or(Known::Missing, |mut found| {
            found.subject = subject.clone();
            Known::Found(found.into())
        });
        let (clock, config) = (ManualClock::default(), CacheConfig::default());
        let entry = Entry::holding(None, known, era(), Moment::of(&clock), &config, Dice::roll());
        store.put(&subject, entry, clock.elapsed());

        let current = CurrentEra::default();
        if is_doubted {
            current.doubt();
        }
        let now = clock.elapsed() + Duration::from_secs(age);
        let moment = (current.load(), as_nanos(now));
        let mut terms = Terms::NOTHING;
        let fresh = store.fresh(&subject, moment, &mut terms);
        let sight = fresh.map(|fresh| fresh.into_sight(terms));
        let at_once = sight.map(|sight| sight.into_snapshot(&subject));
        let entry = store.get(&subject).unwrap();
        let said = entry.into_snapshot(current.load(), now, || clock.now());
        if at_once.is_some() {
            prop_assert_eq!(&at_once, &said);
        }
        if let (Some(sight), Some(said)) = (&sight, &said) {
            let found = said.known.subscription();
            prop_assert_eq!(sight.as_plain(), found.and_then(Found::as_plain));
            let is_by_tier = found.is_none_or(|found| found.as_plain().is_some());
            prop_assert_eq!(sight.word().is_some(), is_by_tier);
            prop_assert_eq!(sight.word() == Some(TierWord::NONE), found.is_none());
            prop_assert_eq!(sight.tier(), found.map(Found::tier));
            let unpacked = sight.unpack(&subject);
            prop_assert_eq!(unpacked.as_ref(), found.map(|found| &**found));
        }
        if age < 200 && !is_doubted && said.is_some_and(|said| said.known == Known::Missing) {
            prop_assert!(at_once.is_some() || subject.id().len() > 40);
        }
    }
}

/// The tier at a glance, as the number in its name.
fn tier(store: &BoundedStore, subject: &Subject) -> Option<u64> {
    let word = store.glance(subject, |glance| {
        glance.is_fresh(0).then(|| glance.tier(era()))?
    })?;
    let key = store.words().key(word)?;
    key.strip_prefix("tier ")?.parse().ok()
}

/// Ids of every length around what fits into the table.
fn subject(number: u16) -> Subject {
    let id = format!("{number}");
    let subject = "x".repeat(usize::from(number % 50)) + &id;
    if number.is_multiple_of(2) {
        Subject::user(subject)
    } else {
        Subject::organization(subject)
    }
}

#[derive(Clone, Debug)]
enum Change {
    Put(u16),
    Remove(u16),
    RemoveAll,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        60 => (0..300_u16).prop_map(Change::Put),
        30 => (0..300_u16).prop_map(Change::Remove),
        1 => Just(Change::RemoveAll),
    ];
    prop::collection::vec(change, 0..600)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_remembers_what_a_map_remembers(changes in changes()) {
        let store = store(100_000);
        let mut map = HashMap::new();
        for (version, change) in (0..).zip(changes) {
            match change {
                Change::Put(number) => {
                    let subject = subject(number);
                    store.put(&subject, entry(&subject, version), Duration::ZERO);
                    map.insert(number, version);
                }
                Change::Remove(number) => {
                    store.remove(&subject(number));
                    map.remove(&number);
                }
                Change::RemoveAll => {
                    store.remove_all();
                    map.clear();
                }
            }
        }
        for number in 0..300 {
            let subject = subject(number);
            let expected = map.get(&number).copied();
            prop_assert_eq!(version(&store, &subject), expected);
            prop_assert_eq!(store.contains(&subject), expected.is_some());
            let told = expected.filter(|_| subject.id().len() <= 40);
            prop_assert_eq!(tier(&store, &subject), told.map(|version| version % 100));
        }
        prop_assert_eq!(store.len(), map.len() as u64);
        store.remove_all();
        prop_assert_eq!((store.len(), store.weight()), (0, 0));
    }
}

#[test]
fn readers_never_see_another_or_an_older_one_while_places_move() {
    const SUBJECTS: u16 = 500;
    let store = store(400);
    let subjects: Vec<_> = (0..SUBJECTS)
        .map(|n| Subject::user(format!("{n}")))
        .collect();
    // Each subject has its own numbers: version = round * SUBJECTS + number.
    let latest: Vec<_> = (0..SUBJECTS).map(|_| AtomicU64::new(0)).collect();
    let (store, subjects, latest) = (&store, &subjects, &latest);
    let is_over = &AtomicU64::new(0);
    thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for round in 1..60_u64 {
                    for number in (half..SUBJECTS).step_by(2) {
                        let subject = &subjects[usize::from(number)];
                        let version = round * u64::from(SUBJECTS) + u64::from(number);
                        if version % 7 == 0 {
                            store.remove(subject);
                        }
                        store.put(subject, entry(subject, version), Duration::ZERO);
                        latest[usize::from(number)].store(version, Ordering::Release);
                    }
                }
                is_over.fetch_add(1, Ordering::Release);
            });
        }
        for _ in 0..2 {
            scope.spawn(move || {
                let mut found = 0_u64;
                while is_over.load(Ordering::Acquire) < 2 || found == 0 {
                    for number in 0..SUBJECTS {
                        let subject = &subjects[usize::from(number)];
                        let at_least = latest[usize::from(number)].load(Ordering::Acquire);
                        if let Some(version) = version(store, subject) {
                            assert_eq!(version % u64::from(SUBJECTS), u64::from(number));
                            assert!(version >= at_least, "{version} after {at_least}");
                            found += 1;
                        }
                        if let Some(tier) = tier(store, subject) {
                            let of_subject = |round: u64| {
                                (round * u64::from(SUBJECTS) + u64::from(number)) % 100
                            };
                            assert!((1..60).any(|round| of_subject(round) == tier));
                        }
                    }
                }
            });
        }
    });
    assert!(store.len() <= 400);
    assert!(store.evictions() > 0);
}

#[test]
fn who_is_there_is_found_while_others_move() {
    let store = store(100_000);
    let stays = Subject::user("stays");
    store.put(&stays, entry(&stays, 1), Duration::ZERO);
    let is_over = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..20 {
                for number in 0..500 {
                    let other = Subject::user(format!("{round} {number}"));
                    store.put(&other, entry(&other, 1), Duration::ZERO);
                }
                for number in 0..500 {
                    store.remove(&Subject::user(format!("{round} {number}")));
                }
            }
            is_over.store(1, Ordering::Release);
        });
        while is_over.load(Ordering::Acquire) == 0 {
            assert!(store.contains(&stays) && store.get(&stays).is_some());
        }
    });
}

#[test]
fn what_is_over_goes_sooner_or_later() {
    let store = store(1_000);
    for number in 0..100 {
        let subject = Subject::user(format!("{number}"));
        store.put(&subject, entry(&subject, 1), Duration::ZERO);
    }
    let later = Duration::from_secs(25 * 3_600);
    let one = Subject::user("one");
    for _ in 0..400 {
        let mut entry = entry(&one, 1);
        entry.answer_at(later);
        store.put(&one, entry, later);
    }
    assert_eq!(store.len(), 1);
    assert_eq!(store.evictions(), 100);
}
