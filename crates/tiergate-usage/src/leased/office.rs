//! The tasks that talk to the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tiergate_clock::Clock;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};

use crate::now::Now;
use crate::{CounterKey, SharedStore, StoreErrorKind};

use super::account::Step;
use super::accounts::AccountId;
use super::board::{Board, Cell, ShardIndex};
use super::message::{Answer, Message};
use super::observe;
use super::shard::{Kicks, Shard};
use super::terms::Terms;

/// How many requests may be with the store at once.
const MOST_REQUESTS: usize = 256;

/// How often accounts that nobody uses are looked after, in a time to live.
const LOOKS: u32 = 12;

/// What a process holds, and who sees to it.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) board: Board<Cell>,
    pub(super) store: Arc<dyn SharedStore>,
    pub(super) terms: Terms,
    clock: Arc<dyn Clock>,
    requests: Semaphore,
    /// Told whenever a task has ended.
    quiet: Notify,
    keeper: AtomicBool,
    /// When it closed, by the monotonic clock.
    closed: OnceLock<Duration>,
    runtime: OnceLock<Handle>,
}

impl Office {
    pub(super) fn new(
        board: Board<Cell>,
        store: Arc<dyn SharedStore>,
        terms: Terms,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            board,
            store,
            terms,
            clock,
            requests: Semaphore::new(MOST_REQUESTS),
            quiet: Notify::new(),
            keeper: AtomicBool::new(false),
            closed: OnceLock::new(),
            runtime: OnceLock::new(),
        }
    }

    /// Acts on a shard, and starts the tasks that are needed then.
    #[inline]
    pub(super) fn with<R>(
        self: &Arc<Self>,
        shard: ShardIndex,
        act: impl FnOnce(&mut Shard, &Now<'_>) -> R,
    ) -> R {
        self.started(shard, self.board.with(shard, act))
    }

    /// The same at a moment that may be some milliseconds ago, for what takes no units.
    #[inline]
    pub(super) fn with_coarsely<R>(
        self: &Arc<Self>,
        shard: ShardIndex,
        act: impl FnOnce(&mut Shard, &Now<'_>) -> R,
    ) -> R {
        self.started(shard, self.board.with_coarsely(shard, act))
    }

    /// What an act came to, once the tasks that it needs are started.
    #[inline]
    fn started<R>(self: &Arc<Self>, shard: ShardIndex, (result, kicks): (R, Kicks)) -> R {
        if !kicks.is_empty() {
            self.start(shard, kicks);
        }
        result
    }

    #[cold]
    fn start(self: &Arc<Self>, shard: ShardIndex, kicks: Kicks) {
        let runtime = Handle::try_current();
        let runtime = runtime.ok().or_else(|| self.runtime.get().cloned());
        for account in kicks {
            // If it can't be started, dropping it frees the account.
            let turn = Turn {
                office: Arc::clone(self),
                shard,
                account,
                stage: Stage::Running,
            };
            if let Some(runtime) = &runtime {
                drop(runtime.spawn(turn.run()));
            }
        }
    }

    /// Sees to it that blocks are extended and given back. Needs a current runtime.
    pub(super) fn keep(self: &Arc<Self>) {
        if self.keeper.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(runtime) = Handle::try_current()
            && !self.keeper.swap(true, Ordering::Relaxed)
        {
            let _ = self.runtime.set(runtime.clone());
            let keeper = Keeper(Arc::downgrade(self));
            drop(runtime.spawn(keeper.run(self.terms.ttl / LOOKS)));
        }
    }

    fn look_after_all(self: &Arc<Self>) {
        for shard in ShardIndex::all() {
            self.with(shard, Shard::look_after);
        }
        let (counters, idle) = self.board.holdings();
        observe::holdings(counters, idle);
    }

    /// Takes no more blocks, and begins to give back those it has.
    pub(super) fn close(self: &Arc<Self>) {
        let _ = self.closed.set(self.clock.elapsed());
        for shard in ShardIndex::all() {
            self.with(shard, Shard::close);
        }
    }

    /// Waits until nothing is leased any more.
    pub(super) async fn returned(self: &Arc<Self>) {
        loop {
            let quiet = self.quiet.notified();
            if self.board.holdings().0 == 0 {
                return;
            }
            quiet.await;
        }
    }

    /// Gives back what is leased of a counter and not used, and waits for that. Whether there was
    /// anything.
    pub(super) async fn recall(self: &Arc<Self>, key: &CounterKey) -> bool {
        let (shard, hash) = self.board.place_of(key);
        if !self.with(shard, |shard, _| shard.recall(hash, key)) {
            return false;
        }
        let done = async {
            loop {
                let quiet = self.quiet.notified();
                if !self.with(shard, |shard, _| shard.is_recalling(hash, key)) {
                    return;
                }
                quiet.await;
            }
        };
        tokio::time::timeout(self.terms.wait, done).await.is_ok()
    }

    /// Whether it closed so long ago that all leases have expired.
    fn is_over(&self) -> bool {
        let age = |closed: &Duration| self.clock.elapsed().saturating_sub(*closed);
        self.closed
            .get()
            .is_some_and(|closed| age(closed) > self.terms.ttl)
    }

    async fn ask(&self, key: &CounterKey, message: Message) -> Answer {
        let call = message.send(&*self.store, key, self.terms.ttl);
        match tokio::time::timeout(self.terms.request, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::debug!(target: "tiergate::usage", event = "store.failed", %error, "the store failed about a lease");
                Answer::Fault(error.kind())
            }
            Err(_) => Answer::Fault(StoreErrorKind::TimedOut),
        }
    }
}

