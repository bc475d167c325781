//! Units of limits for a request of whose principal the cache knows all that decides.

use http::Extensions;
use tiergate_core::LimitId;
use tiergate_usage::{Asked, NotHeld};

use super::check_usage_limit::{LimitPass, LimitRule, end};
use super::glimpse::{Glimpse, Judged};
use super::guard::Guard;
use crate::gate::{ByTier, Count, Counting, Inquiry};
use crate::request::{Access, Tally};

impl Guard<LimitRule> {
    /// Takes the units of nearly every request: one of a principal whose tier the cache has, whose tier
    /// gives them, and for which the store has them at once. What is found out is written to where it
    /// stays, as in [`glimpse`](Self::glimpse).
    #[inline]
    pub(super) fn count_at_a_glance(&self, extensions: &mut Extensions) -> Glimpse<LimitPass> {
        if !self.rule.asks_the_same_of_all() {
            return Glimpse::NotLooked;
        }
        let Some((subject, room)) = self.principal_of(extensions) else {
            return Glimpse::NotLooked;
        };
        if room.is_some() {
            return self.count_beside(room);
        }
        let Some(sight) = self.gate.lookup().see(subject) else {
            return Glimpse::Unseen;
        };
        let Some(tier) = sight.word() else {
            return Glimpse::Seen(sight);
        };
        let catalog = self.gate.catalog_at_hand();
        let now = self.gate.clock().coarse_now();
        let who = ByTier {
            subject,
            catalog: &catalog,
            sight: &sight,
            tier,
            now,
        };
        let Some(counting) = self.gate.begin_count_by_tier(who, self.rule.fixed_costs()) else {
            return Glimpse::Seen(sight);
        };
        let taken = self.gate.take_at_once(counting);
        let unavailable = self.unavailable();
        let inquiry = Inquiry::of_sight_at(subject.clone(), catalog, sight, unavailable, now);
        match taken {
            Ok(count) => {
                let tally = Tally::default();
                let access = Access::new(self.gate.id(), inquiry, count.grant(), tally);
                self.let_through(room.insert(access), count)
            }
            Err(other) => self.judge_otherwise(inquiry, Tally::default(), other),
        }
    }

    /// The same, where an earlier layer has been.
    fn count_beside(&self, room: &mut Option<Access>) -> Glimpse<LimitPass> {
        let Some(access) = room else {
            return Glimpse::NotLooked;
        };
        let inquiry = access.inquiry();
        let Some((sight, tier)) = inquiry.learned.seen_by_tier() else {
            return Glimpse::NotLooked;
        };
        // A layer that is mounted twice on the way to a handler charges once.
        if self.rule.has_taken_of(access) {
            return Glimpse::NotLooked;
        }
        let now = self.gate.clock().coarse_now();
        let who = ByTier {
            subject: &inquiry.subject,
            catalog: &inquiry.catalog,
            sight,
            tier,
            now,
        };
        let Some(counting) = self.gate.begin_count_by_tier(who, self.rule.fixed_costs()) else {
            return Glimpse::NotLooked;
        };
        let taken = self.gate.take_at_once(counting);
        access.inquiry_mut().go_on(now, self.unavailable());
        match taken {
            Ok(count) => {
                access.allow(count.grant());
                self.let_through(access, count)
            }
            Err(other) => match room.take().map(Access::into_parts) {
                Some((inquiry, tally)) => self.judge_otherwise(inquiry, tally, other),
                None => Glimpse::NotLooked,
            },
        }
    }

    #[inline]
    fn let_through(&self, access: &mut Access, count: Count) -> Glimpse<LimitPass> {
        count.enter(access);
        self.gate.observer().allowed_as_known(&self.rule);
        Glimpse::Allowed(LimitPass::new(self.clone(), count))
    }

    /// Goes on where the store did not admit the units at once.
    #[cold]
    #[inline(never)]
    fn judge_otherwise(
        &self,
        inquiry: Inquiry,
        tally: Tally,
        (counting, not_held): (Counting, Box<NotHeld>),
    ) -> Glimpse<LimitPass> {
        let answer = match *not_held {
            NotHeld::Refused(refused) => Some(Ok(Asked::Refused(refused))),
            NotHeld::Failed(error) => Some(Err(error)),
            // It has not begun, and is asked anew by who can wait.
            NotHeld::Later(_) => None,
        };
        let verdict = answer.map(|answer| end(self, &inquiry, counting, answer));
        Glimpse::Judged(Box::new(Judged {
            inquiry,
            tally,
            verdict,
        }))
    }
}

impl LimitRule {
    /// What each request costs of each limit, see [`asks_the_same_of_all`](Self::asks_the_same_of_all).
    #[inline]
    fn fixed_costs(&self) -> impl Iterator<Item = (LimitId, u64)> {
        self.limits()
            .filter_map(|(limit, _, units)| Some((limit, units?)))
    }

    /// Whether nothing of a request has to be read to know what it asks for.
    #[inline]
    fn asks_the_same_of_all(&self) -> bool {
        !self.reads_keys() && self.limits().all(|(_, _, units)| units.is_some())
    }

    fn has_taken_of(&self, access: &Access) -> bool {
        self.limits().any(|(_, key, _)| access.limit(key).is_some())
    }
}
