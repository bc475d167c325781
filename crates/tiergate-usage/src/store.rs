//! What every store of usage does.

use std::fmt;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::{CounterKey, MAX_CLAIMS, Reserve, StoreError, StoreFuture};

/// Counts what is used, exactly.
///
/// An operation [reserves](Self::reserve) its units before it does its work, and then
/// [commits](Self::commit) what it really used or [releases](Self::release) all of it. Of N
/// concurrent operations of one unit at a limit of L, exactly L are admitted.
///
/// A store keeps usage and never a limit: limits come with each call, so that a change of plan holds
/// from the next reservation on.
///
/// Rules that every store keeps, and that the conformance suite of the `testing` feature checks:
///
/// * All claims of an operation are admitted, or none. A refused operation changes nothing.
/// * A unit that is reserved counts as used until it is settled.
/// * A gauge and a quota get released units back, in the very window where they were reserved. A
///   rate never does: what was admitted stays counted for its span.
/// * A reservation that is not settled within its time to live is released, once.
/// * A retry that joins an open reservation by its idempotency key has its own time to live from
///   then on: the reservation is open until the last of them.
/// * A used idempotency key counts once, until the longest window among its claims ends.
///
/// # Cancellation
///
/// A ready future has already acted. A boxed one acts while it is polled, so whoever drops it
/// half-way does not know whether it acted. [`Reservation`](crate::Reservation) takes care of that.
pub trait UsageStore: Debug + Send + Sync + 'static {
    /// Takes the units of all claims, or of none.
    ///
    /// The future fails with [`InvalidClaims`](crate::StoreErrorKind::InvalidClaims) when
    /// [`Reserve::validate`] does, with
    /// [`IdempotencyConflict`](crate::StoreErrorKind::IdempotencyConflict) when the key names an
    /// operation with other claims, and with [`Full`](crate::StoreErrorKind::Full) when a bound of
    /// the store is reached.
    fn reserve(&self, request: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>>;

    /// Turns a reservation into use: `units` of each claim, in the order of the claims.
    ///
    /// More than was reserved is counted in full, even beyond the limit, so that the next operation
    /// is refused. Less gives the rest back, except for rates.
    ///
    /// Fails with [`InvalidClaims`](crate::StoreErrorKind::InvalidClaims) when there are not as many
    /// units as there were claims; the reservation then stays open.
    fn commit(
        &self,
        id: ReservationId,
        units: &[u64],
    ) -> StoreFuture<Result<Settlement, StoreError>>;

    /// Gives a reservation back.
    fn release(&self, id: ReservationId) -> StoreFuture<Result<Settlement, StoreError>>;

    /// What is used of each counter, in the order of `keys`. Spends nothing and creates nothing.
    ///
    /// Each counter is read at one moment; several are not read at the same one.
    fn peek(&self, keys: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>>;

    /// Gives back committed units of a gauge, such as storage that was freed. Takes what is there
    /// when less than `units` is committed; open reservations are not touched.
    ///
    /// Fails with [`InvalidClaims`](crate::StoreErrorKind::InvalidClaims) when the counter is no
    /// gauge.
    fn lower(&self, key: &CounterKey, units: u64) -> StoreFuture<Result<Lowered, StoreError>>;
}

impl<S: UsageStore + ?Sized> UsageStore for Arc<S> {
    fn reserve(&self, request: Reserve<'_>) -> StoreFuture<Result<ReserveOutcome, StoreError>> {
        (**self).reserve(request)
    }

    fn commit(
        &self,
        id: ReservationId,
        units: &[u64],
    ) -> StoreFuture<Result<Settlement, StoreError>> {
        (**self).commit(id, units)
    }

    fn release(&self, id: ReservationId) -> StoreFuture<Result<Settlement, StoreError>> {
        (**self).release(id)
    }

    fn peek(&self, keys: &[CounterKey]) -> StoreFuture<Result<CounterStates, StoreError>> {
        (**self).peek(keys)
    }

    fn lower(&self, key: &CounterKey, units: u64) -> StoreFuture<Result<Lowered, StoreError>> {
        (**self).lower(key, units)
    }
}

/// The name of one admitted operation, made by the store.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReservationId(u128);

impl ReservationId {
    /// The id with this number. Only the store that gave the number out knows what it means.
    #[must_use]
    pub const fn from_u128(number: u128) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReservationId({self})")
    }
}

