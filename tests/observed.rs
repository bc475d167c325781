//! What is logged and counted, by the names that are documented, and what never is.

#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tiergate::lookup::{HttpLookup, StaticToken};
use tiergate::testing::platform_catalog;
use tiergate::usage::{
    CounterKey, CounterStates, Lowered, ReservationId, Reserve, ReserveOutcome, Settlement,
    StoreError, StoreErrorKind, StoreFuture, UsageStore,
};
use tiergate::{Subject, TierGate};
use tiergate_clock::ManualClock;
use tiergate_tests::{
    Act, Billing, Log, Server, active, eventually, gate_on, http_gate, limited, patient_cache,
    signed_in,
};
use tracing::Level;

/// A store that never answers with anything but a fault.
#[derive(Debug)]
struct Broken;

fn broken<T>() -> StoreFuture<Result<T, StoreError>> {
    StoreFuture::ready(Err(
        StoreError::new(StoreErrorKind::Unavailable).with_detail("on strike")
    ))
}

impl UsageStore for Broken {
    fn reserve(&self, _: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        broken()
    }

    fn commit(&self, _: ReservationId, _: &[u64]) -> StoreFuture<Result<Settlement, StoreError>> {
        broken()
    }

    fn release(&self, _: ReservationId) -> StoreFuture<Result<Settlement, StoreError>> {
        broken()
    }

