use http::Extensions;
use tiergate_core::Catalog;
use tiergate_lookup::{Sight, TierWord};

use super::guard::Guard;
use super::rule::Rule;
use crate::gate::Inquiry;
use crate::request::{Access, Principal};

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
}

impl<R: Rule> Guard<R> {
    /// Looks for what nearly every request is: one of a principal, whose tier the cache has, and whose
    /// tier allows it. It is read from where it lies and written to where it stays, because whatever is
    /// moved or copied on the way costs more than the decision.
    #[inline]
    pub(super) fn glimpse(&self, extensions: &mut Extensions) -> Glimpse<R::Pass> {
        if !self.subject_source().is_principal() {
            return Glimpse::NotLooked;
        }
        // Who came before the authentication has left it there.
        let is_beside = extensions.get::<Access>().is_some();
        let Some(principal) = extensions.get_mut::<Principal>() else {
            return Glimpse::NotLooked;
        };
        let (subject, room) = principal.subject_and_room();
        if let Some(access) = room {
            if !access.serves(self.gate.id(), subject) {
                return Glimpse::NotLooked;
            }
            let inquiry = access.inquiry();
            let pass = self.allow_by_tier(&inquiry.catalog, inquiry.learned.tier_alone());
            return pass.map_or(Glimpse::NotLooked, Glimpse::Allowed);
        }
        if is_beside || !subject.is_valid() {
            return Glimpse::NotLooked;
        }
        let Some(sight) = self.gate.lookup().see(subject) else {
            return Glimpse::Unseen;
        };
        let catalog = self.gate.catalog();
        let Some(pass) = self.allow_by_tier(&catalog, sight.word()) else {
            return Glimpse::Seen(sight);
        };
        let unavailable = self.unavailable();
        let inquiry = Inquiry::of_sight(subject.clone(), catalog, sight, unavailable);
        *room = Some(Access::by_tier(self.gate.id(), inquiry));
        Glimpse::Allowed(pass)
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
