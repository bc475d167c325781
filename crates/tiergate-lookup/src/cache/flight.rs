//! Who asks, who waits, and whose answer counts: the flights of one subject.
//!
//! No lock, no channel, no task and no clock. The board holds one of these for each subject that
//! is being asked about, under a lock, and does what it says.

/// The number of a flight. No two flights of one cache have the same, also not of two subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(pub(crate) u64);

/// What a flight is asked for beyond an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demands {
    /// Somebody wants to deny by the answer.
    pub(crate) reread: bool,
    /// Somebody wants this version at least, and asked before the flight began.
    pub(crate) version: Option<u64>,
}

/// What somebody who needs an answer is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    /// Ask.
    Lead,
    /// Wait for the one who asks.
    Join,
}

/// What an answer that arrives is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// It may be kept.
    Attached(Demands),
    /// Something newer is known. It must not be kept.
    Overtaken,
}

/// The flights of one subject: at most one is attached. Those that were detached no longer matter,
/// so nothing is remembered of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights {
    attached: Option<(Ticket, Demands)>,
}

impl Flights {
    /// Joins the attached flight, or starts one under the number `fresh`.
    pub(crate) fn register(&mut self, fresh: Ticket, demands: Demands) -> Registration {
        match &mut self.attached {
            Some((_, attached)) => {
                // A demanded version is not handed on: the flight may have read before that
                // version was written.
                attached.reread |= demands.reread;
                Registration::Join
            }
            None => {
                self.attached = Some((fresh, demands));
                Registration::Lead
            }
        }
    }

    /// Takes the flight's end.
    pub(crate) fn finish(&mut self, ticket: Ticket) -> Landing {
        match self.attached {
            Some((attached, demands)) if attached == ticket => {
                self.attached = None;
                Landing::Attached(demands)
            }
            _ => Landing::Overtaken,
        }
    }

    /// Detaches the flight that is under way, if one is: what it brings is out of date already.
    pub(crate) fn supersede(&mut self) {
        self.attached = None;
    }

    #[cfg(test)]
    /// Whether a flight is under way whose answer would count.
    pub(crate) fn is_attached(&self) -> bool {
        self.attached.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: Demands = Demands {
        reread: false,
        version: None,
    };

    #[test]
    fn the_first_leads_and_the_others_join() {
        let mut flights = Flights::default();
        assert_eq!(flights.register(Ticket(1), NONE), Registration::Lead);
        let reread = Demands {
            reread: true,
            version: Some(3),
        };
        assert_eq!(flights.register(Ticket(2), reread), Registration::Join);
        assert_eq!(
            flights.finish(Ticket(1)),
            Landing::Attached(Demands {
                reread: true,
                version: None
            })
        );
        assert_eq!(flights.register(Ticket(3), NONE), Registration::Lead);
    }

    #[test]
    fn a_superseded_flight_never_lands_even_when_another_took_off() {
        let mut flights = Flights::default();
        flights.register(Ticket(1), NONE);
        flights.supersede();
        assert_eq!(flights.register(Ticket(2), NONE), Registration::Lead);
        assert_eq!(flights.finish(Ticket(1)), Landing::Overtaken);
        assert!(flights.is_attached());
        assert_eq!(flights.finish(Ticket(2)), Landing::Attached(NONE));
        assert_eq!(flights.finish(Ticket(2)), Landing::Overtaken);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Register,
        Finish(usize),
        Supersede,
    }

    proptest! {
        /// The oracle keeps the whole history: a flight counts if it led, has not landed and
        /// nothing was superseded since it took off.
        #[test]
        fn only_the_newest_unsuperseded_flight_lands(
            steps in proptest::collection::vec(
                prop_oneof![
                    Just(Step::Register),
                    (0..8_usize).prop_map(Step::Finish),
                    Just(Step::Supersede),
                ],
                0..40,
            )
        ) {
            let mut flights = Flights::default();
            let mut history: Vec<(Ticket, bool)> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Register => {
                        let ticket = Ticket(number as u64);
                        let leads = !history.iter().any(|(_, counts)| *counts);
                        let registration = flights.register(ticket, NONE);
                        prop_assert_eq!(registration == Registration::Lead, leads);
                        if leads {
                            history.push((ticket, true));
                        }
                    }
                    Step::Finish(which) => {
                        if let Some((ticket, counts)) = history.get_mut(which) {
                            let landed = flights.finish(*ticket) != Landing::Overtaken;
                            prop_assert_eq!(landed, *counts);
                            *counts = false;
                        }
                    }
                    Step::Supersede => {
                        flights.supersede();
                        history.iter_mut().for_each(|(_, counts)| *counts = false);
                    }
                }
            }
        }
    }
}
