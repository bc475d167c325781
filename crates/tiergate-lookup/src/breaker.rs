//! A circuit breaker that does no waiting and reads no clock: it is told the time.

use std::time::Duration;

/// The width of one of the buckets that the window is counted in.
const BUCKET: Duration = Duration::from_secs(1);
/// How many buckets make up the window.
const BUCKETS: usize = 10;
/// Below so many calls in the window nothing is concluded.
const LEAST_CALLS: u64 = 20;
/// How long the circuit stays open before one call is let through to try.
const OPEN_FOR: Duration = Duration::from_secs(5);

/// Opens when at least half of at least 20 calls within 10 s failed, for 5 s; then lets one call
/// through, whose outcome decides.
#[derive(Debug)]
pub(crate) struct Breaker {
    state: State,
    /// What was counted since the circuit last closed.
    window: Window,
    /// Raised whenever the circuit opens or closes: what was let through before has no say later.
    generation: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open { until: Duration },
    Trying { until: Duration },
}

/// A call that was let through; to be handed back with its outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    generation: u64,
}

/// No call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) retry_after: Duration,
}

/// What a finished call says about the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failure,
    /// Nothing: the source was not reached for a reason that lies here.
    Neutral,
}

/// What an outcome did to the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Opened,
    Closed,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Closed,
            window: Window::default(),
            generation: 0,
        }
    }

    /// Whether a call would be refused, without making one.
    pub(crate) fn check(&self, now: Duration) -> Result<(), Refused> {
        match self.state {
            State::Open { until } | State::Trying { until } if now < until => Err(Refused {
                retry_after: until.saturating_sub(now),
            }),
            State::Open { .. } | State::Trying { .. } | State::Closed => Ok(()),
        }
    }

    /// Lets a call through, or refuses it.
    pub(crate) fn admit(&mut self, now: Duration) -> Result<Call, Refused> {
        self.check(now)?;
        if let State::Open { .. } | State::Trying { .. } = self.state {
            // The trying call is waited for as long as the circuit would stay open. If it has not
            // reported by then, another one tries, and whichever reports first decides: a source
            // that has become slow must not keep the circuit open by that alone.
            self.state = State::Trying {
                until: now.saturating_add(OPEN_FOR),
            };
        }
        Ok(Call {
            generation: self.generation,
        })
    }

    /// Takes the outcome of a call that was let through.
    pub(crate) fn record(&mut self, call: Call, outcome: Outcome, now: Duration) -> Change {
        if call.generation != self.generation {
            return Change::None;
        }
        let opened = State::Open {
            until: now.saturating_add(OPEN_FOR),
        };
        match (self.state, outcome) {
            (State::Closed, Outcome::Success) => {
                self.window.count(now, 0);
                Change::None
            }
            (State::Closed, Outcome::Failure) => {
                self.window.count(now, 1);
                if self.window.tripped() {
                    self.enter(opened);
                    return Change::Opened;
                }
                Change::None
            }
            (State::Trying { .. }, Outcome::Success) => {
                self.window = Window::default();
                self.enter(State::Closed);
                Change::Closed
            }
            (State::Trying { .. }, Outcome::Failure) => {
                self.enter(opened);
                Change::None
            }
            (State::Trying { .. }, Outcome::Neutral) => {
                self.enter(State::Open { until: now });
                Change::None
            }
            (State::Closed, Outcome::Neutral) | (State::Open { .. }, _) => Change::None,
        }
    }

    /// Whether calls are being refused, but for one that tries.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.generation = self.generation.wrapping_add(1);
    }
}

/// Calls and failures of the last ten seconds, a bucket a second.
#[derive(Debug, Default)]
struct Window {
    buckets: [Bucket; BUCKETS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    second: u64,
    calls: u64,
    failures: u64,
}

impl Window {
    fn count(&mut self, now: Duration, failures: u64) {
        let second = now.as_secs() / BUCKET.as_secs();
        let oldest = second.saturating_sub(BUCKETS as u64 - 1);
        for bucket in &mut self.buckets {
            if bucket.second < oldest {
                *bucket = Bucket::default();
            }
        }
        // Two moments share a slot only when they are a whole window apart; the loop above has
        // emptied the older one.
        let slot = usize::try_from(second % BUCKETS as u64).unwrap_or(0);
        if let Some(bucket) = self.buckets.get_mut(slot) {
            bucket.second = second;
            bucket.calls = bucket.calls.saturating_add(1);
            bucket.failures = bucket.failures.saturating_add(failures);
        }
    }

