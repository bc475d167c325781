use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use http::{Extensions, Request, Response};
use tiergate_core::decision::UnavailableAccess;
use tiergate_core::{Denial, DenialKind, Subject};

use super::glimpse::{Glimpse, Judged};
use super::rule::{Allowed, Pass, Refused, Rule, Step, Verdict};
use crate::denial::{KeptDenial, KeptDenials, Kind, MakeBody, Renderer};
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
    kept: KeptDenials,
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
    Refused(Refusal),
    /// Somebody has to be asked first. The request waits.
    Later(Deliberation<R::Pass>),
}

/// How a request is refused.
pub(crate) enum Refusal {
    /// As was found out for it.
    Own(Box<Refused>),
    /// As others of its kind were.
    Kept(Arc<KeptDenial>),
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
                kept: KeptDenials::default(),
            }),
        }
    }

    /// The settings, for changing them. Who has cloned the guard before keeps them as they were.
    pub(crate) fn settings_mut(&mut self) -> &mut Settings<R> {
        let settings = Arc::make_mut(&mut self.settings);
        // They may be said in another way now.
        settings.kept = KeptDenials::default();
        settings
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
            Glimpse::Judged(judged) => return self.attempt_judged(*judged, request),
            otherwise => otherwise,
        };
        self.attempt_beyond(&seen, request)
    }

    /// The same, of a request that the tier alone does not let through.
    // Apart, so that what nearly every request goes through has none of it to carry along.
    #[inline(never)]
    fn attempt_beyond<B>(&self, seen: &Glimpse<R::Pass>, request: &mut Request<B>) -> Attempt<R> {
        let head = RequestHead::of(request);
        let subject = match self.subject_source().extract(&head) {
            Ok(subject) => subject,
            Err(error) => {
                let denial = Denial::unauthorized(error.message());
                self.gate.observer().refused(&self.rule, None, &denial);
                return Attempt::Refused(Refusal::Own(denial.into()));
            }
        };
        let earlier = Access::of(request.extensions())
            .filter(|access| access.serves(self.gate.id(), &subject));
        let asked = self.rule.ask(&head, earlier);
        let unavailable = self.unavailable();
        if earlier.is_some() {
            return self.attempt_on(request.extensions_mut(), asked, subject, unavailable);
        }
        let (sight, has_looked) = match seen {
            Glimpse::Seen(sight) => (Some(*sight), true),
            Glimpse::Unseen => (None, true),
            Glimpse::NotLooked | Glimpse::Allowed(_) | Glimpse::Judged(_) => {
                (self.gate.lookup().see(&subject), false)
            }
        };
        let inquired = match sight {
            Some(sight) => {
                let catalog = self.gate.catalog_at_hand();
                Ok(Inquiry::of_sight(subject, catalog, sight, unavailable))
            }
            None => self.gate.inquire_unseen(subject, unavailable),
        };
        let mut inquiry = match inquired {
            Ok(inquiry) => inquiry,
            Err(subject) => {
                let begin = Begin::Asking(subject, unavailable);
                return Attempt::Later(self.deliberate(begin, asked));
            }
        };
        let tier = inquiry.learned.tier_alone().filter(|_| !has_looked);
        if let Some(pass) = self.allow_by_tier(&inquiry.catalog, tier) {
            Access::by_tier(self.gate.id(), inquiry).store(request.extensions_mut());
            return Attempt::Allowed(pass);
        }
        if let Some(kept) = self.deny_again(&inquiry) {
            return Attempt::Refused(Refusal::Kept(kept));
        }
        self.gate.inquire_on(&mut inquiry, unavailable);
        let Some(verdict) = self.judge_now(&inquiry, &asked) else {
            let begin = Begin::With(inquiry, Tally::default());
            return Attempt::Later(self.deliberate(begin, asked));
        };
        let deliberated = Deliberated {
            inquiry,
            tally: Tally::default(),
            verdict,
        };
        self.attempted(deliberated, request)
    }

    /// The same, of a request that a store was asked about.
    #[inline(never)]
    fn attempt_judged<B>(&self, judged: Judged<R::Pass>, request: &mut Request<B>) -> Attempt<R> {
        let Judged {
            inquiry,
            tally,
            verdict,
        } = judged;
        match verdict.filter(|verdict| !self.is_to_be_confirmed(&inquiry, verdict)) {
            Some(verdict) => self.attempted(
                Deliberated {
                    inquiry,
                    tally,
                    verdict,
                },
                request,
            ),
            None => {
                let asked = self.rule.ask(&RequestHead::of(request), None);
                Attempt::Later(self.deliberate(Begin::With(inquiry, tally), asked))
            }
        }
    }

    fn attempted<B>(
        &self,
        deliberated: Deliberated<R::Pass>,
        request: &mut Request<B>,
    ) -> Attempt<R> {
        match self.finish(deliberated, request) {
            Ok(pass) => Attempt::Allowed(pass),
            Err(refused) => Attempt::Refused(Refusal::Own(refused)),
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
        if let Some(pass) = self.allow_by_tier(&inquiry.catalog, inquiry.learned.tier_alone()) {
            return Attempt::Allowed(pass);
        }
        self.gate.inquire_on(inquiry, unavailable);
        match self.judge_now(inquiry, &asked) {
            Some(Ok(Allowed { grant, pass })) => {
                self.gate.observer().allowed(&self.rule, inquiry, grant);
                access.allow(grant);
                pass.enter(access);
                Attempt::Allowed(pass)
            }
            Some(Err(refused)) => Attempt::Refused(Refusal::Own(self.refuse(inquiry, refused))),
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
            Step::Done(verdict) if self.is_to_be_confirmed(inquiry, &verdict) => None,
            Step::Done(verdict) => {
                if let Err(refused) = &verdict {
                    self.keep(inquiry, &refused.denial);
                }
                Some(verdict)
            }
            // The question is put again by who can wait for the answer.
            Step::Ask(..) => None,
        }
    }

    /// Whether the lookup is to be asked again before a request is refused.
    fn is_to_be_confirmed(&self, inquiry: &Inquiry, verdict: &Verdict<R::Pass>) -> bool {
        matches!(verdict, Err(refused) if self.gate.needs_confirmation(inquiry, &refused.denial))
    }

    /// Refuses a request as others of its kind were, if one was.
    fn deny_again(&self, inquiry: &Inquiry) -> Option<Arc<KeptDenial>> {
        let kind = self.kind_of(inquiry)?;
        let kept = self.kept.get(&inquiry.catalog, kind)?;
        // What is kept is the denial, not how sure it is of this subject.
        if self.gate.needs_confirmation(inquiry, &kept.denial) {
            return None;
        }
        let observer = self.gate.observer();
        observer.refused(&self.rule, Some(inquiry), &kept.denial);
        Some(kept)
    }

    /// Keeps a denial for others of its kind.
    fn keep(&self, inquiry: &Inquiry, denial: &Denial) {
        let (DenialKind::FeatureNotAvailable | DenialKind::TierRequired) = denial.kind() else {
            return;
        };
        let Some(kind) = self.kind_of(inquiry) else {
            return;
        };
        let own = inquiry.learned.tier();
        // Each decision about a tier that the catalog does not name is told of, and there may be any
        // number of them.
        if own.is_some_and(|key| inquiry.catalog.tier_id(key).is_none()) {
            return;
        }
        let response = self.renderer().render_to_keep(denial);
        let denial = denial.clone();
        let kept = KeptDenial { denial, response };
        self.kept.keep(&inquiry.catalog, kind, kept);
    }

    fn kind_of(&self, inquiry: &Inquiry) -> Option<Kind> {
        let tier = inquiry
            .learned
            .tier_alone()
            .filter(|_| R::DENIES_A_TIER_ALIKE)?;
        Some((tier, inquiry.subject.kind()))
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
            .refused(&self.rule, Some(inquiry), &refused.denial);
        refused
    }

    /// The response of a refused request.
    pub(crate) fn respond<B>(&self, refusal: Refusal, body: &impl MakeBody<B>) -> Response<B> {
        match refusal {
            Refusal::Own(refused) => {
                let Refused { denial, fields } = *refused;
                self.renderer().respond(denial, &fields, body)
            }
            Refusal::Kept(kept) => self.renderer().respond_again(&kept, body),
        }
    }

    fn renderer(&self) -> &Renderer {
        self.renderer.as_ref().unwrap_or(self.gate.renderer())
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
            if guard.is_to_be_confirmed(&inquiry, &verdict) {
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
