//! What a request that is allowed from the cache costs in memory: nothing.
//!
//! Each test compares a guarded service with the same service alone, request by request, after both
//! are warm. `allocation-counter` counts what this thread allocates.
//!
//! The cache behind the lookup keeps its own books after some tens of reads, in the thread that is
//! just reading, and may allocate for that. So of a thousand requests, twenty may.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the helpers are part of the tests"
)]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tiergate::Principal;
use tiergate::testing::TestGate;
use tower::{Layer, Service, ServiceExt};

type Body = Full<Bytes>;

/// How often each is measured, so that what happens now and then is seen.
const ROUNDS: usize = 1_000;
/// How many of these may meet the books of the cache.
const BOOKKEEPING: usize = 20;

fn request() -> Request<Body> {
    let mut request = Request::new(Body::default());
    let ada = Principal::user("ada").member_of("acme");
    request.extensions_mut().insert(ada);
    request
}

/// Calls a service once and tells how often it allocated.
///
/// # Panics
///
/// When the service waits for anything, or does not let the request through.
fn allocations<S>(service: &mut S) -> u64
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let request = request();
    let mut context = Context::from_waker(Waker::noop());
    let mut status = None;
    let counted = measure(|| {
        let Poll::Ready(Ok(())) = service.poll_ready(&mut context) else {
            return;
        };
        let mut answer = std::pin::pin!(service.call(request));
        if let Poll::Ready(Ok(response)) = answer.as_mut().poll(&mut context) {
            status = Some(response.status());
        }
    });
    assert_eq!(
        status,
        Some(StatusCode::OK),
        "answered at once, from the cache"
    );
    counted.count_total
}

/// How often a guarded service allocates for a request beyond what the service itself does.
fn beyond_the_service<L, S>(layer: L) -> u64
where
    L: Layer<Plain, Service = S>,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut guarded = layer.layer(Plain);
    runtime.block_on(async {
        for _ in 0..10 {
            let service = guarded.ready().await.unwrap();
            let response = service.call(request()).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
        }
    });
    let _runtime = runtime.enter();
    usual(&mut guarded) - usual(&mut Plain)
}

/// How often a service allocates for a request: the most of all but the few that may meet the books
/// of the cache.
fn usual<S>(service: &mut S) -> u64
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let mut counts: Vec<_> = (0..ROUNDS).map(|_| allocations(service)).collect();
    counts.sort_unstable();
    counts[ROUNDS - 1 - BOOKKEEPING]
}

/// A service that allocates nothing.
#[derive(Clone)]
struct Plain;

impl Service<Request<Body>> for Plain {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::default())))
    }
}

fn test() -> TestGate {
    TestGate::platform().user("ada", "pro")
}

#[test]
fn a_feature_that_the_cache_grants_allocates_nothing() {
    let test = test();
    let layer = test.gate().require_feature("crm_enabled").unwrap();
    assert_eq!(beyond_the_service(layer), 0);
}

#[test]
fn a_level_that_the_cache_grants_allocates_nothing() {
    let test = test();
    let layer = test.gate().require_feature("support_level").unwrap();
    assert_eq!(beyond_the_service(layer.at_least("email").unwrap()), 0);
}

#[test]
fn a_tier_that_the_cache_grants_allocates_nothing() {
    let test = test();
    let layer = test.gate().require_min_tier("pro").unwrap();
    assert_eq!(beyond_the_service(layer), 0);
}

#[test]
fn a_unit_of_each_kind_of_limit_allocates_nothing_without_the_fields() {
    // A gauge, a rate and a quota, each of a tier that has enough of it.
    for (limit, tier) in [
        ("storage_limit_gb", "premium"),
        ("api_calls_per_minute", "enterprise"),
        ("workflow_executions_monthly", "max"),
    ] {
        let test = TestGate::platform().user("ada", tier);
        let layer = test.gate().check_usage_limit(limit).unwrap();
        let count = beyond_the_service(layer.without_rate_limit_fields());
        assert_eq!(count, 0, "{limit}");
    }
}

#[test]
fn three_layers_allocate_nothing_without_the_fields() {
    let test = TestGate::platform().user("ada", "max");
    let gate = test.gate();
    let layers = (
        gate.require_min_tier("pro").unwrap(),
        gate.require_feature("crm_enabled").unwrap(),
        gate.check_usage_limit("workflow_executions_monthly")
            .unwrap()
            .without_rate_limit_fields(),
    );
    assert_eq!(beyond_the_service(layers), 0);
}

#[test]
fn the_fields_cost_no_more_than_the_header_map_that_they_are_put_in() {
    // The two halves of a header map that was empty before. Values are written where others were.
    let test = TestGate::platform().user("ada", "max");
    let layer = test
        .gate()
        .check_usage_limit("workflow_executions_monthly")
        .unwrap();
    let count = beyond_the_service(layer);
    assert!((1..=2).contains(&count), "{count}");
}

#[test]
fn what_is_measured_is_seen() {
    let layer = tower::util::MapRequestLayer::new(|request: Request<Body>| {
        std::hint::black_box(Box::new(1));
        request
    });
    assert_eq!(beyond_the_service(layer), 1);
}