    fn tripped(&self) -> bool {
        let sum = |part: fn(&Bucket) -> u64| {
            self.buckets
                .iter()
                .map(part)
                .fold(0_u64, u64::saturating_add)
        };
        let calls = sum(|bucket| bucket.calls);
        let failures = sum(|bucket| bucket.failures);
        calls >= LEAST_CALLS && failures.saturating_mul(2) >= calls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is tried, how many milliseconds apart, what becomes of the calls, whether it opens.
    type Row<'a> = (&'a str, u64, &'a [(usize, Outcome)], bool);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Runs the outcomes, one each `gap` milliseconds from `start` on; says whether it opened.
    fn run(breaker: &mut Breaker, start: u64, gap: u64, outcomes: &[(usize, Outcome)]) -> bool {
        let mut now = start;
        for (times, outcome) in outcomes {
            for _ in 0..*times {
                let Ok(call) = breaker.admit(at(now)) else {
                    return true;
                };
                breaker.record(call, *outcome, at(now));
                now += gap;
            }
        }
        breaker.is_open()
    }

    #[test]
    fn it_opens_at_half_of_twenty_within_ten_seconds() {
        use Outcome::{Failure, Neutral, Success};
        let table: [Row<'_>; 9] = [
            ("19 failures are too few", 10, &[(19, Failure)], false),
            ("20 failures", 10, &[(20, Failure)], true),
            ("half", 10, &[(10, Success), (10, Failure)], true),
            (
                "just under half",
                10,
                &[(11, Success), (10, Failure)],
                false,
            ),
            (
                "the twentieth may be the first failure",
                10,
                &[(19, Success), (1, Failure)],
                false,
            ),
            (
                "spread over more than the window",
                600,
                &[(40, Failure)],
                false,
            ),
            ("spread over just the window", 500, &[(20, Failure)], true),
            (
                "neutral ones count for nothing",
                1,
                &[(19, Failure), (50, Neutral)],
                false,
            ),
            (
                "old successes are forgotten",
                100,
                &[(100, Success), (60, Failure)],
                true,
            ),
        ];
        for (name, gap, outcomes, opens) in table {
            let mut breaker = Breaker::new();
            assert_eq!(run(&mut breaker, 0, gap, outcomes), opens, "{name}");
        }
    }

    fn opened_at(millis: u64) -> Breaker {
        let mut breaker = Breaker::new();
        assert!(run(&mut breaker, millis, 0, &[(20, Outcome::Failure)]));
        breaker
    }

    #[test]
    fn an_open_circuit_refuses_for_five_seconds_then_lets_one_through() {
        let mut breaker = opened_at(1_000);
        assert_eq!(breaker.admit(at(5_999)).unwrap_err().retry_after, at(1));
        let trying = breaker.admit(at(6_000)).unwrap();
        assert!(breaker.admit(at(6_000)).is_err());
        assert_eq!(
            breaker.record(trying, Outcome::Success, at(6_100)),
            Change::Closed
        );
        assert!(breaker.admit(at(6_100)).is_ok());
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_failed_try_opens_it_again() {
        let mut breaker = opened_at(0);
        let trying = breaker.admit(at(5_000)).unwrap();
        breaker.record(trying, Outcome::Failure, at(5_100));
        assert!(breaker.admit(at(10_099)).is_err());
        assert!(breaker.admit(at(10_100)).is_ok());
    }

    #[test]
    fn a_try_that_never_reports_or_says_nothing_is_replaced() {
        let mut breaker = opened_at(0);
        breaker.admit(at(5_000)).unwrap();
        assert!(breaker.admit(at(9_999)).is_err());
        let second = breaker.admit(at(10_000)).unwrap();
        breaker.record(second, Outcome::Neutral, at(10_001));
        assert!(breaker.admit(at(10_001)).is_ok());
    }

    #[test]
    fn a_try_that_takes_longer_than_the_circuit_stays_open_still_closes_it() {
        let mut breaker = opened_at(0);
        let slow = breaker.admit(at(5_000)).unwrap();
        let slower = breaker.admit(at(10_000)).unwrap();
        assert_eq!(
            breaker.record(slow, Outcome::Success, at(11_000)),
            Change::Closed
        );
        // What else was tried by then has nothing to add.
        assert_eq!(
            breaker.record(slower, Outcome::Failure, at(16_000)),
            Change::None
        );
        assert!(!breaker.is_open());
    }

    #[test]
    fn what_was_let_through_before_has_no_say_after() {
        let mut breaker = Breaker::new();
        let early = breaker.admit(at(0)).unwrap();
        assert!(run(&mut breaker, 0, 0, &[(20, Outcome::Failure)]));
        assert_eq!(
            breaker.record(early, Outcome::Success, at(100)),
            Change::None
        );
        assert!(breaker.is_open());
    }

    #[test]
    fn time_at_its_end_does_not_overflow() {
        let mut breaker = Breaker::new();
        for _ in 0..25 {
            if let Ok(call) = breaker.admit(Duration::MAX) {
                breaker.record(call, Outcome::Failure, Duration::MAX);
            }
        }
        assert!(breaker.is_open());
    }
}
