//! A catalog that changes under load: each request sees one, none fails, and a bad file changes
//! nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use http::StatusCode;
use tempfile::TempDir;
use tiergate::gate::CatalogWatcher;
use tiergate::lookup::StaticLookup;
use tiergate::{Access, Catalog, Subject, TierGate};
use tiergate_tests::{Client, Reply, Server, active, eventually, signed_in, within};
use tokio::task::JoinSet;

/// How often the file is looked at.
const OFTEN: Duration = Duration::from_millis(2);

/// A catalog in which two limits always are the same.
fn catalog(limit: u64) -> String {
    format!(
        "\
version: 1
currency: USD
default_tier: free
tiers:
  free: {{ name: Free, track: individual, price: free }}
  pro: {{ name: Pro, track: individual, includes: [free], price: {{ monthly: 12.00, annual: 115.00 }} }}
metrics:
  sms: {{ name: Messages }}
  calls: {{ name: Calls }}
features:
  crm_enabled:
    name: CRM
    category: service
    kind: boolean
    tiers: {{ free: off, pro: on }}
  sms_messages:
    name: Messages
    category: compute
    kind: limit
    metric: sms
    counted: quota per month
    tiers: {{ free: 0, pro: {limit} }}
  calls:
    name: Calls
    category: compute
    kind: limit
    metric: calls
    counted: quota per month
    tiers: {{ free: 0, pro: {limit} }}
"
    )
}

/// What is wrong with each file, how it is made, and a part of what is said about it.
fn bad_files() -> Vec<(&'static str, String, &'static str)> {
    let good = catalog(7_000_000);
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replacen(from, to, 1)
    };
    let pro = good
        .lines()
        .find(|line| line.starts_with("  pro:"))
        .unwrap();
    let from_crm = good.find("  crm_enabled").unwrap();
    let from_sms = good.find("  sms_messages").unwrap();
    let without_crm = format!("{}{}", &good[..from_crm], &good[from_sms..]);
    vec![
        ("empty", String::new(), "the catalog is empty"),
        (
            "a tier twice",
            changed(pro, &format!("{pro}\n{pro}")),
            "the tier `pro` is there twice",
        ),
        (
            "a cycle",
            changed(
                "track: individual, price: free",
                "track: individual, includes: [pro], price: free",
            ),
            "`free` includes `pro` includes `free`",
        ),
        (
            "negative",
            changed("pro: 7000000", "pro: -1"),
            "`-1`, which is below zero",
        ),
        (
            "cut off",
            good[..good.len() / 2].to_owned(),
            "`crm_enabled` has no `tiers`",
        ),
        (
            "2 MiB",
            format!("{good}#{}", " ".repeat(2 * 1_024 * 1_024)),
            "larger than 1 MiB",
        ),
        (
            "a guarded feature is gone",
            without_crm,
            "`crm_enabled` is not in the new catalog",
        ),
        (
            "a guarded feature is of another kind",
            changed(
                "kind: boolean\n    tiers: { free: off, pro: on }",
                "kind: limit\n    tiers: { free: 0, pro: 5 }",
            ),
            "`crm_enabled` was a boolean",
        ),
    ]
}

struct Scene {
    _folder: TempDir,
    path: PathBuf,
    gate: TierGate,
    server: Server,
    watcher: CatalogWatcher,
}

/// Puts a text in the place of a file, so that nobody ever reads a half of it.
fn swap(path: &Path, text: &str) {
    let next = path.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::rename(next, path).unwrap();
}

/// Tells every limit that a request was held against.
async fn limits(request: Request) -> String {
    let access = Access::of(request.extensions()).unwrap();
    let limits = access
        .metered()
        .iter()
        .map(|metered| metered.limit.to_string());
    limits.collect::<Vec<_>>().join(" ")
}

impl Scene {
    async fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feature-flags.yaml");
        swap(&path, text);
        let gate = TierGate::builder(Catalog::from_path(&path).unwrap())
            .lookup(StaticLookup::new([active(Subject::user("ada"), "pro")]))
            .build()
            .unwrap();
        let app = Router::new()
            .route("/", get(limits))
            .route_layer(gate.check_usage_limit("calls").unwrap())
            .route_layer(gate.check_usage_limit("sms_messages").unwrap())
            .route_layer(gate.require_feature("crm_enabled").unwrap());
        let server = Server::start(signed_in(app)).await;
        let watcher = gate.watch_catalog(&path, OFTEN);
        Self {
            _folder: folder,
            path,
            gate,
            server,
            watcher,
        }
    }

    async fn ask(&self) -> Reply {
        self.server.client().get("/").user("ada").send().await
    }

    async fn in_force(&self, revision: u32) {
        eventually("the reload", || self.gate.catalog().revision() == revision).await;
    }
}

