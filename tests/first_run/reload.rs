//! The catalog can be changed while the service runs.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tiergate_tests::{Launch, Program, eventually};

use crate::curl::Curl;

const SHIPPED: &str = include_str!("../../feature-flags.yaml");

async fn free_has_the_crm(program: &Program) -> bool {
    let curl = format!("curl http://{}/api/features", program.address());
    let answer: Value = serde_json::from_str(&Curl::parse(&curl).run().await).expect("JSON");
    let features = answer["data"].as_array().expect("a list");
    let crm = features
        .iter()
        .find(|one| one["featureKey"] == "crm_enabled");
    crm.expect("the CRM is a feature")["tiers"]["free"] == true
}

fn hang_up(program: &Program) {
    let id = program.pid().expect("it runs");
    let id = Pid::from_raw(i32::try_from(id).expect("it is a number of a process"));
    kill_process(id.expect("it is not 0"), Signal::HUP).expect("it is there");
}

#[tokio::test]
async fn a_catalog_is_read_again_when_the_service_is_told_to_and_a_broken_one_is_not_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("catalog.yaml");
    fs::write(&file, SHIPPED).expect("the catalog can be written");
    let launch = Launch::tiergate().await.arg("serve");
    let program = launch.env("TIERGATE_CATALOG", &file).start().await;
    assert!(!free_has_the_crm(&program).await);

    let generous = SHIPPED.replacen(
        "    name: CRM\n    category: service\n    kind: boolean\n    tiers: { free: off,",
        "    name: CRM\n    category: service\n    kind: boolean\n    tiers: { free: on,",
        1,
    );
    assert_ne!(generous, SHIPPED);
    fs::write(&file, generous).expect("the catalog can be written");
    hang_up(&program);
    let taken = "the catalog was read again and is in force";
    program.line(taken, |line| line.contains(taken)).await;
    assert!(free_has_the_crm(&program).await);

    fs::write(&file, "tiers: [").expect("the catalog can be written");
    hang_up(&program);
    eventually("the broken catalog is refused", || {
        program.stderr().contains("the one in force stays")
    })
    .await;
    assert!(free_has_the_crm(&program).await);
    assert!(program.stop().await.success());
}
