//! What the quickstart does beside answering its guide.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::curl::Curl;
use crate::process::Server;

/// How often something is looked for that takes its time, a tenth of a second apart.
const PATIENCE: usize = 200;

/// A copy of the catalog that a test may change.
fn catalog(name: &str) -> (PathBuf, String) {
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("feature-flags.yaml"),
    )
    .expect("the catalog can be read");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, &text).expect("the copy can be written");
    (path, text)
}

fn contacts_of(server: &Server, user: &str) -> Curl {
    Curl::parse(&format!(
        "curl http://{}/api/crm/contacts -H 'Authorization: Bearer demo-{user}'",
        server.address("application")
    ))
}

fn wait_for(curl: &Curl, expectation: &str) {
    wait_until(&format!("{curl:?} is {expectation}"), || {
        curl.run().is(expectation)
    });
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..PATIENCE {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("it never came about that {what}");
}

#[test]
fn a_saved_catalog_is_in_force_and_a_broken_one_is_not() {
    let (path, text) = catalog("reload.yaml");
    let log = path.with_extension("log");
    let server = Server::start_with(
        "quickstart",
        &["--catalog", &path.to_string_lossy()],
        File::create(&log).expect("the log can be written"),
    );
    let save = |text: &str| fs::write(&path, text).expect("the catalog can be written");
    let fay = contacts_of(&server, "fay");
    wait_for(&fay, "403 FEATURE_NOT_AVAILABLE");

    let generous = text.replacen(
        "    name: CRM\n    category: service\n    kind: boolean\n    tiers: { free: off,",
        "    name: CRM\n    category: service\n    kind: boolean\n    tiers: { free: on,",
        1,
    );
    assert_ne!(generous, text);
    save(&generous);
    wait_for(&fay, "200");

    save("tiers: [");
    wait_until("the broken catalog is refused", || {
        let log = fs::read_to_string(&log).expect("the log can be read");
        log.contains("catalog.reload_failed")
    });
    let answer = fay.run_until(|answer| answer.is("200"));
    assert!(answer.is("200"), "{answer:?}");

    save(&text);
    wait_for(&fay, "403 FEATURE_NOT_AVAILABLE");
}

#[test]
fn whoever_is_remembered_is_served_while_billing_is_down() {
    let server = Server::start("quickstart");
    let billing = server.address("billing").to_owned();
    let pia = contacts_of(&server, "pia");
    wait_for(&pia, "200");
    Curl::parse(&format!("curl -X POST http://{billing}/stop")).run();

    assert!(pia.run().is("200"));
    let stranger = contacts_of(&server, "mia").run();
    assert!(stranger.is("503 BILLING_UNAVAILABLE"), "{stranger:?}");
    assert!(stranger.header("retry-after").is_some());
    assert!(!stranger.body.contains("requiredTier"));

    Curl::parse(&format!("curl -X POST http://{billing}/start")).run();
    wait_for(&contacts_of(&server, "mia"), "200");
}

#[test]
fn billing_answers_as_its_contract_says() {
    let server = Server::start("quickstart");
    let billing = server.address("billing");
    let get = |path: &str| Curl::parse(&format!("curl http://{billing}{path}")).run();

    let lou = get("/api/subscriptions/user/lou");
    assert_eq!(lou.header("content-type"), Some("application/json"));
    let lou: serde_json::Value = serde_json::from_str(&lou.body).expect("it is JSON");
    assert_eq!(lou["success"], true);
    assert_eq!(lou["data"]["tier"], "pro");
    assert_eq!(lou["data"]["overrides"][0]["value"], 3);

    let nobody = get("/api/subscriptions/organization/no%20body");
    let nobody: serde_json::Value = serde_json::from_str(&nobody.body).expect("it is JSON");
    assert_eq!(nobody["data"]["organizationId"], "no body");
    assert_eq!(nobody["data"]["tier"], "free");
    assert_eq!(nobody["data"]["status"], "active");

    for path in [
        "/",
        "/api/subscriptions/team/x",
        "/api/subscriptions/user/lou/more",
    ] {
        assert_eq!(get(path).status, 404, "{path}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_in_good_order() {
    let (printed, code) = Server::start("quickstart").interrupt();
    assert_eq!(printed.trim(), "Stopped.");
    assert_eq!(code, Some(0));
}
