//! One request through an in-process axum router.
#![expect(
    clippy::expect_used,
    reason = "a benchmark that is set up wrong has to stop"
)]

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use side_by_side::{Comparison, Effort};
use tiergate::testing::TestGate;
use tiergate::{Principal, Subject};
use tokio::runtime::{Builder, Runtime};
use tower::util::ServiceExt;
use tower::{Layer, Service};

fn main() {
    let effort = Effort::from_args();
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without I/O can always be built");
    let gate = TestGate::platform()
        .user("free", "free")
        .user("ada", "enterprise")
        .into_gate();
    runtime.block_on(async {
        for user in ["ada", "free"] {
            gate.lookup().resolve(&Subject::user(user)).await;
        }
    });
    let feature = || gate.require_feature("crm_enabled").expect("it exists");
    let tier = || gate.require_min_tier("premium").expect("it exists");
    let limit = || {
        gate.check_usage_limit("workflow_executions_monthly")
            .expect("it exists")
    };
    let app = || Router::new().route("/", get(async || "ok"));

    let peer: moka::sync::Cache<String, bool> = moka::sync::Cache::new(10_000);
    peer.insert("ada".to_owned(), true);

    Comparison::new("One request, mounted by Router::layer")
        .column("bare router", requests(&runtime, app(), "ada"))
        .column(
            "a layer that does nothing",
            requests(&runtime, app().layer(NoOp), "ada"),
        )
        .column(
            "RequireFeature",
            requests(&runtime, app().layer(feature()), "ada"),
        )
        .column(
            "RequireMinTier",
            requests(&runtime, app().layer(tier()), "ada"),
        )
        .column(
            "CheckUsageLimit",
            requests(&runtime, app().layer(limit()), "ada"),
        )
        .column(
            "CheckUsageLimit, without fields",
            requests(
                &runtime,
                app().layer(limit().without_rate_limit_fields()),
                "ada",
            ),
        )
        .column(
            "all three",
            requests(
                &runtime,
                app().layer(limit()).layer(tier()).layer(feature()),
                "ada",
            ),
        )
        .column(
            "RequireFeature, denied",
            requests_until(
                &runtime,
                app().layer(feature()),
                "free",
                StatusCode::FORBIDDEN,
            ),
        )
        .column(
            "from_fn and moka (peer)",
            requests(
                &runtime,
                app().layer(from_fn_with_state(peer.clone(), by_hand)),
                "ada",
            ),
        )
        .run(effort);
}

/// What is written by hand where there is no such crate.
async fn by_hand(
    State(cache): State<moka::sync::Cache<String, bool>>,
    request: Request,
    next: Next,
) -> Response {
    let allowed = request
        .extensions()
        .get::<Principal>()
        .and_then(|principal| cache.get(principal.subject().id()))
        .unwrap_or(false);
    if allowed {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

fn requests<'a>(runtime: &'a Runtime, app: Router, user: &'a str) -> impl FnMut(u64) + 'a {
    requests_until(runtime, app, user, StatusCode::OK)
}

fn requests_until<'a>(
    runtime: &'a Runtime,
    mut app: Router,
    user: &'a str,
    expected: StatusCode,
) -> impl FnMut(u64) + 'a {
    let principal = Principal::user(user);
    move |times| {
        runtime.block_on(async {
            for _ in 0..times {
                let mut request = Request::new(Body::empty());
                request.extensions_mut().insert(principal.clone());
                let service: Result<_, Infallible> = ServiceExt::<Request>::ready(&mut app).await;
                let Ok(service) = service;
                let Ok(response) = service.call(request).await;
                assert_eq!(response.status(), expected);
            }
        });
    }
}

#[derive(Clone)]
struct NoOp;

impl<S> Layer<S> for NoOp {
    type Service = NoOpService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        NoOpService(inner)
    }
}

#[derive(Clone)]
struct NoOpService<S>(S);

impl<S: Service<R>, R> Service<R> for NoOpService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.0.call(request)
    }
}
