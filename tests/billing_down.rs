//! While the billing service is away, slow or wrong: who is known is served on, what is free works,
//! and nobody is sold a plan because of it.

#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Method, StatusCode};
use tiergate::lookup::{
    Answer, CacheConfig, Freshness, HttpLookup, LookupErrorKind, SubscriptionLookup, async_trait,
};
use tiergate::testing::platform_catalog;
use tiergate::{Access, Subject, Subscription, SubscriptionStatus, TierGate};
use tiergate_clock::ManualClock;
use tiergate_tests::{Act, Billing, Reply, Server, active, eventually, gate_on, signed_in, within};
use tokio::task::JoinSet;

const FREE: &str = "/timeline";
const FREE_METERED: &str = "/calls";
const FREE_MINIMUM: &str = "/anybody";
const PAID: &str = "/contacts";
const PAID_METERED: &str = "/execute";
const PAID_MINIMUM: &str = "/brand";

fn routes(gate: &TierGate) -> Router {
    let assurance = async |request: axum::extract::Request| {
        let access = Access::of(request.extensions()).unwrap();
        if access.is_degraded() {
            "degraded"
        } else {
            "known"
        }
    };
    let feature = |key| gate.require_feature(key).unwrap();
    let limit = |key| gate.check_usage_limit(key).unwrap();
    let tier = |key| gate.require_min_tier(key).unwrap();
    signed_in(
        Router::new()
            .route(FREE, get(assurance).layer(feature("timeline_enabled")))
            .route(
                FREE_METERED,
                get(assurance).layer(limit("api_calls_per_minute")),
            )
            .route(FREE_MINIMUM, get(assurance).layer(tier("free")))
            .route(PAID, get(assurance).layer(feature("crm_enabled")))
            .route(
                PAID_METERED,
                post(assurance).layer(limit("workflow_executions_monthly")),
            )
            .route(PAID_MINIMUM, post(assurance).layer(tier("premium"))),
    )
}

struct Scene {
    billing: Billing,
    clock: ManualClock,
    gate: TierGate,
    server: Server,
}

impl Scene {
    async fn new() -> Self {
        let billing = Billing::start().await;
        let clock = ManualClock::default();
        let gate = gate_on(&billing, &clock);
        let server = Server::start(routes(&gate)).await;
        Self {
            billing,
            clock,
            gate,
            server,
        }
    }

    async fn ask(&self, path: &str, user: &str) -> Reply {
        let method = if [PAID_METERED, PAID_MINIMUM].contains(&path) {
            Method::POST
        } else {
            Method::GET
        };
        self.server
            .client()
            .ask(method, path)
            .user(user)
            .send()
            .await
    }

    async fn warm(&self, user: &str, tier: &str) {
        self.billing.subscribe(active(Subject::user(user), tier));
        assert_eq!(self.ask(FREE, user).await.text(), "known");
    }

    fn failed(&self, kind: LookupErrorKind) -> u64 {
        self.gate.lookup().statistics().failed(kind)
    }
}

/// Nothing in the answer proposes to buy anything.
fn assert_sells_nothing(reply: &Reply) {
    let text = reply.text();
    for word in [
        "requiredTier",
        "availableIn",
        "upgradeUrl",
        "FEATURE_NOT_AVAILABLE",
        "TIER_REQUIRED",
        "SUBSCRIPTION_INACTIVE",
    ] {
        assert!(!text.contains(word), "{text}");
    }
}

fn assert_unavailable(reply: &Reply) {
    assert_eq!(
        reply.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        reply.text()
    );
    assert_eq!(reply.code(), "BILLING_UNAVAILABLE");
    assert!(reply.retry_after().unwrap() >= 1);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_sells_nothing(reply);
}

