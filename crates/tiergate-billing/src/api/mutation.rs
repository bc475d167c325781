//! Requests that change something: their body, read whole, and their circumstances.

use std::future::Future;

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::header::IF_MATCH;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use sha2::{Digest, Sha256};

use super::fields::{Fields, FromBody};
use super::{Api, Problem};
use crate::auth::Caller;
use crate::change::{IdempotencyKey, Reply};
use crate::context::{Context, ExpectedVersion};
use crate::table::idempotency;
use crate::{Billing, BillingError, FieldFault};

/// The header with the key (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header with the request's id, which is set before the request gets here.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request that changes something.
#[derive(Debug)]
pub(super) struct Mutation<T> {
    /// Who makes it.
    pub(super) caller: Caller,
    /// Who, when, under which key.
    pub(super) context: Context,
    /// What they sent.
    pub(super) body: T,
}

impl<T: FromBody> FromRequest<Api> for Mutation<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, api).await?;
        let body = self::body(Request::from_parts(parts.clone(), body), api).await?;
        let context = context(&parts, &caller, &api.billing, &body)?;
        let body = Fields::read_body_for(api.billing.catalog(), &body)?;
        Ok(Self {
            caller,
            context,
            body,
        })
    }
}

/// Reads a body, whole.
pub(super) async fn body(request: Request, api: &Api) -> Result<Bytes, Problem> {
    Bytes::from_request(request, api)
        .await
        .map_err(|rejection| unreadable(rejection.status()))
}

fn unreadable(status: StatusCode) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(
            status,
            "BODY_TOO_LARGE",
            "The body is too large",
            "the body is larger than this route takes",
        );
    }
    Problem::new(
        StatusCode::BAD_REQUEST,
        "BODY_INCOMPLETE",
        "The body did not arrive",
        "the body ended before it was complete",
    )
}

fn context(
    parts: &Parts,
    caller: &Caller,
    billing: &Billing,
    body: &[u8],
) -> Result<Context, Problem> {
    let mut faults = Vec::new();
    let key = single(
        &parts.headers,
        &IDEMPOTENCY_KEY,
        "Idempotency-Key",
        &mut faults,
    );
    if let Some(key) = key
        && (key.is_empty() || key.len() > IdempotencyKey::MAX_BYTES)
    {
        let most = IdempotencyKey::MAX_BYTES;
        faults.push(FieldFault::new(
            "Idempotency-Key",
            format!("expected 1 to {most} characters"),
        ));
    }
    let expected = single(&parts.headers, &IF_MATCH, "If-Match", &mut faults).map(expected_version);
    if let Some(None) = expected {
        faults.push(FieldFault::new(
            "If-Match",
            "expected entity tags like \"7\", or *",
        ));
    }
    if !faults.is_empty() {
        return Err(BillingError::Invalid(faults).into());
    }
    let actor = caller.actor();
    let idempotency = key.map(|key| IdempotencyKey {
        scope: format!(
            "{}:{} {} {}",
            actor.kind.as_str(),
            actor.id,
            parts.method,
            parts.uri.path()
        ),
        key: key.to_owned(),
        fingerprint: Sha256::digest(body).to_vec(),
    });
    Ok(Context {
        actor,
        now: billing.now(),
        request_id: parts
            .headers
            .get(REQUEST_ID)
            .and_then(|id| id.to_str().ok())
            .map(str::to_owned),
        expected_version: expected.flatten(),
        idempotency,
    })
}

/// The text of a header that may come once.
fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    shown: &'static str,
    faults: &mut Vec<FieldFault>,
) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        faults.push(FieldFault::new(shown, "given more than once"));
        return None;
    }
    let text = value.to_str().ok();
    if text.is_none() {
        faults.push(FieldFault::new(shown, "expected printable ASCII"));
    }
    text
}

fn expected_version(text: &str) -> Option<ExpectedVersion> {
    if text.trim() == "*" {
        return Some(ExpectedVersion::Any);
    }
    let versions = text.split(',').map(|tag| {
        // Weak tags never match in `If-Match` (RFC 9110, section 8.8.3.2), and this service gives none.
        let tag = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
        // A tag that is no version was never given for one, and so matches none.
        Some(tag.parse().unwrap_or(i64::MIN))
    });
    versions.collect::<Option<_>>().map(ExpectedVersion::OneOf)
}

/// Does a mutation, and keeps a refusal under its key as a success is kept with what it changed: a retry
/// is answered the same. Faults of the request itself, and of this service, are not kept.
pub(super) async fn answer<F>(
    billing: &Billing,
    context: &Context,
    work: F,
) -> Result<Reply, Problem>
where
    F: Future<Output = Result<Reply, BillingError>>,
{
    let problem = match work.await {
        Ok(reply) => return Ok(reply),
        Err(error) => {
            let keeps = matches!(
                error,
                BillingError::SubscriptionExists | BillingError::InvalidState(_)
            );
            let problem = Problem::from(error);
            if !keeps {
                return Err(problem);
            }
            problem
        }
    };
    if let Some(key) = &context.idempotency {
        let reply = Reply {
            status: problem.status,
            headers: vec![(
                "content-type".to_owned(),
                "application/problem+json".to_owned(),
            )],
            body: serde_json::to_vec(&problem).unwrap_or_default().into(),
        };
        let mut write = billing
            .database()
            .write()
            .await
            .map_err(BillingError::from)?;
        idempotency::insert(&mut write, key, &reply, context.now)
            .await
            .map_err(BillingError::from)?;
        write.commit().await.map_err(BillingError::from)?;
    }
    Err(problem)
}
