//! The OpenAPI document in the repository is the one of the code: what changes for clients is seen in a
//! review.

use std::collections::BTreeSet;

use serde_json::Value;
use tiergate_billing::api::Api;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[test]
fn the_document_in_the_repository_is_up_to_date() {
    let mut made = serde_json::to_string_pretty(&Api::document()).unwrap();
    made.push('\n');
    if std::env::var_os("TIERGATE_BLESS").is_some() {
        std::fs::write(PATH, &made).unwrap();
    }
    // Not as texts: what else is built decides in which order some objects have their members.
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let stored = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        read(&stored) == read(&made),
        "{PATH} is out of step with the code; run this test with TIERGATE_BLESS=1 to write it anew, and \
         look at the difference with the eyes of a client"
    );
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_what_it_does() {
    let document = serde_json::to_value(Api::document()).unwrap();
    let mut names = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let line = format!("{method} {path}");
            let text = |name: &str| {
                let text = operation.get(name).and_then(Value::as_str);
                text.unwrap_or_default().to_owned()
            };
            assert!(!text("summary").is_empty(), "{line} says nothing of itself");
            let name = text("operationId");
            assert!(!name.is_empty(), "{line} has no name");
            assert!(names.insert(name.clone()), "{line} is called `{name}`, too");
        }
    }
}
