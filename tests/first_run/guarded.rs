//! A service as the quickstart guards one.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use http::Request;
use http::header::AUTHORIZATION;
use tiergate::lookup::StaticToken;
use tiergate::testing::platform_catalog;
use tiergate::{HttpLookup, Principal, TierGate};
use tiergate_tests::{Server, eventually};
use tower::util::MapRequestLayer;

pub(crate) struct Guarded {
    gate: TierGate,
    server: Server,
}

impl Guarded {
    /// Starts it, and waits until it follows what billing tells.
    pub(crate) async fn start(billing: &str, token: &str) -> Self {
        let lookup = HttpLookup::builder(billing)
            .token(StaticToken::new(token))
            .build()
            .expect("the address is one of this machine");
        let gate = TierGate::builder(platform_catalog())
            .live_lookup(lookup)
            .build()
            .expect("a gate");
        let crm = gate
            .require_feature("crm_enabled")
            .expect("it is in the catalog");
        let contacts = get(async || "Ada Lovelace, Grace Hopper\n").layer(crm);
        let router = Router::new()
            .route("/api/crm/contacts", contacts)
            .layer(MapRequestLayer::new(sign_in));
        let server = Server::start(router).await;
        let guarded = Self { gate, server };
        eventually("billing is followed", || {
            guarded
                .gate
                .following()
                .is_some_and(|it| it.statistics().connected)
        })
        .await;
        guarded
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many changes it was told of that hold now.
    pub(crate) fn changes(&self) -> u64 {
        let following = self.gate.following();
        following.map_or(0, |following| following.statistics().applied)
    }
}

/// Whoever says so is signed in.
fn sign_in<B>(mut request: Request<B>) -> Request<B> {
    let user = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer demo-"))
        .map(Principal::user);
    if let Some(user) = user {
        request.extensions_mut().insert(user);
    }
    request
}
