//! Any order, any repetition, and any loss that is made good, end in the same records.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use proptest::prop_assert_eq;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use serde_json::Value;
use tiergate_tests::{Durability, Postgres};
use tokio::runtime::{Builder, Runtime};

use crate::account::{Account, Story, stories};
use crate::delivery;
use crate::interpreter;
use crate::office::Office;
use crate::random::Random;
use crate::records::Records;
use crate::sql::Sql;

/// How many histories there are, over all threads.
const HISTORIES: u32 = 1_000;
const THREADS: u32 = 2;

#[test]
fn a_thousand_histories_in_any_order_end_in_the_records_that_their_true_order_ends_in() {
    let runtime = runtime();
    let server = runtime.block_on(Postgres::start(Durability::Memory));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let server = server.as_ref();
            std::thread::Builder::new()
                .name(format!("histories-{thread}"))
                .spawn_scoped(scope, move || play(thread, server))
                .unwrap();
        }
    });
    drop(server);
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A service and a second look into its database.
struct Place {
    office: Office,
    sql: RefCell<Option<Sql>>,
}

impl Place {
    async fn new(office: Office) -> Self {
        let sql = office.sql().await;
        Self {
            office,
            sql: RefCell::new(Some(sql)),
        }
    }

    async fn with<T>(&self, work: impl AsyncFnOnce(&Office, &mut Sql) -> T) -> T {
        let taken = self.sql.borrow_mut().take();
        // A case that panicked kept it.
        let mut sql = match taken {
            Some(sql) => sql,
            None => self.office.sql().await,
        };
        let done = work(&self.office, &mut sql).await;
        *self.sql.borrow_mut() = Some(sql);
        done
    }
}

