//! A store that misbehaves on command.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::{
    Claim, CounterKey, CounterStates, IdempotencyKey, Lowered, ReservationId, Reserve,
    ReserveOutcome, Settlement, StoreError, StoreErrorKind, StoreFuture, UsageStore,
};

/// A store that does to another store's answers what it was told to.
///
/// Each call takes the next fault that was planned for calls of its kind. When none is left, the
/// answer is passed on as it is.
///
/// ```
/// use std::sync::Arc;
/// use tiergate_usage::testing::{Call, Fault, ScriptedStore};
/// use tiergate_usage::{MemoryUsage, StoreErrorKind, UsageStore};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = ScriptedStore::new(Arc::new(MemoryUsage::new()));
/// store.plan(Call::Peek, Fault::Fail(StoreErrorKind::Unavailable));
/// assert!(store.peek(&[]).await.is_err());
/// assert!(store.peek(&[]).await.is_ok());
/// assert_eq!(store.calls(Call::Peek), 2);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ScriptedStore {
    inner: Arc<dyn UsageStore>,
    script: Mutex<Vec<Part>>,
}

/// A kind of call to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// [`UsageStore::reserve`].
    Reserve,
    /// [`UsageStore::commit`].
    Commit,
    /// [`UsageStore::release`].
    Release,
    /// [`UsageStore::peek`].
    Peek,
    /// [`UsageStore::lower`].
    Lower,
}

/// What befalls one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// None, but the answer is not there at once.
    Later,
    /// None, but it takes this long, by tokio's clock, before the store acts.
    Delay(Duration),
    /// The store acts, and never answers.
    ActThenHang,
    /// The store neither acts nor answers.
    Hang,
    /// The store does not act, and says so at once.
    FailAtOnce(StoreErrorKind),
    /// The store does not act, and says so later.
    Fail(StoreErrorKind),
    /// The store acts, but its answer is lost on the way.
    LoseAnswer(StoreErrorKind),
}

#[derive(Debug)]
struct Part {
    call: Call,
    planned: VecDeque<Fault>,
    calls: u64,
}

impl ScriptedStore {
    /// Passes everything on to `inner`, until something is planned.
    #[must_use]
    pub fn new(inner: Arc<dyn UsageStore>) -> Self {
        Self {
            inner,
            script: Mutex::default(),
        }
    }

    /// Plans `fault` for the next call of a kind for which none is planned yet.
    pub fn plan(&self, call: Call, fault: Fault) {
        self.with_part(call, |part| part.planned.push_back(fault));
    }

    /// How many calls of a kind there were.
    #[must_use]
    pub fn calls(&self, call: Call) -> u64 {
        self.with_part(call, |part| part.calls)
    }

    fn with_part<R>(&self, call: Call, act: impl FnOnce(&mut Part) -> R) -> R {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = script.iter_mut().find(|part| part.call == call) {
            return act(part);
        }
        let mut part = Part {
            call,
            planned: VecDeque::new(),
            calls: 0,
        };
        let result = act(&mut part);
        script.push(part);
        result
    }

    fn run<T: Send + 'static>(
        &self,
        call: Call,
        act: impl FnOnce(&dyn UsageStore) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let fault = self.with_part(call, |part| {
            part.calls += 1;
            part.planned.pop_front()
        });
        let Some(fault) = fault else {
            return act(&*self.inner);
        };
        if let Fault::FailAtOnce(kind) = fault {
            return StoreFuture::ready(Err(StoreError::new(kind)));
        }
        let inner = Arc::clone(&self.inner);
        StoreFuture::boxed(async move {
            tokio::task::yield_now().await;
            match fault {
                Fault::Later => act(&*inner).await,
                Fault::Delay(length) => {
                    tokio::time::sleep(length).await;
                    act(&*inner).await
                }
                Fault::ActThenHang => {
                    drop(act(&*inner).await);
                    std::future::pending().await
                }
                Fault::Hang => std::future::pending().await,
                Fault::Fail(kind) | Fault::FailAtOnce(kind) => Err(StoreError::new(kind)),
                Fault::LoseAnswer(kind) => {
                    drop(act(&*inner).await);
                    Err(StoreError::new(kind))
                }
            }
        })
    }
}

type Answer<T> = StoreFuture<Result<T, StoreError>>;

impl UsageStore for ScriptedStore {
    fn reserve(&self, request: Reserve<'_>) -> Answer<ReserveOutcome> {
        let claims: Vec<Claim> = request.claims().to_vec();
        let key: Option<IdempotencyKey> = request.idempotency_key().cloned();
        let ttl = request.ttl();
        self.run(Call::Reserve, move |inner| {
            let request = Reserve::new(&claims, ttl);
            inner.reserve(match &key {
                Some(key) => request.with_idempotency_key(key),
                None => request,
            })
        })
    }

    fn commit(&self, id: ReservationId, units: &[u64]) -> Answer<Settlement> {
        let units = units.to_vec();
        self.run(Call::Commit, move |inner| inner.commit(id, &units))
    }

    fn release(&self, id: ReservationId) -> Answer<Settlement> {
        self.run(Call::Release, move |inner| inner.release(id))
    }

    fn peek(&self, keys: &[CounterKey]) -> Answer<CounterStates> {
        let keys = keys.to_vec();
        self.run(Call::Peek, move |inner| inner.peek(&keys))
    }

    fn lower(&self, key: &CounterKey, units: u64) -> Answer<Lowered> {
        let key = key.clone();
        self.run(Call::Lower, move |inner| inner.lower(&key, units))
    }
}
