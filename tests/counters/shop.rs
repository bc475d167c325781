//! A guarded service that counts in a store of one kind, and delivers to the billing service.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use tempfile::TempDir;
use tiergate::lookup::StaticToken;
use tiergate::recorder::{BillingSink, UsageRecorder};
use tiergate::time::Timestamp;
use tiergate::usage::{CounterKey, SharedStore, Tally};
use tiergate::window::{BillingAnchor, Window};
use tiergate::{Catalog, HttpLookup, Subject, TierGate};
use tiergate_billing::Billing;
use tiergate_billing::database::{Database, DatabaseOptions};
use tiergate_clock::{Clock, SystemClock};
use tiergate_core::{FeatureKind, Meter};
use tiergate_tests::{
    Client, Postgres, Redis, Room, Saving, Server, Service, Store, open_usage, signed_in,
};

use crate::PATIENCE;

/// Longer than a busy machine takes for one exchange over loopback.
const PATIENT: Duration = Duration::from_secs(10);

pub(crate) const DAILY: &str = "mails_daily";
pub(crate) const MONTHLY: &str = "mails_monthly";
pub(crate) const FLOWS: &str = "workflow_executions_monthly";
pub(crate) const STORAGE: &str = "storage_limit_gb";

/// Which store the gate counts in, and which database billing keeps its records in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    Redis,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Redis];
}

/// The service, its gate, and everything that is behind it.
pub(crate) struct Shop {
    pub(crate) billing: Service,
    /// The address of the store, as the program takes it.
    pub(crate) address: String,
    pub(crate) store: Arc<dyn SharedStore>,
    pub(crate) gate: TierGate,
    pub(crate) recorder: UsageRecorder,
    /// Requests of the route `/slow` stay here.
    pub(crate) room: Room,
    pub(crate) catalog: Catalog,
    client: Client,
    _server: Server,
    _folder: TempDir,
    _redis: Option<Redis>,
}

/// The catalog that comes with tiergate, with mails that are limited by the day and by the month. It is
/// noon where its calendar is, so that no window of it ends while a scenario runs.
pub(crate) fn catalog(now: Timestamp) -> String {
    let hour = now.as_micros().div_euclid(3_600_000_000).rem_euclid(24);
    // These names count to the west.
    let zone = format!("time_zone: Etc/GMT{:+}", hour - 12);
    let text = include_str!("../../crates/tiergate/feature-flags.yaml");
    let mut text = text.replace("time_zone: UTC", &zone);
    for (key, period) in [(DAILY, "day"), (MONTHLY, "month")] {
        text.push_str(&format!(
            "\n  {key}:\n    name: Mails per {period}\n    category: service\n    kind: limit\n    \
             metric: email_sends\n    counted: quota per {period}\n    tiers: {{ free: 5000, pro: 5000, \
             max: 5000, premium: 5000, team_small: 5000, team_growing: 5000, team_scale: 5000, \
             enterprise: 5000 }}\n"
        ));
    }
    text
}

