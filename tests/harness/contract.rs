//! A contract finds what it should, and nothing else.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use tiergate_tests::Contract;
use tiergate_tests::openapi::Place;

/// A small service: cats by id, with a few fixed paths beside.
fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Cats", "version": "1"},
        "security": [{"bearer": []}],
        "paths": {
            "/cats": {
                "get": {
                    "operationId": "list",
                    "security": [],
                    "parameters": [
                        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},
                        {"name": "color", "in": "query", "schema":
                            {"type": "array", "items": {"enum": ["black", "red"]}}},
                        {"name": "tame", "in": "query", "schema": {"type": "boolean"}},
                    ],
                    "responses": {"200": {
                        "description": "cats",
                        "content": {"application/json": {"schema":
                            {"type": "array", "items": {"$ref": "#/components/schemas/Cat"}}}},
                    }},
                },
                "post": {
                    "requestBody": {"$ref": "#/components/requestBodies/Cat"},
                    "responses": {
                        "201": {
                            "description": "made",
                            "headers": {
                                "ETag": {"required": true, "schema": {"type": "string", "pattern": "^\""}},
                                "Retry-After": {"schema": {"type": "integer"}},
                            },
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Cat"}}},
                        },
                        "409": {"$ref": "#/components/responses/Problem"},
                        "4XX": {
                            "description": "other",
                            "content": {"text/*": {"schema": {"type": "string", "maxLength": 5}}},
                        },
                    },
                },
            },
            "/cats/mine": {"get": {"responses": {"204": {"description": "nothing"}}}},
            "/cats/{id}": {
                "parameters": [{"$ref": "#/components/parameters/Id"}],
                "get": {
                    "parameters": [
                        {"name": "If-Match", "in": "header", "required": true, "schema": {"type": "string"}},
                    ],
                    "responses": {
                        "200": {
                            "description": "a cat",
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Cat"}}},
                        },
                        "default": {"$ref": "#/components/responses/Problem"},
                    },
                },
            },
        },
        "components": {
            "parameters": {"Id": {"name": "id", "in": "path", "required": true, "schema":
                {"type": "string", "format": "uuid"}}},
            "requestBodies": {"Cat": {"required": true, "content": {"application/json": {"schema":
                {"$ref": "#/components/schemas/Cat"}}}}},
            "responses": {"Problem": {"description": "no", "content": {"application/problem+json": {"schema":
                {"type": "object", "required": ["code"]}}}}},
            "schemas": {"Cat": {
                "type": "object",
                "required": ["name", "born"],
                "additionalProperties": false,
                "properties": {
                    "name": {"type": "string"},
                    "born": {"type": "string", "format": "date-time"},
                    "lives": {"type": "integer", "format": "int32", "maximum": 9},
                    "mother": {"$ref": "#/components/schemas/Cat"},
                },
            }},
        },
    })
}

fn contract() -> Contract {
    Contract::from_json(document()).unwrap()
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    pairs.collect()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const ID: &str = "/cats/0195b5a8-5f3c-7c3e-8f1e-0123456789ab";

fn cat() -> Value {
    json!({"name": "Tom", "born": "2026-03-01T12:00:00Z", "lives": 9})
}

/// The faults of a response, as one text; empty if there is none.
fn faults(
    (method, path): (Method, &str),
    status: u16,
    sent: &[(&'static str, &'static str)],
    body: impl AsRef<[u8]>,
) -> String {
    let status = StatusCode::from_u16(status).unwrap();
    let checked = contract().check(&method, path, status, &headers(sent), body.as_ref());
    checked.err().unwrap_or_default().join("\n")
}

/// The faults of a request, as one text; empty if there is none.
fn request_faults(
    (method, path): (Method, &str),
    sent: &[(&'static str, &'static str)],
    body: impl AsRef<[u8]>,
) -> String {
    let checked = contract().check_request(&method, path, &headers(sent), body.as_ref());
    checked.err().unwrap_or_default().join("\n")
}

fn get(path: &str) -> (Method, &str) {
    (Method::GET, path)
}

fn post(path: &str) -> (Method, &str) {
    (Method::POST, path)
}

/// The faults that a document has after `change`.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut document = document();
    change(&mut document);
    Contract::from_json(document)
        .expect_err("it is wrong")
        .join("\n")
}