/// Plays this thread's part of the histories on databases of its own.
fn play(thread: u32, server: Option<&Postgres>) {
    let runtime = runtime();
    let (ordered, places) = runtime.block_on(async {
        let ordered = Place::new(Office::sqlite().await).await;
        let mut places = vec![Place::new(Office::sqlite().await).await];
        if let Some(server) = server {
            places.push(Place::new(Office::postgres(server).await).await);
        }
        (ordered, places)
    });
    let mut runner = TestRunner::new(Config {
        cases: HISTORIES / THREADS,
        rng_seed: RngSeed::Fixed(u64::from(thread) + 2026),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    });
    let cases = Cell::new(0_u32);
    let outcome = runner.run(&(stories(), proptest::num::u64::ANY), |(story, seed)| {
        cases.set(cases.get() + 1);
        let name = format!("t{thread}c{}", cases.get());
        runtime.block_on(one(&name, &story, &Random(seed), &ordered, &places))
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    runtime.block_on(async {
        ordered.with(async |_, sql| tell(thread, sql).await).await;
        for place in places.iter().chain([&ordered]) {
            place.with(async |_, sql| as_a_whole(sql).await).await;
        }
    });
}

async fn one(
    name: &str,
    story: &Story,
    random: &Random,
    ordered: &Place,
    places: &[Place],
) -> Result<(), TestCaseError> {
    let account = Account::play(name, story);
    let overridden = account.subscriptions.len() == 1 && random.clone().once_in(2);
    let truth = ordered
        .with(async |office, sql| {
            if overridden {
                give_override(sql, &account).await;
            }
            let calm = [0, 2, 6, 20][random.clone().below(4)];
            delivery::in_order(office, sql, &account, calm).await;
            Records::read(sql, &account).await
        })
        .await;
    as_interpreted(&account, &truth)?;
    let played = places.iter().map(|place| {
        let account = &account;
        let mut random = random.clone();
        place.with(async move |office, sql| {
            if overridden {
                give_override(sql, account).await;
            }
            delivery::badly(office, sql, account, &mut random).await;
            Records::read(sql, account).await
        })
    });
    for found in futures_util::future::join_all(played).await {
        prop_assert_eq!(&found, &truth);
    }
    Ok(())
}

/// Puts the owner on the free tier, with an override, before anything of Stripe's comes.
async fn give_override(sql: &mut Sql, account: &Account) {
    // A story is played again when it is made smaller, by somebody of another name.
    let number = account.name.bytes().fold(0_u64, |number, byte| {
        number.wrapping_mul(257).wrapping_add(u64::from(byte))
    });
    let id = match sql {
        Sql::Sqlite(_) => format!("X'{number:032x}'"),
        Sql::Postgres(_) => format!("CAST('{number:032x}' AS UUID)"),
    };
    let owner = if account.sells_seats() {
        format!("NULL, '{}'", account.organization())
    } else {
        format!("'{}', NULL", account.user())
    };
    sql.execute(&format!(
        "INSERT INTO subscriptions (id, user_id, organization_id, tier, status, provider, \
         metadata, version, created_at, updated_at) \
         VALUES ({id}, {owner}, 'free', 'active', 'manual', '{{\"kept\":1}}', 3, 1, 1)"
    ))
    .await;
    sql.execute(&format!(
        "INSERT INTO overrides (subscription_id, feature_key, value, reason, created_by, created_at) \
         VALUES ({id}, 'storage_limit_gb', '77', 'a promise', 'admin', 1)"
    ))
    .await;
}

/// What is stored is what a plain reader of the true order makes of it, and what the simulated Stripe
/// itself says.
fn as_interpreted(account: &Account, records: &Records) -> Result<(), TestCaseError> {
    let stands = interpreter::read(&account.events);
    let column = |number: usize| -> BTreeMap<&str, Option<&str>> {
        let lines = records.subscriptions.iter();
        lines
            .map(|line| {
                (
                    line[0].as_deref().unwrap_or_default(),
                    line[number].as_deref(),
                )
            })
            .collect()
    };
    prop_assert_eq!(records.subscriptions.len(), account.subscriptions.len());
    for subscription in &account.subscriptions {
        let id = subscription.id.as_str();
        let stand = &stands[id];
        let (tier, cycle) = account.plan(subscription.price);
        prop_assert_eq!((&*stand.tier, &*stand.cycle), (tier, cycle));
        prop_assert_eq!(&*stand.status, subscription.status);
        prop_assert_eq!(column(3)[id], Some(tier));
        prop_assert_eq!(column(4)[id], Some(subscription.status));
        prop_assert_eq!(column(5)[id], Some(cycle));
        let seats = account
            .sells_seats()
            .then(|| subscription.quantity.to_string());
        prop_assert_eq!(column(13)[id], seats.as_deref());
        let ends = if subscription.ends_with_period {
            "yes"
        } else {
            "no"
        };
        prop_assert_eq!(column(19)[id], Some(ends));
    }
    let statuses: BTreeMap<&str, &str> = records
        .invoices
        .iter()
        .filter_map(|line| Some((line[0].as_deref()?, line[3].as_deref()?)))
        .collect();
    let told = account.invoices.iter();
    let told: BTreeMap<&str, &str> = told.map(|it| (it.id.as_str(), it.status)).collect();
    prop_assert_eq!(statuses, told);
    let newest = account.subscriptions.last().map(|it| it.id.clone());
    prop_assert_eq!(&records.newest, &vec![vec![newest]]);
    Ok(())
}

/// What holds of a database as a whole, whatever happened to whom.
async fn as_a_whole(sql: &mut Sql) {
    assert_eq!(
        sql.count("webhook_inbox WHERE state NOT IN ('done', 'ignored')")
            .await,
        0
    );
    let numbers = "SELECT substr(number, 1, 11), CAST(COUNT(*) AS TEXT), \
         MAX(substr(number, 13)) FROM invoices GROUP BY 1";
    for line in sql.lines(numbers).await {
        let [month, count, last] = [0, 1, 2].map(|column| line[column].clone().unwrap());
        assert_eq!(count.parse::<u32>(), last.parse(), "{month} has gaps");
    }
    followed(sql).await;
}

/// Prints how much there was, for whoever changes the stories.
async fn tell(thread: u32, sql: &mut Sql) {
    let mut counts = Vec::new();
    for what in [
        "webhook_inbox",
        "subscriptions",
        "subscriptions WHERE status = 'past_due'",
        "subscriptions WHERE status = 'canceled'",
        "invoices",
        "invoices WHERE status = 'void'",
        "payments",
        "overrides",
    ] {
        counts.push(format!("{} {what}", sql.count(what).await));
    }
    println!("thread {thread}: {}", counts.join(", "));
}

/// Who follows the outbox ends with what is stored, and is never told an older version after a newer.
async fn followed(sql: &mut Sql) {
    let id = sql.id("id");
    let records = format!(
        "SELECT {id}, COALESCE(user_id, 'o:' || organization_id), tier, status, \
         CAST(version AS TEXT) FROM subscriptions \
         ORDER BY CASE WHEN status IN ('canceled', 'incomplete_expired') THEN 0 ELSE 1 END, \
         created_at, id"
    );
    // The last one of an owner is the one that counts.
    let records = sql.lines(&records).await;
    let counts: BTreeMap<_, _> = records.iter().map(|line| (line[1].clone(), line)).collect();
    let told = "SELECT COALESCE(user_id, 'o:' || organization_id), CAST(version AS TEXT), \
         CAST(payload AS TEXT) FROM outbox WHERE kind = 'subscription' ORDER BY sequence";
    let mut last: BTreeMap<Option<String>, (u64, Value)> = BTreeMap::new();
    for line in sql.lines(told).await {
        let version: u64 = line[1].as_deref().unwrap().parse().unwrap();
        let payload: Value = serde_json::from_str(line[2].as_deref().unwrap()).unwrap();
        if let Some((before, _)) = last.insert(line[0].clone(), (version, payload)) {
            assert!(before < version, "{line:?} came after version {before}");
        }
    }
    for (owner, record) in counts {
        let (version, payload) = &last[&owner];
        let it = &payload["subscription"];
        let id = it["id"].as_str().unwrap().replace('-', "");
        let told = [
            id.as_str(),
            it["tier"].as_str().unwrap(),
            it["status"].as_str().unwrap(),
        ];
        let stored = [0, 2, 3].map(|column| record[column].as_deref().unwrap());
        assert_eq!(told, stored, "{owner:?}");
        assert_eq!(Some(version.to_string()), record[4], "{owner:?}");
    }
}
