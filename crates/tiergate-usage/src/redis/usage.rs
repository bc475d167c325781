//! Reserving, peeking and lowering.

use tiergate_core::Subject;

use crate::{
    Adjustment, Admitted, CounterKey, CounterState, CounterStates, CounterWindow, Lowered, Refusal,
    Refused, Replay, ReservationId, Reserve, ReserveOutcome, Settlement, StoreError,
    StoreErrorKind, StoreFuture, UsageStore,
};

use super::call::Call;
use super::id::{Holder, Nonce, Token};
use super::name::{self, Tag};
use super::reply::Reply;
use super::send::Sender;
use super::{RedisUsage, script, settle, shared};

type Windows = Vec<CounterWindow>;

/// A reservation that is asked for: the call, and what its answer is read with.
struct Asked {
    call: Call,
    home: Tag,
    windows: Windows,
}

impl Asked {
    fn new(request: Reserve<'_>) -> Result<Self, StoreError> {
        request.validate()?;
        let claims = request.claims();
        let tags = tags_of(claims.iter().map(|claim| claim.key().subject()));
        let (Some(first), Some(home)) = (claims.first(), tags.first().copied()) else {
            return Err(StoreError::new(StoreErrorKind::InvalidClaims));
        };
        let key = request.idempotency_key();
        let mut call = Call::new(&script::RESERVE, tags.clone())
            .text(Nonce::random()?.as_text())
            .length(request.ttl())
            .text(key.map_or_else(String::new, |key| {
                name::idempotency(first.key().subject(), key)
            }))
            .text(key.map_or_else(String::new, |_| name::fingerprint(claims)))
            .number(claims.len());
        for claim in claims {
            let tag = Tag::of(claim.key().subject());
            let place = tags.iter().position(|other| *other == tag).unwrap_or(0);
            call = call
                .number(place.saturating_add(1))
                .counter(claim.key())
                .units(claim.units())
                .limit(claim.limit());
        }
        for tag in &tags {
            call = call.text(tag.to_string());
        }
        Ok(Self {
            call,
            home,
            windows: claims.iter().map(|claim| claim.key().window()).collect(),
        })
    }

    async fn ask(self, sender: &Sender) -> Result<ReserveOutcome, StoreError> {
        let mut reply = sender.run(&self.call).await?;
        match reply.status() {
            "admitted" => self.admitted(&mut reply).map(ReserveOutcome::Admitted),
            "refused" => self.refused(&mut reply).map(ReserveOutcome::Refused),
            "conflict" => Err(StoreError::new(StoreErrorKind::IdempotencyConflict)),
            "crowded" => Err(StoreError::new(StoreErrorKind::Full)
                .with_detail("too many retries of one operation are under way")),
            _ => Err(reply.unexpected()),
        }
    }

    fn admitted(&self, reply: &mut Reply) -> Result<Admitted, StoreError> {
        let nonce = Nonce::parse(&reply.parts().text()?);
        let holder = Holder::from_number(reply.parts().number()?);
        let (Some(nonce), Some(holder)) = (nonce, holder) else {
            return Err(reply.unexpected());
        };
        let token = Token {
            tag: self.home,
            nonce,
            holder,
        };
        let replay = match reply.parts().text()?.as_str() {
            "first" => Replay::First,
            "repeated" => Replay::Repeated,
            _ => return Err(reply.unexpected()),
        };
        let states = states(reply, &self.windows)?;
        Ok(Admitted::new(token.encode(), states, replay))
    }

    fn refused(&self, reply: &mut Reply) -> Result<Refused, StoreError> {
        let claim = usize::try_from(reply.parts().number()?).unwrap_or(usize::MAX);
        let Some(window) = self.windows.get(claim).copied() else {
            return Err(reply.unexpected());
        };
        let (reason, state) = refusal(reply, window)?;
        Ok(Refused::new(claim, reason, state))
    }
}