#[test]
fn what_is_documented_passes() {
    assert_eq!(
        faults(
            get("/cats?limit=3"),
            200,
            &[JSON],
            json!([cat()]).to_string()
        ),
        ""
    );
    assert_eq!(faults(get(ID), 200, &[JSON], cat().to_string()), "");
    let exact = [
        ("content-type", "Application/JSON; charset=utf-8"),
        ("etag", "\"1\""),
    ];
    assert_eq!(faults(post("/cats"), 201, &exact, cat().to_string()), "");
    assert_eq!(faults(get("/cats/mine"), 204, &[], ""), "");
}

#[test]
fn a_path_that_is_not_documented_is_a_fault() {
    let told = "GET /dogs -> 200: the path is not documented";
    assert_eq!(faults(get("/dogs"), 200, &[JSON], "{}"), told);
    for path in ["/cats/", "/cats/1/tail", "/cats/%2F/", "/", ""] {
        assert!(
            faults(get(path), 200, &[JSON], "{}").contains("path is not"),
            "{path}"
        );
    }
}

#[test]
fn a_method_that_is_not_documented_is_a_fault() {
    assert_eq!(
        faults((Method::DELETE, "/cats"), 200, &[], ""),
        "DELETE /cats -> 200: the method is not documented for /cats, only GET, POST"
    );
}

#[test]
fn a_status_that_is_not_documented_is_a_fault() {
    assert_eq!(
        faults(get("/cats"), 500, &[JSON], "[]"),
        "GET /cats -> 500: the status is not documented, only 200"
    );
}

