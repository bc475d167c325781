//! Programs of others that hold a service to what it says.

use axum::Json;
use axum::extract::Path;
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};
use tiergate_tests::{Check, Node, Python, Server, schemathesis};

/// A service whose document says that `/things/{id}` answers with the number that it was asked for, or
/// 400. What it does is up to `thing`.
async fn service(thing: fn(&str) -> (StatusCode, Value)) -> Server {
    let handler = async move |Path(id): Path<String>| {
        let (status, body) = thing(&id);
        (status, Json(body)).into_response()
    };
    let router = axum::Router::new()
        .route("/openapi.json", get(async || Json(document())))
        .route("/things/{id}", get(handler));
    Server::start(router).await
}

fn document() -> Value {
    let answer = |schema: Value| {
        json!({
            "description": "an answer",
            "content": {"application/json": {"schema": schema}},
        })
    };
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "paths": {"/things/{id}": {"get": {
            "parameters": [{
                "name": "id",
                "in": "path",
                "required": true,
                "schema": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
            }],
            "responses": {
                "200": answer(json!({"$ref": "#/components/schemas/Thing"})),
                "400": answer(json!({"type": "object"})),
            },
        }}},
        "components": {"schemas": {"Thing": {
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "integer"}},
        }}},
    })
}

fn right(id: &str) -> (StatusCode, Value) {
    match id.parse::<u32>() {
        Ok(id @ 1..=1_000_000) => (StatusCode::OK, json!({"id": id})),
        _ => (StatusCode::BAD_REQUEST, json!({})),
    }
}

const CHECKS: [Check; 5] = [
    Check::NotAServerError,
    Check::StatusCode,
    Check::ContentType,
    Check::ResponseSchema,
    Check::NegativeData,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_in_a_service_that_does_what_it_says() {
    let server = service(right).await;
    let url = format!("http://{}/openapi.json", server.address());
    let Some(report) = schemathesis(&url, &[("x-test", "1")], &CHECKS).await else {
        return;
    };
    assert_eq!(report.failures, [""; 0], "{}", report.output);
    assert_eq!(report.operations, 1);
    assert!(report.requests > 10, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_what_a_service_does_otherwise() {
    let server = service(|id| match id.parse::<u32>() {
        // The text is not the number that is promised.
        Ok(1..=1_000_000) => (StatusCode::OK, json!({"id": id})),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, json!({})),
    })
    .await;
    let url = format!("http://{}/openapi.json", server.address());
    let Some(report) = schemathesis(&url, &[], &CHECKS).await else {
        return;
    };
    for expected in ["Response violates schema", "Server error"] {
        let expected = format!("{expected}: GET /things/{{id}}");
        assert!(report.failures.contains(&expected), "{:?}", report.failures);
    }
}

#[tokio::test]
async fn python_has_what_it_was_given() {
    let Some(python) = Python::with("sortedcontainers==2.4.0\n").await else {
        return;
    };
    let told = python
        .script("import sortedcontainers; print(list(sortedcontainers.SortedSet([2, 1])))")
        .await;
    assert_eq!(told.stdout, "[1, 2]\n", "{told:?}");
    let told = python.script("import requests").await;
    assert!(!told.status.success(), "it was not given: {told:?}");
}

#[tokio::test]
async fn node_has_what_it_was_given() {
    let Some(node) = Node::with(&["ms@2.1.3"]).await else {
        return;
    };
    let told = node
        .script("console.log(require('ms')(process.argv[1]))", &["2 days"])
        .await;
    assert_eq!(told.stdout, "172800000\n", "{told:?}");
    let told = node.script("require('left-pad')", &[]).await;
    assert!(!told.status.success(), "it was not given: {told:?}");
}

#[tokio::test]
#[should_panic(expected = "ms has to be pinned")]
async fn a_package_of_any_version_is_refused() {
    Node::with(&["ms"]).await;
}
