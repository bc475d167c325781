//! Leases, and putting counters right.

use std::time::Duration;

use crate::{
    Adjustment, CounterKey, CounterWindow, Lease, LeaseEnd, LeaseExtension, LeaseId, LeaseOutcome,
    RateBlock, RateBlockOutcome, SharedStore, StoreError, StoreErrorKind, StoreFuture, Tally,
};

use super::call::Call;
use super::id::Nonce;
use super::name::{self, Tag};
use super::reply::Reply;
use super::{RedisUsage, script, usage};

/// What a counter is made of, after `taken` units were taken off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adjusted {
    pub(super) taken: u64,
    tally: Tally,
    pub(super) used: u64,
}

/// A call that reads a counter, or changes it first.
pub(super) fn adjusting(key: &CounterKey, change: Option<Adjustment>) -> Result<Call, StoreError> {
    if matches!(key.window(), CounterWindow::Sliding { .. }) || key.window().is_empty() {
        let fault = StoreError::new(StoreErrorKind::InvalidClaims);
        return Err(fault.with_detail("only a quota or a gauge has a tally"));
    }
    let call = Call::new(&script::ADJUST, vec![Tag::of(key.subject())]).counter(key);
    let call = match change {
        None => call.text("").units(0),
        Some(Adjustment::Raise(units)) => call.text("raise").units(units),
        Some(Adjustment::Lower(units)) => call.text("lower").units(units),
    };
    // What only reads needs no name: it may come as often as it likes.
    Ok(match change {
        None => call.text(""),
        Some(_) => call.text(Nonce::random()?.as_text()),
    })
}

pub(super) fn adjusted(reply: &mut Reply) -> Result<Adjusted, StoreError> {
    if reply.status() != "tally" {
        return Err(reply.unexpected());
    }
    let parts = reply.parts();
    let taken = parts.units()?;
    let (committed, open) = (parts.units()?, parts.units()?);
    Ok(Adjusted {
        taken,
        tally: Tally::new(committed, open),
        used: parts.units()?,
    })
}

fn leasing(lease: Lease<'_>) -> Call {
    of_lease(&script::LEASE, lease.key, lease.id)
        .counter(lease.key)
        .units(lease.units)
        .units(lease.kept)
        .limit(lease.limit)
        .length(lease.ttl)
}

fn of_lease(script: &'static script::Script, key: &CounterKey, id: LeaseId) -> Call {
    Call::new(script, vec![Tag::of(key.subject())]).text(id.to_string())
}

fn leased(reply: &mut Reply, window: CounterWindow) -> Result<LeaseOutcome, StoreError> {
    match reply.status() {
        "granted" => {
            let state = reply.parts().state()?;
            Ok(LeaseOutcome::Granted(reply.state(state, window)))
        }
        "refused" => {
            let (reason, state) = usage::refusal(reply, window)?;
            Ok(LeaseOutcome::Refused(reason, state))
        }
        "over" => Ok(LeaseOutcome::Over),
        _ => Err(reply.unexpected()),
    }
}

fn taking(block: RateBlock<'_>) -> Call {
    Call::new(&script::TAKE, vec![Tag::of(block.key.subject())])
        .counter(block.key)
        .units(block.units)
        .limit(block.limit)
        .length(block.spend_within)
}

fn taken(reply: &mut Reply, window: CounterWindow) -> Result<RateBlockOutcome, StoreError> {
    match leased(reply, window)? {
        LeaseOutcome::Granted(state) => Ok(RateBlockOutcome::Granted(state)),
        LeaseOutcome::Refused(reason, state) => Ok(RateBlockOutcome::Refused(reason, state)),
        LeaseOutcome::Over => Err(reply.unexpected()),
    }
}

fn extended(reply: &Reply) -> Result<LeaseExtension, StoreError> {
    match reply.status() {
        "extended" => Ok(LeaseExtension::Extended),
        "expired" => Ok(LeaseExtension::Expired),
        "ended" => Ok(LeaseExtension::Ended),
        "unknown" => Ok(LeaseExtension::Unknown),
        "invalid" => {
            let fault = StoreError::new(StoreErrorKind::InvalidClaims);
            Err(fault.with_detail("a lease keeps no more than its units, for some time"))
        }
        _ => Err(reply.unexpected()),
    }
}

fn ended(reply: &Reply) -> Result<LeaseEnd, StoreError> {
    match reply.status() {
        "ended" => Ok(LeaseEnd::Ended),
        "corrected" => Ok(LeaseEnd::Corrected),
        "already" => Ok(LeaseEnd::AlreadyEnded),
        "unknown" => Ok(LeaseEnd::Unknown),
        _ => Err(reply.unexpected()),
    }
}

impl RedisUsage {
    fn tally_of(
        &self,
        key: &CounterKey,
        change: Option<Adjustment>,
    ) -> StoreFuture<Result<Tally, StoreError>> {
        match adjusting(key, change) {
            Ok(call) => self.later(async move |sender| {
                let adjusted = adjusted(&mut sender.run(&call).await?)?;
                Ok(adjusted.tally)
            }),
            Err(error) => StoreFuture::ready(Err(error)),
        }
    }
}

impl SharedStore for RedisUsage {
    fn lease(&self, lease: Lease<'_>) -> StoreFuture<Result<LeaseOutcome, StoreError>> {
        if let Err(error) = lease.validate() {
            return StoreFuture::ready(Err(error));
        }
        let (call, window) = (leasing(lease), lease.key.window());
        self.later(async move |sender| leased(&mut sender.run(&call).await?, window))
    }

    fn extend(
        &self,
        key: &CounterKey,
        id: LeaseId,
        kept: u64,
        ttl: Duration,
    ) -> StoreFuture<Result<LeaseExtension, StoreError>> {
        let call = of_lease(&script::EXTEND, key, id)
            .text(name::counter(key))
            .units(kept)
            .length(ttl)
            .that_ends();
        self.later(async move |sender| extended(&sender.run(&call).await?))
    }

    fn end(
        &self,
        key: &CounterKey,
        id: LeaseId,
        used: u64,
    ) -> StoreFuture<Result<LeaseEnd, StoreError>> {
        let call = of_lease(&script::END, key, id)
            .counter(key)
            .units(used)
            .that_ends();
        self.later(async move |sender| ended(&sender.run(&call).await?))
    }

    fn take_of_rate(
        &self,
        block: RateBlock<'_>,
    ) -> StoreFuture<Result<RateBlockOutcome, StoreError>> {
        if let Err(error) = block.validate() {
            return StoreFuture::ready(Err(error));
        }
        let (call, window) = (taking(block), block.key.window());
        self.later(async move |sender| taken(&mut sender.run(&call).await?, window))
    }

    fn tally(&self, key: &CounterKey) -> StoreFuture<Result<Tally, StoreError>> {
        self.tally_of(key, None)
    }

    fn adjust(
        &self,
        key: &CounterKey,
        adjustment: Adjustment,
    ) -> StoreFuture<Result<Tally, StoreError>> {
        self.tally_of(key, Some(adjustment))
    }

    fn deadline(&self) -> Option<Duration> {
        Some(self.sender.deadline())
    }
}
