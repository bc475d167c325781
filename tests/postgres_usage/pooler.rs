//! Where connections are shared by the transaction, everything holds as well.

use std::sync::Arc;

use sqlx::{Connection, Executor, Row};
use tiergate::usage::testing::conformance;
use tiergate::usage::{Pooler, PostgresUsage, SharedStore, StoreErrorKind, UsageStore};
use tiergate_clock::ManualClock;

use crate::fixture::{Place, admitted, claim, gauge, used};

async fn store(clock: ManualClock) -> Arc<PostgresUsage> {
    let place = Place::new().await.expect("it was there before");
    let builder = place.builder().pooler(Pooler::Transaction);
    Arc::new(builder.clock(Arc::new(clock)).connect().await.unwrap())
}

#[tokio::test]
async fn a_store_behind_a_pooler_keeps_every_promise() {
    if Place::new().await.is_none() {
        return;
    }
    conformance::run(async |clock| store(clock).await as Arc<dyn UsageStore>).await;
    conformance::run_shared(async |clock| store(clock).await as Arc<dyn SharedStore>).await;
}

#[tokio::test]
async fn a_failed_transaction_is_left_behind() {
    let Some(place) = Place::new().await else {
        return;
    };
    let builder = place.builder().pooler(Pooler::Transaction).connections(1);
    let store = builder.connect().await.unwrap();
    let key = gauge("a");
    let one = admitted(&store, &[claim(&key, 1, 9)]).await;
    place
        .execute("ALTER TABLE @.holds RENAME TO elsewhere")
        .await;
    let fault = store.commit(one.id(), &[1]).await.unwrap_err();
    assert_eq!(fault.kind(), StoreErrorKind::Internal, "{fault}");
    assert!(fault.to_string().contains("schema was changed"), "{fault}");
    place
        .execute("ALTER TABLE @.elsewhere RENAME TO holds")
        .await;
    store.commit(one.id(), &[1]).await.unwrap();
    assert_eq!(used(&store, &key).await, 1);
}

#[tokio::test]
async fn a_store_behind_a_pooler_leaves_no_setting_and_no_statement() {
    let Some(place) = Place::new().await else {
        return;
    };
    let named = place.through(format!("{}?application_name={}", place.url, place.schema));
    let builder = named.builder().pooler(Pooler::Transaction).connections(1);
    let store = builder.connect().await.unwrap();
    admitted(&store, &[claim(&gauge("a"), 1, 9)]).await;
    // What the server last heard of the session is the end of a transaction.
    let last = "SELECT count(*) FROM pg_stat_activity WHERE application_name = '@' \
                AND query = 'COMMIT' AND state = 'idle'";
    assert_eq!(place.number(last).await, 1);
    let mut connection = place.connection().await;
    let row = connection
        .fetch_one("SELECT count(*) FROM pg_prepared_statements")
        .await;
    assert_eq!(row.unwrap().get::<i64, _>(0), 0);
    connection.close().await.unwrap();
}
