//! However many ask at once, the billing service is asked once, and what it was asked before a
//! change never undoes the change.

#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::StatusCode;
use tiergate::gate::CheckError;
use tiergate::lookup::{LookupErrorKind, Pushed};
use tiergate::{Subject, Subscription, TierGate};
use tiergate_clock::ManualClock;
use tiergate_tests::{Act, Billing, Server, active, eventually, gate_on, signed_in, within};
use tokio::task::JoinSet;

const CROWD: u64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_misses_at_once_are_one_call() {
    let billing = Billing::start().await;
    billing.subscribe(active(Subject::user("ada"), "pro"));
    billing.act(Act::Hold);
    let gate = gate_on(&billing, &ManualClock::default());
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let gate = gate.clone();
        crowd.spawn(async move {
            gate.has_feature_access(&Subject::user("ada"), "crm_enabled")
                .await
        });
    }
    eventually("the crowd's arrival", || {
        gate.lookup().statistics().joined == CROWD - 1
    })
    .await;
    billing.let_go();
    let answers = within("the answers", crowd.join_all()).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap()));
    assert_eq!(billing.calls(), 1);
    assert_eq!(gate.lookup().statistics().flights, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_give_up_make_no_further_calls_and_lose_no_answer() {
    let billing = Billing::start().await;
    let ada = Subject::user("ada");
    billing.subscribe(active(ada.clone(), "pro"));
    billing.act(Act::Hold);
    let gate = gate_on(&billing, &ManualClock::default());
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let (gate, ada) = (gate.clone(), ada.clone());
        crowd.spawn(async move {
            let answer = gate.has_feature_access(&ada, "crm_enabled");
            tokio::time::timeout(Duration::from_millis(200), answer).await
        });
    }
    let answers = within("the callers' deadline", crowd.join_all()).await;
    assert_eq!(answers.len(), usize::try_from(CROWD).unwrap());
    assert!(answers.iter().all(Result::is_err));
    billing.arrived(1).await;
    assert_eq!(billing.calls(), 1);

    // Nobody waits for the answer any more, and it is remembered all the same.
    billing.let_go();
    eventually("the answer", || gate.lookup().get(&ada).is_some()).await;
    assert!(gate.has_feature_access(&ada, "crm_enabled").await.unwrap());
    assert_eq!(billing.calls(), 1);
}