/// The tags of these subjects, each once, in order.
fn tags_of<'a>(subjects: impl Iterator<Item = &'a Subject>) -> Vec<Tag> {
    let mut tags = Vec::new();
    for tag in subjects.map(Tag::of) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// Why a claim does not fit, and its counter.
pub(super) fn refusal(
    reply: &mut Reply,
    window: CounterWindow,
) -> Result<(Refusal, CounterState), StoreError> {
    let reason = reply.parts().text()?;
    let state = reply.parts().state()?;
    match reason.as_str() {
        "full" => Ok((Refusal::Full, reply.state(state, window))),
        "never" => Ok((Refusal::NeverFits, state.without_wait())),
        _ => Err(reply.unexpected()),
    }
}

fn states(reply: &mut Reply, windows: &[CounterWindow]) -> Result<CounterStates, StoreError> {
    let mut list = reply.parts().list()?;
    let mut states = CounterStates::new();
    for window in windows {
        states.push(reply.state(list.state()?, *window));
    }
    Ok(states)
}

/// A call for the counters of one subject, and where in the answer they belong.
struct Peek {
    call: Call,
    windows: Windows,
    places: Vec<usize>,
}

/// One call for each subject: each counter is read at one moment, several need not be.
fn peeks(keys: &[CounterKey]) -> Vec<Peek> {
    let mut peeks: Vec<(Tag, Peek)> = Vec::new();
    for (place, key) in keys.iter().enumerate() {
        let tag = Tag::of(key.subject());
        let found = peeks.iter().position(|(other, _)| *other == tag);
        let mut peek = match found {
            Some(index) => peeks.swap_remove(index).1,
            None => Peek {
                call: Call::new(&script::PEEK, vec![tag]),
                windows: Windows::new(),
                places: Vec::new(),
            },
        };
        peek.call = peek.call.counter(key);
        peek.windows.push(key.window());
        peek.places.push(place);
        peeks.push((tag, peek));
    }
    peeks.into_iter().map(|(_, peek)| peek).collect()
}

async fn peek(sender: &Sender, peeks: Vec<Peek>, keys: usize) -> Result<CounterStates, StoreError> {
    let mut all = CounterStates::from_elem(CounterState::default(), keys);
    for peek in peeks {
        let mut reply = sender.run(&peek.call).await?;
        let states = states(&mut reply, &peek.windows)?;
        for (place, state) in peek.places.into_iter().zip(states) {
            if let Some(slot) = all.get_mut(place) {
                *slot = state;
            }
        }
    }
    Ok(all)
}

impl UsageStore for RedisUsage {
    fn reserve(&self, request: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        match Asked::new(request) {
            Ok(asked) => self.later(async move |sender| asked.ask(&sender).await),
            Err(error) => StoreFuture::ready(Err(error)),
        }
    }

    fn commit(
        &self,
        id: ReservationId,
        units: &[u64],
    ) -> StoreFuture<Result<Settlement, StoreError>> {
        self.settle(id, settle::Ending::Commit(units.iter().copied().collect()))
    }

    fn release(&self, id: ReservationId) -> StoreFuture<Result<Settlement, StoreError>> {
        self.settle(id, settle::Ending::Release)
    }

    fn peek(&self, keys: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>> {
        let (peeks, number) = (peeks(keys), keys.len());
        self.later(async move |sender| peek(&sender, peeks, number).await)
    }

    fn lower(&self, key: &CounterKey, units: u64) -> StoreFuture<Result<Lowered, StoreError>> {
        if key.window() != CounterWindow::Level {
            let fault = StoreError::new(StoreErrorKind::InvalidClaims);
            return StoreFuture::ready(Err(fault.with_detail("only a gauge can be lowered")));
        }
        let change = Adjustment::Lower(units);
        match shared::adjusting(key, Some(change)) {
            Ok(call) => self.later(async move |sender| {
                let adjusted = shared::adjusted(&mut sender.run(&call).await?)?;
                let state = CounterState::new(adjusted.used, None);
                Ok(Lowered::new(adjusted.taken, state))
            }),
            Err(error) => StoreFuture::ready(Err(error)),
        }
    }
}
