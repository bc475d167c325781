//! Putting updates of one second in order by what each says was otherwise before it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::event::Event;

/// The most events of one second that are chained. Stripe lets nobody change one object so often,
/// and comparing them takes the square of their number.
const MAX_CHAINED: usize = 64;

/// Those of some events where the object may stand after all of them; none if that can't be told.
///
/// Each update leads from a state to a state. A walk over all of them, each once, starts where the
/// object stood `before` and ends in the one state that was entered more often than left, if the
/// start counts as entered. With events missing there may be several such states. Then those that a
/// walk from `before` reaches are not the last, because something not reached came after the gap.
pub(super) fn ends<'a>(events: &[&'a Event], before: Option<&'a Event>) -> Vec<&'a Event> {
    if events.len() > MAX_CHAINED {
        return Vec::new();
    }
    // What no update mentions has not changed, or is nothing that Stripe tells the changes of.
    let changed: BTreeSet<&str> = events
        .iter()
        .flat_map(|event| event.snapshot().previous().keys())
        .map(String::as_str)
        .collect();
    let mut walk = Walk::default();
    if let Some(before) = before {
        walk.start(part(before.snapshot().object(), &changed));
    }
    let arrivals: Vec<usize> = events
        .iter()
        .map(|event| {
            let after = part(event.snapshot().object(), &changed);
            let previous = event.snapshot().previous();
            if previous.is_empty() {
                // It was seen in this state, which says nothing about the states around it.
                walk.see(after)
            } else {
                walk.step(rewound(&after, previous), after)
            }
        })
        .collect();
    let ends = walk.ends();
    events
        .iter()
        .zip(arrivals)
        .filter(|(_, state)| ends.contains(state))
        .map(|(event, _)| *event)
        .collect()
}

/// A walk from state to state, known by its steps but not by their order.
#[derive(Default)]
struct Walk {
    states: Vec<State>,
    steps: Vec<(usize, usize)>,
}

struct State {
    fields: Map<String, Value>,
    /// How much more often it was entered than left.
    balance: i64,
    /// Whether a walk from the start gets here.
    reached: bool,
}

impl Walk {
    /// The number of a state.
    fn see(&mut self, fields: Map<String, Value>) -> usize {
        let known = self.states.iter().position(|state| state.fields == fields);
        known.unwrap_or_else(|| {
            self.states.push(State {
                fields,
                balance: 0,
                reached: false,
            });
            self.states.len() - 1
        })
    }

    fn start(&mut self, fields: Map<String, Value>) {
        let start = self.see(fields);
        if let Some(state) = self.states.get_mut(start) {
            state.balance += 1;
            state.reached = true;
        }
    }

    /// The number of the state that the step leads to.
    fn step(&mut self, from: Map<String, Value>, to: Map<String, Value>) -> usize {
        let (from, to) = (self.see(from), self.see(to));
        self.steps.push((from, to));
        for (state, change) in [(from, -1), (to, 1)] {
            if let Some(state) = self.states.get_mut(state) {
                state.balance += change;
            }
        }
        to
    }

    /// Where it may end.
    fn ends(mut self) -> BTreeSet<usize> {
        self.reach();
        let ends = |reached: Option<bool>| -> BTreeSet<usize> {
            let open = |state: &State| {
                state.balance > 0 && reached.is_none_or(|reached| state.reached == reached)
            };
            let states = self.states.iter().enumerate();
            states
                .filter(|(_, state)| open(state))
                .map(|(number, _)| number)
                .collect()
        };
        let beyond_a_gap = ends(Some(false));
        if beyond_a_gap.is_empty() {
            ends(None)
        } else {
            beyond_a_gap
        }
    }

    fn reach(&mut self) {
        let is_reached = |states: &[State], number| {
            states
                .get(number)
                .is_some_and(|state: &State| state.reached)
        };
        // A step reaches at most one state more, so there are no more rounds than steps.
        for _ in 0..self.steps.len() {
            for &(from, to) in &self.steps {
                if is_reached(&self.states, from)
                    && let Some(state) = self.states.get_mut(to)
                {
                    state.reached = true;
                }
            }
        }
    }
}

/// Those fields of an object that are in `names`.
fn part(object: &Map<String, Value>, names: &BTreeSet<&str>) -> Map<String, Value> {
    let wanted = object
        .iter()
        .filter(|(name, _)| names.contains(name.as_str()));
    wanted
        .filter_map(|(name, value)| Some((name.clone(), without_nulls(value)?)))
        .collect()
}

/// What an object was before it changed. Of an object within it, `previous` has those fields that
/// changed; anything else, lists too, it has whole. Null is what wasn't there.
fn rewound(object: &Map<String, Value>, previous: &Map<String, Value>) -> Map<String, Value> {
    let mut object = object.clone();
    for (name, before) in previous {
        let before = match (object.get(name), before) {
            (Some(Value::Object(now)), Value::Object(before)) => {
                Some(Value::Object(rewound(now, before)))
            }
            _ => without_nulls(before),
        };
        match before {
            Some(before) => object.insert(name.clone(), before),
            None => object.remove(name),
        };
    }
    object
}

/// Null and absent are the same to Stripe, and it writes now one and now the other.
fn without_nulls(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Null => return None,
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), without_nulls(value)?)))
                .collect(),
        ),
        Value::Array(elements) => Value::Array(elements.iter().filter_map(without_nulls).collect()),
        plain => plain.clone(),
    })
}
