use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tiergate_core::subscription::{Override, OverrideValue};
use tiergate_core::{Subject, Subscription};

use super::key::Key;
use crate::cache::entry::{Certainty, Entry, Held, Reread, Trouble};
use crate::cache::era::Era;
use crate::cache::glance::{TierWord, as_nanos};
use crate::cache::words::TierWords;
use crate::found::{Found, Terms, as_number, as_timestamp};
use crate::{Known, Sight};

/// The numbers of a record: the era, four moments, and the terms.
pub(super) const NUMBERS: usize = 5 + Terms::NUMBERS;

/// An entry as the store keeps it: in a few numbers, and with something beside them only where that is
/// needed.
#[derive(Clone, Debug)]
pub(super) struct Record {
    era: Era,
    answered_at: u64,
    fresh_until: u64,
    stale_until: u64,
    /// As [`as_number`] has it.
    ends_at: u64,
    terms: Terms,
    label: Label,
    beside: Option<Arc<Beside>>,
}

/// What few entries have.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Whose it is, where that is too long for the table.
    subject: Option<Subject>,
    /// The subscription, where it does not fit into terms.
    whole: Option<Arc<Subscription>>,
    trouble: Option<Trouble>,
    reread: Option<Reread>,
    lagged_at: Option<Duration>,
}

/// How the numbers of a record are to be read, in sixteen bits: from the lowest up the number of the
/// tier in eleven, what is held in two, whether that is doubtful, and whether anything is beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Label(u16);

impl Label {
    const TIER: u16 = (1 << 11) - 1;
    const MISSING: u16 = 1 << 11;
    const TERMS: u16 = 2 << 11;
    const WHOLE: u16 = 3 << 11;
    const DOUBTFUL: u16 = 1 << 13;
    const BESIDE: u16 = 1 << 14;

    const fn what(self) -> u16 {
        self.0 & Self::WHOLE
    }

    #[inline]
    fn tier(self) -> TierWord {
        TierWord::from_number(self.0 & Self::TIER)
    }

    fn certainty(self) -> Certainty {
        if self.0 & Self::DOUBTFUL == 0 {
            Certainty::Sure
        } else {
            Certainty::Doubtful
        }
    }
}

impl Record {
    /// The record of an entry about `subject`.
    pub(super) fn of(subject: &Subject, entry: Entry, words: &TierWords) -> Self {
        let mut beside = Beside {
            subject: Key::is_long(subject).then(|| subject.clone()),
            whole: None,
            trouble: entry.trouble,
            reread: entry.reread,
            lagged_at: entry.lagged_at,
        };
        let mut record = Self {
            era: entry.era,
            answered_at: 0,
            fresh_until: 0,
            stale_until: 0,
            ends_at: as_number(None),
            terms: Terms::NOTHING,
            label: Label(0),
            beside: None,
        };
        if let Some(held) = entry.held {
            record.answered_at = as_nanos(held.answered_at);
            record.fresh_until = as_nanos(held.fresh_until);
            record.stale_until = as_nanos(held.stale_until);
            record.ends_at = as_number(held.ends_at);
            let (what, terms) = match held.known {
                Known::Missing => (Label::MISSING, Terms::NOTHING),
                Known::Found(found) => match packed(&found, words) {
                    Some((tier, terms)) => (Label::TERMS | tier, terms),
                    None => {
                        beside.whole = Some(found.into());
                        (Label::WHOLE, Terms::NOTHING)
                    }
                },
            };
            let doubt = match held.certainty {
                Certainty::Sure => 0,
                Certainty::Doubtful => Label::DOUBTFUL,
            };
            (record.label, record.terms) = (Label(what | doubt), terms);
        }
        if !beside.is_empty() {
            record.label.0 |= Label::BESIDE;
            record.beside = Some(Arc::new(beside));
        }
        record
    }

    #[inline]
    pub(super) fn from_numbers(
        numbers: [u64; NUMBERS],
        beside: impl FnOnce() -> Option<Arc<Beside>>,
    ) -> Self {
        let [
            era,
            answered_at,
            fresh_until,
            stale_until,
            ends_at,
            terms @ ..,
        ] = numbers;
        let (terms, label) = Terms::from_numbers(terms);
        let has_beside = label & Label::BESIDE != 0;
        Self {
            era: Era::from_number(era),
            answered_at,
            fresh_until,
            stale_until,
            ends_at,
            terms,
            label: Label(label),
            beside: if has_beside { beside() } else { None },
        }
    }

    pub(super) fn into_parts(self) -> ([u64; NUMBERS], Option<Arc<Beside>>) {
        let [a, b, c, d, e, f, g, h, i] = self.terms.into_numbers(self.label.0);
        let numbers = [
            self.era.as_number(),
            self.answered_at,
            self.fresh_until,
            self.stale_until,
            self.ends_at,
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
            i,
        ];
        (numbers, self.beside)
    }

