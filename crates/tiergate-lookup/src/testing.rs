//! A lookup that fails, hangs and panics on command.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tiergate_core::Subject;

use crate::{Answer, LookupError, LookupErrorKind, StaticLookup, SubscriptionLookup};

/// A lookup for tests, which does as it is told and counts what it is asked.
///
/// It answers from a [`StaticLookup`], which can be changed while it is in use. Clones are handles
/// to one lookup: keep one, and give another to what is tested. What it is told holds for calls that
/// begin afterwards, until it is told otherwise.
///
/// ```
/// use tiergate_core::Subject;
/// use tiergate_lookup::testing::ScriptedLookup;
/// use tiergate_lookup::{Answer, LookupErrorKind, SubscriptionLookup};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let lookup = ScriptedLookup::default();
/// lookup.fail(LookupErrorKind::Unreachable);
/// assert!(matches!(lookup.lookup(&Subject::user("ada")).await, Answer::Failed(_)));
/// lookup.answer();
/// assert!(matches!(lookup.lookup(&Subject::user("ada")).await, Answer::Missing));
/// assert_eq!(lookup.calls(), 2);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ScriptedLookup {
    subscriptions: StaticLookup,
    script: Arc<Script>,
}

#[derive(Debug, Default)]
struct Script {
    act: Mutex<Act>,
    calls: AtomicU64,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

#[derive(Clone, Debug, Default)]
enum Act {
    #[default]
    Answer,
    AnswerAfter(Duration),
    Fail(LookupError),
    Hang,
    Panic,
}

impl ScriptedLookup {
    /// A lookup that answers from `subscriptions`.
    #[must_use]
    pub fn new(subscriptions: StaticLookup) -> Self {
        Self {
            subscriptions,
            script: Arc::default(),
        }
    }

    /// What it answers from.
    #[must_use]
    pub fn subscriptions(&self) -> &StaticLookup {
        &self.subscriptions
    }

    /// From now on it answers at once.
    pub fn answer(&self) {
        self.act(Act::Answer);
    }

    /// From now on it finds the answer at once and gives it after `delay`, on tokio's timer.
    pub fn answer_after(&self, delay: Duration) {
        self.act(Act::AnswerAfter(delay));
    }

    /// From now on it fails in this way.
    pub fn fail(&self, kind: LookupErrorKind) {
        self.fail_with(LookupError::new(kind));
    }

    /// From now on it fails with this error.
    pub fn fail_with(&self, error: LookupError) {
        self.act(Act::Fail(error));
    }

    /// From now on it never answers.
    pub fn hang(&self) {
        self.act(Act::Hang);
    }

    /// From now on it panics.
    pub fn panic(&self) {
        self.act(Act::Panic);
    }

    /// How often it was called.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.script.calls.load(Ordering::SeqCst)
    }

    /// How many calls are under way.
    #[must_use]
    pub fn calls_under_way(&self) -> usize {
        self.script.under_way.load(Ordering::SeqCst)
    }

    /// How many calls were under way at once at most.
    #[must_use]
    pub fn most_calls_under_way(&self) -> usize {
        self.script.most_under_way.load(Ordering::SeqCst)
    }

    fn act(&self, act: Act) {
        *self
            .script
            .act
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = act;
    }
}

#[async_trait]
impl SubscriptionLookup for ScriptedLookup {
    async fn lookup(&self, subject: &Subject) -> Answer {
        let _call = UnderWay::begin(&self.script);
        let act = self
            .script
            .act
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match act {
            Act::Answer => self.subscriptions.lookup(subject).await,
            Act::AnswerAfter(delay) => {
                let answer = self.subscriptions.lookup(subject).await;
                tokio::time::sleep(delay).await;
                answer
            }
            Act::Fail(error) => Answer::Failed(error),
            Act::Hang => std::future::pending().await,
            Act::Panic => std::panic::resume_unwind(Box::new("the script says so")),
        }
    }
}

struct UnderWay<'a>(&'a Script);

impl<'a> UnderWay<'a> {
    fn begin(script: &'a Script) -> Self {
        script.calls.fetch_add(1, Ordering::SeqCst);
        let now = script
            .under_way
            .fetch_add(1, Ordering::SeqCst)
            .saturating_add(1);
        script.most_under_way.fetch_max(now, Ordering::SeqCst);
        Self(script)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}
