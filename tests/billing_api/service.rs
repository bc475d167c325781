//! The service on a socket, over a new database, with a clock that the test sets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tiergate_billing::Billing;
use tiergate_billing::api::Api;
use tiergate_billing::auth::Verifier;
use tiergate_billing::database::{Database, DatabaseOptions, Durability};
use tiergate_billing::payment::ManualProvider;
use tiergate_billing::server::{Server, ServerOptions, Shutdown};
use tiergate_clock::{Clock, ManualClock};
use tiergate_core::Catalog;
use tiergate_tests::tokens::Role;
use tiergate_tests::{Client, Mint, Postgres, Token};
use tokio::sync::OnceCell;

use crate::call::Caller;

/// What tokens are signed with.
const SECRET: &str = "a secret that only the tests of the API share";

/// A migrated database of the shared PostgreSQL server, which is copied for each test.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// A day.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A service that runs, from the first moment of 2026 on. It ends with the test.
pub(crate) struct Service {
    pub(crate) billing: Billing,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    pub(crate) mint: Mint,
    shutdown: Shutdown,
    _folder: Option<TempDir>,
}

impl Service {
    pub(crate) async fn over_sqlite() -> Self {
        Self::over_sqlite_with(|api| api).await
    }

    pub(crate) async fn over_sqlite_with(set: impl FnOnce(Api) -> Api) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("billing.db").display());
        let database = connect(&url).await;
        database.migrate().await.unwrap();
        Self::start(database, Some(folder), set).await
    }

    /// None when there is no PostgreSQL, which is told.
    pub(crate) async fn over_postgres() -> Option<Self> {
        let server = Postgres::shared().await?;
        let template = TEMPLATE
            .get_or_init(|| async {
                let url = server.create_database().await;
                let database = connect(&url).await;
                database.migrate().await.unwrap();
                // Nobody may be connected to what is copied.
                database.close().await;
                url
            })
            .await;
        let url = server.copy_database(template).await;
        Some(Self::start(connect(&url).await, None, |api| api).await)
    }

    async fn start(
        database: Database,
        folder: Option<TempDir>,
        set: impl FnOnce(Api) -> Api,
    ) -> Self {
        let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
        let catalog = Catalog::from_yaml(include_str!("../../feature-flags.yaml")).unwrap();
        let billing = Billing::assemble(database, catalog, Arc::new(ManualProvider), clock.clone());
        let verifier = Verifier::shared_secret(&SECRET.to_owned().into(), clock.clone()).unwrap();
        let api = set(Api::new(billing.clone(), verifier));
        let options = ServerOptions::new((Ipv4Addr::LOCALHOST, 0));
        let server = Server::bind(api, options).await.unwrap();
        let address = server.address();
        let shutdown = Shutdown::new();
        tokio::spawn(server.run(shutdown.clone()));
        Self {
            billing,
            clock,
            address,
            client: Client::new(address),
            mint: Mint::new(SECRET),
            shutdown,
            _folder: folder,
        }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// A user who is in no organization.
    pub(crate) fn user(&self, id: &str) -> Caller<'_> {
        self.caller(move |clock| Token::user(id, clock))
    }

    /// A user in an organization.
    pub(crate) fn member(&self, id: &str, organization: &str, role: Role) -> Caller<'_> {
        self.caller(move |clock| Token::user(id, clock).in_organization(organization, role))
    }

    /// Another service of the operator's.
    pub(crate) fn meter(&self) -> Caller<'_> {
        self.caller(|clock| Token::service("meter", clock))
    }

    /// A person of the operator's.
    pub(crate) fn admin(&self) -> Caller<'_> {
        self.caller(|clock| Token::admin("ines", clock))
    }

    /// Somebody without a token.
    pub(crate) fn nobody(&self) -> Caller<'_> {
        Caller::new(self, None)
    }

    /// Whoever shows this credential.
    pub(crate) fn bearer(&self, authorization: &str) -> Caller<'_> {
        Caller::new(self, Some(authorization.to_owned()))
    }

    /// Whoever shows a token, made now: it is good for an hour.
    pub(crate) fn caller(&self, token: impl FnOnce(&dyn Clock) -> Token) -> Caller<'_> {
        self.bearer(&self.mint.bearer(&token(&*self.clock)))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shutdown.at_once();
    }
}

async fn connect(url: &str) -> Database {
    let options = DatabaseOptions::new(url.parse().unwrap())
        .with_connections(4)
        // Nothing is said here of what survives the machine.
        .with_durability(Durability::Normal);
    Database::connect(&options).await.unwrap()
}
