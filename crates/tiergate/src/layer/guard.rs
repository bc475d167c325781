use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use http::{Extensions, Request, Response};
use tiergate_core::decision::UnavailableAccess;
use tiergate_core::{Denial, Subject};

use super::glimpse::Glimpse;
use super::rule::{Allowed, Pass, Refused, Rule, Step, Verdict};
use crate::denial::{MakeBody, Renderer};
use crate::gate::{Inquiry, TierGate, unconfirmed, with_retry};
use crate::request::{Access, RequestHead, SubjectSource, Tally};

/// Everything that one layer decides with. A router clones its services for each request, so clones
/// share it.
#[derive(Debug)]
pub struct Guard<R> {
    settings: Arc<Settings<R>>,
}

#[derive(Clone, Debug)]
pub struct Settings<R> {
    pub(crate) gate: TierGate,
    pub(crate) rule: R,
    /// Each takes the place of the gate's, where it is set.
    pub(crate) subject: Option<SubjectSource>,
    pub(crate) renderer: Option<Renderer>,
    pub(crate) unavailable: Option<UnavailableAccess>,
}

impl<R> Clone for Guard<R> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<R> Deref for Guard<R> {
    type Target = Settings<R>;

    fn deref(&self) -> &Settings<R> {
        &self.settings
    }
}

/// What became of a request at once.
pub(crate) enum Attempt<R: Rule> {
    Allowed(R::Pass),
    Refused(Box<Refused>),
    /// Somebody has to be asked first. The request waits.
    Later(Deliberation<R::Pass>),
}

/// A decision under way.
pub(crate) type Deliberation<P> = Pin<Box<dyn Future<Output = Deliberated<P>> + Send>>;

/// A decision that somebody was asked for, with what was learned.
pub(crate) struct Deliberated<P> {
    inquiry: Inquiry,
    /// What the layers before took.
    tally: Tally,
    verdict: Verdict<P>,
}

impl<R: Rule> Guard<R> {
    pub(crate) fn new(gate: TierGate, rule: R) -> Self {
        Self {
            settings: Arc::new(Settings {
                gate,
                rule,
                subject: None,
                renderer: None,
                unavailable: None,
            }),
        }
    }

    /// The settings, for changing them. Who has cloned the guard before keeps them as they were.
    pub(crate) fn settings_mut(&mut self) -> &mut Settings<R> {
        Arc::make_mut(&mut self.settings)
    }

    pub(super) fn subject_source(&self) -> &SubjectSource {
        self.subject.as_ref().unwrap_or(self.gate.subject_source())
    }

    pub(super) fn unavailable(&self) -> UnavailableAccess {
        self.unavailable.unwrap_or(self.gate.policy().unavailable)
    }

    /// Decides with what is at hand, without waiting and, for an allowed request whose principal has
    /// room for the result, without memory.
    pub(crate) fn attempt<B>(&self, request: &mut Request<B>) -> Attempt<R> {
        let seen = match R::glimpse(self, request.extensions_mut()) {
            Glimpse::Allowed(pass) => return Attempt::Allowed(pass),
            otherwise => otherwise,
        };
        self.attempt_beyond(seen, request)
    }

    /// The same, of a request that the tier alone does not let through.
    // Apart, so that what nearly every request goes through has none of it to carry along.
    #[inline(never)]
    fn attempt_beyond<B>(&self, seen: Glimpse<R::Pass>, request: &mut Request<B>) -> Attempt<R> {
        let head = RequestHead::of(request);
        let subject = match self.subject_source().extract(&head) {
            Ok(subject) => subject,
            Err(error) => {
                let refused = Box::from(Denial::unauthorized(error.message()));
                self.gate.observer().refused(&self.rule, None, &refused);
                return Attempt::Refused(refused);
            }
        };
        let earlier = Access::of(request.extensions())
            .filter(|access| access.serves(self.gate.id(), &subject));
        let asked = self.rule.ask(&head, earlier);
        let unavailable = self.unavailable();
        if earlier.is_some() {
            return self.attempt_on(request.extensions_mut(), asked, subject, unavailable);
        }
        let inquired = match seen {
            Glimpse::Seen(sight) => {
                let catalog = self.gate.catalog();
                Ok(Inquiry::of_sight(subject, catalog, sight, unavailable))
            }
            Glimpse::Unseen => self.gate.inquire_unseen(subject, unavailable),
            Glimpse::NotLooked | Glimpse::Allowed(_) => self.gate.inquire_now(subject, unavailable),
        };
        let inquiry = match inquired {
            Ok(inquiry) => inquiry,
            Err(subject) => {
                let begin = Begin::Asking(subject, unavailable);
                return Attempt::Later(self.deliberate(begin, asked));
            }
        };
        let Some(verdict) = self.judge_now(&inquiry, &asked) else {
            let begin = Begin::With(inquiry, Tally::default());
            return Attempt::Later(self.deliberate(begin, asked));
        };
        let deliberated = Deliberated {
            inquiry,
            tally: Tally::default(),
            verdict,
        };
        match self.finish(deliberated, request) {
            Ok(pass) => Attempt::Allowed(pass),
            Err(refused) => Attempt::Refused(refused),
        }
    }

