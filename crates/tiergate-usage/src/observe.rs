//! What is told to logs and metrics. The crate documentation lists the names.

use tracing::{debug, trace, warn};

use crate::{Replay, ReservationId, ReserveOutcome, Settlement, StoreError};

const TARGET: &str = "tiergate::usage";

/// What was asked for to end a reservation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EndingName {
    Commit,
    Release,
}

/// A reservation that is open, as long as this lives.
#[derive(Debug)]
pub(crate) struct OpenReservation {
    _private: (),
}

impl OpenReservation {
    pub(crate) fn begin() -> Self {
        #[cfg(feature = "metrics")]
        metrics::gauge!("tiergate_reservations_open").increment(1.0);
        Self { _private: () }
    }
}

impl Drop for OpenReservation {
    fn drop(&mut self) {
        #[cfg(feature = "metrics")]
        metrics::gauge!("tiergate_reservations_open").decrement(1.0);
    }
}

#[inline]
pub(crate) fn reserved(answer: &Result<ReserveOutcome, StoreError>) {
    match answer {
        Ok(ReserveOutcome::Admitted(admitted)) => {
            trace!(target: TARGET, event = "units.reserved", reservation = %admitted.id(), "reserved");
            match admitted.replay() {
                Replay::First => Outcome::Admitted.count(),
                Replay::Repeated => Outcome::Replayed.count(),
            }
        }
        Ok(ReserveOutcome::Refused(refused)) => {
            debug!(
                target: TARGET, event = "units.refused",
                claim = refused.claim(),
                reason = ?refused.reason(),
                used = refused.state().used(),
                "refused",
            );
            Outcome::Refused.count();
        }
        Err(error) => {
            warn!(target: TARGET, event = "store.failed", %error, "the store could not reserve");
            Outcome::Failed.count();
        }
    }
}

pub(crate) fn settled(id: ReservationId, ending: EndingName, settlement: Settlement) {
    let outcome = match (settlement, ending) {
        (Settlement::Settled, EndingName::Commit) => Outcome::Committed,
        (Settlement::Settled, EndingName::Release) => Outcome::Released,
        (Settlement::AlreadySettled, _) => Outcome::AlreadySettled,
        (Settlement::Expired, _) => Outcome::Expired,
        (Settlement::Unknown, _) => Outcome::Unknown,
    };
    match settlement {
        Settlement::Settled | Settlement::AlreadySettled => {
            trace!(target: TARGET, event = "units.settled", reservation = %id, ?ending, outcome = outcome.as_str(), "settled");
        }
        Settlement::Expired | Settlement::Unknown => {
            warn!(target: TARGET, event = "settling.late", reservation = %id, ?ending, outcome = outcome.as_str(), "settled too late");
        }
    }
    outcome.count();
}

pub(crate) fn retrying(id: ReservationId, ending: EndingName, attempt: u32, error: &StoreError) {
    debug!(target: TARGET, event = "settling.retried", reservation = %id, ?ending, attempt, %error, "could not settle, trying again");
}

pub(crate) fn left_to_expire(id: ReservationId, ending: EndingName, error: Option<&StoreError>) {
    warn!(
        target: TARGET, event = "settling.given_up",
        reservation = %id,
        ?ending,
        error = error.map(tracing::field::display),
        "could not settle, left to expire",
    );
    Outcome::LeftToExpire.count();
}

pub(crate) fn abandoned() {
    warn!(target: TARGET, event = "units.abandoned", "nobody awaited what may have been reserved, left to expire");
    Outcome::LeftToExpire.count();
}

#[inline]
pub(crate) fn expired(reservations: u64) {
    if reservations > 0 {
        some_expired(reservations);
    }
}

#[cold]
fn some_expired(reservations: u64) {
    warn!(
        target: TARGET, event = "reservations.expired",
        reservations,
        "released reservations that nobody settled in time",
    );
}

pub(crate) fn full() {
    warn!(target: TARGET, event = "store.full", "no room for another operation");
}

#[cfg(feature = "sqlite")]
pub(crate) fn file_failed(error: &impl std::fmt::Display) {
    warn!(target: TARGET, event = "store.broken", %error, "the file of usage failed, it is opened again");
}

macro_rules! outcomes {
    ($($outcome:ident $name:literal)*) => {
        /// What became of a reservation.
        #[derive(Clone, Copy, Debug)]
        enum Outcome {
            $($outcome,)*
        }

        impl Outcome {
            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$outcome => $name,)*
                }
            }

            // A label is allocated each time unless it is a literal.
            fn count(self) {
                match self {
                    $(Self::$outcome => {
                        #[cfg(feature = "metrics")]
                        metrics::counter!("tiergate_reservations_total", "outcome" => $name)
                            .increment(1);
                    })*
                }
            }
        }
    };
}

outcomes! {
    Admitted "admitted"
    Replayed "replayed"
    Refused "refused"
    Failed "failed"
    Committed "committed"
    Released "released"
    AlreadySettled "already_settled"
    Expired "expired"
    Unknown "unknown"
    LeftToExpire "left_to_expire"
}
