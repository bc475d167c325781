//! The audit log. Rows are added to it, and the database itself refuses to change or delete them.

use serde_json::Value;
use sqlx::types::Json;

use crate::AuditId;
use crate::context::Context;
use crate::database::{DatabaseError, Write, on};

/// What was done to what.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// What was done, like `subscription.changed`.
    pub(crate) action: &'static str,
    /// What kind of thing it was done to, like `subscription`.
    pub(crate) object_kind: &'static str,
    /// Which one.
    pub(crate) object_id: String,
    /// What it was.
    pub(crate) before: Option<Value>,
    /// What it became.
    pub(crate) after: Option<Value>,
    /// Why, in the words of who did it.
    pub(crate) reason: Option<&'a str>,
}

const INSERT: &str = "INSERT INTO audit_log (id, at, actor_kind, actor_id, action, object_kind, \
     object_id, before, after, reason, request_id) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// Adds an entry.
pub(crate) async fn insert(
    write: &mut Write,
    context: &Context,
    entry: Entry<'_>,
) -> Result<(), DatabaseError> {
    on!(write, connection => sqlx::query(INSERT)
        .bind(AuditId::new(context.now).uuid())
        .bind(context.now.as_micros())
        .bind(context.actor.kind.as_str())
        .bind(&context.actor.id)
        .bind(entry.action)
        .bind(entry.object_kind)
        .bind(&entry.object_id)
        .bind(entry.before.map(Json))
        .bind(entry.after.map(Json))
        .bind(entry.reason)
        .bind(&context.request_id)
        .execute(connection)
        .await?
        .rows_affected());
    Ok(())
}

statements![INSERT];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Kind;
    use crate::testing::Office;

    #[tokio::test]
    async fn the_database_itself_refuses_to_change_or_delete_an_entry() {
        for office in Office::each().await {
            let context = Context::system("test", office.billing.now());
            let mut write = office.billing.database().write().await.unwrap();
            let entry = Entry {
                action: "thing.done",
                object_kind: "thing",
                object_id: "1".to_owned(),
                before: None,
                after: Some(Value::from(7)),
                reason: Some("a test"),
            };
            insert(&mut write, &context, entry).await.unwrap();
            write.commit().await.unwrap();
            let mut statements = vec![
                "UPDATE audit_log SET reason = 'another'",
                "UPDATE audit_log SET at = at + 1 WHERE object_id = '1'",
                "DELETE FROM audit_log",
                "DELETE FROM audit_log WHERE action = 'thing.done'",
            ];
            if office.billing.database().kind() == Kind::Postgres {
                statements.push("TRUNCATE audit_log");
            }
            for statement in statements {
                let mut write = office.billing.database().write().await.unwrap();
                let refused = on!(&mut write, connection => sqlx::query(statement)
                    .execute(connection)
                    .await
                    .map(drop))
                .unwrap_err();
                assert!(refused.to_string().contains("only added to"), "{refused}");
            }
            let mut read = office.billing.database().read().await.unwrap();
            let kept: i64 = on!(&mut read, connection => sqlx::query_scalar(
                    "SELECT COUNT(*) FROM audit_log WHERE reason = 'a test'")
                .fetch_one(connection)
                .await
                .unwrap());
            assert_eq!(kept, 1);
        }
    }
}