    /// The same, from what an earlier layer left on the request. It is large, and stays where it is.
    fn attempt_on(
        &self,
        extensions: &mut Extensions,
        asked: R::Asked,
        subject: Subject,
        unavailable: UnavailableAccess,
    ) -> Attempt<R> {
        let Some(access) = Access::of_mut(extensions) else {
            let begin = Begin::Asking(subject, unavailable);
            return Attempt::Later(self.deliberate(begin, asked));
        };
        let inquiry = access.inquiry_mut();
        self.gate.inquire_on(inquiry, unavailable);
        match self.judge_now(inquiry, &asked) {
            Some(Ok(Allowed { grant, pass })) => {
                self.gate.observer().allowed(&self.rule, inquiry, grant);
                access.allow(grant);
                pass.enter(access);
                Attempt::Allowed(pass)
            }
            Some(Err(refused)) => Attempt::Refused(self.refuse(inquiry, refused)),
            None => {
                let begin = match Access::take(extensions) {
                    Some(access) => {
                        let (inquiry, tally) = access.into_parts();
                        Begin::With(inquiry, tally)
                    }
                    None => Begin::Asking(subject, unavailable),
                };
                Attempt::Later(self.deliberate(begin, asked))
            }
        }
    }

    /// Decides, if nobody has to be waited for: a store of usage, or the lookup before a denial.
    fn judge_now(&self, inquiry: &Inquiry, asked: &R::Asked) -> Option<Verdict<R::Pass>> {
        match R::judge(self, inquiry, asked) {
            Step::Done(Err(refused)) if self.gate.needs_confirmation(inquiry, &refused.denial) => {
                None
            }
            Step::Done(verdict) => Some(verdict),
            // The question is put again by who can wait for the answer.
            Step::Ask(..) => None,
        }
    }

    /// Leaves on the request what was found out, for the layers and the handler behind this one.
    pub(crate) fn finish<B>(
        &self,
        Deliberated {
            inquiry,
            tally,
            verdict,
        }: Deliberated<R::Pass>,
        request: &mut Request<B>,
    ) -> Result<R::Pass, Box<Refused>> {
        match verdict {
            Ok(Allowed { grant, pass }) => {
                self.gate.observer().allowed(&self.rule, &inquiry, grant);
                let mut access = Access::new(self.gate.id(), inquiry, grant, tally);
                pass.enter(&mut access);
                access.store(request.extensions_mut());
                Ok(pass)
            }
            Err(refused) => Err(self.refuse(&inquiry, refused)),
        }
    }

    fn refuse(&self, inquiry: &Inquiry, mut refused: Box<Refused>) -> Box<Refused> {
        refused.denial = with_retry(refused.denial, &inquiry.learned);
        self.gate
            .observer()
            .refused(&self.rule, Some(inquiry), &refused);
        refused
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
        let guard = self.clone();
        Box::pin(async move {
            let gate = &guard.gate;
            let (mut inquiry, tally) = match begin {
                Begin::Asking(subject, unavailable) => {
                    (gate.inquire(subject, unavailable).await, Tally::default())
                }
                Begin::With(inquiry, tally) => (inquiry, tally),
            };
            let mut verdict = judge(&guard, &inquiry, &asked).await;
            if let Err(refused) = &verdict
                && gate.needs_confirmation(&inquiry, &refused.denial)
            {
                let confirmed = gate.confirm(&mut inquiry).await;
                verdict = match confirmed {
                    Ok(()) => judge(&guard, &inquiry, &asked).await,
                    Err(error) => verdict.map_err(|mut refused| {
                        refused.denial = unconfirmed(refused.denial, &error);
                        refused
                    }),
                };
            }
            Deliberated {
                inquiry,
                tally,
                verdict,
            }
        })
    }
}

/// What a deliberation starts from.
#[expect(
    clippy::large_enum_variant,
    reason = "it moves once, into a future that is on the heap"
)]
enum Begin {
    Asking(Subject, UnavailableAccess),
    With(Inquiry, Tally),
}

async fn judge<R: Rule>(guard: &Guard<R>, inquiry: &Inquiry, asked: &R::Asked) -> Verdict<R::Pass> {
    match R::judge(guard, inquiry, asked) {
        Step::Done(verdict) => verdict,
        Step::Ask(future, pending) => {
            let answer = future.await;
            R::conclude(guard, inquiry, pending, answer)
        }
    }
}
