use tiergate_core::Subject;

use super::server::{Server, ada, json, pro, response, told};
use crate::{Answer, HttpLookup, SubscriptionLookup};

#[tokio::test]
async fn a_subscription_is_asked_for_by_the_kind_and_the_id_of_its_owner() {
    let server = Server::saying(pro()).await;
    assert_eq!(server.asked().await, "pro");
    let lookup = server.builder().build().unwrap();
    let organization = Subject::organization("a/b c");
    assert_eq!(told(&lookup.lookup(&organization).await), "invalid_answer");
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /api/subscriptions/user/ada HTTP/1.1\r\n"));
    assert!(requests[1].starts_with("GET /api/subscriptions/organization/a%2Fb%20c HTTP/1.1\r\n"));
    let head = requests[0].to_ascii_lowercase();
    assert!(head.contains(concat!(
        "\r\nuser-agent: tiergate/",
        env!("CARGO_PKG_VERSION"),
        "\r\n"
    )));
    assert!(head.contains("\r\naccept: application/json\r\n"));
    assert!(!head.contains("accept-encoding"));
    assert!(!head.contains("authorization"));
}

#[tokio::test]
async fn every_status_has_its_own_meaning() {
    let table = [
        ("404 Not Found", "-", 1),
        ("401 Unauthorized", "unauthorized", 1),
        ("403 Forbidden", "unauthorized", 1),
        ("429 Too Many Requests", "throttled", 2),
        ("500 Internal Server Error", "unavailable", 2),
        ("503 Service Unavailable", "unavailable", 2),
        ("204 No Content", "unavailable", 1),
        ("201 Created", "unavailable", 1),
        ("302 Found", "unavailable", 1),
        ("304 Not Modified", "unavailable", 1),
        ("400 Bad Request", "unavailable", 1),
        ("410 Gone", "unavailable", 1),
    ];
    for (status, outcome, calls) in table {
        let server = Server::saying(json(status, "")).await;
        let lookup = server.builder().build().unwrap();
        let answer = lookup.lookup(&ada()).await;
        assert_eq!(told(&answer), outcome, "{status}");
        assert_eq!(server.requests().len(), calls, "{status}");
        if let Answer::Failed(error) = answer {
            assert_eq!(error.status().unwrap().to_string(), status[..3]);
        }
    }
}

#[tokio::test]
async fn a_web_page_is_never_taken_for_no_subscription() {
    let page = "HTTP/1.1 404 Not Found\r\ncontent-type: text/html; charset=utf-8\r\n\
                content-length: 9\r\nconnection: close\r\n\r\nnot found";
    let bare = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for (response, outcome) in [(page, "invalid_answer"), (bare, "-")] {
        let server = Server::saying(response.to_owned()).await;
        let lookup = server.builder().build().unwrap();
        assert_eq!(told(&lookup.lookup(&ada()).await), outcome);
    }
}

#[tokio::test]
async fn what_is_no_subscription_of_the_subject_is_not_used() {
    let other = r#"{"success":true,"data":{"userId":"eve","tier":"pro","status":"active"}}"#;
    let kind = r#"{"success":true,"data":{"organizationId":"ada","tier":"pro","status":"active"}}"#;
    let good = r#"{"success":true,"data":{"userId":"ada","tier":"pro","status":"active"}}"#;
    let deep = "[".repeat(10_000);
    let gzip = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    let table = [
        ("another owner", json("200 OK", other), "invalid_answer"),
        ("another kind", json("200 OK", kind), "invalid_answer"),
        (
            "null",
            json("200 OK", r#"{"success":true,"data":null}"#),
            "-",
        ),
        (
            "no success",
            json("200 OK", r#"{"success":false,"data":null}"#),
            "invalid_answer",
        ),
        ("empty", json("200 OK", ""), "invalid_answer"),
        ("deep", json("200 OK", &deep), "invalid_answer"),
        (
            "html",
            response("200 OK", "content-type: text/html\r\n", good),
            "invalid_answer",
        ),
        ("no type", response("200 OK", "", good), "invalid_answer"),
        (
            "compressed",
            response("200 OK", gzip, good),
            "invalid_answer",
        ),
        (
            "a type with parameters",
            response(
                "200 OK",
                "content-type: Application/JSON; charset=utf-8\r\n",
                good,
            ),
            "pro",
        ),
        (
            "a type of the JSON family",
            response(
                "200 OK",
                "content-type: application/vnd.billing+json\r\n",
                good,
            ),
            "pro",
        ),
    ];
    for (name, response, outcome) in table {
        assert_eq!(
            Server::saying(response).await.asked().await,
            outcome,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_subject_that_cannot_be_sent_is_not_asked_about() {
    let server = Server::saying(pro()).await;
    let lookup = server.builder().build().unwrap();
    for id in ["", ".", "..", &"x".repeat(257)] {
        let answer = lookup.lookup(&Subject::user(id)).await;
        assert_eq!(told(&answer), "invalid_subject");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_prefix_comes_before_the_path() {
    let server = Server::saying(pro()).await;
    let lookup = HttpLookup::new(&format!("{}/billing/", server.base)).unwrap();
    lookup.lookup(&ada()).await;
    assert!(server.requests()[0].starts_with("GET /billing/api/subscriptions/user/ada "));
}

#[test]
fn faults_of_the_settings_are_found_when_it_is_built() {
    let message = |base: &str| HttpLookup::new(base).unwrap_err().to_string();
    assert!(message("nonsense").contains("not a URL"));
    assert!(message("ftp://127.0.0.1").contains("must begin with"));
    assert!(message("http://example.com").contains("use `https`"));
    let secret = message("http://user:hunter2@127.0.0.1");
    assert!(secret.contains("give a token") && !secret.contains("hunter2"));
    if cfg!(any(feature = "rustls", feature = "native-tls")) {
        assert!(HttpLookup::new("https://example.com").is_ok());
    } else {
        assert!(message("https://example.com").contains("cargo feature `rustls`"));
    }
    let builder = HttpLookup::builder("http://127.0.0.1").deadline(std::time::Duration::ZERO);
    assert!(
        builder
            .build()
            .unwrap_err()
            .to_string()
            .contains("`deadline`")
    );
}
