use std::pin::Pin;
use std::task::{Context, Poll};

use tiergate_core::Subject;

use super::now::{Answer, Question, Waiting};
use super::{CheckError, TierGate};

/// What somebody asks, by an id or by a name.
pub(super) trait Ask: Copy + Unpin {
    /// The question, as the gate's catalog has it.
    fn question(self, gate: &TierGate) -> Result<Question, CheckError>;

    /// Whether the answer is yes by what is seen at once. False says nothing.
    fn is_yes_at_a_glance(&self, gate: &TierGate, subject: &Subject) -> bool {
        let question = self.question(gate);
        question.is_ok_and(|question| gate.is_yes_at_a_glance(subject, &question))
    }
}

/// The name of a feature.
#[derive(Clone, Copy)]
pub(super) struct FeatureNamed<'a>(pub(super) &'a str);

/// The name of a tier.
#[derive(Clone, Copy)]
pub(super) struct TierNamed<'a>(pub(super) &'a str);

/// The future of a question's answer: it is looked at in the cache when it is first polled, and waited for
/// only if that does not settle it.
///
/// Written by hand, because that of an `async fn` carries along what a wait would need even where there
/// is none. A lookup that is under way goes on when this is dropped.
#[must_use]
pub(super) struct Asked<'a, A> {
    gate: &'a TierGate,
    subject: &'a Subject,
    ask: A,
    waiting: Option<Waiting<'a>>,
}

impl<'a, A: Ask> Asked<'a, A> {
    #[inline]
    pub(super) fn new(gate: &'a TierGate, subject: &'a Subject, ask: A) -> Self {
        Self {
            gate,
            subject,
            ask,
            waiting: None,
        }
    }

    #[inline(never)]
    fn poll_with_care(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        let question = self.ask.question(self.gate)?;
        match self.gate.answer_now(self.subject, question) {
            Ok(answer) => Poll::Ready(answer),
            Err(waiting) => self.waiting.insert(waiting).as_mut().poll(context),
        }
    }
}

impl<A: Ask> Future for Asked<'_, A> {
    type Output = Answer;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let own = &mut *self;
        if let Some(waiting) = &mut own.waiting {
            return waiting.as_mut().poll(context);
        }
        if own.ask.is_yes_at_a_glance(own.gate, own.subject) {
            return Poll::Ready(Ok(true));
        }
        own.poll_with_care(context)
    }
}

impl Ask for Question {
    #[inline]
    fn question(self, _: &TierGate) -> Result<Question, CheckError> {
        Ok(self)
    }

    // Where it lies: it is not copied to be asked.
    #[inline]
    fn is_yes_at_a_glance(&self, gate: &TierGate, subject: &Subject) -> bool {
        gate.is_yes_at_a_glance(subject, self)
    }
}

impl Ask for FeatureNamed<'_> {
    #[inline]
    fn question(self, gate: &TierGate) -> Result<Question, CheckError> {
        Ok(Question::Feature(gate.feature_id(self.0)?))
    }
}

impl Ask for TierNamed<'_> {
    #[inline]
    fn question(self, gate: &TierGate) -> Result<Question, CheckError> {
        Ok(Question::MinTier(gate.tier_id(self.0)?))
    }
}
