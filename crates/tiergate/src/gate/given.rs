//! What tiers give of limits, as far as a thread has been asked.

use std::cell::RefCell;
use std::sync::Arc;

use tiergate_core::decision::{Admission, Knowledge, Standing, admit};
use tiergate_core::subscription::PlainSubscription;
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, Limit, LimitId, Meter, QuotaPeriod, Subject, TierId, Window};
use tiergate_lookup::TierWord;

use super::{GateId, TierGate};

/// What a tier gives of a limit, by one revision of the catalog of one gate.
///
/// Nothing in it is the subject's own: it holds for everybody of whom nothing but the tier decides.
#[derive(Debug)]
pub(super) struct Given {
    question: Question,
    pub(super) tier: TierId,
    pub(super) feature: Arc<str>,
    pub(super) meter: Meter,
    pub(super) limit: Limit,
    /// Where those are counted who have no billing period: the last one that was needed.
    calendar: Option<Window>,
}

/// Whose answer it is, and to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Question {
    gate: GateId,
    revision: u32,
    limit: LimitId,
    tier: TierWord,
}

/// How many a thread keeps: one for each limit of each tier that is much used.
const KEPT: usize = 64;

/// What a thread keeps.
#[derive(Debug)]
struct Shelf {
    given: Vec<Option<Given>>,
    /// The last catalog that was needed, and whose it is. A thread that is asked no more keeps it, so there
    /// is only one.
    catalog: Option<(GateId, Arc<Catalog>)>,
}

thread_local! {
    /// Each thread has its own, so that none waits for another.
    static SHELF: RefCell<Shelf> = const {
        RefCell::new(Shelf {
            given: Vec::new(),
            catalog: None,
        })
    };
}

impl TierGate {
    /// The catalog in force. It is the one that a thread had before, as long as none has succeeded it: then
    /// nothing is written that other threads read, but a count of references.
    #[inline]
    pub(crate) fn catalog_at_hand(&self) -> Arc<Catalog> {
        let revision = self.inner.catalog.revision();
        // A thread that ends has none any more.
        let kept = SHELF.try_with(|shelf| match &shelf.borrow().catalog {
            Some((gate, catalog)) if *gate == self.inner.id && catalog.revision() == revision => {
                Some(Arc::clone(catalog))
            }
            _ => None,
        });
        match kept {
            Ok(Some(catalog)) => catalog,
            Ok(None) | Err(_) => self.fetch_catalog(),
        }
    }

    #[cold]
    #[inline(never)]
    fn fetch_catalog(&self) -> Arc<Catalog> {
        let catalog = self.catalog();
        let kept = Some((self.inner.id, Arc::clone(&catalog)));
        let replaced =
            SHELF.try_with(|shelf| std::mem::replace(&mut shelf.borrow_mut().catalog, kept));
        drop(replaced);
        catalog
    }

    /// Reads what a tier gives of a limit. None if it does not give the limit, or if more than that would
    /// have to be said of it.
    #[inline]
    pub(super) fn with_given<R>(
        &self,
        catalog: &Catalog,
        limit: LimitId,
        tier: TierWord,
        read: impl FnOnce(&mut Given) -> R,
    ) -> Option<R> {
        let question = Question {
            gate: self.inner.id,
            revision: catalog.revision(),
            limit,
            tier,
        };
        // A thread that ends has none any more.
        SHELF
            .try_with(|shelf| {
                let all = &mut shelf.borrow_mut().given;
                match all.get_mut(question.place()) {
                    Some(Some(given)) if given.question == question => Some(read(given)),
                    _ => self.find_given(all, catalog, question).map(read),
                }
            })
            .ok()?
    }

    #[cold]
    #[inline(never)]
    fn find_given<'a>(
        &self,
        all: &'a mut Vec<Option<Given>>,
        catalog: &Catalog,
        question: Question,
    ) -> Option<&'a mut Given> {
        let given = self.give(catalog, question)?;
        if all.is_empty() {
            all.resize_with(KEPT, || None);
        }
        Some(all.get_mut(question.place())?.insert(given))
    }

    /// Decides as for a subject that has just that tier.
    fn give(&self, catalog: &Catalog, question: Question) -> Option<Given> {
        let known = if question.tier == TierWord::NONE {
            Knowledge::NoSubscription
        } else {
            let tier = self.inner.lookup.tier_key(question.tier)?;
            // Each decision about a tier that the catalog does not name is told of.
            catalog.tier_id(tier)?;
            Knowledge::Plain(PlainSubscription {
                tier,
                period_start: None,
                period_end: None,
            })
        };
        let (anybody, any_time) = (Subject::user(""), Timestamp::from_seconds(0));
        let standing = Standing::of(catalog, &anybody, known, self.inner.policy, any_time);
        // What is denied, or is no limit of this catalog, is told the longer way.
        match admit(catalog, &standing, question.limit, 0) {
            Ok(Admission::Countable(allowance)) => Some(Given {
                question,
                tier: allowance.grant.tier,
                feature: allowance.feature,
                meter: allowance.meter,
                limit: allowance.limit,
                calendar: None,
            }),
            Ok(Admission::Denied(_)) | Err(_) => None,
        }
    }
}

impl Question {
    /// Where the answer is kept. Which of those that share a place it is, is looked at there.
    #[inline]
    fn place(self) -> usize {
        let feature = self.limit.feature().position();
        (feature.wrapping_mul(7) ^ usize::from(self.tier.number())) % KEPT
    }
}

impl Given {
    /// The window of a quota that holds `now`; none for a gauge or a rate.
    #[inline]
    pub(super) fn window(
        &mut self,
        catalog: &Catalog,
        period: impl FnOnce() -> Option<(Timestamp, Option<Timestamp>)>,
        now: Timestamp,
    ) -> Option<Window> {
        let Meter::Quota(per) = self.meter else {
            return None;
        };
        if per == QuotaPeriod::BillingPeriod
            && let Some((start, end)) = period()
        {
            return Some(Window::of_period(now, start, end));
        }
        // It holds until it ends, and from its start on where the clock is set back.
        if let Some(window) = self.calendar
            && window.contains(now)
        {
            return self.calendar;
        }
        let window = Window::of(per, now, None, catalog.time_zone());
        self.calendar = Some(window);
        self.calendar
    }
}
