use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tiergate_usage::{
    CounterKey, CounterStates, Lowered, MemoryUsage, ReservationId, Reserve, ReserveOutcome,
    Settlement, StoreError, StoreErrorKind, StoreFuture, UsageStore,
};
use tower::util::BoxCloneService;
use tower::{Service, ServiceExt};
use tower_layer::Layer;

use crate::testing::{TestGate, platform_catalog};
use crate::{Denial, Principal, Subject, Subscription, SubscriptionStatus, TierGateBuilder};

pub(super) type Body = Full<Bytes>;
pub(super) type App = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// 1,000 a month for `pro`, and none for `free`.
pub(super) const FLOWS: &str = "workflow_executions_monthly";
/// 100 a month for `pro`, and none for `free`.
pub(super) const SMS: &str = "sms_messages";
/// At most 50 stored for `pro`, and 5 for `free`.
pub(super) const STORAGE: &str = "storage_limit_gb";
/// 120 a minute for `pro`, and 60 for `free`.
pub(super) const CALLS: &str = "api_calls_per_minute";

/// What a client sees, and what a layer further out sees.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) denial: Option<Denial>,
    pub(super) body: Value,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(super) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// A request of nobody.
pub(super) fn anonymous() -> Request<Body> {
    Request::new(Body::default())
}

pub(super) fn by(user: &str) -> Request<Body> {
    with(Principal::user(user))
}

pub(super) fn with<T: Clone + Send + Sync + 'static>(extension: T) -> Request<Body> {
    let mut request = anonymous();
    request.extensions_mut().insert(extension);
    request
}

pub(super) async fn send<S>(service: &S, request: Request<Body>) -> Reply
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    let Ok(response) = service.clone().oneshot(request).await;
    read(response).await
}

pub(super) async fn read(response: Response<Body>) -> Reply {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Reply {
        status: parts.status,
        headers: parts.headers,
        denial: parts.extensions.get::<Denial>().cloned(),
        body: serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes))),
    }
}

/// A service that does as `handle` does, with anything around it.
pub(super) fn app<L, H, F>(layer: &L, handle: H) -> App
where
    H: Fn(Request<Body>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
    L: Layer<BoxCloneService<Request<Body>, Response<Body>, Infallible>>,
    L::Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    <L::Service as Service<Request<Body>>>::Future: Send + 'static,
{
    let inner = tower::service_fn(move |request| {
        let answer = handle(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    BoxCloneService::new(layer.layer(BoxCloneService::new(inner)))
}

/// A service that answers 200 to all that reaches it.
pub(super) fn ok_app<L>(layer: &L) -> App
where
    L: Layer<BoxCloneService<Request<Body>, Response<Body>, Infallible>>,
    L::Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    <L::Service as Service<Request<Body>>>::Future: Send + 'static,
{
    app(layer, |_| async { Response::default() })
}

pub(super) fn status(status: u16) -> Response<Body> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

pub(super) async fn used(test: &TestGate, user: &str, limit: &str) -> u64 {
    let subject = Subject::user(user);
    test.gate().usage(&subject, limit).await.unwrap().used
}

/// Changes a subscription at its source, which the gate is not told.
pub(super) fn change_at_source(test: &TestGate, user: &str, tier: &str) {
    test.lookup().subscriptions().set(Subscription::new(
        Subject::user(user),
        tier,
        SubscriptionStatus::Active,
    ));
}

pub(super) fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// A store that counts in memory, and fails or takes its time on command.
#[derive(Clone, Debug)]
pub(super) struct ScriptedUsage {
    memory: Arc<MemoryUsage>,
    act: Arc<Mutex<Act>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Answer,
    /// Admits or refuses at once, and tells it a second later.
    AnswerLate,
    Fail(StoreErrorKind),
}

impl ScriptedUsage {
    pub(super) fn gate() -> (TestGate, Self) {
        Self::gate_with(|builder| builder)
    }

    pub(super) fn gate_with(
        configure: impl FnOnce(TierGateBuilder) -> TierGateBuilder,
    ) -> (TestGate, Self) {
        let clock = crate::testing::Clock::default();
        let usage = Self {
            memory: Arc::new(MemoryUsage::with_clock(Arc::new(clock.clone()))),
            act: Arc::new(Mutex::new(Act::Answer)),
        };
        let store = usage.clone();
        let test = TestGate::configured(platform_catalog(), |builder| {
            configure(builder.usage(store))
        });
        (test.user("ada", "pro"), usage)
    }

    pub(super) fn act(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    fn answer<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&MemoryUsage) -> StoreFuture<Result<T, StoreError>> + Send + 'static,
    ) -> StoreFuture<Result<T, StoreError>> {
        let act = *self.act.lock().unwrap();
        match act {
            Act::Answer => ask(&self.memory),
            Act::AnswerLate => {
                let memory = Arc::clone(&self.memory);
                StoreFuture::boxed(async move {
                    let answer = ask(&memory).await;
                    tokio::time::sleep(seconds(1)).await;
                    answer
                })
            }
            Act::Fail(kind) => StoreFuture::ready(Err(StoreError::new(kind))),
        }
    }
}

impl UsageStore for ScriptedUsage {
    fn reserve(&self, request: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        let claims = request.claims().to_vec();
        let key = request.idempotency_key().cloned();
        let ttl = request.ttl();
        self.answer(move |memory| {
            let request = Reserve::new(&claims, ttl);
            memory.reserve(match &key {
                Some(key) => request.with_idempotency_key(key),
                None => request,
            })
        })
    }

    fn commit(
        &self,
        id: ReservationId,
        units: &[u64],
    ) -> StoreFuture<Result<Settlement, StoreError>> {
        let units = units.to_vec();
        self.answer(move |memory| memory.commit(id, &units))
    }

    fn release(&self, id: ReservationId) -> StoreFuture<Result<Settlement, StoreError>> {
        self.answer(move |memory| memory.release(id))
    }

    fn peek(&self, keys: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>> {
        // A test that looks is no part of the script.
        self.memory.peek(keys)
    }

    fn lower(&self, key: &CounterKey, units: u64) -> StoreFuture<Result<Lowered, StoreError>> {
        let key = key.clone();
        self.answer(move |memory| memory.lower(&key, units))
    }
}
