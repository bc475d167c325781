//! What the crate's own tests begin with.

use std::sync::Arc;

use sqlx::Connection;
use tempfile::TempDir;
use tiergate_clock::ManualClock;
use tiergate_core::Catalog;

use crate::Billing;
use crate::auth::{Caller, Membership, OrganizationRole, Permission, Role};
use crate::context::Context;
use crate::database::{Database, DatabaseAddress, DatabaseOptions};
use crate::payment::ManualProvider;

/// A service over a database of its own. It begins at the first moment of 2026.
pub(crate) struct Office {
    pub(crate) billing: Billing,
    pub(crate) clock: Arc<ManualClock>,
    _folder: TempDir,
    address: String,
}

impl Office {
    /// Over a SQLite file.
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}", folder.path().join("billing.db").display());
        Self::over(&address, folder).await
    }

    /// Over a new database of the PostgreSQL server that `TIERGATE_TEST_POSTGRES` names, like
    /// `postgres://postgres@127.0.0.1:5432`. None if it names none.
    pub(crate) async fn open_postgres() -> Option<Self> {
        let server = std::env::var("TIERGATE_TEST_POSTGRES").ok()?;
        let name = format!("office_{}", uuid::Uuid::new_v4().simple());
        let mut admin = sqlx::PgConnection::connect(&format!("{server}/postgres"))
            .await
            .unwrap();
        // The name is of our own making.
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(create).execute(&mut admin).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Some(Self::over(&format!("{server}/{name}"), folder).await)
    }

    /// One over each database that is there.
    pub(crate) async fn each() -> Vec<Self> {
        let mut offices = vec![Self::open().await];
        offices.extend(Self::open_postgres().await);
        offices
    }

    async fn over(address: &str, folder: TempDir) -> Self {
        let database = Database::connect(&DatabaseOptions::new(address.parse().unwrap()))
            .await
            .unwrap();
        database.migrate().await.unwrap();
        let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
        let billing =
            Billing::assemble(database, catalog(), Arc::new(ManualProvider), clock.clone());
        Self {
            billing,
            clock,
            _folder: folder,
            address: address.to_owned(),
        }
    }

    /// Where the database is, for another process.
    pub(crate) fn address(&self) -> DatabaseAddress {
        self.address.parse().unwrap()
    }

    /// The circumstances of something that `caller` does now.
    pub(crate) fn context(&self, caller: &Caller) -> Context {
        Context {
            actor: caller.actor(),
            ..Context::system("test", self.billing.now())
        }
    }
}

/// The catalog that comes with tiergate.
pub(crate) fn catalog() -> Catalog {
    Catalog::from_yaml(include_str!("../feature-flags.yaml")).unwrap()
}

/// Somebody without a role.
pub(crate) fn user(id: &str) -> Caller {
    Caller {
        id: id.to_owned(),
        email: None,
        name: None,
        roles: Vec::new(),
        organizations: Vec::new(),
        permissions: vec![Permission::Read, Permission::Write],
    }
}

/// Somebody who belongs to an organization.
pub(crate) fn member(id: &str, organization: &str, role: OrganizationRole) -> Caller {
    Caller {
        organizations: vec![Membership {
            id: organization.to_owned(),
            role,
        }],
        ..user(id)
    }
}

/// One of the operator's people or services.
pub(crate) fn operator(id: &str, role: Role) -> Caller {
    Caller {
        roles: vec![role],
        ..user(id)
    }
}
