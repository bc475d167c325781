//! The schema is made once, by whoever may, and never mistaken for another.

use tiergate::usage::{
    PostgresUsage, PostgresUsageError, Reserve, ReserveOutcome, StoreErrorKind, UsageStore,
    WhenAbsent,
};
use tiergate_tests::Postgres;

use crate::fixture::{Place, TTL, admitted, claim, gauge, used};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_at_once_make_one_schema() {
    let Some(place) = Place::new().await else {
        return;
    };
    let starts: Vec<_> = (0..6)
        .map(|_| tokio::spawn(place.builder().connect()))
        .collect();
    for start in starts {
        let store = start.await.unwrap().unwrap();
        admitted(&store, &[claim(&gauge("a"), 1, 9)]).await;
    }
    assert_eq!(place.rows("version").await, 1);
    let store = place.builder().connect().await.unwrap();
    assert_eq!(used(&store, &gauge("a")).await, 6);
}

#[tokio::test]
async fn a_role_that_may_not_make_the_schema_is_told_what_somebody_has_to_run() {
    let Some(place) = Place::new().await else {
        return;
    };
    let role = format!("role_{}", place.schema);
    place.execute(&format!("CREATE ROLE {role} LOGIN")).await;
    let as_role = place.through(place.url.replace("//tiergate@", &format!("//{role}@")));
    let fault = as_role.builder().connect().await.unwrap_err();
    let told = fault.to_string();
    assert!(
        matches!(fault, PostgresUsageError::NotAllowed { .. }),
        "{told}"
    );
    assert!(
        told.contains("schema_sql") && told.contains(&place.schema),
        "{told}"
    );

    // Which works as it is told.
    place
        .execute(&PostgresUsage::schema_sql(&place.schema).unwrap())
        .await;
    let fault = as_role.builder().connect().await.unwrap_err();
    assert!(
        matches!(fault, PostgresUsageError::NotAllowed { .. }),
        "{fault}"
    );
    let grants = [
        format!("GRANT USAGE ON SCHEMA @ TO {role}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA @ TO {role}"),
    ];
    for grant in grants {
        place.execute(&grant).await;
    }
    let store = as_role.builder().connect().await.unwrap();
    let one = admitted(&store, &[claim(&gauge("a"), 2, 9)]).await;
    store.commit(one.id(), &[2]).await.unwrap();
    assert_eq!(used(&store, &gauge("a")).await, 2);
}

#[tokio::test]
async fn a_schema_of_a_newer_program_is_left_alone() {
    let Some(place) = Place::new().await else {
        return;
    };
    place.builder().connect().await.unwrap();
    place.execute("UPDATE @.version SET number = 1000").await;
    let fault = place.builder().connect().await.unwrap_err();
    assert!(
        matches!(fault, PostgresUsageError::OtherVersion { found: 1_000, .. }),
        "{fault}"
    );
    assert_eq!(place.rows("version").await, 1);
}

#[tokio::test]
async fn who_only_looks_makes_no_schema() {
    let Some(place) = Place::new().await else {
        return;
    };
    let look = || place.builder().when_absent(WhenAbsent::Refuse).connect();
    let absent = PostgresUsageError::Absent {
        schema: place.schema.clone(),
    };
    assert_eq!(look().await.unwrap_err(), absent);
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = '@'";
    assert_eq!(place.number(made).await, 0);
    // Nor does it find one half made.
    place.execute("CREATE SCHEMA @").await;
    assert_eq!(look().await.unwrap_err(), absent);
    let store = place.builder().connect().await.unwrap();
    admitted(&store, &[claim(&gauge("a"), 3, 9)]).await;
    assert_eq!(used(&look().await.unwrap(), &gauge("a")).await, 3);
}

#[tokio::test]
async fn an_empty_schema_is_used() {
    let Some(place) = Place::new().await else {
        return;
    };
    place.execute("CREATE SCHEMA @").await;
    let store = place.builder().connect().await.unwrap();
    admitted(&store, &[claim(&gauge("a"), 1, 9)]).await;
}

