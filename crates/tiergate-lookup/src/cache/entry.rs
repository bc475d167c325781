use std::cmp::Ordering;
use std::time::Duration;

use tiergate_clock::Clock;
use tiergate_core::Subscription;
use tiergate_core::time::Timestamp;

use super::config::CacheConfig;
use super::era::Era;
use super::flight::Demands;
use super::glance::{Glance, TierWord};
use super::words::TierWords;
use crate::jitter::Dice;
use crate::{Answer, Freshness, Known, LookupError, LookupErrorKind, Resolution, Snapshot};

/// The longest that a source's own wish to be left alone is respected.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How much longer than it can be used an entry may stay in memory.
const LINGER: Duration = Duration::from_secs(60);

/// What the cache remembers about one subject. Never changed, only replaced as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// When what it holds was asked for. If everything was forgotten since, it counts as absent; if
    /// everything was put in doubt since, as stale.
    pub(crate) era: Era,
    pub(super) held: Option<Held>,
    pub(super) trouble: Option<Trouble>,
    pub(super) reread: Option<Reread>,
    /// When an answer last was older than a version that was demanded before it was asked for.
    pub(super) lagged_at: Option<Duration>,
}

/// An answer of the source.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) known: Known,
    pub(super) certainty: Certainty,
    pub(super) answered_at: Duration,
    pub(super) fresh_until: Duration,
    pub(super) stale_until: Duration,
    /// The subscription's own end, if that was still to come.
    pub(super) ends_at: Option<Timestamp>,
}

/// Whether something newer than what is held may be known elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certainty {
    Sure,
    /// It is used, but the source is asked at the next use, and before anything is denied by it.
    Doubtful,
}

/// Failures since the last answer.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) error: LookupError,
    pub(super) failures: u32,
    pub(super) retry_at: Duration,
}

/// The last look at the source before a denial.
#[derive(Clone, Debug)]
pub(super) struct Reread {
    pub(super) at: Duration,
    pub(super) outcome: Result<(), LookupError>,
}

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) elapsed: Duration,
    pub(crate) wall: Timestamp,
}

impl Moment {
    pub(crate) fn of(clock: &dyn Clock) -> Self {
        Self {
            elapsed: clock.elapsed(),
            wall: clock.now(),
        }
    }
}

/// What somebody wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Anything that may be used.
    Any,
    /// Something fresh; nobody waits for it.
    Refresh,
    /// Something to deny by.
    Confirmation,
    /// At least this version.
    AtLeast(u64),
}

impl Want {
    pub(crate) fn demands(self) -> Demands {
        Demands {
            reread: self == Self::Confirmation,
            version: match self {
                Self::AtLeast(version) => Some(version),
                Self::Any | Self::Refresh | Self::Confirmation => None,
            },
        }
    }
}

/// What is to be done for somebody who wants to know.
#[derive(Debug)]
pub(crate) enum Step {
    Answer(Resolution),
    Ask,
}

/// Decides from what is remembered whether the source must be asked.
pub(crate) fn decide(
    entry: Option<&Entry>,
    era: Era,
    want: Want,
    now: Moment,
    config: &CacheConfig,
) -> Step {
    let Some(entry) = entry else {
        return Step::Ask;
    };
    let usable = entry.snapshot(era, now.elapsed, || now.wall);
    let satisfied = usable.as_ref().is_some_and(|snapshot| match want {
        Want::Any => true,
        Want::Refresh => snapshot.freshness == Freshness::Fresh,
        Want::Confirmation => {
            !entry.is_doubted(era)
                && (snapshot.age <= config.confirm_age() || entry.confirmed(now.elapsed, config))
        }
        Want::AtLeast(version) => snapshot.known.version() >= Some(version),
    });
    match usable {
        Some(snapshot) if satisfied => return Step::Answer(Resolution::Known(snapshot)),
        _ => {}
    }
    match entry.refusal(want, now.elapsed, config) {
        Some(error) => Step::Answer(Resolution::Failed(error)),
        None => Step::Ask,
    }
}