    fn peek(&self, _: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>> {
        broken()
    }

    fn lower(&self, _: &CounterKey, _: u64) -> StoreFuture<Result<Lowered, StoreError>> {
        broken()
    }
}

async fn serve(gate: &TierGate) -> Server {
    let limit = gate.check_usage_limit("sms_messages").unwrap();
    let calls = gate.check_usage_limit("api_calls_per_minute").unwrap();
    Server::start(signed_in(
        Router::new()
            .route(
                "/free",
                get(async || "").layer(gate.require_feature("groups_enabled").unwrap()),
            )
            .route(
                "/crm",
                get(async || "").layer(gate.require_feature("crm_enabled").unwrap()),
            )
            .route(
                "/brand",
                get(async || "").layer(gate.require_min_tier("premium").unwrap()),
            )
            .route("/sms", get(async || "").layer(limit))
            .route("/calls", get(async || "").layer(calls)),
    ))
    .await
}

#[tokio::test]
async fn a_refused_request_is_logged_with_what_was_wanted() {
    let log = Log::start();
    let billing = Billing::start().await;
    billing.subscribe(active(Subject::user("ada"), "free"));
    let server = serve(&gate_on(&billing, &ManualClock::default())).await;
    server.client().get("/brand").user("ada").send().await;
    log.assert_one(
        "request.denied",
        Level::DEBUG,
        "tiergate",
        &[
            ("requirement", "min_tier"),
            ("wanted", "tier `premium` or one that includes it"),
            ("code", "TIER_REQUIRED"),
            ("subject", "user:ada"),
        ],
    );
    server.client().get("/crm").user("ada").send().await;
    server.client().get("/sms").user("ada").send().await;
    server.client().get("/crm").send().await;
    let codes: Vec<_> = log
        .named("request.denied")
        .into_iter()
        .map(|seen| (seen.field("requirement"), seen.field("code")))
        .collect();
    let of = |requirement: &str, code: &str| (requirement.to_owned(), code.to_owned());
    assert_eq!(
        codes,
        [
            of("min_tier", "TIER_REQUIRED"),
            of("feature", "FEATURE_NOT_AVAILABLE"),
            of("limit", "FEATURE_NOT_AVAILABLE"),
            of("feature", "UNAUTHORIZED"),
        ]
    );
}

#[tokio::test]
async fn who_is_let_through_unknown_is_logged_without_a_name() {
    let log = Log::start();
    let billing = Billing::start().await;
    let server = serve(&gate_on(&billing, &ManualClock::default())).await;
    billing.kill().await;
    server
        .client()
        .get("/free")
        .organization("acme")
        .send()
        .await;
    log.assert_one(
        "request.degraded",
        Level::WARN,
        "tiergate",
        &[("requirement", "feature"), ("subject_kind", "organization")],
    );
    log.assert_one(
        "lookup.failed",
        Level::WARN,
        "tiergate::lookup",
        &[
            ("subject", "organization:acme"),
            ("kind", "unreachable"),
            ("took_ms", "0"),
            ("cause", "*"),
        ],
    );
}

#[tokio::test]
async fn an_unknown_tier_is_warned_about_once() {
    let log = Log::start();
    let billing = Billing::start().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let server = serve(&gate).await;
    for user in 0..20 {
        let tier = if user % 2 == 0 {
            "platinum"
        } else {
            "plat\ninum"
        };
        billing.subscribe(active(Subject::user(format!("{user}")), tier));
        let ask = server.client().get("/free").user(&format!("{user}"));
        assert_eq!(ask.status().await, StatusCode::OK);
    }
    let warned = log.named("tier.unknown");
    assert_eq!(warned.len(), 2);
    warned[0].assert(
        "tier.unknown",
        Level::WARN,
        "tiergate",
        &[("tier", "\"platinum\"")],
    );
    warned[1].assert(
        "tier.unknown",
        Level::WARN,
        "tiergate",
        &[("tier", "\"plat\\ninum\"")],
    );
    assert_eq!(gate.statistics().unknown_tiers, 20);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_logged_and_is_no_denial() {
    let log = Log::start();
    let billing = Billing::start().await;
    billing.subscribe(active(Subject::user("ada"), "pro"));
    let gate = http_gate(&billing, &ManualClock::default())
        .usage(Broken)
        .build()
        .unwrap();
    let server = serve(&gate).await;
    let reply = server.client().get("/sms").user("ada").send().await;
    assert_eq!(reply.code(), "BILLING_UNAVAILABLE");
    assert!(reply.retry_after().unwrap() >= 1);
    log.assert_one(
        "usage.store_failed",
        Level::ERROR,
        "tiergate",
        &[("error", "the usage store is unavailable: on strike")],
    );
    assert_eq!(gate.statistics().store_failures, 1);
}

#[tokio::test]
async fn lookups_and_changes_are_logged() {
    let log = Log::start();
    let billing = Billing::start().await;
    let ada = active(Subject::user("ada"), "pro")
        .with_id("sub_1")
        .with_version(2);
    billing.subscribe(ada.clone());
    let clock = ManualClock::default();
    let gate = gate_on(&billing, &clock);
    let server = serve(&gate).await;
    let ask = async |user: &str| server.client().get("/crm").user(user).status().await;
    let target = "tiergate::lookup";

    ask("ada").await;
    ask("bob").await;
    let answered = log.named("lookup.answered");
    let found = [
        ("subject", "user:ada"),
        ("outcome", "found"),
        ("took_ms", "0"),
    ];
    answered[0].assert("lookup.answered", Level::DEBUG, target, &found);
    let missing = [
        ("subject", "user:bob"),
        ("outcome", "missing"),
        ("took_ms", "0"),
    ];
    answered[1].assert("lookup.answered", Level::DEBUG, target, &missing);

    gate.lookup().push(Arc::new(ada.clone().with_version(3)));
    log.assert_one(
        "push.applied",
        Level::DEBUG,
        target,
        &[("subject", "user:ada")],
    );
    gate.lookup().push(Arc::new(ada.with_version(1)));
    log.assert_one(
        "push.outdated",
        Level::DEBUG,
        target,
        &[("subject", "user:ada")],
    );

    billing.act(Act::Status(500, ""));
    // Two lookups have succeeded, and half of at least 20 must have failed.
    for user in 0..18 {
        ask(&format!("{user}")).await;
    }
    log.assert_one("circuit.opened", Level::WARN, target, &[]);
    let failed = log.named("lookup.failed");
    assert_eq!(failed.len(), 18);
    failed[0].assert(
        "lookup.failed",
        Level::WARN,
        target,
        &[
            ("subject", "user:0"),
            ("kind", "unavailable"),
            ("status", "500"),
            ("took_ms", "0"),
        ],
    );
    billing.act(Act::Answer);
    clock.advance(Duration::from_secs(20));
    ask("eve").await;
    log.assert_one("circuit.closed", Level::INFO, target, &[]);
}

#[tokio::test]
async fn a_reload_is_logged_and_a_mistake_once() {
    let log = Log::start();
    let billing = Billing::start().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feature-flags.yaml");
    let next = folder.path().join("next");
    let swap = |text: &str| {
        std::fs::write(&next, text).unwrap();
        std::fs::rename(&next, &path).unwrap();
    };
    let good = include_str!("../feature-flags.yaml");
    let changed = good.replacen("trial_days: 14", "trial_days: 30", 1);
    swap("version: 1\n");
    let watcher = gate.watch_catalog(&path, Duration::from_millis(1));
    eventually("the first mistake", || watcher.last_error().is_some()).await;
    // It looks many times in this while. However few they were, the mistake is said once.
    tokio::time::sleep(Duration::from_millis(50)).await;
    log.assert_one(
        "catalog.reload_failed",
        Level::ERROR,
        "tiergate",
        &[("error", "*")],
    );
    swap(&changed);
    eventually("the reload", || gate.catalog().revision() == 1).await;
    log.assert_one(
        "catalog.reloaded",
        Level::INFO,
        "tiergate",
        &[("revision", "1")],
    );
    swap("");
    eventually("the second mistake", || watcher.last_error().is_some()).await;
    assert_eq!(log.named("catalog.reload_failed").len(), 2);
}

type Series = (String, Vec<(String, String)>);

fn series(snapshotter: &Snapshotter) -> BTreeMap<Series, DebugValue> {
    let snapshot = snapshotter.snapshot().into_vec();
    let named = snapshot.into_iter().map(|(key, _, _, value)| {
        let labels = key.key().labels();
        let labels = labels.map(|label| (label.key().to_owned(), label.value().to_owned()));
        ((key.key().name().to_owned(), labels.collect()), value)
    });
    named.collect()
}

#[tokio::test]
async fn metrics_have_the_documented_names_and_labels_and_name_nobody() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let billing = Billing::start().await;
    let clock = ManualClock::default();
    let gate = gate_on(&billing, &clock);
    let server = serve(&gate).await;
    let everything = async |subject: &str| {
        billing.act(Act::Answer);
        billing.subscribe(limited(Subject::user(subject), "sms_messages", 1));
        billing.subscribe(active(Subject::organization(subject), "pt-of-nobody"));
        for path in ["/free", "/crm", "/brand", "/sms", "/sms", "/calls"] {
            server.client().get(path).user(subject).send().await;
            server.client().get(path).organization(subject).send().await;
            server.client().get(path).send().await;
        }
        billing.act(Act::Status(500, ""));
        server
            .client()
            .get("/free")
            .user(&format!("{subject}-cold"))
            .send()
            .await;
        server
            .client()
            .get("/crm")
            .user(&format!("{subject}-cold"))
            .send()
            .await;
        clock.advance(Duration::from_secs(20));
    };
    everything("canary-0").await;
    let first = series(&snapshotter);
    for subject in 1..20 {
        everything(&format!("canary-{subject}")).await;
    }
    let last = series(&snapshotter);

    let of = |requirement: &str, outcome: &str| {
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let labels = vec![label("requirement", requirement), label("outcome", outcome)];
        ("tiergate_decisions_total".to_owned(), labels)
    };
    for (requirement, outcome, count) in [
        ("feature", "allowed", 3),
        ("feature", "allowed_degraded", 1),
        ("feature", "FEATURE_NOT_AVAILABLE", 1),
        ("feature", "BILLING_UNAVAILABLE", 1),
        ("feature", "UNAUTHORIZED", 2),
        ("min_tier", "TIER_REQUIRED", 1),
        ("min_tier", "allowed", 1),
        ("limit", "LIMIT_EXCEEDED", 1),
        ("limit", "allowed", 3),
    ] {
        assert_eq!(
            first[&of(requirement, outcome)],
            DebugValue::Counter(count),
            "{requirement} {outcome}"
        );
    }
    let unknown = ("tiergate_unknown_tiers_total".to_owned(), vec![]);
    assert!(matches!(first[&unknown], DebugValue::Counter(6..)));

    let names: BTreeSet<_> = last.keys().map(|(name, _)| name.as_str()).collect();
    let documented = BTreeSet::from([
        "tiergate_cache_entries",
        "tiergate_cache_requests_total",
        "tiergate_decisions_total",
        "tiergate_lookup_seconds",
        "tiergate_lookups_total",
        "tiergate_reservations_open",
        "tiergate_reservations_total",
        "tiergate_unknown_tiers_total",
    ]);
    assert_eq!(names, documented);
    let series: Vec<_> = last.keys().collect();
    assert!(!format!("{series:?}").contains("canary"));
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        series,
        "more subjects made more series"
    );
}