/// Asks without pause until it is told to stop; every answer must be whole.
async fn load(client: Client, stop: Arc<AtomicBool>, answers: Arc<AtomicUsize>) {
    while !stop.load(Ordering::SeqCst) {
        let reply = client.get("/").user("ada").send().await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        let text = reply.text();
        let (sms, calls) = text.split_once(' ').unwrap();
        assert_eq!(sms, calls, "a request saw two catalogs");
        let limit = format!(";q={sms};");
        let policies = reply.headers.get_all("ratelimit-policy").iter();
        let alike = policies.filter(|policy| policy.to_str().unwrap().contains(&limit));
        assert_eq!(alike.count(), 2);
        answers.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_each_request_sees_one_catalog_and_none_fails() {
    const CALLERS: usize = 4;
    const RELOADS: u32 = 25;

    let scene = Scene::new(&catalog(1_000_000)).await;
    let (stop, answers) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (stop, answers) = (Arc::clone(&stop), Arc::clone(&answers));
        callers.spawn(load(scene.server.client(), stop, answers));
    }
    for reload in 1..=RELOADS {
        let seen = answers.load(Ordering::SeqCst);
        eventually("more requests", || {
            answers.load(Ordering::SeqCst) >= seen + 2 * CALLERS
        })
        .await;
        swap(&scene.path, &catalog(1_000_000 + u64::from(reload)));
        scene.in_force(reload).await;
    }
    stop.store(true, Ordering::SeqCst);
    within("the callers", callers.join_all()).await;
    assert_eq!(scene.ask().await.text(), "1000025 1000025");
    assert!(scene.watcher.last_error().is_none());
}

#[tokio::test]
async fn a_bad_file_keeps_the_last_good_catalog_and_a_repaired_one_is_taken() {
    let scene = Scene::new(&catalog(1_000_000)).await;
    let mut revision = 0;
    for (what, text, said) in bad_files() {
        let in_force = scene.ask().await.text();
        swap(&scene.path, &text);
        eventually(what, || scene.watcher.last_error().is_some()).await;
        let error = scene.watcher.last_error().unwrap().to_string();
        assert!(error.contains(said), "{what}: {error}");
        assert_eq!(scene.gate.catalog().revision(), revision, "{what}");
        let reply = scene.ask().await;
        assert_eq!(
            (reply.status, reply.text()),
            (StatusCode::OK, in_force),
            "{what}"
        );

        revision += 1;
        let limit = 1_000_000 + u64::from(revision);
        swap(&scene.path, &catalog(limit));
        scene.in_force(revision).await;
        eventually("the end of the error", || {
            scene.watcher.last_error().is_none()
        })
        .await;
        assert_eq!(scene.ask().await.text(), format!("{limit} {limit}"));
    }
}

#[tokio::test]
async fn a_file_that_is_gone_keeps_the_last_good_catalog() {
    let scene = Scene::new(&catalog(1_000_000)).await;
    fs::remove_file(&scene.path).unwrap();
    eventually("the error", || scene.watcher.last_error().is_some()).await;
    assert_eq!(scene.ask().await.text(), "1000000 1000000");
    swap(&scene.path, &catalog(2_000_000));
    scene.in_force(1).await;
    assert_eq!(scene.ask().await.text(), "2000000 2000000");
}

#[tokio::test]
async fn a_file_that_says_the_same_in_other_words_is_no_change() {
    let text = catalog(1_000_000);
    let scene = Scene::new(&text).await;
    let other = format!("# Somebody wrote a comment.\n{text}");
    swap(&scene.path, &other);
    let reloaded = scene.gate.reload_catalog(&scene.path).unwrap();
    assert_eq!(reloaded, tiergate::gate::Reloaded::Unchanged);
    assert_eq!(scene.gate.catalog().revision(), 0);
}

#[tokio::test]
async fn usage_stays_counted_across_a_reload() {
    let scene = Scene::new(&catalog(3)).await;
    for _ in 0..2 {
        assert_eq!(scene.ask().await.status, StatusCode::OK);
    }
    swap(&scene.path, &catalog(2));
    scene.in_force(1).await;
    assert_eq!(scene.ask().await.code(), "LIMIT_EXCEEDED");
    swap(&scene.path, &catalog(4));
    scene.in_force(2).await;
    for _ in 0..2 {
        assert_eq!(scene.ask().await.status, StatusCode::OK);
    }
    assert_eq!(scene.ask().await.code(), "LIMIT_EXCEEDED");
}
