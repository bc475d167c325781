//! Requests through the layers, to a service that answers at once, without a router.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use gungraun::{library_benchmark, library_benchmark_group};
use http::{Request, Response, StatusCode};
use tiergate::layer::{CheckUsageLimit, RequireFeature, RequireMinTier};
use tiergate::{Principal, TierGate};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service};

use crate::subscribers::{FEATURE, LIMIT, MIN_TIER, gate, subjects};

/// What a service answers with.
pub(crate) enum Answer {
    /// The request, so that giving its memory back is not counted: what that takes depends on what lies
    /// beside it.
    Request {
        _request: Request<()>,
    },
    Denial {
        _body: Bytes,
    },
}

impl From<Bytes> for Answer {
    fn from(body: Bytes) -> Self {
        Self::Denial { _body: body }
    }
}

/// The service behind. It lets go of what the layers left for it, as a handler does that has read its
/// request.
#[derive(Clone)]
pub(crate) struct Plain;

impl Service<Request<()>> for Plain {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Answer>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<()>) -> Self::Future {
        if let Some(principal) = request.extensions_mut().get_mut::<Principal>() {
            *principal = Principal::user("");
        }
        ready(Ok(Response::new(Answer::Request { _request: request })))
    }
}

/// A service, and a request of each subscriber, which are all answered alike.
pub(crate) struct Guarded<S> {
    service: S,
    requests: Vec<Request<()>>,
    answers: Vec<Response<Answer>>,
    /// Those of an earlier round. They stay, so that no memory of theirs is at hand for what is counted.
    before: Vec<Response<Answer>>,
    expected: StatusCode,
    runtime: Runtime,
}

impl<S> Guarded<S> {
    fn by(tier: &str, expected: StatusCode, guard: impl FnOnce(&TierGate) -> S) -> Self {
        let subjects = subjects();
        let gate = gate(&subjects, tier);
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime without I/O can always be built");
        // What is set up once.
        runtime.block_on(async {});
        Self {
            service: guard(&gate),
            requests: requests(),
            answers: Vec::with_capacity(subjects.len()),
            before: Vec::new(),
            expected,
            runtime,
        }
    }

    fn allowed(guard: impl FnOnce(&TierGate) -> S) -> Self {
        Self::by("pro", StatusCode::OK, guard)
    }

    fn denied(guard: impl FnOnce(&TierGate) -> S) -> Self {
        Self::by("free", StatusCode::FORBIDDEN, guard)
    }
}

/// A request of each subscriber.
fn requests() -> Vec<Request<()>> {
    let request = |subject: tiergate::Subject| {
        let mut request = Request::new(());
        let principal = Principal::user(subject.id());
        request.extensions_mut().insert(principal);
        request
    };
    subjects().into_iter().map(request).collect()
}

impl<S> Guarded<S>
where
    S: Service<Request<()>, Response = Response<Answer>, Error = Infallible>,
{
    /// Everybody has come before: what a subject's first use makes is there.
    fn again(self) -> Self {
        let mut sent = self.send();
        let answers = Vec::with_capacity(sent.answers.len());
        sent.before = std::mem::replace(&mut sent.answers, answers);
        sent.requests = requests();
        sent
    }

    /// Sends each request. Everything is given back, so that dropping it is not counted.
    fn send(mut self) -> Self {
        let Self {
            service,
            requests,
            answers,
            expected,
            runtime,
            before: _,
        } = &mut self;
        runtime.block_on(async {
            for request in requests.drain(..) {
                let Ok(()) = std::future::poll_fn(|cx| service.poll_ready(cx)).await;
                let Ok(answer) = service.call(request).await;
                assert_eq!(answer.status(), *expected);
                answers.push(answer);
            }
        });
        self
    }
}

fn feature(gate: &TierGate) -> RequireFeature<Plain> {
    gate.require_feature(FEATURE)
        .expect("it exists")
        .layer(Plain)
}

fn min_tier(gate: &TierGate) -> RequireMinTier<Plain> {
    gate.require_min_tier(MIN_TIER)
        .expect("it exists")
        .layer(Plain)
}

fn limit(gate: &TierGate) -> CheckUsageLimit<Plain> {
    gate.check_usage_limit(LIMIT)
        .expect("it exists")
        .layer(Plain)
}

type Three = RequireFeature<RequireMinTier<CheckUsageLimit<Plain>>>;

fn three(gate: &TierGate) -> Three {
    let feature = gate.require_feature(FEATURE).expect("it exists");
    let min_tier = gate.require_min_tier(MIN_TIER).expect("it exists");
    (feature, min_tier).layer(limit(gate))
}

// What the rest is to be compared with.
#[library_benchmark]
#[bench::allowed(Guarded::allowed(|_| Plain))]
fn unguarded(requests: Guarded<Plain>) -> Guarded<Plain> {
    requests.send()
}

#[library_benchmark]
#[bench::allowed(Guarded::allowed(feature))]
#[bench::denied(Guarded::denied(feature))]
fn require_feature(requests: Guarded<RequireFeature<Plain>>) -> Guarded<RequireFeature<Plain>> {
    requests.send()
}

#[library_benchmark]
#[bench::allowed(Guarded::allowed(min_tier))]
#[bench::denied(Guarded::denied(min_tier))]
fn require_min_tier(requests: Guarded<RequireMinTier<Plain>>) -> Guarded<RequireMinTier<Plain>> {
    requests.send()
}

#[library_benchmark]
#[bench::allowed(Guarded::allowed(limit).again())]
#[bench::first_use(Guarded::allowed(limit))]
fn check_usage_limit(requests: Guarded<CheckUsageLimit<Plain>>) -> Guarded<CheckUsageLimit<Plain>> {
    requests.send()
}

#[library_benchmark]
#[bench::allowed(Guarded::allowed(three).again())]
fn all_three(requests: Guarded<Three>) -> Guarded<Three> {
    requests.send()
}

library_benchmark_group!(
    name = requests,
    benchmarks = [
        unguarded,
        require_feature,
        require_min_tier,
        check_usage_limit,
        all_three
    ]
);
