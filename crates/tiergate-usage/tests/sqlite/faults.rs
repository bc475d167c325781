//! What is told when the file fails, and that all goes on when it works again.

use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Executor, SqliteConnection};
use tiergate_usage::{
    Reserve, Settlement, SqliteUsage, StoreError, StoreErrorKind, UsageStore, WhenAbsent,
};

use crate::support::{Folder, PATIENCE, TTL, admitted, claim, gauge, used};

/// What one more unit comes to.
async fn fault(store: &SqliteUsage) -> StoreError {
    let claims = [claim(&gauge(), 1, 100)];
    let answer = store.reserve(Reserve::new(&claims, TTL)).await;
    answer.unwrap_err()
}

#[tokio::test]
async fn a_file_that_another_process_keeps_locked_is_told_and_waited_for() {
    let folder = Folder::new();
    let patient = folder.store().await;
    let short = Duration::from_millis(200);
    let store = SqliteUsage::builder(folder.file()).deadline(short);
    let store = store.open().await.unwrap();
    admitted(&store, &[claim(&gauge(), 1, 100)]).await;

    let mut other = folder.connection().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let error = fault(&store).await;
    // The first is told in time; on a machine that is busy the deadline may come first.
    assert!(error.kind().is_transient(), "{error}");
    assert!(
        error.kind() == StoreErrorKind::TimedOut || error.to_string().contains("locked"),
        "{error}"
    );
    assert_eq!(used(&patient, &gauge()).await, 1, "reading goes on");
    let waiting = tokio::spawn(async move {
        admitted(&patient, &[claim(&gauge(), 1, 100)]).await;
        patient
    });
    tokio::task::yield_now().await;
    other.execute("ROLLBACK").await.unwrap();
    let patient = waiting.await.unwrap();
    assert_eq!(
        used(&patient, &gauge()).await,
        2,
        "what failed was not done"
    );
}

#[tokio::test]
async fn who_only_looks_makes_no_file_and_no_tables() {
    let folder = Folder::new();
    let look = || {
        let store = SqliteUsage::builder(folder.file());
        store.when_absent(WhenAbsent::Refuse).open()
    };
    let error = look().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("is not there"), "{error}");
    assert!(!folder.file().exists());

    // A file of somebody else's stays as it is, its journal included.
    for others in [&b""[..], &foreign().await] {
        std::fs::write(folder.file(), others).unwrap();
        let error = look().await.unwrap_err();
        assert!(error.to_string().contains("no counters"), "{error}");
        assert_eq!(std::fs::read(folder.file()).unwrap(), others);
        std::fs::remove_file(folder.file()).unwrap();
    }
    let store = folder.store().await;
    admitted(&store, &[claim(&gauge(), 3, 100)]).await;
    assert_eq!(used(&look().await.unwrap(), &gauge()).await, 3);
}

/// A database without a write-ahead log.
async fn foreign() -> Vec<u8> {
    let folder = Folder::new();
    let options = SqliteConnectOptions::new()
        .filename(folder.file())
        .create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection.execute("CREATE TABLE other (a)").await.unwrap();
    connection.close().await.unwrap();
    std::fs::read(folder.file()).unwrap()
}

/// An empty file would hand everything out again.
#[tokio::test]
async fn a_file_that_was_removed_is_missed_and_not_made_anew() {
    let folder = Folder::new();
    let store = folder.store().await;
    admitted(&store, &[claim(&gauge(), 3, 100)]).await;
    // So that all of it is in the one file that is moved.
    let mut other = folder.connection().await;
    other
        .execute("PRAGMA wal_checkpoint(TRUNCATE)")
        .await
        .unwrap();
    let elsewhere = folder.path().join("elsewhere.db");
    std::fs::rename(folder.file(), &elsewhere).unwrap();
    for _ in 0..2 {
        let error = fault(&store).await;
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("usage.db"), "{error}");
        assert!(!folder.file().exists());
    }
    // A copy, as from a backup, is another file.
    std::fs::copy(&elsewhere, folder.file()).unwrap();
    for rest in ["usage.db-wal", "usage.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(rest));
    }
    admitted(&store, &[claim(&gauge(), 1, 100)]).await;
    assert_eq!(used(&store, &gauge()).await, 4);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let folder = Folder::new();
    folder.store().await.close().await;
    let mut other = folder.connection().await;
    let newer = "UPDATE tiergate_usage_meta SET version = 2";
    other.execute(newer).await.unwrap();
    let error = SqliteUsage::open(folder.file()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Internal);
    let told = error.to_string();
    assert!(
        told.contains("usage.db") && told.contains("version 2"),
        "{told}"
    );
}

