use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tiergate_core::Subject;
use tiergate_core::time::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{Server, json as reply, response};
use crate::{
    AfterRefusal, LookupErrorKind, StaticToken, TokenError, TokenProvider, UsageOutcome,
    UsageSubmission,
};

fn submission<'a>(key: &str, subject: &'a Subject) -> UsageSubmission<'a> {
    UsageSubmission {
        idempotency_key: key.to_owned(),
        subject,
        user: Some("ada"),
        metric: "sms_messages",
        quantity: -3,
        occurred_at: Timestamp::from_seconds(1_767_225_600),
        metadata: None,
    }
}

fn outcomes(told: &Value) -> String {
    let body = json!({"success": true, "data": {"records": told}});
    reply("200 OK", &body.to_string())
}

/// The body of a request. A server that does not read it breaks the connection when it closes.
async fn body_of(head: &str, stream: &mut TcpStream) -> Vec<u8> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    body
}

/// Answers every request with these bytes and closes.
async fn saying(response: impl Into<Vec<u8>>) -> Server {
    let response = Arc::new(response.into());
    Server::start(move |_, head, mut stream| {
        let response = Arc::clone(&response);
        async move {
            body_of(&head, &mut stream).await;
            let _ = stream.write_all(&response).await;
        }
    })
    .await
}

/// What two records come to when the service gives this answer.
async fn told(response: impl Into<Vec<u8>>) -> Result<Vec<UsageOutcome>, crate::LookupError> {
    let server = saying(response).await;
    let subject = Subject::user("ada");
    let batch = [submission("a", &subject), submission("b", &subject)];
    server.builder().build().unwrap().record_usage(&batch).await
}

#[tokio::test]
async fn records_are_sent_in_the_form_that_the_service_reads() {
    let body: Arc<Mutex<Vec<u8>>> = Arc::default();
    let seen = Arc::clone(&body);
    let server = Server::start(move |_, head, mut stream| {
        let seen = Arc::clone(&seen);
        async move {
            *seen.lock().unwrap() = body_of(&head, &mut stream).await;
            let told = json!([
                {"index": 0, "idempotencyKey": "a", "outcome": "accepted", "id": "1"},
                {"index": 1, "idempotencyKey": "b", "outcome": "duplicate", "id": "2"},
                {"index": 2, "idempotencyKey": "c", "outcome": "rejected", "reason": "no"},
            ]);
            let _ = stream.write_all(outcomes(&told).as_bytes()).await;
        }
    })
    .await;
    let (user, organization) = (Subject::user("bob"), Subject::organization("eagle"));
    let more = serde_json::value::to_raw_value(&json!({"region": "eu"})).unwrap();
    let mut with_more = submission("c", &organization);
    with_more.metadata = Some(&more);
    let batch = [
        submission("a", &user),
        submission("b", &organization),
        with_more,
    ];
    let lookup = server.builder().token(StaticToken::new("t0k3n"));
    let told = lookup.build().unwrap().record_usage(&batch).await.unwrap();
    let rejected = UsageOutcome::Rejected {
        reason: "no".to_owned(),
    };
    let expected = [UsageOutcome::Accepted, UsageOutcome::Duplicate, rejected];
    assert_eq!(told, expected);

    let head = &server.requests()[0];
    assert!(head.starts_with("POST /api/usage HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer t0k3n\r\n"), "{head}");
    assert!(
        head.contains("content-type: application/json\r\n"),
        "{head}"
    );
    let body: Value = serde_json::from_slice(&body.lock().unwrap()).unwrap();
    let at = "2026-01-01T00:00:00Z";
    let sms = "sms_messages";
    assert_eq!(
        body,
        json!({"records": [
            {"idempotencyKey": "a", "userId": "bob", "metric": sms, "quantity": -3, "occurredAt": at},
            {
                "idempotencyKey": "b", "organizationId": "eagle", "userId": "ada",
                "metric": sms, "quantity": -3, "occurredAt": at,
            },
            {
                "idempotencyKey": "c", "organizationId": "eagle", "userId": "ada",
                "metric": sms, "quantity": -3, "occurredAt": at, "metadata": {"region": "eu"},
            },
        ]})
    );
}

#[tokio::test]
async fn an_answer_about_other_records_is_no_answer() {
    let one = json!({"index": 0, "outcome": "accepted"});
    let two = json!({"index": 1, "outcome": "accepted"});
    let failure = json!({"success": false, "data": {"records": [one, two]}}).to_string();
    for answer in [
        outcomes(&json!([one])),
        outcomes(&json!([two, one])),
        outcomes(&json!([one, two, one])),
        outcomes(&json!([one, {"index": 1, "outcome": "perhaps"}])),
        reply("200 OK", &failure),
        reply("200 OK", "{"),
        response("200 OK", "content-type: text/html\r\n", "<p>"),
    ] {
        let kind = told(answer.clone()).await.unwrap_err().kind();
        assert_eq!(kind, LookupErrorKind::InvalidAnswer, "{answer}");
    }
    let right = told(outcomes(&json!([one, two]))).await;
    assert_eq!(right.unwrap().len(), 2);
}

#[tokio::test]
async fn a_refusal_tells_its_status_and_when_to_come_back() {
    let refused = |status: &str, header: &str| response(status, header, "");
    for (answer, kind, status, wish) in [
        (
            refused("401 Unauthorized", ""),
            LookupErrorKind::Unauthorized,
            401,
            None,
        ),
        (
            refused("403 Forbidden", ""),
            LookupErrorKind::Unauthorized,
            403,
            None,
        ),
        (
            refused("413 Too Large", ""),
            LookupErrorKind::Unavailable,
            413,
            None,
        ),
        (
            refused("422 Unprocessable", ""),
            LookupErrorKind::Unavailable,
            422,
            None,
        ),
        (
            refused("503 Busy", ""),
            LookupErrorKind::Unavailable,
            503,
            None,
        ),
        (
            refused("429 Slow", "retry-after: 7\r\n"),
            LookupErrorKind::Throttled,
            429,
            Some(7),
        ),
        (
            refused("503 Busy", "retry-after: soon\r\n"),
            LookupErrorKind::Unavailable,
            503,
            Some(30),
        ),
        (
            refused("302 Found", "location: /x\r\n"),
            LookupErrorKind::Unavailable,
            302,
            None,
        ),
    ] {
        let error = told(answer).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (kind, Some(status)));
        assert_eq!(error.retry_after(), wish.map(Duration::from_secs));
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    let mut endless = head.as_bytes().to_vec();
    endless.resize(5 * 1024 * 1024, b' ');
    let error = told(endless).await.unwrap_err();
    assert_eq!(error.kind(), LookupErrorKind::InvalidAnswer);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    struct Renewed;
    #[async_trait::async_trait]
    impl TokenProvider for Renewed {
        async fn token(&self) -> Result<secrecy::SecretString, TokenError> {
            Ok("token".to_owned().into())
        }
        fn refused(&self, _: &secrecy::SecretString) -> AfterRefusal {
            AfterRefusal::TryAgain
        }
    }
    let server = saying(response("401 Unauthorized", "", "")).await;
    let lookup = server.builder().token(Renewed).build().unwrap();
    let subject = Subject::user("ada");
    let refused = lookup.record_usage(&[submission("a", &subject)]).await;
    assert_eq!(refused.unwrap_err().kind(), LookupErrorKind::Unauthorized);
    assert_eq!(server.requests().len(), 2);
}
