//! The session that the README shows is one that took place.
//!
//! What this relies on in `README.md`:
//!
//! * The section is headed `## Quickstart`, and the next `## ` ends it.
//! * In its blocks fenced as `console`, a line that begins with `$ curl ` is a command; it is run,
//!   in order, against one quickstart. The lines below it, up to the next line that begins with `$ `
//!   or the end of the block, are its output.
//! * A line of output that begins with a space goes on with the line above it.
//! * The first blocks fenced as `yaml` and as `json` are a catalog and a subscription.
//! * The ports are 8080 and 8081. `<id>`, `<time>`, `<date>`, `<seconds>` and `<bytes>` stand for
//!   what differs.
//! * Variables, as in `$FAY`, are those that the quickstart tells its user to set.

use std::collections::BTreeSet;

use crate::curl::Curl;
use crate::pattern::{assert_matches, matches};
use crate::process::Server;

const README: &str = include_str!("../../../README.md");

struct Exchange {
    command: String,
    output: String,
}

/// What the README shows, with the addresses of a server that is running.
fn session(application: &str, billing: &str) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for block in console_blocks() {
        let mut is_curl = false;
        for line in block.lines() {
            let line = line
                .replace("127.0.0.1:8080", application)
                .replace("127.0.0.1:8081", billing);
            if let Some(command) = line.strip_prefix("$ ") {
                is_curl = command.starts_with("curl ");
                if is_curl {
                    exchanges.push(Exchange {
                        command: command.to_owned(),
                        output: String::new(),
                    });
                }
            } else if let (true, Some(exchange)) = (is_curl, exchanges.last_mut()) {
                match line.strip_prefix(' ') {
                    Some(continued) => exchange.output.push_str(continued.trim_start()),
                    None => {
                        exchange.output.push('\n');
                        exchange.output.push_str(&line);
                    }
                }
            }
        }
    }
    exchanges
}

fn console_blocks() -> impl Iterator<Item = &'static str> {
    let (_, section) = README
        .split_once("\n## Quickstart\n")
        .expect("the README has a quickstart");
    let section = section.split("\n## ").next().unwrap_or(section);
    section
        .split("```console\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
}

#[test]
fn the_session_that_the_readme_shows_is_what_happens() {
    let server = Server::start("quickstart");
    let session = session(server.address("application"), server.address("billing"));
    assert!(session.len() >= 10, "the README shows too little");
    for Exchange { command, output } in session {
        let curl = Curl::parse(&server.filled_in(&command));
        let expected = output.trim();
        let answer = curl.run_until(|answer| matches(expected, &curl.printed(answer)));
        assert_matches(expected, &curl.printed(&answer), &command);
    }
}

#[test]
fn the_readme_and_the_quickstart_propose_the_same() {
    let server = Server::start("quickstart");
    let session = session(server.address("application"), server.address("billing"));
    let shown: BTreeSet<String> = session
        .into_iter()
        .map(|exchange| exchange.command)
        .collect();
    let proposed: BTreeSet<String> = server.steps().into_iter().map(|step| step.curl).collect();
    assert_eq!(shown, proposed);
}

#[test]
fn the_catalog_that_the_readme_shows_can_be_loaded() {
    let (_, rest) = README
        .split_once("\n```yaml\n")
        .expect("the README shows a catalog");
    let text = rest.split("```").next().unwrap_or(rest);
    if let Err(error) = tiergate::Catalog::from_yaml(text) {
        panic!("{error}");
    }
}

#[test]
fn the_subscription_that_the_readme_shows_can_be_read() {
    let (_, rest) = README
        .split_once("\n```json\n")
        .expect("the README shows a subscription");
    let json = rest.split("```").next().unwrap_or(rest);
    let read = tiergate::lookup::wire::from_envelope(json.as_bytes());
    let subscription = read
        .expect("it is an envelope")
        .expect("with a subscription");
    assert_eq!(subscription.subject, tiergate::Subject::user("lou"));
    assert_eq!(subscription.overrides.len(), 1);
    assert_eq!(subscription.version, Some(7));
}