/// Where the canaries would be heard.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Everything {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Everything {
    fn add(&self, text: impl AsRef<str>) {
        let mut all = self.0.lock().unwrap();
        all.extend_from_slice(text.as_ref().as_bytes());
        all.push(b'\n');
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|cause| format!("{cause} {cause:?}")).collect()
}

#[tokio::test]
async fn no_secret_is_ever_in_a_log_a_debug_text_or_an_error() {
    const TOKEN: &str = "canary-token";
    const PASSWORD: &str = "canary-password";
    const CREDENTIAL: &str = "canary-credential";

    let everything = Everything::default();
    let writer = everything.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing_subscriber::util::SubscriberInitExt::try_init(tracing_subscriber::registry()).unwrap();

    for address in ["127.0.0.1:3001", "billing.example.com", "not an address"] {
        for scheme in ["http", "https", "ftp"] {
            let base = format!("{scheme}://user:{PASSWORD}@{address}/");
            let builder = HttpLookup::builder(&base);
            everything.add(format!("{builder:?}"));
            everything.add(chain(&builder.build().unwrap_err()));
        }
    }

    let billing = Billing::start().await;
    billing.subscribe(active(Subject::user("ada"), "pro"));
    let token = StaticToken::new(TOKEN);
    everything.add(format!("{token:?}"));
    let builder = HttpLookup::builder(&billing.url()).token(token);
    everything.add(format!("{builder:?}"));
    let lookup = builder.build().unwrap();
    everything.add(format!("{lookup:?}"));
    let clock = ManualClock::default();
    let builder = TierGate::builder(platform_catalog())
        .lookup(lookup)
        .cache(patient_cache())
        .clock(clock.clone());
    everything.add(format!("{builder:?}"));
    let gate = builder.build().unwrap();
    everything.add(format!("{gate:?} {:?}", gate.lookup()));
    let server = serve(&gate).await;
    let acts = [
        Act::Answer,
        Act::Status(401, "www-authenticate: Bearer\r\n"),
        Act::Status(500, ""),
        Act::Status(302, "location: http://127.0.0.1:9/\r\n"),
        Act::Truncate,
        Act::HangUp,
        // The service repeats what it was sent.
        Act::Body("text/html", format!("<p>Bearer {TOKEN}</p>").into()),
        Act::Body(
            "application/json",
            format!("{{\"success\": \"{TOKEN}\"}}").into(),
        ),
        Act::Body("application/json", format!("{{\"{TOKEN}\": ").into()),
    ];
    for (turn, act) in acts.into_iter().enumerate() {
        billing.act(act);
        for path in ["/free", "/crm", "/brand", "/sms"] {
            let user = if turn == 0 {
                "ada".to_owned()
            } else {
                format!("{turn}")
            };
            let ask = server.client().get(path).user(&user);
            let ask = ask
                .header("authorization", CREDENTIAL)
                .header("cookie", CREDENTIAL);
            let reply = ask.send().await;
            everything.add(reply.text());
            everything.add(format!("{:?}", reply.headers));
            match gate
                .has_feature_access(&Subject::user(&*user), "crm_enabled")
                .await
            {
                Ok(_) => {}
                Err(error) => everything.add(chain(&error)),
            }
        }
        clock.advance(Duration::from_secs(20));
    }
    billing.kill().await;
    server.client().get("/crm").user("late").send().await;

    // The token was used, and whoever listens heard something.
    let sent = billing.received();
    assert!(
        sent.iter()
            .all(|one| one.authorization.as_deref() == Some("Bearer canary-token"))
    );
    let text = everything.text();
    assert!(text.contains("lookup.failed") && text.contains("request.denied"));
    assert!(
        text.contains("TRACE"),
        "the libraries beneath are heard too"
    );
    for canary in [TOKEN, PASSWORD, CREDENTIAL] {
        let line = text.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{canary}");
    }
}