/// Asks a hundred times within the clock's next second, ten milliseconds apart.
async fn ask_for_a_second(gate: &TierGate, clock: &ManualClock, kind: LookupErrorKind) {
    let ada = Subject::user("ada");
    for _ in 0..100 {
        match gate.has_feature_access(&ada, "crm_enabled").await {
            Err(CheckError::Unavailable(error)) => assert_eq!(error.kind(), kind),
            answer => assert!(answer.is_err(), "{answer:?}"),
        }
        clock.advance(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn a_hundred_misses_in_a_second_on_a_failing_service_are_at_most_two_lookups() {
    let failures = [
        // A fault that may pass is tried twice within a lookup, any other once.
        (Act::Status(500, ""), LookupErrorKind::Unavailable, 2),
        (Act::HangUp, LookupErrorKind::Unreachable, 2),
        (Act::Status(401, ""), LookupErrorKind::Unauthorized, 1),
        (
            Act::Body("text/html", Bytes::from("<html>")),
            LookupErrorKind::InvalidAnswer,
            1,
        ),
    ];
    for (act, kind, tries) in failures {
        let billing = Billing::start().await;
        let clock = ManualClock::default();
        billing.act(act);
        let gate = gate_on(&billing, &clock);
        ask_for_a_second(&gate, &clock, kind).await;
        let lookups = gate.lookup().statistics().flights;
        assert!((1..=2).contains(&lookups), "{kind}: {lookups}");
        assert!(billing.calls() as u64 <= lookups * tries, "{kind}");
    }
}

/// How a subscription's record says that it changed.
#[derive(Clone, Copy)]
enum Versions {
    Counted,
    None,
}

fn record(user: &Subject, tier: &str, version: u64, versions: Versions) -> Subscription {
    let subscription = active(user.clone(), tier);
    match versions {
        Versions::Counted => subscription.with_id("sub_1").with_version(version),
        Versions::None => subscription,
    }
}

struct Scene {
    billing: Billing,
    gate: TierGate,
    server: Server,
}

impl Scene {
    async fn new() -> Self {
        let billing = Billing::start().await;
        let gate = gate_on(&billing, &ManualClock::default());
        let guard = gate.require_feature("crm_enabled").unwrap();
        let app = Router::new().route("/", get(async || "done").layer(guard));
        Self {
            billing,
            gate,
            server: Server::start(signed_in(app)).await,
        }
    }

    /// Begins a request whose lookup finds the old record and is held.
    async fn begin(
        &self,
        user: &Subject,
        old: Subscription,
    ) -> tokio::task::JoinHandle<StatusCode> {
        self.billing.subscribe(old);
        self.billing.act(Act::Hold);
        let calls = self.billing.calls();
        let request = tokio::spawn(self.server.client().get("/").user(user.id()).status());
        self.billing.arrived(calls + 1).await;
        request
    }

    fn discarded(&self) -> u64 {
        self.gate.lookup().statistics().discarded
    }

    async fn assert_refused(&self, user: &Subject) {
        let status = self.server.client().get("/").user(user.id()).status().await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{user}");
    }
}

const TIMES: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_downgrade_pushed_during_a_flight_is_not_undone_by_it() {
    let scene = Scene::new().await;
    for versions in [Versions::Counted, Versions::None] {
        for time in 0..TIMES {
            let user = Subject::user(format!("{}-{time}", versions as u8));
            let before = scene.discarded();
            let request = scene.begin(&user, record(&user, "pro", 1, versions)).await;
            let new = record(&user, "free", 2, versions);
            scene.billing.subscribe(new.clone());
            let pushed = scene.gate.lookup().push(Arc::new(new));
            assert_eq!(pushed, Pushed::Applied);
            // Who was waiting gets the new state, and the old one is thrown away when it comes.
            assert_eq!(
                within("the request", request).await.unwrap(),
                StatusCode::FORBIDDEN
            );
            scene.billing.let_go();
            eventually("the old answer", || scene.discarded() == before + 1).await;
            scene.assert_refused(&user).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_downgrade_pushed_while_the_old_answer_arrives_holds() {
    let scene = Scene::new().await;
    for versions in [Versions::Counted, Versions::None] {
        for time in 0..TIMES {
            let user = Subject::user(format!("{}-{time}", versions as u8));
            let request = scene.begin(&user, record(&user, "pro", 1, versions)).await;
            let new = record(&user, "free", 2, versions);
            scene.billing.subscribe(new.clone());
            // The answer is on its way, and either may come first.
            scene.billing.let_go();
            if time % 2 == 0 {
                tokio::task::yield_now().await;
            }
            scene.gate.lookup().push(Arc::new(new));
            let status = within("the request", request).await.unwrap();
            assert!([StatusCode::OK, StatusCode::FORBIDDEN].contains(&status));
            scene.assert_refused(&user).await;
            eventually("the flight's end", || {
                scene.gate.lookup().statistics().flights_under_way == 0
            })
            .await;
            scene.assert_refused(&user).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_before_an_invalidation_is_not_used_after_it() {
    let scene = Scene::new().await;
    for time in 0..TIMES / 2 {
        let user = Subject::user(format!("{time}"));
        let request = scene.begin(&user, active(user.clone(), "pro")).await;
        scene.billing.subscribe(active(user.clone(), "free"));
        scene.billing.act(Act::Answer);
        if time % 2 == 0 {
            scene.gate.invalidate(&user);
        } else {
            scene.gate.clear_caches();
        }
        // Who was waiting asks again by itself.
        assert_eq!(
            within("the request", request).await.unwrap(),
            StatusCode::FORBIDDEN
        );
        scene.billing.let_go();
        scene.assert_refused(&user).await;
    }
}
