//! A service that is guarded, and follows what the billing service tells.

use std::time::Duration;

use crate::{Client, Server, Service, eventually, patient_cache, signed_in};
use axum::Router;
use axum::routing::get;
use http::StatusCode;
use tiergate::TierGate;
use tiergate::lookup::{HttpLookup, StaticToken};
use tiergate::testing::platform_catalog;
use tiergate_clock::{Clock, ManualClock, SystemClock};

/// Longer than a busy machine takes for one exchange over loopback.
const PATIENT: Duration = Duration::from_secs(10);

/// A service with a gate that follows the billing service. Its clock stands still: nothing that it knows
/// grows old by itself, and nothing is asked again because of its age.
#[derive(Debug)]
pub struct Guarded {
    gate: TierGate,
    _server: Server,
    client: Client,
}

impl Guarded {
    /// A route that takes the tier pro, and one that takes premium.
    ///
    /// # Panics
    ///
    /// When it cannot be set up.
    pub async fn start(service: &Service) -> Self {
        Self::through(&service.url(), service).await
    }

    /// The same, which reaches the billing service at that address.
    ///
    /// # Panics
    ///
    /// When it cannot be set up.
    pub async fn through(url: &str, service: &Service) -> Self {
        let lookup = HttpLookup::builder(url)
            .token(StaticToken::new(service.service_token()))
            .deadline(PATIENT)
            .connect_timeout(PATIENT)
            .build()
            .unwrap();
        let gate = TierGate::builder(platform_catalog())
            .live_lookup(lookup)
            .cache(patient_cache())
            .clock(ManualClock::at(SystemClock::new().now()))
            .build()
            .unwrap();
        let pro = gate.require_min_tier("pro").unwrap();
        let premium = gate.require_min_tier("premium").unwrap();
        let app = Router::new()
            .route("/pro", get(async || "").layer(pro))
            .route("/premium", get(async || "").layer(premium));
        let server = Server::start(signed_in(app)).await;
        let guarded = Self {
            gate,
            client: server.client(),
            _server: server,
        };
        guarded.connected(1).await;
        guarded
    }

    /// Waits until the stream was opened that often.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub async fn connected(&self, times: u64) {
        let following = self.gate.following().unwrap();
        eventually("a connection", || {
            following.statistics().connections >= times
        })
        .await;
    }

    /// How many changes hold that were told.
    ///
    /// # Panics
    ///
    /// Never: it follows.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.gate.following().unwrap().statistics().applied
    }

    /// How often changes may have been missed.
    ///
    /// # Panics
    ///
    /// Never: it follows.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.gate.following().unwrap().statistics().gaps
    }

    /// Waits until that many changes hold that were told.
    ///
    /// # Panics
    ///
    /// When fewer come to hold, or more.
    pub async fn told(&self, changes: u64) {
        eventually("the change", || self.applied() >= changes).await;
        assert_eq!(self.applied(), changes);
    }

    /// Asks for a route.
    ///
    /// # Panics
    ///
    /// When nobody answers.
    pub async fn asks(&self, user: &str, path: &str) -> StatusCode {
        self.client.get(path).user(user).status().await
    }

    /// Lets the guard know what somebody has, who has nothing.
    ///
    /// # Panics
    ///
    /// When they have something.
    pub async fn knows_of(&self, user: &str) {
        assert_eq!(self.asks(user, "/pro").await, StatusCode::FORBIDDEN);
    }
}
