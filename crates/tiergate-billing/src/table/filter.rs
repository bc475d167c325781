//! Lists that are filtered: a statement put together from constant pieces, as many as the caller asks
//! for. A database plans it better than one in which every condition may be switched off.

use sqlx::query::QueryAs;
use sqlx::{AssertSqlSafe, Encode, SqlSafeStr, Type};
use uuid::Uuid;

use crate::database::{DatabaseError, Session, on};
use crate::record::PageRequest;

/// Something to compare a column with.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Text(String),
    Number(i64),
    Uuid(Uuid),
}

impl From<&str> for Operand {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Operand {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Operand {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Uuid> for Operand {
    fn from(uuid: Uuid) -> Self {
        Self::Uuid(uuid)
    }
}

/// A statement that selects, to which conditions are added. Its text is made of constants and of the
/// numbers of placeholders; what callers send is only ever bound.
#[derive(Debug)]
pub(super) struct Filter {
    text: String,
    operands: Vec<Operand>,
    joint: &'static str,
}

impl Filter {
    /// Everything that `select` selects.
    pub(super) fn new(select: &'static str) -> Self {
        Self {
            text: select.to_owned(),
            operands: Vec::new(),
            joint: " WHERE ",
        }
    }

    /// Only that for which `condition` holds; `$?` in it stands for the operand.
    pub(super) fn and(&mut self, condition: &'static str, operand: impl Into<Operand>) {
        self.operands.push(operand.into());
        let placeholder = format!("${}", self.operands.len());
        self.text.push_str(self.joint);
        self.text.push_str(&condition.replace("$?", &placeholder));
        self.joint = " AND ";
    }

    /// Only that for which `condition` holds, if there is an operand.
    pub(super) fn and_if(&mut self, condition: &'static str, operand: Option<impl Into<Operand>>) {
        if let Some(operand) = operand {
            self.and(condition, operand);
        }
    }

    /// A page of it, newest first by the column `at`, and one item more that says whether there is
    /// another page.
    pub(super) fn page(&mut self, at: &'static str, page: PageRequest) {
        if let Some(after) = page.after {
            self.operands.push(after.at.as_micros().into());
            self.operands.push(after.id.into());
            let second = self.operands.len();
            let first = second - 1;
            self.text
                .push_str(&format!("{}({at}, id) < (${first}, ${second})", self.joint));
        }
        self.operands
            .push(i64::from(page.limit).saturating_add(1).into());
        let limit = self.operands.len();
        self.text
            .push_str(&format!(" ORDER BY {at} DESC, id DESC LIMIT ${limit}"));
    }

    /// Reads the rows.
    pub(super) async fn fetch<R>(self, session: &mut impl Session) -> Result<Vec<R>, DatabaseError>
    where
        R: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
            + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>
            + Send
            + Unpin,
    {
        let Self { text, operands, .. } = self;
        let text = AssertSqlSafe(text).into_sql_str();
        Ok(
            on!(session, connection => bind(sqlx::query_as::<_, R>(text), operands)
            .fetch_all(connection)
            .await?),
        )
    }
}

fn bind<'q, DB, R>(
    query: QueryAs<'q, DB, R, DB::Arguments>,
    operands: Vec<Operand>,
) -> QueryAs<'q, DB, R, DB::Arguments>
where
    DB: sqlx::Database,
    String: Encode<'q, DB> + Type<DB>,
    i64: Encode<'q, DB> + Type<DB>,
    Uuid: Encode<'q, DB> + Type<DB>,
{
    operands
        .into_iter()
        .fold(query, |query, operand| match operand {
            Operand::Text(text) => query.bind(text),
            Operand::Number(number) => query.bind(number),
            Operand::Uuid(uuid) => query.bind(uuid),
        })
}

/// A pattern for `LIKE … ESCAPE '\'` that finds `text` anywhere, with nothing in it that `LIKE` obeys.
pub(super) fn anywhere(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callers_send_is_never_part_of_the_text() {
        let mut filter = Filter::new("SELECT id FROM t");
        filter.and("a = $?", "'; DROP TABLE t --");
        filter.and_if("b = $?", None::<i64>);
        filter.and("(c = $? OR d = $?)", 7);
        filter.page("created_at", PageRequest::default());
        assert_eq!(
            filter.text,
            "SELECT id FROM t WHERE a = $1 AND (c = $2 OR d = $2) \
             ORDER BY created_at DESC, id DESC LIMIT $3"
        );
    }

    #[test]
    fn a_pattern_finds_the_text_as_it_is() {
        assert_eq!(anywhere(r"50%_\"), r"%50\%\_\\%");
    }
}
