//! Finds out who calls, before anything else.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Extensions, HeaderMap, StatusCode};

use super::{Api, Problem};
use crate::BillingError;
use crate::auth::{Caller, TokenError, Verified};

/// What the `Authorization` header showed. Routes that need a caller refuse the rest.
#[derive(Clone, Debug)]
enum Shown {
    Caller(Box<Verified>),
    Nothing,
    Invalid(&'static str),
    Unknowable,
}

/// Puts into the request what is known of the caller. It refuses nobody: some routes need no caller.
pub(super) async fn authenticate(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Response {
    let shown = show(&api, request.headers()).await;
    request.extensions_mut().insert(shown);
    next.run(request).await
}

async fn show(api: &Api, headers: &HeaderMap) -> Shown {
    let token = match bearer(headers) {
        Ok(Some(token)) => token,
        Ok(None) => return Shown::Nothing,
        Err(reason) => return Shown::Invalid(reason),
    };
    match api.verifier.verify(token).await {
        Ok(verified) => Shown::Caller(Box::new(verified)),
        Err(TokenError::Expired) => Shown::Invalid("the bearer token has expired"),
        Err(TokenError::Invalid) => Shown::Invalid("the bearer token is not valid"),
        Err(TokenError::KeysUnavailable) => Shown::Unknowable,
    }
}

/// The token that a request carries, if any.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    // Of two credentials, none is believed: proxies and services could each believe another.
    if values.next().is_some() {
        return Err("there is more than one Authorization header");
    }
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    token
        .map(Some)
        .ok_or("the Authorization header must have the form `Bearer <token>`")
}

/// Who calls, for what stands between authentication and the handlers.
pub(super) fn caller(extensions: &Extensions) -> Option<&Caller> {
    match extensions.get() {
        Some(Shown::Caller(verified)) => Some(&verified.caller),
        _ => None,
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let verified = Verified::from_request_parts(parts, state).await?;
        Ok(verified.caller)
    }
}

impl<S: Sync> FromRequestParts<S> for Verified {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get() {
            Some(Shown::Caller(verified)) => Ok((**verified).clone()),
            Some(Shown::Invalid(reason)) => Err(BillingError::Unauthorized(reason).into()),
            Some(Shown::Unknowable) => Err(keys_unavailable()),
            Some(Shown::Nothing) | None => Err(BillingError::Unauthorized(
                "show who you are by `Authorization: Bearer <token>`",
            )
            .into()),
        }
    }
}

/// Not 401: a client would throw its token away, and there may be nothing wrong with it.
fn keys_unavailable() -> Problem {
    let mut problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "AUTHENTICATION_UNAVAILABLE",
        "Tokens cannot be checked",
        "the keys of the token issuer cannot be fetched at the moment; try again shortly",
    );
    problem.retry_after = Some(10);
    problem
}