impl Entry {
    /// What is known now, if it may be used. The wall clock is read only when it matters.
    pub(crate) fn snapshot(
        &self,
        era: Era,
        now: Duration,
        wall: impl FnOnce() -> Timestamp,
    ) -> Option<Snapshot> {
        let (age, freshness) = self.usability(era, now, wall)?;
        let known = self.held.as_ref()?.known.clone();
        Some(Snapshot {
            known,
            age,
            freshness,
        })
    }

    /// The same, without a copy.
    #[inline]
    pub(crate) fn into_snapshot(
        self,
        era: Era,
        now: Duration,
        wall: impl FnOnce() -> Timestamp,
    ) -> Option<Snapshot> {
        let (age, freshness) = self.usability(era, now, wall)?;
        let known = self.held?.known;
        Some(Snapshot {
            known,
            age,
            freshness,
        })
    }

    /// How old what is held is, and whether it is fresh, if it may be used.
    #[inline]
    fn usability(
        &self,
        era: Era,
        now: Duration,
        wall: impl FnOnce() -> Timestamp,
    ) -> Option<(Duration, Freshness)> {
        let held = self.usable(now, wall)?;
        let is_fresh = now < held.fresh_until && !self.is_doubted(era);
        let freshness = if is_fresh {
            Freshness::Fresh
        } else {
            Freshness::Stale
        };
        Some((now.saturating_sub(held.answered_at), freshness))
    }

    /// Whether a change to what is held may have been missed.
    fn is_doubted(&self, era: Era) -> bool {
        let doubtful = |held: &Held| held.certainty == Certainty::Doubtful;
        self.era != era || self.held.as_ref().is_some_and(doubtful)
    }

    /// What is held, if it may be used.
    fn usable(&self, now: Duration, wall: impl FnOnce() -> Timestamp) -> Option<&Held> {
        let held = self.held.as_ref()?;
        // What is fresh is within the ceiling: `fresh_until` never lies beyond `stale_until`.
        let may_be_used = now < held.stale_until && held.ends_at.is_none_or(|end| wall() < end);
        may_be_used.then_some(held)
    }

    /// Whether a failure was so recent that the source is not to be asked.
    pub(crate) fn is_backing_off(&self, now: Duration) -> bool {
        self.trouble
            .as_ref()
            .is_some_and(|trouble| now < trouble.retry_at)
    }

    /// What can be told of it at a glance, for as long as its era goes on: the tier, where that hangs
    /// neither on the time of day nor on overrides.
    pub(crate) fn glance(&self, words: &TierWords) -> Glance {
        let Some(held) = &self.held else {
            return Glance::NOTHING;
        };
        let tier = match &held.known {
            _ if held.certainty == Certainty::Doubtful => None,
            Known::Missing => Some(TierWord::NONE),
            Known::Found(found) => found.as_plain().and_then(|plain| words.number(plain.tier)),
        };
        tier.map_or(Glance::NOTHING, |tier| {
            Glance::new(tier, self.era, held.fresh_until)
        })
    }

    /// The same, as if it was answered later.
    #[cfg(test)]
    pub(crate) fn answer_at(&mut self, later: Duration) {
        if let Some(held) = &mut self.held {
            held.stale_until += later;
        }
    }

    /// Whether nothing is needed any more of what was to be remembered until these moments.
    pub(super) fn are_over(moments: [Option<Duration>; 4], now: Duration) -> bool {
        let is_past = |moment: Duration| now >= moment.saturating_add(LINGER);
        moments.into_iter().flatten().all(is_past)
    }

    fn confirmed(&self, now: Duration, config: &CacheConfig) -> bool {
        self.reread
            .as_ref()
            .is_some_and(|reread| reread.outcome.is_ok() && reread.is_recent(now, config))
    }

