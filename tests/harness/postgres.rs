//! The PostgreSQL server that scenarios stand on.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use tiergate_tests::{Durability, Postgres, Shutdown, eventually};

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn one(connection: &mut PgConnection, query: &'static str) -> String {
    let row = connection.fetch_one(AssertSqlSafe(query)).await.unwrap();
    row.get(0)
}

#[tokio::test]
async fn databases_of_one_server_share_nothing() {
    let Some(server) = Postgres::shared().await else {
        return;
    };
    let (first, second) = (
        server.create_database().await,
        server.create_database().await,
    );
    assert_ne!(first, second);
    let mut connection = connect(&first).await;
    connection
        .execute("CREATE TABLE kept (it int)")
        .await
        .unwrap();
    connection.close().await.unwrap();
    let tables = "SELECT count(*)::text FROM pg_tables WHERE tablename = 'kept'";
    assert_eq!(one(&mut connect(&first).await, tables).await, "1");
    assert_eq!(one(&mut connect(&second).await, tables).await, "0");

    let copy = server.copy_database(&first).await;
    assert_eq!(one(&mut connect(&copy).await, tables).await, "1");
}

#[tokio::test]
async fn the_server_is_shared_and_writes_to_the_disk() {
    let (Some(one_way), Some(other_way)) = (Postgres::shared().await, Postgres::shared().await)
    else {
        return;
    };
    assert!(std::ptr::eq(one_way, other_way));
    let mut connection = connect(&one_way.create_database().await).await;
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        let shown = format!("SHOW {setting}");
        let row = connection.fetch_one(AssertSqlSafe(shown)).await.unwrap();
        assert_eq!(row.get::<String, _>(0), "on", "{setting}");
    }
    assert_eq!(one(&mut connection, "SHOW server_encoding").await, "UTF8");
    assert_eq!(
        one(&mut connection, "SELECT current_user::text").await,
        "tiergate"
    );
}

#[tokio::test]
async fn what_was_committed_survives_a_crash_and_what_was_not_does_not() {
    let Some(mut server) = Postgres::start(Durability::Memory).await else {
        return;
    };
    let url = server.create_database().await;
    let mut connection = connect(&url).await;
    assert_eq!(one(&mut connection, "SHOW fsync").await, "off");
    connection
        .execute("CREATE TABLE kept (it int)")
        .await
        .unwrap();
    connection
        .execute("SET synchronous_commit = on")
        .await
        .unwrap();
    connection
        .execute("INSERT INTO kept VALUES (1)")
        .await
        .unwrap();
    connection.execute("BEGIN").await.unwrap();
    connection
        .execute("INSERT INTO kept VALUES (2)")
        .await
        .unwrap();

    server.stop(Shutdown::Immediate).await;
    assert!(connection.execute("COMMIT").await.is_err(), "it is down");
    assert!(PgConnection::connect(&url).await.is_err(), "it is down");
    assert_eq!(server.pid(), None);

    server.restart().await;
    let sum = "SELECT sum(it)::text FROM kept";
    assert_eq!(one(&mut connect(&url).await, sum).await, "1");

    server.stop(Shutdown::Fast).await;
    server.restart().await;
    assert_eq!(one(&mut connect(&url).await, sum).await, "1");

    let folder = server.folder().to_owned();
    assert!(folder.exists());
    drop(server);
    assert!(!folder.exists());
    eventually("the end of its connections", || {
        std::net::TcpStream::connect_timeout(&address(&url), Duration::from_secs(1)).is_err()
    })
    .await;
}

/// The address in a URL `postgres://user@address/database`.
fn address(url: &str) -> std::net::SocketAddr {
    let (_, rest) = url.split_once('@').unwrap();
    let (address, _) = rest.split_once('/').unwrap();
    address.parse().unwrap()
}