#[tokio::test]
async fn settings_of_the_database_change_no_promise() {
    let Some(server) = Postgres::shared().await else {
        return;
    };
    let place = Place::at(&server.create_database().await);
    let database = place.url.rsplit_once('/').unwrap().1;
    for setting in [
        "default_transaction_isolation TO 'serializable'",
        "search_path TO 'nowhere'",
        "bytea_output TO 'escape'",
        "statement_timeout TO 1",
    ] {
        // Without the last one the test's own statements would end early, too.
        let connection = place.through(format!("{}?options[statement_timeout]=0", place.url));
        connection
            .execute(&format!("ALTER DATABASE {database} SET {setting}"))
            .await;
    }
    let place = place.through(format!("{}?options[statement_timeout]=60s", place.url));
    let store = place.builder().connections(8).connect().await.unwrap();
    let key = gauge("a");
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move {
                let claims = [claim(&key, 1, 10)];
                let outcome = store.reserve(Reserve::new(&claims, TTL)).await.unwrap();
                matches!(outcome, ReserveOutcome::Admitted(_))
            })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += u32::from(task.await.unwrap());
    }
    assert_eq!(admitted, 10);
}

#[tokio::test]
async fn a_read_only_server_is_a_fault_that_says_so_and_passes() {
    let Some(server) = Postgres::shared().await else {
        return;
    };
    let place = Place::at(&server.create_database().await);
    let database = place.url.rsplit_once('/').unwrap().1.to_owned();
    let writable = place.through(format!(
        "{}?options[default_transaction_read_only]=off",
        place.url
    ));
    let store = place.builder().connect().await.unwrap();
    let key = gauge("a");
    admitted(&store, &[claim(&key, 1, 9)]).await;

    let set = format!("ALTER DATABASE {database} SET default_transaction_read_only TO on");
    writable.execute(&set).await;
    let sent_away = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid()";
    writable.number(sent_away).await;
    let claims = [claim(&key, 1, 9)];
    let fault = store.reserve(Reserve::new(&claims, TTL)).await.unwrap_err();
    assert_eq!(fault.kind(), StoreErrorKind::Unavailable);
    assert!(fault.to_string().contains("read-only"), "{fault}");
    assert_eq!(used(&store, &key).await, 1, "reading goes on");

    let reset = format!("ALTER DATABASE {database} RESET default_transaction_read_only");
    writable.execute(&reset).await;
    // The next write finds that its connection is of no use, and makes another.
    admitted(&store, &claims).await;
    assert_eq!(used(&store, &key).await, 2);
}

#[tokio::test]
async fn encryption_that_is_not_to_be_had_is_a_fault() {
    let Some(place) = Place::new().await else {
        return;
    };
    // Neither does the server have it, nor are the tests built with it.
    for mode in ["require", "verify-ca", "verify-full"] {
        let strict = place.through(format!("{}?sslmode={mode}", place.url));
        let fault = strict.builder().connect().await.unwrap_err();
        let told = fault.to_string();
        assert!(matches!(fault, PostgresUsageError::Encryption(_)), "{told}");
        assert!(told.contains("rustls"), "{told}");
    }
}

#[tokio::test]
async fn no_password_is_ever_shown() {
    let Some(place) = Place::new().await else {
        return;
    };
    let secret = place.through(place.url.replace("tiergate@", "tiergate:hunter2@"));
    let builder = secret.builder();
    assert!(!format!("{builder:?}").contains("hunter2"));
    let store = builder.connect().await.unwrap();
    assert!(!format!("{store:?}").contains("hunter2"));
    let nobody = place.through(place.url.replace("tiergate@", "nobody:hunter2@"));
    let fault = nobody.builder().connect().await.unwrap_err();
    assert!(!format!("{fault} {fault:?}").contains("hunter2"));
    assert!(
        matches!(fault, PostgresUsageError::Unavailable(_)),
        "{fault}"
    );
}

#[tokio::test]
async fn a_database_whose_texts_cannot_hold_every_name_is_refused() {
    let Some(place) = Place::new().await else {
        return;
    };
    let name = format!("latin_{}", place.schema);
    place
        .execute(&format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
        ))
        .await;
    let (server, _) = place.url.rsplit_once('/').unwrap();
    let latin = place.through(format!("{server}/{name}"));
    let fault = latin.builder().connect().await.unwrap_err();
    assert_eq!(fault, PostgresUsageError::Encoding("LATIN1".to_owned()));
}
