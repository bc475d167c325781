//! A client that holds everything against the OpenAPI document.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use tiergate_billing::api::Api;
use tiergate_tests::{Contract, Reply};

use crate::service::Service;

/// What the service promises.
pub(crate) static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let document = serde_json::to_value(Api::document()).expect("a document is JSON");
    Contract::from_json(document).unwrap_or_else(|faults| panic!("{}", faults.join("\n")))
});

/// Somebody who calls.
#[derive(Clone)]
pub(crate) struct Caller<'s> {
    service: &'s Service,
    authorization: Option<String>,
}

/// A request that is being put together.
#[must_use]
pub(crate) struct Call<'s> {
    service: &'s Service,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    known: Known,
}

/// What the document says of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It has the path and the method.
    Documented,
    /// It has not: that is the point of the request.
    Unknown,
}

impl<'s> Caller<'s> {
    pub(crate) fn new(service: &'s Service, authorization: Option<String>) -> Self {
        Self {
            service,
            authorization,
        }
    }

    pub(crate) fn ask(&self, method: Method, path: impl Into<String>) -> Call<'s> {
        let call = Call {
            service: self.service,
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            known: Known::Documented,
        };
        match &self.authorization {
            Some(authorization) => call.header("authorization", authorization),
            None => call,
        }
    }

    pub(crate) fn get(&self, path: impl Into<String>) -> Call<'s> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn delete(&self, path: impl Into<String>) -> Call<'s> {
        self.ask(Method::DELETE, path)
    }

    pub(crate) fn post(&self, path: impl Into<String>, body: &Value) -> Call<'s> {
        self.ask(Method::POST, path).json(body)
    }

    pub(crate) fn patch(&self, path: impl Into<String>, body: &Value) -> Call<'s> {
        self.ask(Method::PATCH, path).json(body)
    }

    pub(crate) fn put(&self, path: impl Into<String>, body: &Value) -> Call<'s> {
        self.ask(Method::PUT, path).json(body)
    }

    /// What a `GET` answers with, below `data`.
    pub(crate) async fn read(&self, path: impl Into<String>) -> Value {
        data(&self.get(path).gets(200).await)
    }
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// Sends JSON; nothing for null.
    pub(crate) fn json(self, body: &Value) -> Self {
        if body.is_null() {
            return self;
        }
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn if_match(self, tag: &str) -> Self {
        self.header("if-match", tag)
    }

    /// Says that the document does not know of such a request.
    pub(crate) fn undocumented(mut self) -> Self {
        self.known = Known::Unknown;
        self
    }

    /// Sends it, and holds the answer against the document; and the request too, if it was right.
    pub(crate) async fn send(self) -> Reply {
        let mut ask = self
            .service
            .client
            .ask(self.method.clone(), &self.path)
            .body(self.body.clone());
        for (name, value) in &self.headers {
            ask = ask.header_of(name.clone(), value.clone());
        }
        let reply = ask.send().await;
        let mut faults = Vec::new();
        if self.known == Known::Documented {
            let (method, path) = (&self.method, &*self.path);
            faults.extend(CONTRACT.check_reply(method, path, &reply).err());
            if reply.status.is_success() {
                let request = CONTRACT.check_request(method, path, &self.headers, &self.body);
                faults.extend(request.err());
            }
        }
        let faults = faults.concat();
        assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), reply.text());
        if reply.status.as_u16() >= 400 && self.method != Method::HEAD {
            is_a_problem(&self.path, &reply);
        }
        reply
    }

    /// Sends it; it has to be answered with this status.
    pub(crate) async fn gets(self, status: u16) -> Reply {
        let line = format!("{} {}", self.method, self.path);
        let reply = self.send().await;
        assert_eq!(reply.status.as_u16(), status, "{line}: {}", reply.text());
        reply
    }

    /// Sends it; it has to be refused with this status and code.
    pub(crate) async fn refused(self, status: u16, code: &str) -> Reply {
        let line = format!("{} {}", self.method, self.path);
        let reply = self.gets(status).await;
        assert_eq!(reply.code(), code, "{line}: {}", reply.text());
        reply
    }

    /// Sends it; it has to be refused as not valid, for just what is at these places.
    pub(crate) async fn invalid(self, pointers: &[&str]) -> Reply {
        let line = format!("{} {}", self.method, self.path);
        let reply = self.refused(400, "VALIDATION_ERROR").await;
        let json = reply.json();
        let mut told: Vec<_> = json["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault["pointer"].as_str().unwrap())
            .collect();
        told.sort_unstable();
        let mut pointers = pointers.to_vec();
        pointers.sort_unstable();
        assert_eq!(told, pointers, "{line}: {}", reply.text());
        reply
    }
}

/// What an answer is about.
pub(crate) fn data(reply: &Reply) -> Value {
    let mut json = reply.json();
    assert_eq!(json["success"], true, "{}", reply.text());
    json["data"].take()
}

/// Every refusal has the form of RFC 9457 and the members that older clients read, and stays in no cache.
fn is_a_problem(path: &str, reply: &Reply) {
    let json = reply.json();
    let said = format!("{path}: {}", reply.text());
    let kind = reply.header("content-type");
    assert_eq!(kind, Some("application/problem+json"), "{said}");
    let cached = reply.header("cache-control").unwrap_or_default();
    assert!(cached.contains("no-store"), "{cached}: {said}");
    assert_eq!(json["status"], reply.status.as_u16(), "{said}");
    assert_eq!(json["error"], json["code"], "{said}");
    assert_eq!(json["message"], json["detail"], "{said}");
    for member in ["type", "title", "detail", "code"] {
        let text = json[member].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{member} of {said}");
    }
}
