//! Requests to the API without a socket, as its tests make them.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use secrecy::SecretString;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::Api;
use crate::Billing;
use crate::auth::Verifier;

const SECRET: &str = "a secret that only the tests know, long enough";

/// What was answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// Somebody who calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum As<'a> {
    Nobody,
    User(&'a str),
    Service,
    Admin(&'a str),
}

impl As<'_> {
    fn token(self) -> Option<String> {
        let (id, roles) = match self {
            Self::Nobody => return None,
            Self::User(id) => (id, json!([])),
            Self::Service => ("meter", json!(["service"])),
            Self::Admin(id) => (id, json!(["admin"])),
        };
        let claims = json!({ "sub": id, "roles": roles, "exp": 4_102_444_800_u64 });
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).ok()
    }
}

/// Makes a request. `line` is its method and path.
pub(super) async fn ask(billing: &Billing, who: As<'_>, line: &str) -> Answered {
    send(billing, who, line, &[], None).await
}

/// Makes a request with headers and a body.
pub(super) async fn send(
    billing: &Billing,
    who: As<'_>,
    line: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Answered {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = who.token() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = body.map_or_else(Body::empty, |body| body.to_string().into());
    let secret = SecretString::from(SECRET);
    let verifier = Verifier::shared_secret(&secret, billing.clock().clone()).unwrap();
    let response: Response = Api::new(billing.clone(), verifier)
        .router()
        .oneshot(request.body(body).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answered {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    }
}
