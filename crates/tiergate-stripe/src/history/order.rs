use std::cmp::Reverse;

use tiergate_core::time::Timestamp;

use super::chain;
use super::phase::{Phase, rank};
use crate::event::{Event, EventKind, EventObject};
use crate::id::ObjectId;

/// The event with the newest snapshot of the object that is called `id`, by the rules of the
/// [module](super); none if no event has one. Events of other objects, and thin ones, are passed
/// over.
///
/// A second delivery of an event, and any other order, change nothing. Where two events carry the
/// very same snapshot, which of them it is means nothing.
#[must_use]
pub fn newest<'a>(id: &ObjectId, events: impl IntoIterator<Item = &'a Event>) -> Option<&'a Event> {
    let of_it = |event: &&Event| event.object.id() == Some(id.as_str());
    timeline(events.into_iter().filter(of_it)).pop()
}

/// Moments that can be told apart without looking at what changed.
type Stage = (Phase, Timestamp, Opening, u64);

/// Whether an event tells of the making of its object, which nothing can come before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Opening {
    First,
    Later,
}

/// The last snapshot of each stage of one object, oldest first.
pub(super) fn timeline<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<&'a Event> {
    let mut events: Vec<(Stage, &Event)> = distinct(events)
        .into_iter()
        .filter_map(|event| Some((stage(event)?, event)))
        .collect();
    events.sort_by_key(|(stage, _)| *stage);
    let mut timeline: Vec<&Event> = Vec::new();
    for stage in events.chunk_by(|(one, _), (other, _)| one == other) {
        let stage: Vec<&Event> = stage.iter().map(|(_, event)| *event).collect();
        timeline.extend(last_of(&stage, timeline.last().copied()));
    }
    timeline
}

/// The events without repetition, by id. Of two versions of one event the later stays, so that it
/// does not matter which came first.
pub(super) fn distinct<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<&'a Event> {
    let mut events: Vec<&Event> = events.into_iter().collect();
    events.sort_by_key(|event| (&event.id, Reverse(&event.api_version)));
    events.dedup_by(|one, other| one.id == other.id);
    events
}

fn stage(event: &Event) -> Option<Stage> {
    let attempts = match &event.object {
        EventObject::Invoice(invoice) => invoice.attempt_count,
        EventObject::Subscription(_) | EventObject::PaymentIntent(_) => 0,
        EventObject::Reference(_) | EventObject::Account | EventObject::Other(_) => return None,
    };
    let opening = match event.kind {
        EventKind::SubscriptionCreated | EventKind::InvoiceCreated => Opening::First,
        _ => Opening::Later,
    };
    Some((Phase::of(&event.object), event.created, opening, attempts))
}

/// The last event of one stage, where `before` is the last of all stages before it.
fn last_of<'a>(stage: &[&'a Event], before: Option<&'a Event>) -> Option<&'a Event> {
    if let [only] = stage {
        return Some(only);
    }
    let ends = chain::ends(stage, before);
    let left = if ends.is_empty() { stage } else { &ends };
    left.iter()
        .copied()
        .max_by_key(|event| (rank(&event.kind), &event.id))
}
