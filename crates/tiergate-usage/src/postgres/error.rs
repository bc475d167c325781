//! Why a store in PostgreSQL cannot be set up.

/// The store cannot be set up. No message repeats the URL, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresUsageError {
    /// The text is no URL of PostgreSQL.
    #[error("it is not a URL of PostgreSQL, like `postgres://user:password@host/database`: {0}")]
    Address(String),
    /// The URL has a parameter that the driver does not know.
    #[error("the URL of PostgreSQL has a parameter `{0}` that is not known")]
    UnknownParameter(String),
    /// The schema cannot have this name.
    #[error(
        "`{0}` cannot be the name of a schema: it needs 1 to 40 characters of a to z, 0 to 9 and `_`, \
         a letter first, and must not begin with `pg_`"
    )]
    SchemaName(String),
    /// The connection cannot be encrypted as the URL asks.
    #[error(
        "the connection cannot be encrypted as `sslmode` asks ({0}); the feature `rustls` or \
         `native-tls` has to be on, and the server has to have TLS"
    )]
    Encryption(String),
    /// The database cannot be reached, or is not able to answer.
    #[error("PostgreSQL cannot be reached: {0}")]
    Unavailable(String),
    /// The role may not make or use what is missing.
    #[error(
        "the role may not make or use the schema `{schema}` ({detail}); let somebody who may run what \
         `PostgresUsage::schema_sql(\"{schema}\")` gives, and then GRANT USAGE ON SCHEMA {schema} and \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} to the role"
    )]
    NotAllowed {
        /// The name of the schema.
        schema: String,
        /// What PostgreSQL said.
        detail: String,
    },
    /// The schema is not there, and was not to be made.
    #[error(
        "the database has no schema `{schema}` of a store of usage; name the one that the guarding \
         service counts in, or connect the service first, which makes it"
    )]
    NoSchema {
        /// The name of the schema.
        schema: String,
    },
    /// The schema was made by another version of this program.
    #[error(
        "the schema `{schema}` has version {found}, and this program knows version {known}: run a \
         program that knows it, or name another schema"
    )]
    OtherVersion {
        /// The name of the schema.
        schema: String,
        /// The version that the database has.
        found: i32,
        /// The version that this program knows.
        known: i32,
    },
    /// The database's texts cannot hold every name.
    #[error("the database has the encoding {0}, and needs UTF8")]
    Encoding(String),
    /// PostgreSQL failed for another reason.
    #[error("the schema `{schema}` could not be made or read: {detail}")]
    Failed {
        /// The name of the schema.
        schema: String,
        /// What PostgreSQL said.
        detail: String,
    },
}