/// What became of the claims of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// All of them fit.
    Admitted(Admitted),
    /// One did not, so none was taken.
    Refused(Refused),
}

/// All claims of an operation were taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    id: ReservationId,
    states: CounterStates,
    replay: Replay,
}

impl Admitted {
    /// An admitted operation, with the state of each claim's counter once the claim is counted.
    #[must_use]
    pub fn new(id: ReservationId, states: CounterStates, replay: Replay) -> Self {
        Self { id, states, replay }
    }

    /// What to commit or release it by.
    #[inline]
    #[must_use]
    pub fn id(&self) -> ReservationId {
        self.id
    }

    /// The counters of the claims, in the order of the claims, this operation included.
    #[inline]
    #[must_use]
    pub fn states(&self) -> &[CounterState] {
        &self.states
    }

    /// Whether this operation was known already by its idempotency key.
    #[inline]
    #[must_use]
    pub fn replay(&self) -> Replay {
        self.replay
    }
}

/// Whether an operation was asked for before under the same idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Replay {
    /// It was not. Its units are counted now.
    First,
    /// It was, and its units are counted already.
    Repeated,
}

/// No claim of an operation was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    claim: usize,
    reason: Refusal,
    state: CounterState,
}

impl Refused {
    /// A refusal by the claim at the index `claim`, whose counter stands at `state`.
    #[must_use]
    pub fn new(claim: usize, reason: Refusal, state: CounterState) -> Self {
        Self {
            claim,
            reason,
            state,
        }
    }

    /// The index of the first claim that did not fit.
    #[must_use]
    pub fn claim(&self) -> usize {
        self.claim
    }

    /// Why it did not fit.
    #[must_use]
    pub fn reason(&self) -> Refusal {
        self.reason
    }

    /// Its counter, without this operation. [`CounterState::wait`] says how long until the claim
    /// would fit, as far as time alone decides.
    #[must_use]
    pub fn state(&self) -> CounterState {
        self.state
    }
}

/// Why a claim was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Too much is used now. It may fit later.
    Full,
    /// It asks for more than the whole limit. It never fits.
    NeverFits,
}

/// Where a counter stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterState {
    used: u64,
    wait: Option<Duration>,
}

impl CounterState {
    /// A counter of which `used` units are used, on which time acts after `wait`.
    #[must_use]
    pub const fn new(used: u64, wait: Option<Duration>) -> Self {
        Self { used, wait }
    }

    /// The units that are used: committed ones and those of open reservations. `u64::MAX` when there
    /// are more than that.
    #[inline]
    #[must_use]
    pub const fn used(self) -> u64 {
        self.used
    }

    /// How long until time changes something.
    ///
    /// For a refused claim: until it would fit, if nothing else happens. For a rate that is exact;
    /// for a quota it is the end of the window. For any other counter: until the oldest unit of a
    /// rate leaves, or the window of a quota ends.
    ///
    /// `None` when waiting alone never helps: for gauges, for claims that never fit, and for a rate
    /// of which nothing is used.
    #[inline]
    #[must_use]
    pub const fn wait(self) -> Option<Duration> {
        self.wait
    }
}

/// The states of several counters; up to [`MAX_CLAIMS`] of them need no allocation.
pub type CounterStates = SmallVec<[CounterState; MAX_CLAIMS]>;

/// What settling a reservation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Settlement {
    /// It was open, and this call settled it. Of several holders of one idempotency key, each that
    /// leaves is told this.
    Settled,
    /// It was settled before. This call changed nothing.
    AlreadySettled,
    /// It was open for too long and had been released. This call changed nothing.
    Expired,
    /// The store does not know it, or not any more. This call changed nothing.
    Unknown,
}

/// What lowering a gauge came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lowered {
    units: u64,
    state: CounterState,
}

impl Lowered {
    /// `units` were given back, and left the counter at `state`.
    #[must_use]
    pub const fn new(units: u64, state: CounterState) -> Self {
        Self { units, state }
    }

    /// The units that were given back: fewer than asked for when fewer were committed.
    #[must_use]
    pub const fn units(self) -> u64 {
        self.units
    }

    /// The counter afterwards.
    #[must_use]
    pub const fn state(self) -> CounterState {
        self.state
    }
}
