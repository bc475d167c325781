//! What the program says when it cannot compare, what it leaves alone, and several of it at once.

use std::fs;

use sqlx::{Connection, Executor, PgConnection};
use tiergate::Subject;
use tiergate::usage::{Adjustment, PostgresUsage, RedisUsage, SharedStore, SqliteUsage, Tally};
use tiergate_billing::reports::Rebuild;
use tiergate_tests::{Finished, Launch, Postgres, Redis, Saving};

use crate::report::{differences, read};
use crate::shop::{DAILY, Kind, MONTHLY, STORAGE, Shop};

const PASSWORD: &str = "hush-hush";

impl Shop {
    async fn run_at(&self, store: &str, more: &[&str]) -> Finished {
        let mut all = vec!["report", "counters", "--store", store];
        all.extend(more);
        self.billing.program().run_beside(&all).await
    }
}

/// That the program could not compare, and says what to do about it.
fn failed(finished: &Finished, tells: &[&str]) {
    let told = format!("{}{}", finished.stdout, finished.stderr);
    assert_eq!(finished.status.code(), Some(2), "{told}");
    assert_eq!(finished.stdout, "");
    assert!(!told.contains(PASSWORD), "{told}");
    for part in tells {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_had_is_told_with_a_remedy_and_no_password() {
    let Some(shop) = Shop::open(Kind::Sqlite).await else {
        return;
    };
    // Neither is a URL of a store.
    for url in [
        format!("http://:{PASSWORD}@host"),
        format!("usage.db:{PASSWORD}"),
        PASSWORD.to_owned(),
    ] {
        failed(
            &shop.run_at(&url, &[]).await,
            &["--store", "sqlite:usage.db"],
        );
    }
    for url in [
        format!("redis://:{PASSWORD}@127.0.0.1:1/x"),
        format!("redis://:{PASSWORD}@"),
        format!("postgres://u:{PASSWORD}@127.0.0.1:port/d"),
        format!("postgres://u@127.0.0.1/d?passwrd={PASSWORD}"),
        // Nobody listens there.
        format!("redis://:{PASSWORD}@127.0.0.1:1/0"),
        format!("postgres://u:{PASSWORD}@127.0.0.1:1/d"),
    ] {
        let finished = shop.run_at(&url, &["--rebuild"]).await;
        failed(&finished, &["check --store"]);
    }
    if let Some(server) = Postgres::shared().await {
        let port = server.address().port();
        for who in ["nobody", "tiergate"] {
            let url = format!("postgres://{who}:{PASSWORD}@127.0.0.1:{port}/nowhere");
            failed(&shop.run_at(&url, &[]).await, &["check --store"]);
        }
    }
    if let Some(server) = Redis::start_with(&["--requirepass", "another"]).await {
        let url = format!("redis://:{PASSWORD}@127.0.0.1:{}/0", server.port());
        failed(&shop.run_at(&url, &[]).await, &["check --store"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_where_nobody_counts_is_told_and_left_as_it_is() {
    let Some(shop) = Shop::open(Kind::Sqlite).await else {
        return;
    };
    let home = shop.billing.program().folder().to_owned();
    let absent = home.join("absent.db");
    let empty = home.join("empty.db");
    fs::write(&empty, "").unwrap();
    for (file, tells) in [
        (&absent, "is not there"),
        (&empty, "no counters"),
        // Billing's own.
        (&home.join("tiergate.db"), "no counters"),
    ] {
        let url = format!("sqlite:{}", file.display());
        for more in [&[][..], &["--rebuild"]] {
            let name = file.file_name().unwrap().to_str().unwrap();
            failed(&shop.run_at(&url, more).await, &[tells, name]);
        }
    }
    assert!(!absent.exists());
    assert_eq!(fs::read(&empty).unwrap(), b"");
    let tables = shop
        .billing
        .rows("SELECT name FROM sqlite_master WHERE name LIKE 'tiergate_usage%'")
        .await;
    assert_eq!(tables, Vec::<Vec<String>>::new());
    let other = shop.run(&["--namespace", "shop"]).await;
    failed(&other, &["--namespace"]);

    if let Some(server) = Postgres::shared().await {
        let url = server.create_database().await;
        for more in [&[][..], &["--rebuild"], &["--namespace", "shop"]] {
            failed(&shop.run_at(&url, more).await, &["no counters", "--store"]);
        }
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let query = "SELECT 1 FROM pg_namespace WHERE nspname IN ('tiergate_usage', 'shop')";
        assert!(connection.fetch_optional(query).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn records_that_are_not_there_are_told_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("billing.db");
    let launch = Launch::tiergate()
        .await
        .env("DATABASE_URL", format!("sqlite://{}", file.display()));
    let launch = ["report", "counters", "--store", "sqlite:usage.db"]
        .into_iter()
        .fold(launch, Launch::arg);
    failed(
        &launch.finish().await,
        &["billing.db is not there", "DATABASE_URL"],
    );
    assert!(!file.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_without_counters_is_said_to_have_none_and_gets_none_without_rebuild() {
    let Some(shop) = Shop::open(Kind::Redis).await else {
        return;
    };
    shop.ask(&Subject::user("ada"), "/mail", 2).await;
    shop.deliver().await;
    let other = Redis::start(Saving::Nothing).await.unwrap();
    let arguments = ["--format", "json", "--settled-before", "0s"];
    let report = read(&shop.run_at(&other.url(), &arguments).await);
    let missing = differences([("user:ada", DAILY, 2), ("user:ada", MONTHLY, 2)]);
    assert_eq!((report.code, report.differences), (1, missing));
    assert!(
        report.notes.contains("none of these counters"),
        "{}",
        report.notes
    );
    let keys = other.command(&["DBSIZE"]).await;
    assert_eq!(keys, redis::Value::Int(0));
    // Nor has one with other names any.
    let elsewhere = [
        "--format",
        "json",
        "--settled-before",
        "0s",
        "--namespace",
        "shop:",
    ];
    let report = read(&shop.run_at(&shop.address, &elsewhere).await);
    assert_eq!((report.code, report.counts[1]), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_under_another_name_are_found_by_it() {
    for kind in [Kind::Postgres, Kind::Redis] {
        let Some(shop) = Shop::open(kind).await else {
            continue;
        };
        let ada = Subject::user("ada");
        shop.ask(&ada, "/mail", 2).await;
        shop.deliver().await;
        let named: Box<dyn SharedStore> = match kind {
            Kind::Redis => {
                let store = RedisUsage::builder().prefix("shop");
                Box::new(store.open(&shop.address).unwrap())
            }
            _ => {
                let store = PostgresUsage::builder(&shop.address).schema("shop");
                Box::new(store.connect().await.unwrap())
            }
        };
        for feature in [DAILY, MONTHLY] {
            let key = shop.counter(&ada, feature).await;
            named.adjust(&key, Adjustment::Raise(2)).await.unwrap();
        }
        let report = shop.report(&["--namespace", "shop"]).await;
        assert_eq!((report.code, report.counts[1]), (0, 2), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_metric_that_nothing_counts_is_told_with_those_that_are() {
    let Some(shop) = Shop::open(Kind::Sqlite).await else {
        return;
    };
    for metric in ["pigeons", "api_calls"] {
        let finished = shop.run(&["--metric", "storage", "--metric", metric]).await;
        failed(&finished, &[metric, "email_sends, sms_messages, storage"]);
    }
}

/// Several at once put back what is missing once: one of them does, and the others find it done or are
/// told that somebody is at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_rebuilds_at_once_put_a_counter_right_once() {
    for kind in Kind::ALL {
        let Some(shop) = Shop::open(kind).await else {
            continue;
        };
        let ada = Subject::user("ada");
        assert_eq!(shop.ask(&ada, "/mail", 20).await, 20);
        shop.deliver().await;
        let key = shop.counter(&ada, DAILY).await;
        shop.store.adjust(&key, Adjustment::Lower(9)).await.unwrap();
        let rebuild = || shop.run(&["--rebuild", "--settled-before", "0s"]);
        let all = tokio::join!(rebuild(), rebuild(), rebuild(), rebuild());
        let mut done = 0;
        for finished in [all.0, all.1, all.2, all.3] {
            match finished.status.code() {
                Some(0) => done += 1,
                _ => failed(&finished, &["being rebuilt by somebody else"]),
            }
        }
        assert!(done > 0, "{kind:?}");
        assert_eq!(shop.tally(&ada, DAILY).await, Tally::new(20, 0), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_rebuilds_keeps_others_out_until_it_is_done() {
    let Some(shop) = Shop::open(Kind::Sqlite).await else {
        return;
    };
    let billing = shop.same_billing().await;
    let rebuild = Rebuild::begin(&billing, &*shop.store).await.unwrap();
    failed(&shop.run(&["--rebuild"]).await, &["somebody else", "60 s"]);
    // Looking is not rebuilding.
    assert_eq!(shop.report(&[]).await.code, 0);
    rebuild.end().await.unwrap();
    let next = shop.report(&["--rebuild"]).await;
    assert_eq!(next.code, 0, "{next:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_reads_a_table() {
    let Some(shop) = Shop::open(Kind::Sqlite).await else {
        return;
    };
    let ada = Subject::user("ada");
    assert_eq!(shop.ask(&ada, "/store", 4).await, 4);
    shop.deliver().await;
    let finished = shop.run(&[]).await;
    assert_eq!(finished.status.code(), Some(0));
    let said = finished.stdout.trim_end();
    assert_eq!(said, "6 counters, 0 not in step (0 not listed), 0 settling");
    let key = shop.counter(&ada, STORAGE).await;
    let file = shop.address.strip_prefix("sqlite:").unwrap();
    let store = SqliteUsage::open(file).await.unwrap();
    store.adjust(&key, Adjustment::Raise(2)).await.unwrap();
    let finished = shop.run(&["--settled-before", "0s", "--rebuild"]).await;
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    let lines: Vec<Vec<&str>> = finished
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let head = "owner feature window committed open recorded difference rebuilt";
    assert_eq!(lines[0].join(" "), head);
    let row = "user:ada storage_limit_gb - 6 0 4 -2 lowered by 2";
    assert_eq!(lines[1].join(" "), row);
}
