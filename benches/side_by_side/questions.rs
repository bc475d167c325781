use std::fmt::{self, Debug};
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::table::{Span, Way};

/// How many questions every way answers correctly before it is timed.
const CHECKED: usize = 1 << 15;

/// Questions in the order in which they come, and the right answers.
#[derive(Clone)]
pub struct Questions<Q, A> {
    asked: Arc<[Q]>,
    /// What is held against each way before it is timed.
    checks: Arc<[(Q, A)]>,
}

/// Ways to answer the same questions, each of which answered them correctly.
#[derive(Default)]
pub struct Ways<'a>(Vec<Way<'a>>);

impl<Q: Copy + Debug + Send + Sync, A: PartialEq + Debug> Questions<Q, A> {
    /// Those questions, again and again, and how to know the right answer to one. Every way answers the
    /// first of them, and the first of `also`, before it is timed.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn new(
        asked: impl IntoIterator<Item = Q>,
        also: impl IntoIterator<Item = Q>,
        truth: impl Fn(Q) -> A,
    ) -> Self {
        let asked: Arc<[Q]> = asked.into_iter().collect();
        assert!(!asked.is_empty(), "somebody has to ask something");
        let first = asked.iter().copied().take(CHECKED);
        Self {
            checks: first
                .chain(also.into_iter().take(CHECKED))
                .map(|question| (question, truth(question)))
                .collect(),
            asked,
        }
    }

    /// Adds a way to answer them.
    ///
    /// # Panics
    ///
    /// When an answer is wrong.
    pub fn answered<'a>(
        &self,
        ways: &mut Ways<'a>,
        name: &'static str,
        answer: impl Fn(Q) -> A + Sync + 'a,
    ) where
        Q: 'a,
    {
        for (question, right) in &*self.checks {
            assert_eq!(answer(*question), *right, "{name}: {question:?}");
        }
        let asked = Arc::clone(&self.asked);
        let work = move |Span { from, times }: Span| {
            let mut at = from % asked.len();
            for _ in 0..times {
                if let Some(question) = asked.get(at) {
                    black_box(answer(*question));
                }
                at = if at + 1 < asked.len() { at + 1 } else { 0 };
            }
        };
        ways.0.push(Way {
            name,
            work: Box::new(work),
        });
    }
}

impl<'a> Ways<'a> {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds work that is no answer to a question. It is told how often to do it.
    pub fn add(&mut self, name: &'static str, work: impl Fn(u64) + Sync + 'a) {
        self.0.push(Way {
            name,
            work: Box::new(move |span| work(span.times)),
        });
    }

    pub(crate) fn into_vec(self) -> Vec<Way<'a>> {
        self.0
    }
}

/// What a future has to say without waiting.
///
/// # Panics
///
/// When it has to wait.
#[expect(clippy::panic, reason = "a benchmark that is set up wrong has to stop")]
pub fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("what is measured here must not wait"),
    }
}

impl<Q, A> Debug for Questions<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Questions")
            .field("asked", &self.asked.len())
            .finish_non_exhaustive()
    }
}

impl Debug for Ways<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|way| way.name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "liar: 3")]
    fn who_answers_wrongly_is_not_timed() {
        let questions = Questions::new([0, 2, 4], 0..10, |number| number % 2 == 0);
        questions.answered(&mut Ways::new(), "liar", |number| {
            number % 2 == 0 || number == 3
        });
    }

    #[test]
    fn questions_begin_again_after_the_last() {
        let questions = Questions::new(0_u32..3, [], |number| number);
        let told = std::sync::Mutex::new(Vec::new());
        let mut ways = Ways::new();
        questions.answered(&mut ways, "scribe", |number| {
            told.lock().unwrap().push(number);
            number
        });
        told.lock().unwrap().clear();
        (ways.0[0].work)(Span { from: 7, times: 4 });
        drop(ways);
        assert_eq!(told.into_inner().unwrap(), [1, 2, 0, 1]);
    }
}