    /// Why the source is not to be asked now, if it is not.
    fn refusal(&self, want: Want, now: Duration, config: &CacheConfig) -> Option<LookupError> {
        if let Some(trouble) = &self.trouble
            && now < trouble.retry_at
        {
            let wait = trouble.retry_at.saturating_sub(now);
            return Some(trouble.error.clone().with_retry_after(wait));
        }
        let held_off = |since: Duration, interval: Duration| {
            let until = since.saturating_add(interval);
            (now < until).then(|| until.saturating_sub(now))
        };
        match want {
            Want::Any | Want::Refresh => None,
            Want::Confirmation => {
                let reread = self.reread.as_ref()?;
                let error = reread.outcome.as_ref().err()?;
                let wait = held_off(reread.at, config.confirm_interval())?;
                Some(error.clone().with_retry_after(wait))
            }
            Want::AtLeast(_) => {
                let wait = held_off(self.lagged_at?, config.first_back_off())?;
                Some(LookupError::new(LookupErrorKind::NotFresh).with_retry_after(wait))
            }
        }
    }

    /// The entry for something that the source has just said, or that was pushed.
    pub(crate) fn holding(
        previous: Option<&Self>,
        known: Known,
        era: Era,
        now: Moment,
        config: &CacheConfig,
        dice: Dice,
    ) -> Self {
        Self {
            era,
            held: Some(Held::new(known, now, config, dice)),
            trouble: None,
            // Something newer than the last re-read is known, whatever came of that. One that nobody
            // rests on any more is not worth its memory.
            reread: previous
                .and_then(|previous| previous.reread.as_ref())
                .filter(|reread| reread.is_recent(now.elapsed, config))
                .map(|reread| Reread {
                    at: reread.at,
                    outcome: Ok(()),
                }),
            lagged_at: None,
        }
    }

    /// This entry, in doubt: what it holds may not be the newest.
    pub(crate) fn doubtful(mut self) -> Self {
        if let Some(held) = &mut self.held {
            held.certainty = Certainty::Doubtful;
        }
        // No re-read has seen what is held now.
        self.reread = None;
        self
    }

    /// Whether `subscription` is an earlier revision of what is held and may still be used.
    pub(crate) fn outdates(&self, subscription: &Subscription, now: Moment) -> bool {
        self.order(subscription, now) == Some(Ordering::Less)
    }

    /// Whether `known` certainly is not older than what is held: a revision of the same record that
    /// is at least as high, or an absence where there was none before. Nothing orders the revisions
    /// of two records.
    pub(crate) fn is_succeeded_by(&self, known: &Known, now: Moment) -> bool {
        match known {
            Known::Found(subscription) => self
                .order(subscription, now)
                .is_some_and(|order| order != Ordering::Less),
            Known::Missing => {
                let held = self.usable(now.elapsed, || now.wall);
                held.is_some_and(|held| held.known == Known::Missing)
            }
        }
    }

    /// How the revision of `subscription` stands to that of what is held and may still be used;
    /// `None` if they are not revisions of one record.
    fn order(&self, subscription: &Subscription, now: Moment) -> Option<Ordering> {
        let held = self.usable(now.elapsed, || now.wall)?;
        let held = held.known.subscription()?;
        let (version, offered) = (held.version()?, subscription.version?);
        let same_record = held.id.is_some() && held.id == subscription.id;
        same_record.then(|| offered.cmp(&version))
    }

