//! A limit of L admits exactly L, whatever clients, handlers and clocks do, and no unit is lost.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use http::StatusCode;
use tiergate::request::RequestHead;
use tiergate::usage::MemoryUsage;
use tiergate::{Access, Subject, TierGate};
use tiergate_clock::ManualClock;
use tiergate_tests::{
    Billing, Client, Reply, Room, Server, eventually, limited, metered_gate, signed_in, within,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const CROWD: usize = 1_000;

/// A quota, a gauge and a rate, each of which the platform's catalog has.
const QUOTA: &str = "sms_messages";
const GAUGE: &str = "storage_limit_gb";
const RATE: &str = "api_calls_per_minute";

struct Scene {
    billing: Billing,
    clock: ManualClock,
    gate: TierGate,
    usage: Arc<MemoryUsage>,
}

impl Scene {
    async fn new() -> Self {
        let billing = Billing::start().await;
        let clock = ManualClock::default();
        let (gate, usage) = metered_gate(&billing, &clock);
        Self {
            billing,
            clock,
            gate,
            usage,
        }
    }

    fn limit(&self, user: &str, feature: &str, units: u64) {
        self.billing
            .subscribe(limited(Subject::user(user), feature, units));
    }

    async fn used(&self, user: &str, feature: &str) -> u64 {
        let report = self.gate.usage(&Subject::user(user), feature).await;
        report.unwrap().used
    }

    async fn assert_settled(&self, user: &str, feature: &str, committed: u64) {
        let usage = Arc::clone(&self.usage);
        eventually("settling", || usage.statistics().open() == 0).await;
        assert_eq!(self.used(user, feature).await, committed);
        assert_eq!(self.usage.statistics().expired(), 0);
    }
}

/// Sends a crowd's requests at once; the replies come as they come.
fn crowd(
    client: &Client,
    user: &str,
    header: impl Fn(usize) -> String,
) -> mpsc::Receiver<(usize, Reply)> {
    let (sender, replies) = mpsc::channel(CROWD);
    for one in 0..CROWD {
        let ask = client.post("/").user(user).header("x-cost", &header(one));
        let sender = sender.clone();
        tokio::spawn(async move { sender.send((one, ask.send().await)).await });
    }
    replies
}

async fn admits_exactly(scene: &Scene, feature: &str, limit: usize) {
    let user = format!("{feature}-{limit}");
    scene.limit(&user, feature, limit as u64);
    let room = Room::new();
    let handler = {
        let room = room.clone();
        async move || room.clone().stay().await
    };
    let guard = scene.gate.check_usage_limit(feature).unwrap();
    let app = Router::new().route("/", post(handler).layer(guard));
    let server = Server::start(signed_in(app)).await;
    let mut replies = crowd(&server.client(), &user, |_| "1".to_owned());

    // Nobody who was admitted leaves before everybody else was refused.
    for _ in limit..CROWD {
        let (_, reply) = within("a refusal", replies.recv()).await.unwrap();
        assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(reply.code(), "LIMIT_EXCEEDED");
        assert_eq!(reply.json()["used"], limit);
        assert_eq!(reply.json()["remaining"], 0);
    }
    eventually("the admission of the rest", || room.entered() == limit).await;
    assert_eq!(scene.usage.statistics().open(), limit as u64);
    room.open();
    for _ in 0..limit {
        let (_, reply) = within("an answer", replies.recv()).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK);
    }
    assert!(replies.recv().await.is_none());
    scene.assert_settled(&user, feature, limit as u64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_concurrent_requests_exactly_the_limit_gets_through() {
    let scene = Scene::new().await;
    for (feature, limit) in [(QUOTA, 1), (QUOTA, 1_000), (GAUGE, 500), (RATE, 250)] {
        admits_exactly(&scene, feature, limit).await;
    }
    let statistics = scene.usage.statistics();
    assert_eq!(statistics.committed(), 1 + 1_000 + 500 + 250);
    assert_eq!(statistics.released(), 0);
}

fn cost(head: &RequestHead<'_>) -> u64 {
    head.headers()["x-cost"].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_mixed_costs_fill_a_limit_and_never_more() {
    const LIMIT: u64 = 1_500;

    let scene = Scene::new().await;
    scene.limit("ada", QUOTA, LIMIT);
    let answer = async |request: Request| {
        let access = Access::of(request.extensions()).unwrap();
        access.ticket().unwrap().quantity().to_string()
    };
    let guard = scene.gate.check_usage_limit(QUOTA).unwrap().cost_of(cost);
    let app = Router::new().route("/", post(answer).layer(guard));
    let server = Server::start(signed_in(app)).await;
    let mut dice = fastrand::Rng::with_seed(1_500);
    let costs: Vec<u64> = (0..CROWD).map(|_| dice.u64(1..=5)).collect();
    assert!(costs.iter().sum::<u64>() > LIMIT);
    let mut replies = crowd(&server.client(), "ada", |one| costs[one].to_string());

    let (mut admitted, mut refused) = (0, 0);
    while let Some((one, reply)) = within("an answer", replies.recv()).await {
        if reply.status == StatusCode::OK {
            admitted += reply.text().parse::<u64>().unwrap();
        } else {
            assert_eq!(reply.code(), "LIMIT_EXCEEDED");
            let used = reply.json()["used"].as_u64().unwrap();
            // It did not fit when it was refused, and units only add up here.
            assert!(used + costs[one] > LIMIT && used <= LIMIT);
            refused += 1;
        }
    }
    assert!(admitted <= LIMIT);
    assert!(refused > 0);
    scene.assert_settled("ada", QUOTA, admitted).await;

    let ask = || server.client().post("/").user("ada").header("x-cost", "1");
    for _ in admitted..LIMIT {
        assert_eq!(ask().status().await, StatusCode::OK);
    }
    assert_eq!(ask().status().await, StatusCode::TOO_MANY_REQUESTS);
    let whole = server
        .client()
        .post("/")
        .user("ada")
        .header("x-cost", "1501");
    let reply = whole.send().await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::FORBIDDEN, "COST_ABOVE_LIMIT")
    );
    assert_eq!(reply.retry_after(), None);
    scene.assert_settled("ada", QUOTA, LIMIT).await;
}

#[tokio::test]
async fn of_several_limits_all_are_taken_or_none() {
    let scene = Scene::new().await;
    scene.limit("ada", QUOTA, 3);
    let guard = scene.gate.check_usage_limits([GAUGE, QUOTA]).unwrap();
    let app = Router::new().route("/", post(async || "done").layer(guard));
    let server = Server::start(signed_in(app)).await;
    for turn in 0..10 {
        let reply = server.client().post("/").user("ada").send().await;
        assert_eq!(reply.status == StatusCode::OK, turn < 3);
    }
    scene.assert_settled("ada", QUOTA, 3).await;
    scene.assert_settled("ada", GAUGE, 3).await;
}

/// One path for each layer, and under each a handler that stays, one that panics and one that fails.
fn three_layers(gate: &TierGate, room: &Room) -> Router {
    let handlers = || {
        let room = room.clone();
        Router::new()
            .route("/stay", get(async move || room.clone().stay().await))
            .route(
                "/panic",
                // Does not call the panic hook, which would fill the log.
                get(async || -> &'static str { std::panic::resume_unwind(Box::new("a fault")) }),
            )
            .route("/fail", get(async || StatusCode::INTERNAL_SERVER_ERROR))
            .route("/refuse", get(async || StatusCode::NOT_FOUND))
            .route("/work", get(async || "done"))
    };
    let feature = gate.require_feature("crm_enabled").unwrap();
    let tier = gate.require_min_tier("premium").unwrap();
    let limit = gate.check_usage_limit(QUOTA).unwrap();
    signed_in(
        Router::new()
            .nest("/feature", handlers().route_layer(feature))
            .nest("/tier", handlers().route_layer(tier))
            .nest("/limit", handlers().route_layer(limit)),
    )
}

const LAYERS: [&str; 3] = ["feature", "tier", "limit"];
const TIMES: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_takes_nothing_with_it() {
    let scene = Scene::new().await;
    // One unit: if any were lost, the next client would not get in.
    scene.limit("ada", QUOTA, 1);
    let room = Room::new();
    let server = Server::start(three_layers(&scene.gate, &room)).await;
    let mut visits = 0;
    for layer in LAYERS {
        for _ in 0..TIMES {
            let path = format!("/{layer}/stay");
            let visitor = server.client().visit(&path, "ada").await;
            visits += 1;
            eventually("the visit", || room.entered() == visits).await;
            visitor.leave();
            eventually("the handler's end", || room.is_empty()).await;
            eventually("the release", || scene.usage.statistics().open() == 0).await;
        }
        let work = server.client().get(&format!("/{layer}/work")).user("ada");
        assert_eq!(work.status().await, StatusCode::OK);
    }
    assert_eq!(scene.usage.statistics().released(), TIMES as u64);
    scene.assert_settled("ada", QUOTA, 1).await;
}

async fn a_handler_that_ends_badly_uses_nothing(end: &str) {
    let scene = Scene::new().await;
    scene.limit("ada", QUOTA, 1);
    let server = Server::start(three_layers(&scene.gate, &Room::new())).await;
    for layer in LAYERS {
        for _ in 0..TIMES {
            let ask = server.client().get(&format!("/{layer}/{end}")).user("ada");
            match (end, ask.try_send().await.map(|reply| reply.status)) {
                ("panic", None) => {}
                ("fail", Some(status)) => assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR),
                ("refuse", Some(status)) => assert_eq!(status, StatusCode::NOT_FOUND),
                (_, answer) => assert_eq!(answer, None, "{layer}/{end}"),
            }
            eventually("the release", || scene.usage.statistics().open() == 0).await;
        }
        let work = server.client().get(&format!("/{layer}/work")).user("ada");
        assert_eq!(work.status().await, StatusCode::OK);
    }
    assert_eq!(scene.usage.statistics().released(), TIMES as u64);
    scene.assert_settled("ada", QUOTA, 1).await;
}

#[tokio::test]
async fn a_handler_that_panics_uses_nothing() {
    a_handler_that_ends_badly_uses_nothing("panic").await;
}

#[tokio::test]
async fn an_answer_of_500_uses_nothing() {
    a_handler_that_ends_badly_uses_nothing("fail").await;
}

#[tokio::test]
async fn an_answer_of_404_uses_nothing() {
    a_handler_that_ends_badly_uses_nothing("refuse").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_used_is_what_was_committed_after_every_kind_of_end() {
    let scene = Scene::new().await;
    scene.limit("ada", QUOTA, 100_000);
    let room = Room::new();
    let server = Server::start(three_layers(&scene.gate, &room)).await;
    let mut dice = fastrand::Rng::with_seed(7);
    let mut tasks = JoinSet::new();
    let (mut worked, mut visitors) = (0, Vec::new());
    for _ in 0..400 {
        match dice.u8(0..4) {
            0 => visitors.push(server.client().visit("/limit/stay", "ada").await),
            1 => drop(tasks.spawn(server.client().get("/limit/panic").user("ada").try_send())),
            2 => drop(tasks.spawn(server.client().get("/limit/fail").user("ada").try_send())),
            _ => {
                worked += 1;
                drop(tasks.spawn(server.client().get("/limit/work").user("ada").try_send()));
            }
        }
    }
    eventually("the visits", || room.entered() == visitors.len()).await;
    drop(visitors);
    within("the answers", tasks.join_all()).await;
    eventually("the handlers' end", || room.is_empty()).await;
    scene.assert_settled("ada", QUOTA, worked).await;
    assert_eq!(scene.usage.statistics().committed(), worked);
}

#[tokio::test]
async fn waiting_exactly_as_long_as_told_is_long_enough() {
    let scene = Scene::new().await;
    let server = Server::start(signed_in(
        Router::new()
            .route(
                "/quota",
                post(async || "done").layer(scene.gate.check_usage_limit(QUOTA).unwrap()),
            )
            .route(
                "/rate",
                post(async || "done").layer(scene.gate.check_usage_limit(RATE).unwrap()),
            ),
    ))
    .await;
    scene.limit("quota", QUOTA, 3);
    scene.limit("rate", RATE, 3);
    for (path, user) in [("/quota", "quota"), ("/rate", "rate")] {
        let ask = || server.client().post(path).user(user).send();
        for round in 0..3 {
            // Not on a whole second, so that rounding shows.
            scene.clock.advance(Duration::from_millis(7_300));
            while ask().await.status == StatusCode::OK {}
            let refused = ask().await;
            assert_eq!(refused.code(), "LIMIT_EXCEEDED");
            let wait = refused.retry_after().unwrap();
            let reset = refused.header("ratelimit").unwrap().split(";t=").nth(1);
            assert!(reset.unwrap().parse::<u64>().unwrap() <= wait);
            scene.clock.advance(Duration::from_secs(wait - 1));
            assert_eq!(
                ask().await.code(),
                "LIMIT_EXCEEDED",
                "{user} in round {round}"
            );
            scene.clock.advance(Duration::from_secs(1));
            assert_eq!(
                ask().await.status,
                StatusCode::OK,
                "{user} in round {round}"
            );
        }
    }
}
