//! A second look into the database of a service, past the service.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection};

/// A row; every column is text.
pub(crate) type Line = Vec<Option<String>>;

/// A connection of its own.
pub(crate) enum Sql {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Sql {
    pub(crate) async fn connect(address: &str) -> Self {
        if address.starts_with("sqlite") {
            Self::Sqlite(SqliteConnection::connect(address).await.unwrap())
        } else {
            Self::Postgres(PgConnection::connect(address).await.unwrap())
        }
    }

    /// The id in a column, as 32 digits.
    pub(crate) fn id(&self, column: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("lower(hex({column}))"),
            Self::Postgres(_) => format!("replace(CAST({column} AS TEXT), '-', '')"),
        }
    }

    /// What a query finds. Its columns have to be text.
    pub(crate) async fn lines(&mut self, query: &str) -> Vec<Line> {
        let safe = AssertSqlSafe(query.to_owned());
        match self {
            Self::Sqlite(connection) => {
                let rows = connection.fetch_all(safe).await.unwrap();
                let line = |row: &sqlx::sqlite::SqliteRow| {
                    (0..row.len()).map(|column| row.get(column)).collect()
                };
                rows.iter().map(line).collect()
            }
            Self::Postgres(connection) => {
                let rows = connection.fetch_all(safe).await.unwrap();
                let line = |row: &sqlx::postgres::PgRow| {
                    (0..row.len()).map(|column| row.get(column)).collect()
                };
                rows.iter().map(line).collect()
            }
        }
    }

    /// The only column of the only row that a query finds.
    pub(crate) async fn one(&mut self, query: &str) -> Option<String> {
        let lines = self.lines(query).await;
        assert_eq!(lines.len(), 1, "{query}");
        lines[0][0].clone()
    }

    /// How many rows there are.
    pub(crate) async fn count(&mut self, from_where: &str) -> usize {
        let count = format!("SELECT CAST(COUNT(*) AS TEXT) FROM {from_where}");
        self.one(&count).await.unwrap().parse().unwrap()
    }

    pub(crate) async fn execute(&mut self, statement: &str) {
        let safe = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Sqlite(connection) => connection.execute(safe).await.map(drop),
            Self::Postgres(connection) => connection.execute(safe).await.map(drop),
        }
        .unwrap();
    }
}
