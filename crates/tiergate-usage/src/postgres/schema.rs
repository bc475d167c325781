//! The tables and functions, in a schema of their own.

use std::sync::Arc;

use super::error::PostgresUsageError;

/// Rises whenever anything of the SQL changes.
pub(super) const VERSION: i32 = 2;

/// The default name of the schema.
pub(super) const DEFAULT: &str = "tiergate_usage";

/// The longest name, in bytes, which leaves room in PostgreSQL's 63 for what it derives from it.
const MOST_NAME: usize = 40;

/// In the order in which they are run.
const PARTS: [&str; 8] = [
    include_str!("sql/tables.sql"),
    include_str!("sql/locks.sql"),
    include_str!("sql/counters.sql"),
    include_str!("sql/expire.sql"),
    include_str!("sql/rates.sql"),
    include_str!("sql/reserve.sql"),
    include_str!("sql/settle.sql"),
    include_str!("sql/leases.sql"),
];

/// The checked name of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SchemaName(String);

impl SchemaName {
    pub(super) fn new(name: &str) -> Result<Self, PostgresUsageError> {
        let fits = name.len() <= MOST_NAME
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
            && !name.starts_with("pg_");
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            Err(PostgresUsageError::SchemaName(
                name.chars().take(MOST_NAME).collect(),
            ))
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first number of all advisory locks of the schema, the second being a hash of the subject.
    pub(super) fn lock_class(&self) -> i32 {
        // FNV-1a: the same in every version and on every machine that shares the database.
        let hash = self.0.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        hash.cast_signed()
    }

    /// What makes the schema, to be run in one transaction.
    pub(super) fn definition(&self) -> String {
        let name = self.as_str();
        let schema = format!(
            "DO $$ BEGIN\n    \
                 IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = '{name}') THEN\n        \
                     CREATE SCHEMA \"{name}\";\n    \
                 END IF;\n\
             END $$;\n\
             CREATE TABLE \"{name}\".version (number integer NOT NULL);\n\
             INSERT INTO \"{name}\".version VALUES ({VERSION});\n"
        );
        PARTS.iter().fold(schema, |text, part| {
            let part = part
                .replace("@schema@", &format!("\"{name}\""))
                .replace("@class@", &self.lock_class().to_string());
            text + "\n" + &part
        })
    }
}

/// The calls of the functions.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) reserve: Arc<str>,
    pub(super) settle: Arc<str>,
    pub(super) peek: Arc<str>,
    pub(super) tally: Arc<str>,
    pub(super) adjust: Arc<str>,
    pub(super) lease: Arc<str>,
    pub(super) extend: Arc<str>,
    pub(super) end_lease: Arc<str>,
    pub(super) take_of_rate: Arc<str>,
    pub(super) sweep: Arc<str>,
}

impl Statements {
    pub(super) fn of(schema: &SchemaName) -> Self {
        let call = |function: &str, arguments: usize| -> Arc<str> {
            let arguments: Vec<String> =
                (1..=arguments).map(|number| format!("${number}")).collect();
            let (schema, arguments) = (schema.as_str(), arguments.join(", "));
            format!("SELECT * FROM \"{schema}\".{function}({arguments})").into()
        };
        Self {
            reserve: reserve_together(schema),
            settle: settle_together(schema),
            peek: call("peek", 6),
            tally: call("tally", 4),
            adjust: call("adjust", 7),
            lease: call("lease", 11),
            extend: call("extend", 8),
            end_lease: call("end_lease", 8),
            take_of_rate: call("take_of_rate", 9),
            sweep: call("sweep", 3),
        }
    }
}

/// Several operations in one message, and so in one transaction. Each statement of a function sees what
/// those before it have done.
fn reserve_together(schema: &SchemaName) -> Arc<str> {
    // The claims of all are behind each other, and `head` and `tail` tell whose they are.
    let of = |claims: &str| format!("({claims}[])[c.head:c.tail]");
    let claims = [
        "$6::text",
        "$7::text",
        "$8::text",
        "$9::bigint",
        "$10::bigint",
        "$11::text",
        "$12::text",
    ];
    let claims = claims.map(of).join(", ");
    format!(
        "SELECT r.* FROM unnest($1::bytea[], $2::integer[], $3::integer[], $4::bigint[], $5::text[]) \
         WITH ORDINALITY AS c (id, head, tail, ttl, key, place) \
         CROSS JOIN LATERAL \"{}\".reserve(c.id, {claims}, c.ttl, c.key, $13, $14) AS r ORDER BY c.place",
        schema.as_str()
    )
    .into()
}

/// The same for ends of reservations. Who names no units releases.
fn settle_together(schema: &SchemaName) -> Arc<str> {
    format!(
        "SELECT s.* FROM unnest($1::bytea[], $2::integer[], $3::integer[]) \
         WITH ORDINALITY AS c (id, head, tail, place) \
         CROSS JOIN LATERAL \"{}\".settle( \
             c.id, CASE WHEN c.head IS NOT NULL THEN ($4::text[])[c.head:c.tail] END, $5, $6 \
         ) AS s ORDER BY c.place",
        schema.as_str()
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_need_care_is_refused() {
        for bad in [
            "",
            "A",
            "1a",
            "_a",
            "a-b",
            "a\"b",
            "a b",
            "pg_a",
            "ä",
            &"a".repeat(41),
        ] {
            assert!(SchemaName::new(bad).is_err(), "{bad}");
        }
        for good in ["a", "tiergate_usage", "user", "a1_", &"a".repeat(40)] {
            assert!(SchemaName::new(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn nothing_is_left_to_be_filled_in() {
        let sql = SchemaName::new(DEFAULT).unwrap().definition();
        assert!(!sql.contains('@'), "{sql}");
        assert!(sql.contains("CREATE FUNCTION \"tiergate_usage\".reserve("));
    }

    #[test]
    fn locks_of_two_schemas_differ() {
        let class = |name| SchemaName::new(name).unwrap().lock_class();
        assert_ne!(class("a"), class("b"));
    }
}