    /// Whether it is about `subject`, whose key is that of its place.
    #[inline]
    pub(super) fn is_of(&self, subject: &Subject) -> bool {
        let own = self
            .beside
            .as_ref()
            .and_then(|beside| beside.subject.as_ref());
        own.is_none_or(|own| own == subject)
    }

    /// Whether nothing of it is needed any more.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        let held = match self.label.what() {
            0 => None,
            _ => Some(Duration::from_nanos(self.stale_until)),
        };
        let beside = self.beside.as_deref();
        Entry::are_over(
            [
                held,
                beside.and_then(|beside| Some(beside.trouble.as_ref()?.retry_at)),
                beside.and_then(|beside| Some(beside.reread.as_ref()?.at)),
                beside.and_then(|beside| beside.lagged_at),
            ],
            now,
        )
    }

    /// How many bytes lie beside.
    pub(super) fn bytes_beside(&self) -> u64 {
        bytes_of(self.beside.as_deref())
    }

    /// The entry again, about `subject`. `None` if it is of a tier that no word stands for, which is
    /// never so for what this store has put there.
    #[inline]
    pub(super) fn into_entry(self, subject: &Subject, words: &TierWords) -> Option<Entry> {
        let beside = self.beside.as_deref();
        let known = match self.label.what() {
            Label::MISSING => Some(Known::Missing),
            Label::TERMS => {
                let tier = words.key(self.label.tier())?;
                Some(Known::Found(Found::packed(
                    subject.clone(),
                    tier,
                    self.terms,
                )))
            }
            Label::WHOLE => {
                let whole = beside?.whole.as_ref()?;
                Some(Known::Found(Arc::clone(whole).into()))
            }
            _ => None,
        };
        Some(Entry {
            era: self.era,
            held: known.map(|known| Held {
                known,
                certainty: self.label.certainty(),
                answered_at: Duration::from_nanos(self.answered_at),
                fresh_until: Duration::from_nanos(self.fresh_until),
                stale_until: Duration::from_nanos(self.stale_until),
                ends_at: as_timestamp(self.ends_at),
            }),
            trouble: beside.and_then(|beside| beside.trouble.clone()),
            reread: beside.and_then(|beside| beside.reread.clone()),
            lagged_at: beside.and_then(|beside| beside.lagged_at),
        })
    }
}

/// What a record says by itself that is fresh, but for its terms.
pub(crate) struct Fresh {
    /// None where there is no subscription.
    tier: Option<(TierWord, &'static str)>,
    /// In nanoseconds.
    age: u64,
}

impl Fresh {
    /// What the numbers of a record say by themselves, if that is fresh at so many nanoseconds and there
    /// is no more to think of, as is usual: nothing lies beside, nothing is doubtful, and the subscription
    /// has no end of its own. Its terms are written to `terms`, because they are large: who returns them
    /// through a few hands copies them as often.
    ///
    /// The numbers may not belong together. `None` too if they are of a tier that no word stands for.
    #[inline]
    pub(super) fn read(
        numbers: &[AtomicU64; NUMBERS],
        (era, now): (Era, u64),
        words: &TierWords,
        terms: &mut Terms,
    ) -> Option<Self> {
        let [own_era, answered_at, fresh_until, _, ends_at, packed @ ..] = numbers;
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        if Era::from_number(load(own_era)) != era
            || now >= load(fresh_until)
            || as_timestamp(load(ends_at)).is_some()
        {
            return None;
        }
        let label;
        (*terms, label) = Terms::from_numbers(packed.each_ref().map(load));
        let label = Label(label);
        if label.0 & (Label::DOUBTFUL | Label::BESIDE) != 0 {
            return None;
        }
        let tier = match label.what() {
            Label::MISSING => None,
            Label::TERMS => Some((label.tier(), words.key(label.tier())?)),
            _ => return None,
        };
        let age = now.saturating_sub(load(answered_at));
        Some(Self { tier, age })
    }

