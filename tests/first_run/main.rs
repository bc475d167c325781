//! The first steps that the README shows, on the program as it is built, from an empty folder: on SQLite,
//! and on PostgreSQL. And what is promised of the program while it runs.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod curl;
mod guarded;
mod readme;
mod reload;

use std::collections::BTreeMap;

use serde_json::Value;
use tiergate_tests::{Launch, Postgres, Program, eventually};

use curl::Curl;
use guarded::Guarded;
use readme::Line;

/// Everything that the README's terminals have.
#[derive(Default)]
struct Terminals {
    program: Option<Program>,
    guarded: Option<Guarded>,
    variables: BTreeMap<String, String>,
}

impl Terminals {
    fn program(&self) -> &Program {
        self.program.as_ref().expect("the service was started")
    }

    /// A line with the addresses and variables of these terminals.
    fn filled_in(&self, text: &str) -> String {
        let mut text = text.replace("127.0.0.1:3001", &self.program().address().to_string());
        if let Some(guarded) = &self.guarded {
            text = text.replace("127.0.0.1:8080", &guarded.address().to_string());
        }
        for (name, value) in &self.variables {
            text = text.replace(&format!("${name}"), value);
        }
        assert!(!text.contains('$'), "nobody said what to put in {text:?}");
        text
    }

    async fn enter(&mut self, line: &Line, launch: &Launch) {
        match line {
            Line::Serve(arguments) => {
                let launch = arguments.iter().fold(launch.clone(), Launch::arg);
                self.program = Some(launch.start().await);
            }
            Line::Variable { name, arguments } => {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let finished = self.program().run_beside(&arguments).await;
                assert!(finished.status.success(), "{finished:?}");
                let value = finished.stdout.trim().to_owned();
                self.variables.insert(name.clone(), value);
            }
            Line::Guard { billing } => {
                let token = self.variables.get("TIERGATE_TOKEN");
                let token = token.expect("a token was made before");
                let guarded = Guarded::start(&self.filled_in(billing), token).await;
                self.guarded = Some(guarded);
            }
            Line::Curl { command, output } => self.send(command, output).await,
        }
    }

    async fn send(&self, command: &str, expected: &str) {
        let curl = Curl::parse(&self.filled_in(command));
        let told = self.guarded.as_ref().map(Guarded::changes);
        let got = curl.run().await;
        match serde_json::from_str::<Value>(expected) {
            Ok(expected) => {
                let got: Value = serde_json::from_str(&got)
                    .unwrap_or_else(|_| panic!("{command} printed {got:?}"));
                assert!(matches(&expected, &got), "{command} printed {got}");
            }
            Err(_) => assert_eq!(got.trim(), expected, "{command}"),
        }
        // From the change on, the next request is the one that counts: it is not sent before the gate
        // was told.
        if let (true, Some(guarded), Some(told)) = (curl.is_change(), &self.guarded, told) {
            eventually("the gate is told", || guarded.changes() > told).await;
        }
    }
}

/// Whether an answer is what the README shows: `"<…>"` stands for any text.
fn matches(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::String(text), Value::String(_)) if text.starts_with('<') => true,
        (Value::Object(expected), Value::Object(got)) => {
            expected.len() == got.len()
                && expected
                    .iter()
                    .all(|(name, value)| got.get(name).is_some_and(|got| matches(value, got)))
        }
        (Value::Array(expected), Value::Array(got)) => {
            expected.len() == got.len()
                && std::iter::zip(expected, got).all(|(expected, got)| matches(expected, got))
        }
        _ => expected == got,
    }
}

/// Enters every line, and gives how the service ended when it was asked to.
async fn enter_all(launch: Launch) {
    let lines = readme::lines();
    assert!(lines.len() >= 7, "the README shows too little: {lines:?}");
    let mut terminals = Terminals::default();
    for line in &lines {
        terminals.enter(line, &launch).await;
    }
    drop(terminals.guarded.take());
    let program = terminals.program();
    let status = program.stop().await;
    assert!(status.success(), "{status:?}: {}", program.stderr());
    let listening = format!("listening on http://{}", program.address());
    let said = program.stderr();
    let count = said.lines().filter(|line| *line == listening).count();
    assert_eq!(count, 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_steps_of_the_readme_work_in_an_empty_folder() {
    enter_all(Launch::tiergate().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_lines_work_on_postgresql() {
    let Some(server) = Postgres::shared().await else {
        return;
    };
    let launch = Launch::tiergate()
        .await
        .env("DATABASE_URL", server.create_database().await)
        .env("TIERGATE_JWT_SECRET", "a-secret-of-the-first-run-32-bytes");
    enter_all(launch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_subscribed_to_survives_kill_and_restart() {
    let program = Launch::tiergate().await.arg("serve").start().await;
    let token = program.run_beside(&["token", "--user", "pia"]).await.stdout;
    let address = program.address();
    let authorization = format!("Authorization: Bearer {}", token.trim());
    let subscribe = format!(
        "curl -X POST http://{address}/api/subscriptions -H '{authorization}' \
         -H 'Content-Type: application/json' -d '{{\"tier\":\"pro\",\"billingCycle\":\"annual\"}}'"
    );
    let made: Value = serde_json::from_str(&Curl::parse(&subscribe).run().await).expect("JSON");
    assert_eq!(made["data"]["tier"], "pro", "{made}");
    program.kill().await;
    program.restart().await;
    let read = format!("curl http://{address}/api/subscriptions/user/pia -H '{authorization}'");
    let read: Value = serde_json::from_str(&Curl::parse(&read).run().await).expect("JSON");
    assert_eq!(read["data"], made["data"]);
}

#[test]
fn a_placeholder_stands_for_text_and_nothing_else() {
    let expected = serde_json::json!({"id": "<id>", "list": [1, "<time>"]});
    let matches = |got| matches(&expected, &got);
    assert!(matches(serde_json::json!({"id": "a", "list": [1, "b"]})));
    assert!(!matches(serde_json::json!({"id": null, "list": [1, "b"]})));
    assert!(!matches(serde_json::json!({"id": "a", "list": [2, "b"]})));
    assert!(!matches(serde_json::json!({"id": "a", "list": [1]})));
    assert!(!matches(
        serde_json::json!({"id": "a", "list": [1, "b"], "more": 1})
    ));
}
