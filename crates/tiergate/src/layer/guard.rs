use std::pin::Pin;

use http::{Request, Response};
use tiergate_core::decision::UnavailableAccess;
use tiergate_core::{Denial, Subject};

use super::rule::{Allowed, Refused, Rule, Step, Verdict};
use crate::denial::{MakeBody, Renderer};
use crate::gate::{Inquiry, TierGate, unconfirmed, with_retry};
use crate::request::{Access, RequestHead, SubjectSource};

/// Everything that one layer decides with, shared by its services.
#[derive(Clone, Debug)]
pub(crate) struct Guard<R> {
    pub(crate) gate: TierGate,
    pub(crate) rule: R,
    /// Each takes the place of the gate's, where it is set.
    pub(crate) subject: Option<SubjectSource>,
    pub(crate) renderer: Option<Renderer>,
    pub(crate) unavailable: Option<UnavailableAccess>,
}

/// What became of a request at once.
pub(crate) enum Attempt<R: Rule> {
    Allowed(R::Pass),
    Refused(Refused),
    /// Somebody has to be asked first. The request waits.
    Later(Deliberation<R::Pass>),
}

/// A decision under way.
pub(crate) type Deliberation<P> = Pin<Box<dyn Future<Output = Deliberated<P>> + Send>>;

/// A decision that somebody was asked for, with what was learned.
pub(crate) struct Deliberated<P> {
    inquiry: Inquiry,
    verdict: Verdict<P>,
}

impl<R: Rule> Guard<R> {
    pub(crate) fn new(gate: TierGate, rule: R) -> Self {
        Self {
            gate,
            rule,
            subject: None,
            renderer: None,
            unavailable: None,
        }
    }

    /// Decides with what is at hand, without waiting and, for an allowed request whose principal has
    /// room for the result, without memory.
    pub(crate) fn attempt<B>(&self, request: &mut Request<B>) -> Attempt<R> {
        let head = RequestHead::of(request);
        let source = self.subject.as_ref().unwrap_or(self.gate.subject_source());
        let subject = match source.extract(&head) {
            Ok(subject) => subject,
            Err(error) => {
                let refused = Refused::from(Denial::unauthorized(error.message()));
                self.gate.observer().refused(&self.rule, None, &refused);
                return Attempt::Refused(refused);
            }
        };
        let access = Access::of(request.extensions())
            .filter(|access| access.serves(self.gate.id(), &subject));
        let asked = self.rule.ask(&head, access);
        let unavailable = self.unavailable.unwrap_or(self.gate.policy().unavailable);
        let Some(inquiry) = self.gate.inquire_now(&subject, access, unavailable) else {
            return Attempt::Later(self.deliberate(Begin::Asking(subject, unavailable), asked));
        };
        let verdict = match self.rule.judge(&self.gate, &inquiry, &asked) {
            Step::Done(verdict) => verdict,
            Step::Ask(future, pending) => match future.now_or_never() {
                Ok(answer) => self.rule.conclude(&self.gate, &inquiry, pending, answer),
                // Nothing has begun, so the question can be put again by who can wait for it.
                Err(_not_begun) => {
                    return Attempt::Later(self.deliberate(Begin::With(inquiry), asked));
                }
            },
        };
        match verdict {
            Err(refused) if self.gate.needs_confirmation(&inquiry, &refused.denial) => {
                Attempt::Later(self.deliberate(Begin::With(inquiry), asked))
            }
            verdict => match self.finish(Deliberated { inquiry, verdict }, request) {
                Ok(pass) => Attempt::Allowed(pass),
                Err(refused) => Attempt::Refused(refused),
            },
        }
    }

    /// Leaves on the request what was found out, for the layers and the handler behind this one.
    pub(crate) fn finish<B>(
        &self,
        Deliberated { inquiry, verdict }: Deliberated<R::Pass>,
        request: &mut Request<B>,
    ) -> Result<R::Pass, Refused> {
        match verdict {
            Ok(Allowed { grant, pass, taken }) => {
                self.gate.observer().allowed(&self.rule, &inquiry, grant);
                let extensions = request.extensions_mut();
                let earlier = Access::take(extensions)
                    .filter(|access| access.serves(self.gate.id(), &inquiry.subject));
                let mut access = Access::new(self.gate.id(), inquiry, grant);
                if let Some(earlier) = earlier {
                    access.inherit(earlier);
                }
                access.add(taken);
                access.store(extensions);
                Ok(pass)
            }
            Err(mut refused) => {
                refused.denial = with_retry(refused.denial, &inquiry.resolution);
                self.gate
                    .observer()
                    .refused(&self.rule, Some(&inquiry), &refused);
                Err(refused)
            }
        }
    }

    /// The response of a refused request.
    pub(crate) fn respond<B>(
        &self,
        Refused { denial, fields }: Refused,
        body: &impl MakeBody<B>,
    ) -> Response<B> {
        self.renderer
            .as_ref()
            .unwrap_or(self.gate.renderer())
            .respond(denial, &fields, body)
    }

    fn deliberate(&self, begin: Begin, asked: R::Asked) -> Deliberation<R::Pass> {
        let gate = self.gate.clone();
        let rule = self.rule.clone();
        Box::pin(async move {
            let mut inquiry = match begin {
                Begin::Asking(subject, unavailable) => gate.inquire(subject, unavailable).await,
                Begin::With(inquiry) => inquiry,
            };
            let mut verdict = judge(&gate, &rule, &inquiry, &asked).await;
            if let Err(refused) = &verdict
                && gate.needs_confirmation(&inquiry, &refused.denial)
            {
                let confirmed = gate.confirm(&mut inquiry).await;
                verdict = match confirmed {
                    Ok(()) => judge(&gate, &rule, &inquiry, &asked).await,
                    Err(error) => verdict.map_err(|refused| Refused {
                        denial: unconfirmed(refused.denial, &error),
                        fields: refused.fields,
                    }),
                };
            }
            Deliberated { inquiry, verdict }
        })
    }
}

/// What a deliberation starts from.
enum Begin {
    Asking(Subject, UnavailableAccess),
    With(Inquiry),
}

async fn judge<R: Rule>(
    gate: &TierGate,
    rule: &R,
    inquiry: &Inquiry,
    asked: &R::Asked,
) -> Verdict<R::Pass> {
    match rule.judge(gate, inquiry, asked) {
        Step::Done(verdict) => verdict,
        Step::Ask(future, pending) => {
            let answer = future.await;
            rule.conclude(gate, inquiry, pending, answer)
        }
    }
}