    /// The same, with its terms.
    #[inline]
    pub(crate) fn into_sight(self, terms: Terms) -> Sight {
        match self.tier {
            None => Sight::missing(self.age),
            Some((word, tier)) => Sight::packed(word, tier, terms, self.age),
        }
    }
}

/// What is kept of a subscription without anything beside, and the number of its tier; `None` if that
/// is not all.
fn packed(found: &Found, words: &TierWords) -> Option<(u16, Terms)> {
    let tier = words.number(found.tier())?.number();
    (tier <= Label::TIER).then_some(())?;
    Some((tier, found.terms()?))
}

impl Beside {
    fn is_empty(&self) -> bool {
        matches!(
            self,
            Self {
                subject: None,
                whole: None,
                trouble: None,
                reread: None,
                lagged_at: None
            }
        )
    }
}

/// How many bytes it takes that something lies beside.
pub(super) fn bytes_of(beside: Option<&Beside>) -> u64 {
    let Some(beside) = beside else {
        return 0;
    };
    let counts = 2 * size_of::<usize>();
    let id = beside
        .subject
        .as_ref()
        .map_or(0, |subject| subject.id().len());
    let whole = beside.whole.as_ref();
    let whole = whole.map_or(0, |whole| counts.saturating_add(subscription_bytes(whole)));
    [size_of::<Beside>(), counts, id, whole]
        .into_iter()
        .fold(0, |sum: u64, bytes| sum.saturating_add(bytes as u64))
}

fn subscription_bytes(subscription: &Subscription) -> usize {
    let overrides = subscription.overrides.iter().map(|set| {
        let word = match &set.value {
            OverrideValue::Level(word) => word.len(),
            OverrideValue::Boolean(_) | OverrideValue::Limit(_) => 0,
        };
        set.feature.len().saturating_add(word)
    });
    let room_for_overrides = subscription.overrides.capacity();
    [
        size_of::<Subscription>(),
        size_of::<Override>().saturating_mul(room_for_overrides),
        subscription.id.as_ref().map_or(0, |id| id.len()),
        subscription.subject.id().len(),
        subscription.tier.len(),
        subscription.status.as_str().len(),
    ]
    .into_iter()
    .chain(overrides)
    .fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use tiergate_core::time::Timestamp;

    use super::*;
    use crate::found::subscriptions;
    use crate::{LookupError, LookupErrorKind};

    fn times() -> impl Strategy<Value = Duration> {
        prop_oneof![
            Just(Duration::ZERO),
            Just(Duration::from_nanos(u64::MAX)),
            any::<u64>().prop_map(Duration::from_nanos),
        ]
    }

    fn moments() -> impl Strategy<Value = Option<Timestamp>> {
        prop::option::of(any::<i64>().prop_map(Timestamp::from_micros))
    }

    fn held() -> impl Strategy<Value = Held> {
        let known = prop::option::of(subscriptions());
        let when = (times(), times(), times(), moments());
        (known, any::<bool>(), when).prop_map(|(known, is_sure, when)| {
            let (answered_at, fresh_until, stale_until, ends_at) = when;
            Held {
                known: known.map_or(Known::Missing, |one| Known::Found(one.into())),
                certainty: if is_sure {
                    Certainty::Sure
                } else {
                    Certainty::Doubtful
                },
                answered_at,
                fresh_until,
                stale_until,
                ends_at,
            }
        })
    }

    fn entries() -> impl Strategy<Value = Entry> {
        let error = || LookupError::from(LookupErrorKind::TimedOut);
        let trouble = (times(), any::<u32>()).prop_map(move |(retry_at, failures)| Trouble {
            error: error(),
            failures,
            retry_at,
        });
        let reread = (times(), any::<bool>()).prop_map(move |(at, is_ok)| Reread {
            at,
            outcome: if is_ok { Ok(()) } else { Err(error()) },
        });
        let rare = (
            prop::option::weighted(0.2, trouble),
            prop::option::weighted(0.2, reread),
            prop::option::weighted(0.2, times()),
        );
        (any::<u64>(), prop::option::weighted(0.9, held()), rare).prop_map(
            |(era, held, (trouble, reread, lagged_at))| Entry {
                era: Era::from_number(era),
                held,
                trouble,
                reread,
                lagged_at,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_024))]

        #[test]
        fn an_entry_that_was_put_away_comes_back(mut entry in entries(), length in 1..80_usize) {
            let subject = Subject::user("x".repeat(length));
            if let Some(Held { known: Known::Found(found), .. }) = &mut entry.held {
                let mut own = Subscription::clone(found);
                own.subject = subject.clone();
                *found = own.into();
            }
            let words = TierWords::default();
            let record = Record::of(&subject, entry.clone(), &words);
            let (numbers, beside) = record.into_parts();
            let again = Record::from_numbers(numbers, || beside);
            prop_assert!(again.is_of(&subject));
            prop_assert_eq!(again.is_of(&Subject::user("y".repeat(length))), length <= 40);
            let again = again.into_entry(&subject, &words).unwrap();
            prop_assert_eq!(format!("{again:?}"), format!("{entry:?}"));
        }
    }

    #[test]
    fn what_most_say_needs_nothing_beside() {
        let ada = Subject::user("a".repeat(36));
        let one = Subscription::new(
            ada.clone(),
            "pro",
            tiergate_core::SubscriptionStatus::Active,
        )
        .with_id("s".repeat(36))
        .with_period(Timestamp::MIN, Timestamp::MAX)
        .with_seats(u32::MAX)
        .with_version(u64::MAX);
        let entry = Entry {
            era: Era::from_number(0),
            held: Some(Held {
                known: Known::Found(one.into()),
                certainty: Certainty::Sure,
                answered_at: Duration::ZERO,
                fresh_until: Duration::ZERO,
                stale_until: Duration::ZERO,
                ends_at: None,
            }),
            trouble: None,
            reread: None,
            lagged_at: None,
        };
        assert_eq!(
            Record::of(&ada, entry, &TierWords::default()).bytes_beside(),
            0
        );
    }
}