/// The task that talks to the store about one account, as long as there is something to say.
struct Turn {
    office: Arc<Office>,
    shard: ShardIndex,
    account: AccountId,
    stage: Stage,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Running,
    Done,
}

impl Turn {
    async fn run(mut self) {
        loop {
            let fresh = self.office.board.fresh_lease();
            let account = self.account;
            let (step, key, sent) = self.office.with(self.shard, |shard, now| {
                let key = shard.key(account);
                (shard.step(account, fresh, now), key, now.elapsed())
            });
            let (Some(key), false) = (key, self.office.is_over()) else {
                return;
            };
            match step {
                Step::Rest => break,
                Step::PauseUntil(moment) => {
                    let pause = Duration::from_nanos(moment.saturating_sub(sent));
                    tokio::time::sleep(pause).await;
                }
                Step::Send(message) => {
                    let Ok(permit) = self.office.requests.acquire().await else {
                        return;
                    };
                    let answer = self.office.ask(&key, message).await;
                    drop(permit);
                    let dice = u64::try_from(fresh.as_u128() >> 64).unwrap_or(0);
                    self.office.with(self.shard, |shard, now| {
                        shard.answered(account, message, answer, sent, now, dice);
                    });
                }
            }
        }
        self.stage = Stage::Done;
        self.office.quiet.notify_waiters();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.stage == Stage::Running {
            let account = self.account;
            // Starts nothing anew: whoever ended this task would end that too.
            let act = |shard: &mut Shard, now: &Now<'_>| {
                shard.abandoned(account, now);
            };
            drop(self.office.board.with(self.shard, act));
            self.office.quiet.notify_waiters();
        }
    }
}

/// The task that looks after accounts that nobody uses.
struct Keeper(Weak<Office>);

impl Keeper {
    async fn run(self, pause: Duration) {
        loop {
            tokio::time::sleep(pause).await;
            let Some(office) = self.0.upgrade() else {
                return;
            };
            office.look_after_all();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(office) = self.0.upgrade() {
            office.keeper.store(false, Ordering::Relaxed);
        }
    }
}

/// Whether tasks can be started from here.
pub(super) fn has_runtime() -> bool {
    Handle::try_current().is_ok()
}
