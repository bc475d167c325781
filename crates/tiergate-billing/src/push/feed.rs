use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::json;
use tiergate_core::time::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::event::frame;
use super::{Event, Follower, Place, Start};
use crate::auth::{Caller, Verified};

/// How long a client hears nothing, so that it and what is between know that the line is open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How many events are looked at before others get their turn.
const BATCH: u32 = 64;
/// How long a look at the table may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one client sees: the events that it may hear of, in order, from its place on.
#[derive(Debug)]
pub(crate) struct Feed {
    follower: Follower,
    client: Verified,
    /// Everything up to here was looked at.
    place: i64,
    /// The client knows that it has seen everything up to here.
    told: i64,
    places: watch::Receiver<Option<i64>>,
    quiet_until: Instant,
    hello: Option<Bytes>,
    rest: Rest,
}

/// What ends a feed, and what it holds until then.
#[derive(Debug)]
pub(crate) struct Rest {
    /// The service shuts down.
    pub(crate) stop: CancellationToken,
    /// One of the streams that there may be.
    pub(crate) _place: Place,
    /// Counts it.
    pub(crate) counted: metrics::Gauge,
}

/// What a look at the next events brought.
#[derive(Debug, Default)]
struct Looked {
    /// The last event that was looked at.
    place: Option<i64>,
    /// The last of them that the client may hear of.
    told: i64,
    /// Those, as they are written.
    text: BytesMut,
}

impl Looked {
    fn at(&mut self, event: &Event, caller: &Caller) {
        self.place = Some(event.sequence);
        if event.is_for(caller) {
            self.told = event.sequence;
            self.text.extend_from_slice(&event.frame);
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.counted.decrement(1.0);
    }
}

impl Feed {
    pub(crate) fn new(follower: Follower, client: Verified, start: Start, rest: Rest) -> Self {
        let hello = frame(start.place, "hello", &json!({ "resumed": start.resumed }));
        Self {
            places: follower.place(),
            follower,
            client,
            place: start.place,
            told: start.place,
            quiet_until: Instant::now() + KEEP_ALIVE,
            hello: Some(hello),
            rest,
        }
    }

    /// The next piece of the stream; none when it ends: at shutdown, when the client's token does not
    /// hold any more, or when events were lost, so that the client has to begin anew.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        if let Some(hello) = self.hello.take() {
            return Some(hello);
        }
        loop {
            if self.rest.stop.is_cancelled() || self.has_expired() {
                return None;
            }
            // What is there by now is seen; what comes later wakes.
            self.places.mark_unchanged();
            let looked = self.look().await?;
            self.place = looked.place.unwrap_or(self.place);
            if !looked.text.is_empty() {
                self.told = looked.told;
                return Some(self.said(looked.text.freeze()));
            }
            if looked.place.is_some() {
                continue;
            }
            let stop = self.rest.stop.clone();
            tokio::select! {
                changed = self.places.changed() => changed.ok()?,
                () = sleep_until(self.quiet_until) => return Some(self.keep_alive()),
                () = stop.cancelled() => return None,
            }
        }
    }

    /// Looks at the events that come next; none if some of them are lost.
    async fn look(&self) -> Option<Looked> {
        let most = usize::try_from(BATCH).unwrap_or_default();
        let mut looked = Looked::default();
        if let Some(events) = self.follower.after(self.place, most) {
            for event in &events {
                looked.at(event, &self.client.caller);
            }
            return Some(looked);
        }
        let stored = timeout(PATIENCE, self.follower.stored_after(self.place, BATCH)).await;
        // The client comes back after a fault, and begins anew if it has to.
        for event in stored.ok()?.ok()?? {
            looked.at(&event, &self.client.caller);
        }
        Some(looked)
    }

    /// A comment. It brings the place along, as an id without an event: a client who hears of little
    /// then knows what it need not ask for again.
    fn keep_alive(&mut self) -> Bytes {
        let text = if self.place > self.told {
            self.told = self.place;
            format!(": keep-alive\nid: {}\n\n", self.place).into()
        } else {
            Bytes::from_static(b": keep-alive\n\n")
        };
        self.said(text)
    }

    fn said(&mut self, bytes: Bytes) -> Bytes {
        self.quiet_until = Instant::now() + KEEP_ALIVE;
        bytes
    }

    fn has_expired(&self) -> bool {
        let now: Timestamp = self.follower.now();
        now >= self.client.expires_at
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tiergate_core::Subject;

    use super::*;
    use crate::change::{Begun, Change, Reply};
    use crate::context::Context;
    use crate::push::Places;
    use crate::table::outbox::Message;
    use crate::testing::{Office, user};

    async fn tell(office: &Office, whom: &str) {
        let context = Context::system("test", office.billing.now());
        let begun = Change::begin_for_all(&office.billing, &context)
            .await
            .unwrap();
        let Begun::Fresh(mut change) = begun else {
            panic!("no key was given");
        };
        change.tell(Message {
            kind: "subscription",
            subject: Some(Subject::user(whom)),
            version: Some(1),
            payload: json!({}),
            dedupe_key: None,
        });
        change.finish(Reply::done(&())).await.unwrap();
    }

    #[tokio::test]
    async fn a_client_who_hears_of_nothing_learns_how_far_it_is() {
        let office = Office::open().await;
        let follower = Follower::new(office.billing.clone());
        follower.catch_up().await.unwrap();
        let client = Verified {
            caller: user("ada"),
            expires_at: office
                .billing
                .now()
                .saturating_add(Duration::from_secs(3_600)),
        };
        let rest = Rest {
            stop: CancellationToken::new(),
            _place: Places::new(1).take(&user("ada")).unwrap(),
            counted: metrics::gauge!("test"),
        };
        let start = follower.start(None).await.unwrap();
        let mut feed = Feed::new(follower.clone(), client, start, rest);
        assert!(
            feed.next()
                .await
                .unwrap()
                .starts_with(b"id: 0\nevent: hello\n")
        );
        for _ in 0..100 {
            tell(&office, "bob").await;
        }
        tell(&office, "ada").await;
        tell(&office, "bob").await;
        follower.catch_up().await.unwrap();
        let told = feed.next().await.unwrap();
        assert!(
            told.starts_with(b"id: 101\nevent: subscription\n"),
            "{told:?}"
        );
        // Nothing below asks the database, which would not know of this time.
        tokio::time::pause();
        let began = Instant::now();
        assert_eq!(feed.next().await.unwrap(), ": keep-alive\nid: 102\n\n");
        assert!(began.elapsed() >= Duration::from_secs(14));
        let began = Instant::now();
        assert_eq!(feed.next().await.unwrap(), ": keep-alive\n\n");
        assert_eq!(began.elapsed().as_secs(), 15);
    }
}