#[test]
fn a_status_is_its_own_before_its_hundred_before_the_default() {
    let problem = ("content-type", "application/problem+json");
    let text = ("content-type", "text/plain");
    assert_eq!(
        faults(post("/cats"), 409, &[problem], r#"{"code":"X"}"#),
        ""
    );
    assert_eq!(
        faults(post("/cats"), 409, &[text], "no"),
        "POST /cats -> 409: the content type `text/plain` is not documented, only application/problem+json"
    );
    assert_eq!(faults(post("/cats"), 404, &[text], "no"), "");
    assert_eq!(
        faults(post("/cats"), 404, &[text], "far too long"),
        "POST /cats -> 404: / \"far too long\" is longer than 5 characters"
    );
    assert_eq!(faults(get(ID), 503, &[problem], r#"{"code":"X"}"#), "");
    assert!(faults(get(ID), 503, &[problem], "{}").contains("\"code\" is a required property"));
    assert!(faults(post("/cats"), 500, &[text], "no").contains("only 201, 409, 4XX"));
}

#[test]
fn a_type_of_content_that_is_not_documented_is_a_fault() {
    let told =
        "GET /cats -> 200: the content type `text/html` is not documented, only application/json";
    assert_eq!(
        faults(get("/cats"), 200, &[("content-type", "text/html")], "[]"),
        told
    );
    assert!(faults(get("/cats"), 200, &[], "[]").contains("the content type ``"));
}

#[test]
fn a_body_where_none_is_documented_is_a_fault() {
    let told = "GET /cats/mine -> 204: there is a body, and none is documented";
    assert_eq!(faults(get("/cats/mine"), 204, &[JSON], "{}"), told);
}

#[test]
fn every_fault_of_a_body_is_told_with_its_place() {
    let wrong = json!([cat(), {
        "name": 7,
        "born": "yesterday",
        "lives": 10,
        "tail": true,
        "mother": {"name": "Minka"},
    }]);
    let told = faults(get("/cats"), 200, &[JSON], wrong.to_string());
    for expected in [
        "/1/name 7 is not of type \"string\"",
        "/1/born \"yesterday\" is not a \"date-time\"",
        "/1/lives 10 is greater than the maximum of 9",
        "/1 Additional properties are not allowed ('tail' was unexpected)",
        "/1/mother \"born\" is a required property",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    assert_eq!(told.lines().count(), 5, "{told}");
}

#[test]
fn a_body_that_is_no_json_is_a_fault() {
    assert!(faults(get("/cats"), 200, &[JSON], "").contains("the body is no JSON"));
    assert!(faults(get("/cats"), 200, &[JSON], "[]]").contains("the body is no JSON"));
}

#[test]
fn a_header_that_is_missing_or_wrong_is_a_fault() {
    let sent = |more: &[_]| {
        faults(
            post("/cats"),
            201,
            &[&[JSON], more].concat(),
            cat().to_string(),
        )
    };
    assert_eq!(sent(&[]), "POST /cats -> 201: the header `ETag` is missing");
    assert!(sent(&[("etag", "1")]).contains("the header `ETag` is 1: \"1\" does not match"));
    assert_eq!(sent(&[("etag", "\"1\""), ("retry-after", "30")]), "");
    let told = sent(&[("etag", "\"1\""), ("retry-after", "soon")]);
    assert!(told.contains("the header `Retry-After` is soon"), "{told}");
}

#[test]
fn a_fixed_path_goes_before_one_with_parameters() {
    assert_eq!(request_faults(get("/cats/mine"), &[], ""), "");
    let told = request_faults(get("/cats/yours"), &[("if-match", "*")], "");
    assert!(
        told.contains("the path's `id` is yours: \"yours\" is not a \"uuid\""),
        "{told}"
    );
}

#[test]
fn a_request_is_held_to_its_parameters() {
    for good in [
        "limit=1",
        "color=red",
        "color=red&color=black",
        "color=red,black",
        "tame=true",
    ] {
        assert_eq!(
            request_faults(get(&format!("/cats?{good}")), &[], ""),
            "",
            "{good}"
        );
    }
    for (bad, told) in [
        (
            "limit=0",
            "the query's `limit` is 0: 0 is less than the minimum of 1",
        ),
        (
            "limit=x",
            "the query's `limit` is x: \"x\" is not of type \"integer\"",
        ),
        ("limit=1&limit=2", "the query's `limit` is 1, 2: "),
        (
            "color=red&color=blue",
            "the query's `color` is red, blue: \"blue\" is not one of",
        ),
        (
            "tame=yes",
            "the query's `tame` is yes: \"yes\" is not of type \"boolean\"",
        ),
        (
            "l%69mits=1",
            "the query has `limits`, which is not documented",
        ),
    ] {
        let faults = request_faults(get(&format!("/cats?{bad}")), &[], "");
        assert!(faults.contains(told), "{bad}: {faults}");
        assert_eq!(faults.lines().count(), 1, "{faults}");
    }
    assert_eq!(request_faults(get(ID), &[("if-match", "*")], ""), "");
    let told = request_faults(get(ID), &[], "");
    assert!(told.contains("the header `If-Match` is missing"), "{told}");
}

#[test]
fn a_request_is_held_to_its_body() {
    assert_eq!(
        request_faults(post("/cats"), &[JSON], cat().to_string()),
        ""
    );
    let told = request_faults(post("/cats"), &[JSON], r#"{"name": "Tom"}"#);
    assert_eq!(told, "POST /cats: / \"born\" is a required property");
    assert!(request_faults(post("/cats"), &[], "").contains("content type ``"));
    let told = request_faults(get("/cats/mine"), &[JSON], "{}");
    assert!(
        told.contains("there is a body, and none is documented"),
        "{told}"
    );
}

#[test]
fn operations_tell_what_a_request_needs() {
    let contract = contract();
    let operations: Vec<_> = contract
        .operations()
        .map(|operation| format!("{} {}", operation.method, operation.path))
        .collect();
    let all = [
        "GET /cats",
        "POST /cats",
        "GET /cats/mine",
        "GET /cats/{id}",
    ];
    let mut sorted = operations.clone();
    sorted.sort();
    let mut expected = all;
    expected.sort_unstable();
    assert_eq!(sorted, expected);

    let find = |wanted: &str| {
        let index = operations.iter().position(|one| one == wanted).unwrap();
        contract.operations().nth(index).unwrap()
    };
    let list = find("GET /cats");
    assert_eq!(list.id.as_deref(), Some("list"));
    assert!(!list.needs_credential());
    assert_eq!(list.parameters.len(), 3);
    assert!(list.request.is_none());

    let make = find("POST /cats");
    assert!(make.needs_credential());
    assert_eq!(make.security, [["bearer"]]);
    assert_eq!(make.statuses, ["201", "409", "4XX"]);
    let request = make.request.as_ref().unwrap();
    assert!(request.required);
    let schema = contract.resolve(&request.content["application/json"]);
    assert_eq!(schema["required"], json!(["name", "born"]));

    let read = find("GET /cats/{id}");
    let parameters: Vec<_> = read
        .parameters
        .iter()
        .map(|parameter| (&*parameter.name, parameter.place, parameter.required))
        .collect();
    assert_eq!(
        parameters,
        [("id", Place::Path, true), ("If-Match", Place::Header, true)]
    );
}

#[test]
fn a_document_of_another_version_is_refused() {
    assert_eq!(
        refused(|document| document["openapi"] = json!("3.0.3")),
        "#/openapi has to be 3.1"
    );
}

#[test]
fn a_reference_to_nothing_is_refused() {
    let told = refused(|document| {
        document["components"]["schemas"]
            .as_object_mut()
            .unwrap()
            .remove("Cat");
    });
    assert!(
        told.contains("'/components/schemas/Cat' does not exist"),
        "{told}"
    );
    let told = refused(|document| {
        document["components"]["responses"]
            .as_object_mut()
            .unwrap()
            .remove("Problem");
    });
    let expected = "#/paths/~1cats/post/responses/409 refers to #/components/responses/Problem";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn a_reference_to_itself_is_refused() {
    let told = refused(|document| {
        document["components"]["parameters"]["Id"] = json!({"$ref": "#/components/parameters/Id"});
    });
    assert!(
        told.contains("#/paths/~1cats~1{id}/parameters/0 refers to itself"),
        "{told}"
    );
}

#[test]
fn an_unknown_format_is_refused() {
    let told = refused(|document| {
        document["components"]["schemas"]["Cat"]["properties"]["born"]["format"] =
            json!("datetime");
    });
    assert!(told.contains("datetime"), "{told}");
}

#[test]
fn what_is_no_schema_is_refused() {
    let told = refused(|document| {
        document["components"]["schemas"]["Cat"]["properties"]["name"]["type"] = json!("text");
    });
    assert!(
        told.contains("#/components/schemas/Cat is no schema"),
        "{told}"
    );
}

#[test]
fn parameters_have_to_be_those_of_the_path() {
    let told = refused(|document| {
        let parameters = &mut document["components"]["parameters"];
        parameters["Id"]["name"] = json!("identity");
    });
    assert!(
        told.contains("#/paths/~1cats~1{id}/get `id` is not among the parameters"),
        "{told}"
    );
    assert!(
        told.contains("`identity` is a parameter that the path does not have"),
        "{told}"
    );
}

#[test]
fn one_path_is_not_described_twice() {
    let told = refused(|document| {
        let cats = document["paths"]["/cats/mine"].clone();
        document["paths"]["/cats/{name}"] = cats;
    });
    assert!(told.contains("is there twice"), "{told}");
}
