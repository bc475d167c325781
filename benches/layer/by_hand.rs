//! What is written by hand where there is no crate for it.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::Either;
use http::StatusCode;
use moka::sync::Cache;
use tiergate::Principal;
use tower::{Layer, Service};

use crate::columns::{Columns, WHO_PAYS, app};
use crate::requests::Signed;
use crate::world::{ONE_OF_EACH, World};

/// Does nothing.
#[derive(Clone)]
pub(crate) struct NoOp;

impl<S> Layer<S> for NoOp {
    type Service = NoOpService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        NoOpService(inner)
    }
}

#[derive(Clone)]
pub(crate) struct NoOpService<S>(S);

impl<S: Service<R>, R> Service<R> for NoOpService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.0.call(request)
    }
}

/// The tiers of subscribers, and which of them have the feature.
///
/// It promises less: nobody asks again before a denial, nobody notices that a subscription ended, and
/// while billing is away, everybody's comes to an end with its time to live.
#[derive(Clone)]
pub(crate) struct Guard {
    tiers: Cache<String, usize>,
    grants: Arc<[bool]>,
}

impl Guard {
    pub(crate) fn of(world: &World) -> Self {
        let tiers = Cache::builder()
            .max_capacity(world.ids.len() as u64 * 2)
            .time_to_live(Duration::from_secs(24 * 60 * 60))
            .build();
        let number_of = |tier: &str| ONE_OF_EACH.iter().position(|known| *known == tier);
        for (number, id) in world.ids.iter().enumerate() {
            let tier = number_of(World::tier_of(number)).expect("it is one of them");
            tiers.insert(id.clone(), tier);
        }
        for (number, tier) in ONE_OF_EACH.iter().enumerate() {
            tiers.insert((*tier).to_owned(), number);
        }
        tiers.run_pending_tasks();
        Self {
            tiers,
            // The feature is everybody's who pays.
            grants: ONE_OF_EACH.iter().map(|tier| *tier != "free").collect(),
        }
    }

    /// The name of the tier of who sends a request.
    #[cfg(feature = "peers")]
    pub(crate) fn tier_of(&self, id: &str) -> Option<&'static str> {
        ONE_OF_EACH.get(self.tiers.get(id)?).copied()
    }

    fn allows(&self, request: &Request) -> bool {
        request
            .extensions()
            .get::<Principal>()
            .and_then(|principal| self.tiers.get(principal.subject().id()))
            .is_some_and(|tier| self.grants.get(tier) == Some(&true))
    }
}

/// Requests that are let through by it.
pub(crate) fn allowed(columns: &mut Columns<'_>) {
    let guard = Guard::of(columns.world);
    let signed = Signed::Principal;
    let beside = Some("`layer`: does nothing");
    let guarded = app().layer(guard.clone());
    let name = "`layer`: own layer and moka (peer)";
    columns.allowed(name, beside, signed, guarded, WHO_PAYS);
    let guarded = guard.layer(app());
    let name = "around: own layer and moka (peer)";
    columns.allowed(
        name,
        Some("around: does nothing"),
        signed,
        guarded,
        WHO_PAYS,
    );
    let guarded = app().layer(from_fn_with_state(guard, middleware));
    let name = "`layer`: from_fn and moka (peer)";
    columns.allowed(name, beside, signed, guarded, WHO_PAYS);
}

/// With axum's own means.
async fn middleware(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.allows(&request) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

/// As a layer of tower, by somebody who has written some.
impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded {
            inner,
            guard: self.clone(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Guarded<S> {
    inner: S,
    guard: Guard,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Guarded<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if self.guard.allows(&request) {
            self.inner.call(request).left_future()
        } else {
            ready(Ok(StatusCode::FORBIDDEN.into_response())).right_future()
        }
    }
}
