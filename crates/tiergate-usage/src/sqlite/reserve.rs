//! Taking units: all claims or none.

use smallvec::SmallVec;

use crate::holders::{Holder, Holders};
use crate::now::{Now, nanos};
use crate::{
    Admitted, Claim, CounterState, MAX_CLAIMS, Refusal, Refused, Replay, Reserve, ReserveOutcome,
    StoreError, StoreErrorKind,
};

use super::id::{OperationId, Token, TokenKind};
use super::ledger::{Keys, Ledger, Progress, Remembered, Reservation, Stage};
use super::name::{HeldUnits, ScopedName, fingerprint};
use super::operation::{Effect, Operation, Wanted};

/// Takes units under a name that was made before it was asked for, so that it counts once however
/// often it is done.
#[derive(Debug)]
pub(super) struct TakeUnits {
    id: OperationId,
    claims: SmallVec<[Claim; MAX_CLAIMS]>,
    key: Option<ScopedName>,
    ttl: u64,
}

impl TakeUnits {
    /// # Errors
    ///
    /// As [`Reserve::validate`].
    pub(super) fn new(request: Reserve<'_>, id: OperationId) -> Result<Self, StoreError> {
        request.validate()?;
        let subject = request.claims().first().map(|claim| claim.key().subject());
        let key = subject.zip(request.idempotency_key());
        Ok(Self {
            id,
            claims: request.claims().into(),
            key: key.map(|(subject, key)| ScopedName::new(subject, key)),
            ttl: nanos(request.ttl()),
        })
    }

    fn admitted(
        &self,
        token: Token,
        replay: Replay,
        ledger: &mut Ledger,
        now: &Now<'_>,
    ) -> ReserveOutcome {
        let states = self.claims.iter();
        let states = states.map(|claim| ledger.state(claim.key(), now)).collect();
        ReserveOutcome::Admitted(Admitted::new(token.encode(), states, replay))
    }

    /// What the same operation came to before, if it was asked for under its key before.
    fn replay(
        &self,
        key: &ScopedName,
        ledger: &mut Ledger,
        now: &Now<'_>,
    ) -> Result<Option<Token>, StoreError> {
        let Some(known) = ledger.keys.get(key) else {
            return Ok(None);
        };
        let operation = known.operation;
        let is_same = known.fingerprint == fingerprint(&self.claims);
        let kind = match known.progress {
            Progress::Done { until } if until <= now.elapsed() => return Ok(None),
            _ if !is_same => return Err(StoreError::new(StoreErrorKind::IdempotencyConflict)),
            Progress::Done { .. } => TokenKind::Replayed,
            Progress::Open => {
                let open = ledger.reservations.change(&operation);
                let Some(open) = open.filter(|open| open.stage == Stage::Open) else {
                    return Ok(None);
                };
                // Who joins has as long to settle it as if it were new.
                open.due = open.due.max(now.elapsed().saturating_add(self.ttl));
                TokenKind::Holder(self.join(open)?)
            }
        };
        Ok(Some(Token { operation, kind }))
    }

    /// One more holder, or the one that this operation is already.
    fn join(&self, open: &mut Reservation) -> Result<Holder, StoreError> {
        let before = open.joined.iter().position(|joined| *joined == self.id);
        let before = before.and_then(|place| u8::try_from(place + 1).ok());
        if let Some(number) = before {
            return Ok(Holder(number));
        }
        let holder = open.holders.join().ok_or_else(|| {
            StoreError::new(StoreErrorKind::Full)
                .with_detail("too many retries of one operation are under way")
        })?;
        open.joined.push(self.id);
        Ok(holder)
    }

    /// Whether all claims fit. Changes nothing. Tells how many counters there are not yet.
    fn check(&self, ledger: &mut Ledger, now: &Now<'_>) -> Result<usize, Refused> {
        let mut missing = 0;
        for (index, claim) in self.claims.iter().enumerate() {
            if let Some((reason, state)) = refusal(claim, ledger, now) {
                return Err(Refused::new(index, reason, state));
            }
            missing += usize::from(ledger.counters.get(claim.key()).is_none());
        }
        Ok(missing)
    }

    /// Takes all claims. Nothing can fail any more.
    fn take(&self, ledger: &mut Ledger, now: &Now<'_>) -> Token {
        for claim in &self.claims {
            ledger.counter(claim.key(), now).reserve(claim.units(), now);
        }
        let (holders, holder) = Holders::first();
        if let Some(key) = &self.key {
            let remembered = Remembered {
                operation: self.id,
                fingerprint: fingerprint(&self.claims),
                progress: Progress::Open,
            };
            ledger.keys.put(key.clone(), remembered);
        }
        let held = |claim: &Claim| HeldUnits {
            key: claim.key().clone(),
            units: claim.units(),
        };
        let reservation = Reservation {
            stage: Stage::Open,
            due: now.elapsed().saturating_add(self.ttl),
            holders,
            joined: Vec::new(),
            key: self.key.clone(),
            held: self.claims.iter().map(held).collect(),
        };
        ledger.reservations.put(self.id, reservation);
        Token {
            operation: self.id,
            kind: TokenKind::Holder(holder),
        }
    }
}

impl Operation for TakeUnits {
    type Answer = ReserveOutcome;

    const EFFECT: Effect = Effect::Idempotent;

    fn want(&self, wanted: &mut Wanted) {
        wanted.operations.push(self.id);
        wanted.keys.extend(self.key.clone());
        let keys = self.claims.iter().map(|claim| claim.key().clone());
        wanted.counters.extend(keys);
    }

    fn run(&self, ledger: &mut Ledger, now: &Now<'_>) -> Result<ReserveOutcome, StoreError> {
        if ledger.reservations.get(&self.id).is_some() {
            // It was done, and the answer was lost.
            let (_, holder) = Holders::first();
            let token = Token {
                operation: self.id,
                kind: TokenKind::Holder(holder),
            };
            return Ok(self.admitted(token, Replay::First, ledger, now));
        }
        if let Some(key) = &self.key
            && let Some(token) = self.replay(key, ledger, now)?
        {
            return Ok(self.admitted(token, Replay::Repeated, ledger, now));
        }
        let missing = match self.check(ledger, now) {
            Ok(missing) => missing,
            Err(refused) => return Ok(ReserveOutcome::Refused(refused)),
        };
        let key = self.key.as_ref();
        let is_new = key.is_some_and(|key| ledger.keys.get(key).is_none());
        ledger.make_room(missing, if is_new { Keys::One } else { Keys::None })?;
        let token = self.take(ledger, now);
        Ok(self.admitted(token, Replay::First, ledger, now))
    }
}

/// Why a claim does not fit now, and where its counter stands.
pub(super) fn refusal(
    claim: &Claim,
    ledger: &mut Ledger,
    now: &Now<'_>,
) -> Option<(Refusal, CounterState)> {
    let can_fit = claim.can_fit();
    let state = match ledger.counters.look_at(claim.key()) {
        Some(counter) => counter.count.refusal(claim, now)?,
        None if can_fit => return None,
        // Waiting would not help, so nothing is said of the window.
        None => CounterState::default(),
    };
    let reason = if can_fit {
        Refusal::Full
    } else {
        Refusal::NeverFits
    };
    Some((reason, state))
}
