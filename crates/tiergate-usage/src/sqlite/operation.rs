//! What a batch is made of.

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::now::Now;
use crate::urgency::Urgency;
use crate::{CounterKey, LeaseId, StoreError};

use super::fault::Fault;
use super::id::OperationId;
use super::ledger::Ledger;
use super::name::ScopedName;

/// What doing an operation again comes to, when it is not known whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It changes nothing.
    Reads,
    /// The same as doing it once.
    Idempotent,
    /// It is done twice.
    Adds,
}

/// The rows that operations work on.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) counters: Vec<CounterKey>,
    pub(super) operations: Vec<OperationId>,
    pub(super) keys: Vec<ScopedName>,
    pub(super) leases: Vec<LeaseId>,
    pub(super) thrift: Thrift,
}

/// How much of what is over a batch forgets at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Thrift {
    /// A little more than it adds.
    #[default]
    Ordinary,
    /// Much: somebody asked for it.
    Strict,
}

/// One thing that is asked of the store.
pub(super) trait Operation: Send + 'static {
    type Answer: Send + 'static;

    const EFFECT: Effect;
    const URGENCY: Urgency = Urgency::Begins;

    /// Names the rows it works on.
    fn want(&self, wanted: &mut Wanted);

    /// Does it, on rows that were read. A fault changes nothing.
    fn run(&self, ledger: &mut Ledger, now: &Now<'_>) -> Result<Self::Answer, StoreError>;
}

/// An operation that somebody waits for.
pub(super) trait Job: Send {
    fn effect(&self) -> Effect;

    /// Whether anybody still waits for it.
    fn is_awaited(&self) -> bool;

    /// When whoever asked leaves.
    fn deadline(&self) -> Instant;

    fn want(&self, wanted: &mut Wanted);

    /// Does it, and keeps the answer until what it did is sure.
    fn run(&mut self, ledger: &mut Ledger, now: &Now<'_>);

    fn answer(self: Box<Self>);

    fn fail(self: Box<Self>, fault: &Fault);
}

/// An operation, and where its answer goes.
#[derive(Debug)]
pub(super) struct Asked<O: Operation> {
    pub(super) operation: O,
    pub(super) deadline: Instant,
    pub(super) to: oneshot::Sender<Result<O::Answer, StoreError>>,
    pub(super) answer: Option<Result<O::Answer, StoreError>>,
}

impl<O: Operation> Job for Asked<O> {
    fn effect(&self) -> Effect {
        O::EFFECT
    }

    fn is_awaited(&self) -> bool {
        !self.to.is_closed()
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn want(&self, wanted: &mut Wanted) {
        self.operation.want(wanted);
    }

    fn run(&mut self, ledger: &mut Ledger, now: &Now<'_>) {
        self.answer = Some(self.operation.run(ledger, now));
    }

    fn answer(self: Box<Self>) {
        if let Some(answer) = self.answer {
            // Whoever asked may have left.
            drop(self.to.send(answer));
        }
    }

    fn fail(self: Box<Self>, fault: &Fault) {
        drop(self.to.send(Err(fault.to_error())));
    }
}
