//! What each example tells its user to expect is what happens.

use std::path::Path;

use crate::curl::Curl;
use crate::pattern::assert_matches;
use crate::process::{Server, output};

const SERVERS: [&str; 4] = ["quickstart", "hyper", "organization", "custom_denial"];

fn try_everything(example: &str) {
    let server = Server::start(example);
    let steps = server.steps();
    assert!(steps.len() >= 3, "`{example}` proposes only {steps:?}");
    for step in steps {
        let curl = Curl::parse(&server.filled_in(&step.curl));
        for expectation in step.expectations {
            let answer = curl.run_until(|answer| answer.is(&expectation));
            assert!(
                answer.is(&expectation),
                "`{}` should be {expectation}, and is {answer:?}",
                step.curl
            );
        }
    }
}

#[test]
fn quickstart_keeps_its_word() {
    try_everything("quickstart");
}

#[test]
fn hyper_keeps_its_word() {
    try_everything("hyper");
}

#[test]
fn organization_keeps_its_word() {
    try_everything("organization");
}

#[test]
fn custom_denial_keeps_its_word() {
    try_everything("custom_denial");
}

#[test]
fn a_denial_that_a_closure_renders_has_the_layers_headers_too() {
    let server = Server::start("custom_denial");
    let step = server.steps().pop().expect("it proposes something");
    let answer = Curl::parse(&step.curl).run();
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn programmatic_prints_what_it_should() {
    let output = output("programmatic", &[]);
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).expect("it prints text");
    assert_matches(
        include_str!("programmatic.txt"),
        &printed,
        "`programmatic` prints something else",
    );
}

#[test]
fn platform_goes_through_every_change_and_says_how_long_each_took() {
    let output = output("platform", &[]);
    let printed = String::from_utf8(output.stdout).expect("it prints text");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{complaints}");
    let steps: Vec<&str> = printed
        .lines()
        .filter_map(|line| {
            let (took, what) = line.split_once(" ms  ")?;
            took.trim().parse::<f64>().expect("it is a number");
            Some(what.split(" (").next().unwrap_or(what))
        })
        .collect();
    assert_eq!(
        steps,
        [
            "billing and the service it guards are up",
            "Ada is on Free: the CRM is refused",
            "Ada subscribes to Pro, at the billing service",
            "the CRM lets her in",
            "Ada executes three workflows",
            "they are recorded, sent twice and counted once",
            "Bob is on Free: the CRM is refused",
            "Bob pays at Stripe, whose webhook is taken in",
            "the CRM lets him in",
            "Ada cancels, at once",
            "the CRM is refused",
            "billing is down: Bob is remembered, and let in",
            "of Cem nothing is known: try again, says the CRM",
            "billing is up again",
        ]
    );
}

#[test]
fn no_example_is_left_out() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).expect("the manifest can be read");
    let mut examples: Vec<&str> = manifest
        .split("[[example]]")
        .skip(1)
        .filter_map(|section| section.trim().strip_prefix("name = \"")?.split('"').next())
        .collect();
    let mut run = SERVERS.to_vec();
    run.extend(["programmatic", "platform"]);
    examples.sort_unstable();
    run.sort_unstable();
    assert_eq!(examples, run);
}
