//! The two databases have equal schemas: the same tables and columns, which may be null, what is unique,
//! what refers to what, and the same indexes.

#![expect(clippy::panic, reason = "a scenario that cannot be set up has to fail")]

use std::collections::BTreeSet;

use tiergate_tests::{Rows, Service, Store, Trial};

const COLUMNS_ON_SQLITE: &str = "SELECT t.name, c.name, c.type, \
     CASE WHEN c.\"notnull\" <> 0 OR c.pk <> 0 THEN 'not null' ELSE 'null' END, \
     COALESCE(c.dflt_value, '') \
     FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
     WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";

const COLUMNS_ON_POSTGRES: &str = "SELECT table_name::text, column_name::text, UPPER(data_type::text), \
     CASE is_nullable WHEN 'NO' THEN 'not null' ELSE 'null' END, COALESCE(column_default::text, '') \
     FROM information_schema.columns \
     WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'";

// An index that SQLite makes for a key has a name of its own, so those are known by their columns.
const INDEXES_ON_SQLITE: &str = "SELECT t.name, \
     CASE i.origin WHEN 'c' THEN i.name WHEN 'pk' THEN 'primary key' ELSE 'unique' END, \
     CASE i.\"unique\" WHEN 1 THEN 'unique' ELSE '' END, \
     CASE i.partial WHEN 1 THEN 'partial' ELSE '' END, \
     (SELECT GROUP_CONCAT(name, ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) \
     FROM sqlite_schema t JOIN pragma_index_list(t.name) i \
     WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";

const INDEXES_ON_POSTGRES: &str = "SELECT t.relname::text, \
     CASE WHEN i.indisprimary THEN 'primary key' WHEN c.oid IS NOT NULL THEN 'unique' ELSE x.relname::text END, \
     CASE WHEN i.indisunique THEN 'unique' ELSE '' END, \
     CASE WHEN i.indpred IS NOT NULL THEN 'partial' ELSE '' END, \
     (SELECT STRING_AGG(a.attname::text, ',' ORDER BY k.place) \
      FROM UNNEST(i.indkey::int[]) WITH ORDINALITY AS k (number, place) \
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number) \
     FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid \
     JOIN pg_namespace n ON n.oid = t.relnamespace \
     LEFT JOIN pg_constraint c ON c.conindid = x.oid AND c.contype = 'u' \
     WHERE n.nspname = 'public' AND t.relname NOT LIKE '\\_sqlx%'";

const REFERENCES_ON_SQLITE: &str = "SELECT t.name, r.\"from\", r.\"table\", r.\"to\" \
     FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) r WHERE t.type = 'table'";

const REFERENCES_ON_POSTGRES: &str = "SELECT t.relname::text, a.attname::text, f.relname::text, b.attname::text \
     FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid \
     JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1] \
     JOIN pg_attribute b ON b.attrelid = f.oid AND b.attnum = c.confkey[1] \
     WHERE c.contype = 'f' AND CARDINALITY(c.conkey) = 1";

const CHECKS_ON_SQLITE: &str = "SELECT name, \
     CAST((LENGTH(sql) - LENGTH(REPLACE(sql, 'CHECK (', ''))) / LENGTH('CHECK (') AS TEXT) \
     FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%CHECK (%'";

const CHECKS_ON_POSTGRES: &str = "SELECT t.relname::text, COUNT(*)::text FROM pg_constraint c \
     JOIN pg_class t ON t.oid = c.conrelid WHERE c.contype = 'c' GROUP BY t.relname";

const TRIGGERS_ON_SQLITE: &str =
    "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger'";

const TRIGGERS_ON_POSTGRES: &str = "SELECT DISTINCT t.relname::text FROM pg_trigger g \
     JOIN pg_class t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal";

fn set(rows: Rows) -> BTreeSet<Vec<String>> {
    let count = rows.len();
    let set: BTreeSet<_> = rows.into_iter().collect();
    assert_eq!(set.len(), count, "something is there twice");
    assert!(!set.is_empty(), "nothing was found");
    set
}

/// What PostgreSQL calls a default that SQLite shows as it was written.
fn default_of(text: &str) -> &str {
    match text {
        "false" => "FALSE",
        "" => "",
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => number,
        other => {
            let (value, _type) = other.split_once("::").unwrap_or((other, ""));
            value
        }
    }
}

/// Which type of SQLite's keeps what a type of PostgreSQL's does.
fn kept_as(postgres: &str) -> &'static str {
    match postgres {
        "TEXT" | "JSONB" => "TEXT",
        "UUID" | "BYTEA" => "BLOB",
        "BIGINT" => "BIGINT",
        "BOOLEAN" => "BOOLEAN",
        other => panic!("no type of SQLite's is known for {other}: add it here"),
    }
}

#[tokio::test]
async fn the_schemas_of_both_databases_are_equal() {
    let Some(postgres) = Service::start(Store::Postgres, Trial::Days).await else {
        return;
    };
    let sqlite = Service::start(Store::Sqlite, Trial::Days).await.unwrap();
    let mut columns = postgres.rows(COLUMNS_ON_POSTGRES).await;
    for column in &mut columns {
        column[2] = kept_as(&column[2]).to_owned();
        column[4] = default_of(&column[4]).to_owned();
    }
    assert_eq!(set(sqlite.rows(COLUMNS_ON_SQLITE).await), set(columns));
    for (on_sqlite, on_postgres) in [
        (INDEXES_ON_SQLITE, INDEXES_ON_POSTGRES),
        (REFERENCES_ON_SQLITE, REFERENCES_ON_POSTGRES),
        (CHECKS_ON_SQLITE, CHECKS_ON_POSTGRES),
        (TRIGGERS_ON_SQLITE, TRIGGERS_ON_POSTGRES),
    ] {
        let one = set(sqlite.rows(on_sqlite).await);
        let other = set(postgres.rows(on_postgres).await);
        let differ: Vec<_> = one.symmetric_difference(&other).collect();
        assert!(differ.is_empty(), "{differ:#?}");
    }
}
