//! Events, in no order and now and then twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use http::StatusCode;
use tiergate_tests::{Happening, Service, StripeSubscription};
use tokio::time::{Instant, sleep};

use crate::Load;
use crate::insist::insist;

/// The longest that events may wait after the last kill: what a process had taken when it was killed is
/// free for others after 15 seconds.
const PATIENCE: Duration = Duration::from_secs(40);

/// The events that were answered, and the users they are about.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    events: BTreeSet<String>,
    users: BTreeSet<String>,
}

impl Sent {
    pub(crate) fn users(&self) -> usize {
        self.users.len()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.events.extend(other.events);
        self.users.extend(other.users);
    }
}

pub(crate) async fn send(
    service: Arc<Service>,
    load: Load,
    sender: usize,
    mut random: Rng,
) -> Sent {
    let mut sent = Sent::default();
    let mut round = 0;
    while !load.is_over() {
        let user = format!("hooked_{sender}_{round}");
        round += 1;
        let pro = StripeSubscription::active(&user, &user, "pro");
        let mut events = vec![service.stripe().event(Happening::Created, &pro)];
        for tier in ["max", "pro", "premium"] {
            let told = pro.clone().with_tier(tier);
            events.push(service.stripe().event(Happening::Updated, &told));
        }
        random.shuffle(&mut events);
        for event in &events {
            let times = if random.u8(..3) == 0 { 2 } else { 1 };
            for _ in 0..times {
                let reply = insist(&load, || service.deliver(event)).await;
                assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
            }
            sent.events.insert(event.id.clone());
        }
        sent.users.insert(user);
    }
    sent
}

/// All events are stored once and processed, and each user has what the newest event says.
pub(crate) async fn look(service: &Service, sent: &Sent) {
    let deadline = Instant::now() + PATIENCE;
    let events = loop {
        let rows = service
            .rows("SELECT event_id, state, COALESCE(fault, '') FROM webhook_inbox")
            .await;
        if rows.iter().all(|row| row[1] == "done") {
            break rows;
        }
        let open: Vec<_> = rows.iter().filter(|row| row[1] != "done").collect();
        assert!(Instant::now() < deadline, "events are left: {open:?}");
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(events.len(), sent.events.len());
    let stored: BTreeSet<_> = events.into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(stored, sent.events);

    let rows = service
        .rows("SELECT user_id, tier FROM subscriptions WHERE user_id LIKE 'hooked%'")
        .await;
    assert_eq!(rows.len(), sent.users.len());
    let tiers: BTreeMap<_, _> = rows
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    for user in &sent.users {
        assert_eq!(
            tiers.get(user).map(String::as_str),
            Some("premium"),
            "{user}"
        );
    }
}