impl Shop {
    /// None when what it needs is not installed, which is told.
    pub(crate) async fn open(kind: Kind) -> Option<Self> {
        let text = catalog(SystemClock::new().now());
        let folder = tempfile::tempdir().unwrap();
        let (database, address, redis) = match kind {
            Kind::Sqlite => {
                let file = folder.path().join("usage.db");
                (Store::Sqlite, format!("sqlite:{}", file.display()), None)
            }
            Kind::Postgres => {
                let server = Postgres::shared().await?;
                (Store::Postgres, server.create_database().await, None)
            }
            Kind::Redis => {
                let server = Redis::start(Saving::Nothing).await?;
                (Store::Sqlite, server.url(), Some(server))
            }
        };
        let billing = Service::start_with(database, &text).await?;
        let ada = billing.subscribe("ada", "pro").send().await;
        assert_eq!(ada.status, 201, "{}", ada.text());

        let store = open_usage(&address, PATIENT).await;
        let lookup = || {
            HttpLookup::builder(&billing.url())
                .token(StaticToken::new(billing.service_token()))
                .deadline(PATIENT)
                .connect_timeout(PATIENT)
                .build()
                .unwrap()
        };
        let recorder = UsageRecorder::builder(folder.path().join("journal"))
            .linger(Duration::from_millis(10))
            .retry_pauses(Duration::from_millis(20), Duration::from_millis(200))
            .open(BillingSink::new(lookup()))
            .await
            .unwrap();
        let catalog = Catalog::from_yaml(&text).unwrap();
        let gate = TierGate::builder(catalog.clone())
            .lookup(lookup())
            .cache(tiergate_tests::patient_cache())
            .usage(Arc::clone(&store))
            .answer_wait(PATIENT)
            .record_usage(recorder.clone())
            .build()
            .unwrap();
        let mails = || gate.check_usage_limits([DAILY, MONTHLY]).unwrap();
        let layer = |key| gate.check_usage_limit(key).unwrap();
        let room = Room::new();
        let slow = room.clone();
        let app = Router::new()
            .route("/mail", post(async || "").layer(mails()))
            .route("/flow", post(async || "").layer(layer(FLOWS).cost(3)))
            .route("/store", post(async || "").layer(layer(STORAGE)))
            .route("/slow", post(move || slow.clone().stay()).layer(mails()))
            .route("/fails", post(failing()).layer(mails()));
        let server = Server::start(signed_in(app)).await;
        Some(Self {
            client: server.client(),
            _server: server,
            _folder: folder,
            _redis: redis,
            billing,
            address,
            store,
            gate,
            recorder,
            room,
            catalog,
        })
    }

    /// Asks a route so often, of which as many are let through.
    pub(crate) async fn ask(&self, who: &Subject, path: &str, times: usize) -> usize {
        let mut through = 0;
        for _ in 0..times {
            let ask = self.client.post(path);
            let ask = match who.kind() {
                tiergate::SubjectKind::User => ask.user(who.id()),
                tiergate::SubjectKind::Organization => ask.organization(who.id()),
            };
            through += usize::from(ask.status().await.is_success());
        }
        through
    }

    /// The records of the billing service, as the program opens them.
    pub(crate) async fn same_billing(&self) -> Billing {
        let url = self.billing.database_url().parse().unwrap();
        let database = Database::connect(&DatabaseOptions::new(url)).await;
        Billing::new(database.unwrap(), self.catalog.clone())
    }

    /// Waits until billing has everything.
    pub(crate) async fn deliver(&self) {
        self.recorder.flush(PATIENCE).await.unwrap();
    }

    /// Where somebody's units of a limit are counted now.
    pub(crate) async fn counter(&self, who: &Subject, feature: &str) -> CounterKey {
        let kind = self.catalog.features().find_map(|(_, described)| {
            (*described.key == *feature).then(|| described.kind.clone())
        });
        let Some(FeatureKind::Limit {
            meter: Some(meter), ..
        }) = kind
        else {
            panic!("{feature} counts nothing");
        };
        let window = match meter {
            Meter::Quota(period) => {
                let now = SystemClock::new().now();
                let anchor = self.anchor(who).await;
                Some(Window::of(period, now, anchor, self.catalog.time_zone()))
            }
            Meter::Gauge | Meter::Rate(_) => None,
        };
        CounterKey::of_limit(who.clone(), feature, meter, window)
    }

    async fn anchor(&self, who: &Subject) -> Option<BillingAnchor> {
        if *who != Subject::user("ada") {
            return None;
        }
        let standing = self.billing.standing("ada").await;
        let start: Timestamp = standing["currentPeriodStart"].as_str()?.parse().unwrap();
        let end = standing["currentPeriodEnd"].as_str();
        let end = end.map(|end| end.parse().unwrap());
        Some(BillingAnchor::from_period(start, end))
    }

    pub(crate) async fn tally(&self, who: &Subject, feature: &str) -> Tally {
        let key = self.counter(who, feature).await;
        self.store.tally(&key).await.unwrap()
    }

    /// The same once nothing is open: units are given back after the answer is sent.
    pub(crate) async fn settled_tally(&self, who: &Subject, feature: &str) -> Tally {
        let settled = async {
            loop {
                let tally = self.tally(who, feature).await;
                if tally.open() == 0 {
                    return tally;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.unwrap()
    }
}

/// A handler whose units are given back.
fn failing() -> impl Fn() -> std::future::Ready<http::StatusCode> + Clone + Send + Sync + 'static {
    || std::future::ready(http::StatusCode::INTERNAL_SERVER_ERROR)
}