    /// The entry after a flight, and what those who waited for it are told.
    pub(crate) fn after(
        previous: Option<&Self>,
        answer: Answer,
        demands: Demands,
        era: Era,
        now: Moment,
        config: &CacheConfig,
        dice: Dice,
    ) -> (Option<Self>, Resolution) {
        let outcome = match answer {
            Answer::Found(subscription)
                if previous.is_some_and(|previous| previous.outdates(&subscription, now)) =>
            {
                Err(LookupError::new(LookupErrorKind::NotFresh))
            }
            Answer::Found(subscription) => Ok(Known::Found(subscription.into())),
            Answer::Missing => Ok(Known::Missing),
            Answer::Failed(error) => Err(error),
        };
        match outcome {
            Ok(known) => {
                let mut entry = Self::holding(previous, known.clone(), era, now, config, dice);
                if demands.reread {
                    entry.reread = Some(Reread {
                        at: now.elapsed,
                        outcome: Ok(()),
                    });
                }
                if demands.version.is_some() && known.version() < demands.version {
                    entry.lagged_at = Some(now.elapsed);
                }
                (Some(entry), Resolution::Known(Snapshot::new(known)))
            }
            Err(error) if error.kind().is_local() => (None, Resolution::Failed(error)),
            Err(error) => {
                let entry = Self::troubled(previous, &error, demands, era, now, config, dice);
                (Some(entry), Resolution::Failed(error))
            }
        }
    }

    fn troubled(
        previous: Option<&Self>,
        error: &LookupError,
        demands: Demands,
        era: Era,
        now: Moment,
        config: &CacheConfig,
        dice: Dice,
    ) -> Self {
        let before = previous
            .and_then(|previous| previous.trouble.as_ref())
            .map_or(0, |trouble| trouble.failures);
        let back_off = config
            .first_back_off()
            .saturating_mul(2_u32.saturating_pow(before))
            // Leaves room for the jitter, which only lengthens: a pause is never cut short.
            .min(config.longest_back_off() * 5 / 6);
        let asked = error.retry_after().unwrap_or_default();
        let wait = dice.beyond(back_off).max(asked.min(LONGEST_RETRY_AFTER));
        let reread = if demands.reread {
            Some(Reread {
                at: now.elapsed,
                outcome: Err(error.clone()),
            })
        } else {
            previous.and_then(|previous| previous.reread.clone())
        };
        let usable = previous.and_then(|previous| {
            let held = previous.usable(now.elapsed, || now.wall)?;
            Some((previous.era, held.clone()))
        });
        // What may no longer be used is not kept either. What is kept is as old as it was.
        let (era, held) = match usable {
            Some((era, held)) => (era, Some(held)),
            None => (era, None),
        };
        Self {
            era,
            held,
            trouble: Some(Trouble {
                error: error.clone(),
                failures: before.saturating_add(1),
                retry_at: now.elapsed.saturating_add(wait),
            }),
            reread,
            lagged_at: previous.and_then(|previous| previous.lagged_at),
        }
    }
}

impl Reread {
    fn is_recent(&self, now: Duration, config: &CacheConfig) -> bool {
        now < self.at.saturating_add(config.confirm_interval())
    }
}

impl Held {
    fn new(known: Known, now: Moment, config: &CacheConfig, dice: Dice) -> Self {
        let after = |age| now.elapsed.saturating_add(age);
        let Known::Found(subscription) = &known else {
            let until = after(config.absent_for());
            return Self {
                known,
                certainty: Certainty::Sure,
                answered_at: now.elapsed,
                fresh_until: until,
                stale_until: until,
                ends_at: None,
            };
        };
        let fresh_until = after(dice.around(config.fresh_for()).min(config.stale_for()));
        let ends_at = subscription.ends_at();
        let already_over = ends_at.is_some_and(|end| end <= now.wall);
        Self {
            certainty: Certainty::Sure,
            answered_at: now.elapsed,
            fresh_until,
            // A record that was over when the source gave it is news for as long as it is fresh,
            // and has no life of its own to be used beyond that.
            stale_until: if already_over {
                fresh_until
            } else {
                after(config.stale_for())
            },
            ends_at: ends_at.filter(|_| !already_over),
            known,
        }
    }
}

impl Snapshot {
    /// What was said just now.
    pub(crate) fn new(known: Known) -> Self {
        Self {
            known,
            age: Duration::ZERO,
            freshness: Freshness::Fresh,
        }
    }
}
