use http::Extensions;
use tiergate_core::{Catalog, Subject};
use tiergate_lookup::{Sight, TierWord};

use super::guard::Guard;
use super::rule::{Rule, Verdict};
use crate::gate::Inquiry;
use crate::request::{Access, Principal, Tally};

/// What came of looking whether the tier alone allows a request.
#[derive(Debug)]
pub enum Glimpse<P> {
    /// It does. What was found out is on the request.
    Allowed(P),
    /// It does not, or not by itself. This is in the cache about the principal.
    Seen(Sight),
    /// Nothing is in the cache about the principal that is fresh and plain to use.
    Unseen,
    /// It is another case.
    NotLooked,
    /// A store of usage was asked, and this came of it.
    Judged(Box<Judged<P>>),
}

/// A decision that a store of usage was asked for, with what was learned.
#[derive(Debug)]
pub struct Judged<P> {
    pub(super) inquiry: Inquiry,
    /// What the layers before took.
    pub(super) tally: Tally,
    /// None where the store has to be waited for.
    pub(super) verdict: Option<Verdict<P>>,
}

impl<R: Rule> Guard<R> {
    /// Looks for what nearly every request is: one of a principal, whose tier the cache has, and whose
    /// tier allows it. It is read from where it lies and written to where it stays, because whatever is
    /// moved or copied on the way costs more than the decision.
    #[inline]
    pub(super) fn glimpse(&self, extensions: &mut Extensions) -> Glimpse<R::Pass> {
        let Some((subject, room)) = self.principal_of(extensions) else {
            return Glimpse::NotLooked;
        };
        if let Some(access) = room {
            let inquiry = access.inquiry();
            let pass = self.allow_by_tier(&inquiry.catalog, inquiry.learned.tier_alone());
            return pass.map_or(Glimpse::NotLooked, Glimpse::Allowed);
        }
        let Some(sight) = self.gate.lookup().see(subject) else {
            return Glimpse::Unseen;
        };
        let catalog = self.gate.catalog_at_hand();
        let Some(pass) = self.allow_by_tier(&catalog, sight.word()) else {
            return Glimpse::Seen(sight);
        };
        let unavailable = self.unavailable();
        let inquiry = Inquiry::of_sight(subject.clone(), catalog, sight, unavailable);
        *room = Some(Access::by_tier(self.gate.id(), inquiry));
        Glimpse::Allowed(pass)
    }

    /// The principal that a request is decided for, with the room it has for what is found out, or what
    /// an earlier layer left there. None where it is another case.
    #[inline]
    pub(super) fn principal_of<'e>(
        &self,
        extensions: &'e mut Extensions,
    ) -> Option<(&'e Subject, &'e mut Option<Access>)> {
        if !self.subject_source().is_principal() {
            return None;
        }
        // Who came before the authentication has left it there.
        let is_beside = extensions.get::<Access>().is_some();
        let (subject, room) = extensions.get_mut::<Principal>()?.subject_and_room();
        let is_ours = match room {
            Some(access) => access.serves(self.gate.id(), subject),
            None => !is_beside && subject.is_valid(),
        };
        is_ours.then_some((subject, room))
    }

    /// Lets a request through whose subject is allowed by that tier, if nothing else decides of it.
    /// `None` says nothing.
    #[inline]
    pub(super) fn allow_by_tier(
        &self,
        catalog: &Catalog,
        tier: Option<TierWord>,
    ) -> Option<R::Pass> {
        let pass = R::allow_by_tier(self, catalog, tier?)?;
        self.gate.observer().allowed_as_known(&self.rule);
        Some(pass)
    }
}