#[tokio::test]
async fn who_is_known_is_served_on_while_billing_is_down() {
    let scene = Scene::new().await;
    scene.warm("ada", "premium").await;
    scene.billing.kill().await;
    // Within freshness, beyond it, and long beyond it.
    for wait in [1, 600, 43_200, 43_200 - 700] {
        scene.clock.advance(Duration::from_secs(wait));
        for path in [
            FREE,
            FREE_METERED,
            FREE_MINIMUM,
            PAID,
            PAID_METERED,
            PAID_MINIMUM,
        ] {
            let reply = scene.ask(path, "ada").await;
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (StatusCode::OK, "known"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn who_is_not_known_has_what_is_free_and_is_told_to_come_back_for_the_rest() {
    let scene = Scene::new().await;
    scene.billing.kill().await;
    for (round, user) in ["ada", "bob", "ada", "cy"].into_iter().enumerate() {
        for path in [FREE, FREE_METERED, FREE_MINIMUM] {
            let reply = scene.ask(path, user).await;
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (StatusCode::OK, "degraded"),
                "{path} in {round}"
            );
        }
        for path in [PAID, PAID_METERED, PAID_MINIMUM] {
            assert_unavailable(&scene.ask(path, user).await);
        }
        scene.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(scene.gate.statistics().degraded, 12);
}

#[tokio::test]
async fn what_is_free_is_limited_as_for_the_default_tier_while_billing_is_down() {
    let scene = Scene::new().await;
    scene.billing.kill().await;
    for call in 1..=61 {
        let reply = scene.ask(FREE_METERED, "ada").await;
        if call <= 60 {
            assert_eq!(reply.status, StatusCode::OK, "call {call}");
        } else {
            // The caller's own limit may be larger: it is not known to be reached.
            assert_unavailable(&reply);
            assert_eq!(reply.header("ratelimit"), None);
        }
    }
}

#[tokio::test]
async fn a_denial_that_cannot_be_confirmed_is_not_a_denial() {
    let scene = Scene::new().await;
    scene.warm("free", "free").await;
    scene.warm("pro", "pro").await;
    for _ in 0..120 {
        scene.ask(FREE_METERED, "pro").await;
    }
    scene.billing.kill().await;
    scene.clock.advance(Duration::from_secs(3));
    // It may have been paid for since.
    for path in [PAID, PAID_METERED, PAID_MINIMUM] {
        assert_unavailable(&scene.ask(path, "free").await);
    }
    assert_unavailable(&scene.ask(PAID_MINIMUM, "pro").await);
    let used_up = scene.ask(FREE_METERED, "pro").await;
    assert_eq!(used_up.status, StatusCode::TOO_MANY_REQUESTS);
    assert_sells_nothing(&used_up);
    assert_eq!(scene.ask(PAID, "pro").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_stale_answer_is_used_for_a_day_and_no_longer() {
    let scene = Scene::new().await;
    scene.warm("ada", "premium").await;
    scene.billing.kill().await;
    scene.clock.advance(Duration::from_secs(86_400 - 1));
    assert_eq!(scene.ask(PAID, "ada").await.text(), "known");
    // A refresh that failed does not make it younger.
    eventually("the refresh", || {
        scene.gate.lookup().statistics().flights_under_way == 0
    })
    .await;
    scene.clock.advance(Duration::from_secs(1));
    assert_unavailable(&scene.ask(PAID, "ada").await);
    assert_eq!(scene.ask(FREE, "ada").await.text(), "degraded");
}

#[tokio::test]
async fn a_stale_answer_does_not_outlive_the_subscription() {
    let scene = Scene::new().await;
    let period = ["2025-12-15T00:00:00Z", "2026-01-01T01:00:00Z"].map(|at| at.parse().unwrap());
    let canceled = Subscription::new(Subject::user("ada"), "pro", SubscriptionStatus::Canceled)
        .with_period(period[0], period[1])
        .ending_with_period();
    scene.billing.subscribe(canceled);
    assert_eq!(scene.ask(PAID, "ada").await.text(), "known");
    scene.billing.kill().await;
    scene.clock.advance(Duration::from_secs(3_599));
    assert_eq!(scene.ask(PAID, "ada").await.text(), "known");
    scene.clock.advance(Duration::from_secs(1));
    assert_unavailable(&scene.ask(PAID, "ada").await);
}

#[tokio::test]
async fn it_recovers_by_itself_when_billing_is_back() {
    let scene = Scene::new().await;
    scene.warm("warm", "pro").await;
    scene.billing.kill().await;
    scene.clock.advance(Duration::from_secs(600));
    let users: Vec<String> = (0..30).map(|n| format!("cold-{n}")).collect();
    // Often enough that every back-off is at its longest and the circuit is open.
    for _ in 0..8 {
        for user in &users {
            assert_unavailable(&scene.ask(PAID, user).await);
        }
        assert_eq!(scene.ask(PAID, "warm").await.text(), "known");
        scene.clock.advance(Duration::from_secs(5));
    }
    assert!(scene.gate.lookup().statistics().circuit_opened >= 1);

    scene.billing.restart();
    for user in &users {
        scene
            .billing
            .subscribe(active(Subject::user(&**user), "pro"));
    }
    scene.clock.advance(Duration::from_secs(16));
    for user in &users {
        let reply = scene.ask(PAID, user).await;
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (StatusCode::OK, "known"),
            "{user}"
        );
    }
    // Who was served a stale answer has a fresh one soon, without waiting for it.
    let warm = Subject::user("warm");
    eventually("the refresh", || {
        let snapshot = scene.gate.lookup().get(&warm).unwrap();
        snapshot.freshness == Freshness::Fresh
    })
    .await;
}

/// Counts the lookups that are under way.
struct Counted {
    lookup: HttpLookup,
    under_way: AtomicUsize,
    most: Arc<AtomicUsize>,
}

struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl SubscriptionLookup for Counted {
    async fn lookup(&self, subject: &Subject) -> Answer {
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        let _leaving = Leaving(&self.under_way);
        self.most.fetch_max(now, Ordering::SeqCst);
        self.lookup.lookup(subject).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_takes_forever_holds_nobody_up_and_piles_nothing_up() {
    for act in [Act::Hang, Act::Drip(Duration::from_secs(10))] {
        let billing = Billing::start().await;
        billing.act(act);
        let most = Arc::new(AtomicUsize::new(0));
        let cache = CacheConfig::builder()
            .max_flights(8)
            .max_waiting_flights(16);
        let gate = TierGate::builder(platform_catalog())
            .lookup(Counted {
                // The deadlines by default: 500 ms for an exchange, a second for a lookup.
                lookup: HttpLookup::new(&billing.url()).unwrap(),
                under_way: AtomicUsize::new(0),
                most: Arc::clone(&most),
            })
            .cache(cache.build().unwrap())
            .clock(ManualClock::default())
            .build()
            .unwrap();
        let server = Server::start(routes(&gate)).await;
        let mut crowd = JoinSet::new();
        for user in 0..200 {
            crowd.spawn(server.client().get(PAID).user(&format!("{user}")).send());
        }
        // The service would take at least ten seconds.
        let replies = tokio::time::timeout(Duration::from_secs(9), crowd.join_all()).await;
        let replies = replies.unwrap();
        replies.iter().for_each(assert_unavailable);
        let statistics = gate.lookup().statistics();
        assert!(most.load(Ordering::SeqCst) <= 8);
        assert!(billing.calls() as u64 <= statistics.flights);
        // Eight at a time for half a second each: not all can have been asked about.
        let refused = [LookupErrorKind::Overloaded, LookupErrorKind::CircuitOpen]
            .map(|kind| statistics.failed(kind));
        assert!(refused.iter().sum::<u64>() >= 1);
        assert_eq!(statistics.failed_in_all(), 200);
        eventually("the flights' end", || {
            gate.lookup().statistics().flights_under_way == 0
        })
        .await;
    }
}

#[tokio::test]
async fn only_404_says_that_there_is_no_subscription() {
    let scene = Scene::new().await;
    scene.billing.act(Act::Status(404, ""));
    let denied = scene.ask(PAID, "ada").await;
    assert_eq!(denied.code(), "FEATURE_NOT_AVAILABLE");
    assert_eq!(denied.json()["requiredTier"], "pro");

    let table = [
        (401, LookupErrorKind::Unauthorized),
        (403, LookupErrorKind::Unauthorized),
        (429, LookupErrorKind::Throttled),
        (500, LookupErrorKind::Unavailable),
        (503, LookupErrorKind::Unavailable),
        (204, LookupErrorKind::Unavailable),
        (302, LookupErrorKind::Unavailable),
        (410, LookupErrorKind::Unavailable),
    ];
    for (status, kind) in table {
        let before = scene.failed(kind);
        let user = format!("of-{status}");
        scene.billing.act(Act::Status(status, ""));
        assert_unavailable(&scene.ask(PAID, &user).await);
        assert_eq!(scene.ask(FREE, &user).await.text(), "degraded");
        assert_eq!(scene.failed(kind), before + 1, "{status}");
        // It was no answer, so nothing of it is left when the service has one.
        scene
            .billing
            .subscribe(active(Subject::user(&*user), "pro"));
        scene.billing.act(Act::Answer);
        scene.clock.advance(Duration::from_secs(2));
        assert_eq!(
            scene.ask(PAID, &user).await.status,
            StatusCode::OK,
            "{status}"
        );
    }
}

#[tokio::test]
async fn how_long_the_service_asks_to_be_left_alone_is_respected_and_passed_on() {
    let scene = Scene::new().await;
    scene.billing.act(Act::Status(429, "retry-after: 30\r\n"));
    let reply = scene.ask(PAID, "ada").await;
    assert_unavailable(&reply);
    assert_eq!(reply.retry_after(), Some(30));
    scene.billing.act(Act::Answer);
    let calls = scene.billing.calls();
    scene.clock.advance(Duration::from_secs(29));
    assert_unavailable(&scene.ask(PAID, "ada").await);
    assert_eq!(scene.billing.calls(), calls);
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.ask(PAID, "ada").await.code(), "FEATURE_NOT_AVAILABLE");
    assert_eq!(scene.billing.calls(), calls + 1);
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_fault() {
    const JSON: &str = "application/json";

    let others =
        br#"{"success":true,"data":{"userId":"eve","tier":"enterprise","status":"active"}}"#;
    let organization =
        br#"{"success":true,"data":{"organizationId":"ada","tier":"enterprise","status":"active"}}"#;
    let html = Bytes::from("<html>Sign in</html>");
    let bodies = [
        Act::Body("text/html", html.clone()),
        Act::Body(JSON, html),
        Act::Body(JSON, Bytes::new()),
        Act::Body(JSON, Bytes::from("{}")),
        Act::Body(JSON, Bytes::from(r#"{"success":false,"data":null}"#)),
        Act::Body(JSON, Bytes::from(vec![b' '; 300 * 1_024])),
        Act::Body(JSON, Bytes::from(vec![b'['; 200 * 1_024])),
        Act::Body(JSON, Bytes::from_static(others)),
        Act::Body(JSON, Bytes::from_static(organization)),
        Act::Truncate,
        Act::HangUp,
    ];
    for act in bodies {
        let scene = Scene::new().await;
        scene.billing.subscribe(active(Subject::user("ada"), "pro"));
        scene.billing.act(act.clone());
        assert_unavailable(&scene.ask(PAID, "ada").await);
        assert_eq!(scene.ask(FREE, "ada").await.text(), "degraded");
        let kind = match act {
            Act::Truncate | Act::HangUp => LookupErrorKind::Unreachable,
            _ => LookupErrorKind::InvalidAnswer,
        };
        assert_eq!(scene.failed(kind), 1, "{act:?}");
        scene.billing.act(Act::Answer);
        scene.clock.advance(Duration::from_secs(2));
        let recovered = within("the recovery", scene.ask(PAID, "ada")).await;
        assert_eq!(recovered.text(), "known");
    }
}
