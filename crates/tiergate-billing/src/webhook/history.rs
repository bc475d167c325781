//! All events of a subscription, as far as they are here.

use std::collections::HashSet;

use tiergate_stripe::Standing;
use tiergate_stripe::event::{Event, EventKind, EventObject, SubscriptionObject};
use tiergate_stripe::history;
use tiergate_stripe::id::SubscriptionId as StripeId;

use super::STRIPE;
use crate::InboxId;
use crate::database::{DatabaseError, Session};
use crate::table::inbox;

/// The events of a subscription and of its invoices.
pub(super) struct History {
    id: StripeId,
    /// Those that can be read.
    events: Vec<Event>,
    /// What each of those is called in the inbox.
    names: Vec<InboxId>,
    /// All that were looked at, those that can't be read among them.
    seen: HashSet<InboxId>,
    /// Those whose news are in the records already.
    done: HashSet<InboxId>,
}

impl History {
    /// Reads all that are there. What has become of them is not known until [`catch_up`](Self::catch_up).
    pub(super) async fn read(
        session: &mut impl Session,
        id: &StripeId,
    ) -> Result<Self, DatabaseError> {
        let mut history = Self {
            id: id.clone(),
            events: Vec::new(),
            names: Vec::new(),
            seen: HashSet::new(),
            done: HashSet::new(),
        };
        for (name, payload) in inbox::of_subscription(session, STRIPE, id.as_str()).await? {
            history.add(name, &payload);
        }
        Ok(history)
    }

    /// Reads what has come since, and what has become of all of them. In a transaction that is short:
    /// what was read before is not read again.
    pub(super) async fn catch_up(
        &mut self,
        session: &mut impl Session,
    ) -> Result<(), DatabaseError> {
        self.done.clear();
        for heading in inbox::headings(session, STRIPE, self.id.as_str()).await? {
            if !self.seen.contains(&heading.id()) {
                let payload = inbox::payload(session, heading.id()).await?;
                self.add(heading.id(), &payload);
            }
            if heading.is_done {
                self.done.insert(heading.id());
            }
        }
        Ok(())
    }

    fn add(&mut self, name: InboxId, payload: &[u8]) {
        self.seen.insert(name);
        if let Ok(event) = Event::parse(payload) {
            self.events.push(event);
            self.names.push(name);
        }
    }

    /// Those that can be read.
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// How the subscription stands; none if no event tells.
    pub(super) fn standing(&self) -> Option<Standing<'_>> {
        history::standing(&self.id, &self.events)
    }

    /// Those whose news are not in the records yet, oldest first.
    pub(super) fn news(&self) -> Vec<(InboxId, &Event)> {
        let all = self.names.iter().copied().zip(&self.events);
        let mut news: Vec<_> = all
            .filter(|(name, event)| !self.done.contains(name) && is_whole(event))
            .collect();
        news.sort_by_key(|(name, event)| (event.created, *name));
        news
    }

    /// What the subscription was at one time and another, oldest first.
    pub(super) fn snapshots(&self) -> Vec<&SubscriptionObject> {
        let mut snapshots: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| Some((event, snapshot(event)?)))
            .collect();
        snapshots.sort_by_key(|(event, _)| {
            let is_first = event.kind == EventKind::SubscriptionCreated;
            (event.created, !is_first, &event.id)
        });
        let objects = snapshots.into_iter().map(|(_, object)| object);
        objects.collect()
    }
}

/// Whether an event brings its object along.
fn is_whole(event: &Event) -> bool {
    matches!(
        event.object,
        EventObject::Subscription(_) | EventObject::Invoice(_)
    )
}

pub(super) fn snapshot(event: &Event) -> Option<&SubscriptionObject> {
    match &event.object {
        EventObject::Subscription(subscription) => Some(subscription),
        _ => None,
    }
}
