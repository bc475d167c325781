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
    /// tier `allows` it. It is read from where it lies and written to where it stays, because whatever
    /// is moved or copied on the way costs more than the decision.
    #[inline]
    pub(super) fn glimpse(
        &self,
        extensions: &mut Extensions,
        allows: impl Fn(&Catalog, TierWord) -> bool,
    ) -> Glimpse<()> {
        if !self.subject_source().is_principal() {
            return Glimpse::NotLooked;
        }
        // Who came before the authentication has left it there.
        let is_beside = extensions.get::<Access>().is_some();
        let Some(principal) = extensions.get_mut::<Principal>() else {
            return Glimpse::NotLooked;
        };
        let (subject, room) = principal.subject_and_room();
        let allowed = if let Some(access) = room {
            let inquiry = access.inquiry();
            let tier = inquiry.learned.tier_alone();
            access.serves(self.gate.id(), subject)
                && tier.is_some_and(|tier| allows(&inquiry.catalog, tier))
        } else if is_beside || !subject.is_valid() {
            false
        } else {
            let Some(sight) = self.gate.lookup().see(subject) else {
                return Glimpse::Unseen;
            };
            let catalog = self.gate.catalog();
            if !sight.word().is_some_and(|tier| allows(&catalog, tier)) {
                return Glimpse::Seen(sight);
            }
            let unavailable = self.unavailable();
            let inquiry = Inquiry::of_sight(subject.clone(), catalog, sight, unavailable);
            *room = Some(Access::by_tier(self.gate.id(), inquiry));
            true
        };
        if !allowed {
            return Glimpse::NotLooked;
        }
        self.gate.observer().allowed_as_known(&self.rule);
        Glimpse::Allowed(())
    }
}
