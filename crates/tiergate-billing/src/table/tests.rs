//! Every statement is one that its database understands.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sqlx::{Executor, SqlSafeStr};
use tiergate_core::Subject;
use uuid::Uuid;

use super::audit_search::{self, AuditQuery};
use super::inbox_admin;
use super::subscription_search::{self, SubscriptionQuery};
use crate::database::{Handle, Kind, Session};
use crate::record::{Cursor, EventState, PageRequest};
use crate::testing::Office;

/// The statements of each file.
const FILES: &[(&str, &[(&str, &str)])] = &[
    ("audit", super::audit::STATEMENTS),
    ("audit_search", super::audit_search::STATEMENTS),
    ("catalog", super::catalog::STATEMENTS),
    ("customers", super::customers::STATEMENTS),
    ("idempotency", super::idempotency::STATEMENTS),
    ("inbox", super::inbox::STATEMENTS),
    ("inbox_admin", super::inbox_admin::STATEMENTS),
    ("invoices", super::invoices::STATEMENTS),
    ("outbox", super::outbox::STATEMENTS),
    ("overrides", super::overrides::STATEMENTS),
    ("payments", super::payments::STATEMENTS),
    ("reports", super::reports::STATEMENTS),
    (
        "subscription_search",
        super::subscription_search::STATEMENTS,
    ),
    ("subscriptions", super::subscriptions::STATEMENTS),
    ("upkeep", super::upkeep::STATEMENTS),
    ("usage", super::usage::STATEMENTS),
    ("usage_ledger", super::usage_ledger::STATEMENTS),
    ("usage_owners", super::usage_owners::STATEMENTS),
    ("usage_reports", super::usage_reports::STATEMENTS),
    ("usage_running", super::usage_running::STATEMENTS),
    ("usage_totals", super::usage_totals::STATEMENTS),
];

/// Constants that are text and no statement of their own.
const OTHERS: &[(&str, &str)] = &[("outbox", "CHANNEL"), ("subscription_search", "TEXT")];

/// For which databases a statement is, by its name.
fn is_for(name: &str, kind: Kind) -> bool {
    match kind {
        Kind::Sqlite => !name.ends_with("POSTGRES"),
        Kind::Postgres => !name.ends_with("SQLITE"),
    }
}

#[tokio::test]
async fn every_statement_can_be_prepared_on_each_database_it_is_for() {
    for office in Office::each().await {
        let kind = office.billing.database().kind();
        let mut read = office.billing.database().read().await.unwrap();
        let mut faults = Vec::new();
        for (file, statements) in FILES {
            for (name, text) in statements.iter().filter(|(name, _)| is_for(name, kind)) {
                let text = text.into_sql_str();
                let prepared = match read.handle() {
                    Handle::Sqlite(connection) => connection.prepare(text).await.map(drop),
                    Handle::Postgres(connection) => connection.prepare(text).await.map(drop),
                };
                faults.extend(prepared.err().map(|why| format!("{file}::{name}: {why}")));
            }
        }
        assert!(faults.is_empty(), "{kind:?}: {faults:#?}");
    }
}

/// Lists are put together while the program runs; this is all of each.
#[tokio::test]
async fn every_condition_of_every_list_is_understood_by_both_databases() {
    for office in Office::each().await {
        let mut read = office.billing.database().read().await.unwrap();
        let word = || Some("word".to_owned());
        let page = PageRequest {
            after: Some(Cursor {
                at: office.billing.now().into(),
                id: Uuid::nil(),
            }),
            ..PageRequest::default()
        };
        for owner in [Subject::user("ada"), Subject::organization("acme")] {
            let query = SubscriptionQuery {
                tier: word(),
                status: word(),
                owner: Some(owner),
                text: word(),
            };
            let found = subscription_search::search(&mut read, &query, page).await;
            assert!(found.unwrap().items.is_empty());
        }
        let query = AuditQuery {
            object_kind: word(),
            object_id: word(),
            actor_kind: word(),
            actor_id: word(),
            action: word(),
            from: Some(office.billing.now().into()),
            to: Some(office.billing.now().into()),
        };
        let found = audit_search::search(&mut read, &query, page).await;
        assert!(found.unwrap().items.is_empty());
        for state in EventState::ALL {
            let found = inbox_admin::list(&mut read, Some(state), page).await;
            assert!(found.unwrap().items.is_empty());
        }
    }
}

#[test]
fn every_statement_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/table");
    let mut missing = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_stem().unwrap().to_str().unwrap();
        let listed: BTreeSet<_> = FILES
            .iter()
            .filter(|(name, _)| *name == file)
            .flat_map(|(_, statements)| statements.iter().map(|(name, _)| *name))
            .collect();
        if file == "tests" {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let text = line.strip_prefix("pub(crate) ").unwrap_or(line);
            let Some((name, _)) = text
                .strip_prefix("const ")
                .and_then(|rest| rest.split_once(": &str ="))
            else {
                continue;
            };
            if !listed.contains(name) && !OTHERS.contains(&(file, name)) {
                missing.push(format!("{file}::{name}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "name them in the `statements!` of their file, and the file in FILES: {missing:?}"
    );
}