#[tokio::test]
async fn what_cannot_be_a_file_of_usage_is_refused_by_name() {
    let folder = Folder::new();
    std::fs::write(folder.file(), vec![b'x'; 8_192]).unwrap();
    let missing = folder.path().join("missing").join("usage.db");
    for (path, kind, word) in [
        (
            folder.file(),
            StoreErrorKind::Internal,
            "no SQLite database",
        ),
        (missing, StoreErrorKind::Unavailable, "folder"),
        (":memory:".into(), StoreErrorKind::Internal, "local disk"),
    ] {
        let error = SqliteUsage::open(&path).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn rows_that_nobody_wrote_like_that_are_faults_and_not_zeros() {
    let folder = Folder::new();
    let store = folder.store().await;
    let id = admitted(&store, &[claim(&gauge(), 3, 100)]).await.id();
    store.commit(id, &[3]).await.unwrap();
    let mut other = folder.connection().await;
    for (spoil, heal) in [
        ("committed = 'three'", "committed = '3'"),
        ("open = NULL", "open = '0'"),
    ] {
        let set = |what| format!("UPDATE tiergate_usage_counters SET {what}");
        other
            .execute(sqlx::AssertSqlSafe(set(spoil)))
            .await
            .unwrap();
        let error = fault(&store).await;
        assert_eq!(error.kind(), StoreErrorKind::Internal, "{error}");
        assert!(
            error.to_string().contains("tiergate_usage_counters"),
            "{error}"
        );
        other.execute(sqlx::AssertSqlSafe(set(heal))).await.unwrap();
        assert_eq!(used(&store, &gauge()).await, 3);
    }
}

#[tokio::test]
async fn more_calls_than_may_wait_are_turned_away() {
    let folder = Folder::new();
    let store = SqliteUsage::builder(folder.file()).deadline(PATIENCE);
    let store = store.max_waiting(1).open().await.unwrap();
    let mut other = folder.connection().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let claims = [claim(&gauge(), 1, 100)];
    let mut calls: Vec<_> = (0..8)
        .map(|_| store.reserve(Reserve::new(&claims, TTL)))
        .collect();
    let mut turned_away = 0;
    let mut waiting = Vec::new();
    for mut call in calls.drain(..) {
        match tokio::time::timeout(Duration::ZERO, &mut call).await {
            Ok(answer) => {
                assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Full);
                turned_away += 1;
            }
            Err(_) => waiting.push(call),
        }
    }
    assert!(turned_away >= 6, "one is being done, and one waits");
    assert_eq!(store.statistics().turned_away(), turned_away);
    other.execute("ROLLBACK").await.unwrap();
    let admitted = u64::try_from(waiting.len()).unwrap();
    for call in waiting {
        call.await.unwrap();
    }
    assert_eq!(used(&store, &gauge()).await, admitted);
}

#[tokio::test]
async fn a_crowd_that_reserves_does_not_keep_anybody_from_settling() {
    let folder = Folder::new();
    let store = SqliteUsage::builder(folder.file()).deadline(PATIENCE);
    let store = store.max_waiting(1).open().await.unwrap();
    let held = admitted(&store, &[claim(&gauge(), 1, 100)]).await;
    let mut other = folder.connection().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let claims = [claim(&gauge(), 1, 100)];
    let mut waiting = Vec::new();
    // Until there is no more room for those who reserve.
    while store.statistics().turned_away() == 0 {
        let mut call = store.reserve(Reserve::new(&claims, TTL));
        if tokio::time::timeout(Duration::ZERO, &mut call)
            .await
            .is_err()
        {
            waiting.push(call);
        }
    }
    let mut commit = store.commit(held.id(), &[1]);
    let asked = tokio::time::timeout(Duration::ZERO, &mut commit).await;
    assert!(asked.is_err(), "it is taken, and waits: {asked:?}");
    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(commit.await.unwrap(), Settlement::Settled);
    for call in waiting {
        call.await.unwrap();
    }
}

/// Nothing is done for those who have left before their turn came.
#[tokio::test]
async fn a_call_that_was_dropped_before_its_turn_counts_nothing() {
    let folder = Folder::new();
    let store = folder.store().await;
    let mut other = folder.connection().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let claims = [claim(&gauge(), 1, 100)];
    let never_polled = store.reserve(Reserve::new(&claims, TTL));
    drop(never_polled);
    let mut begun = store.reserve(Reserve::new(&claims, TTL));
    assert!(
        tokio::time::timeout(Duration::ZERO, &mut begun)
            .await
            .is_err()
    );
    drop(begun);
    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(used(&store, &gauge()).await, 0);
    admitted(&store, &[claim(&gauge(), 100, 100)]).await;
}

#[tokio::test]
async fn a_store_that_was_closed_says_so() {
    let folder = Folder::new();
    let store = folder.store().await;
    store.close().await;
    store.close().await;
    let error = fault(&store).await;
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("closed"), "{error}");
}
