//! What the quickstart does beside answering its guide.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::curl::Curl;
use crate::process::{Server, output};

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
    let switch = format!("http://{}/demo/billing", server.address("application"));
    let pia = contacts_of(&server, "pia");
    wait_for(&pia, "200");
    Curl::parse(&format!("curl -X POST {switch}/stop")).run();

    assert!(pia.run().is("200"));
    let stranger = contacts_of(&server, "mia").run();
    assert!(stranger.is("503 BILLING_UNAVAILABLE"), "{stranger:?}");
    assert!(stranger.header("retry-after").is_some());
    assert!(!stranger.body.contains("requiredTier"));

    Curl::parse(&format!("curl -X POST {switch}/start")).run();
    wait_for(&contacts_of(&server, "mia"), "200");
}

#[test]
fn billing_shows_everybody_what_is_theirs_and_nobody_elses() {
    let server = Server::start("quickstart");
    let billing = server.address("billing");
    let get = |user: &str| {
        let command = format!(
            "curl http://{billing}/api/subscriptions/user/{user} -H \"Authorization: Bearer $FAY\""
        );
        Curl::parse(&server.filled_in(&command)).run()
    };
    let fay = get("fay");
    assert_eq!(fay.header("content-type"), Some("application/json"));
    let fay: serde_json::Value = serde_json::from_str(&fay.body).expect("it is JSON");
    assert_eq!(fay["success"], true);
    assert_eq!(fay["data"]["tier"], "free");
    assert!(get("pia").is("404 NOT_FOUND"));
    let nobody = Curl::parse(&format!("curl http://{billing}/api/subscriptions/user/fay"));
    assert!(nobody.run().is("401 UNAUTHORIZED"));
}

/// The guarded service of one quickstart asks the billing service of another.
#[test]
fn it_asks_the_billing_service_that_it_is_told_of() {
    let first = Server::start("quickstart");
    let billing = format!("http://{}", first.address("billing"));
    let token = first.filled_in("$FAY");
    let second = Server::start_in(
        "quickstart",
        &["--billing", &billing],
        ("TIERGATE_TOKEN", &token),
    );
    assert_eq!(second.address("billing"), first.address("billing"));
    // Her token reads what is hers: for herself, the other service is as good as any.
    let fay = contacts_of(&second, "fay");
    wait_for(&fay, "403 FEATURE_NOT_AVAILABLE");
    let step = second.steps().remove(1);
    let subscribe = step.curl.replace("$TOKEN", &token);
    let made = Curl::parse(&subscribe).run();
    assert!(made.is("201"), "{made:?}");
    wait_for(&fay, "200");
}

#[test]
fn a_billing_service_is_not_asked_without_a_token() {
    let output = output(
        "quickstart",
        &["--port", "0", "--billing", "http://127.0.0.1:9"],
    );
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        complaint.contains("TIERGATE_TOKEN is not set"),
        "{complaint}"
    );
    assert!(complaint.contains("tiergate token"), "{complaint}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_in_good_order() {
    let (printed, code) = Server::start("quickstart").interrupt();
    assert_eq!(printed.trim(), "Stopped.");
    assert_eq!(code, Some(0));
}
