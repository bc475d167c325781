//! A gate that follows the changes of the billing service: they hold at once, those that were missed
//! are found out, and nobody follows when the gate is gone. The clock stands still throughout.

#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use tiergate::testing::platform_catalog;
use tiergate::{Subject, TierGate};
use tiergate_clock::ManualClock;
use tiergate_tests::{
    Act, Billing, Client, Server, active, eventually, patient_cache, patient_lookup, signed_in,
    within,
};

fn live_gate(billing: &Billing) -> TierGate {
    TierGate::builder(platform_catalog())
        .live_lookup(patient_lookup(billing))
        .cache(patient_cache())
        .clock(ManualClock::default())
        .build()
        .unwrap()
}

async fn connected(gate: &TierGate, times: u64) {
    let following = gate.following().unwrap();
    eventually("a connection", || {
        following.statistics().connections >= times
    })
    .await;
}

async fn serve(gate: &TierGate) -> Server {
    let guard = gate.require_feature("crm_enabled").unwrap();
    let app = Router::new().route("/crm", get(async || "").layer(guard));
    Server::start(signed_in(app)).await
}

/// Asks until the answer is this.
async fn comes_to(client: &Client, status: StatusCode) {
    within("the change", async {
        while client.get("/crm").user("ada").status().await != status {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn ada(tier: &str, version: u64) -> tiergate::Subscription {
    active(Subject::user("ada"), tier)
        .with_id("sub_1")
        .with_version(version)
}

#[tokio::test]
async fn who_pays_and_who_stops_paying_is_known_at_once() {
    let billing = Billing::start().await;
    billing.subscribe(ada("pro", 1));
    let gate = live_gate(&billing);
    connected(&gate, 1).await;
    let server = serve(&gate).await;
    let client = server.client();
    assert_eq!(
        client.get("/crm").user("ada").status().await,
        StatusCode::OK
    );
    billing.announce(ada("free", 2));
    comes_to(&client, StatusCode::FORBIDDEN).await;
    billing.announce(ada("pro", 3));
    comes_to(&client, StatusCode::OK).await;
    assert_eq!(
        billing.calls(),
        1,
        "the changes brought all that was needed"
    );
    let statistics = gate.following().unwrap().statistics();
    assert_eq!(statistics.applied, 2);
}

#[tokio::test]
async fn a_change_during_an_outage_is_found_out_after_it() {
    let billing = Billing::start().await;
    billing.subscribe(ada("pro", 1));
    let gate = live_gate(&billing);
    connected(&gate, 1).await;
    let server = serve(&gate).await;
    let client = server.client();
    comes_to(&client, StatusCode::OK).await;
    billing.kill().await;
    billing.subscribe(ada("free", 2));
    assert_eq!(
        client.get("/crm").user("ada").status().await,
        StatusCode::OK
    );
    // It tells of changes again, but does not answer yet: who was served is served on.
    billing.act(Act::Status(503, ""));
    billing.restart();
    connected(&gate, 2).await;
    assert_eq!(
        client.get("/crm").user("ada").status().await,
        StatusCode::OK
    );
    billing.act(Act::Answer);
    // A lookup failed, so that there is a pause; a change that is told ends it.
    billing.announce(ada("free", 3));
    comes_to(&client, StatusCode::FORBIDDEN).await;
}

#[tokio::test]
async fn what_was_missed_is_asked_for_again() {
    let billing = Billing::start().await;
    billing.subscribe(ada("pro", 1));
    let gate = live_gate(&billing);
    connected(&gate, 1).await;
    let server = serve(&gate).await;
    let client = server.client();
    comes_to(&client, StatusCode::OK).await;
    billing.kill().await;
    billing.subscribe(ada("free", 2));
    billing.restart();
    connected(&gate, 2).await;
    comes_to(&client, StatusCode::FORBIDDEN).await;
    assert_eq!(gate.following().unwrap().statistics().applied, 0);
}

#[tokio::test]
async fn with_the_last_gate_the_following_ends() {
    let billing = Billing::start().await;
    let gate = live_gate(&billing);
    connected(&gate, 1).await;
    assert_eq!(billing.followers(), 1);
    let guard = gate.require_feature("crm_enabled").unwrap();
    drop(gate);
    assert_eq!(billing.followers(), 1, "a layer is a clone as well");
    drop(guard);
    eventually("the end", || billing.followers() == 0).await;
}
