//! The task that reads the stream, and opens it again when it breaks.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tiergate_core::Subject;
use tokio::time::{Instant, sleep, timeout};

use super::Shared;
use super::catalog::CatalogChange;
use super::event_stream::{EventStreamParser, Parsed};
use super::message::{Continuity, Message};
use super::pace::Pace;
use super::position::EventId;
use super::statistics::{Outcome, Progress};
use crate::http::{ChangeStream, Unopened};
use crate::jitter::Dice;
use crate::{CachedLookup, HttpLookup, Known, LookupError, LookupErrorKind, Pushed, events};

pub(super) struct Follower {
    cache: CachedLookup,
    source: HttpLookup,
    pace: Pace,
    shared: Arc<Shared>,
}

/// Whether this stream has said anything yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opened,
    Greeted,
}

impl Follower {
    pub(super) fn new(
        cache: CachedLookup,
        source: HttpLookup,
        pace: Pace,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            cache,
            source,
            pace,
            shared,
        }
    }

    /// Follows until the task is aborted. That is possible at any moment: an event is taken in
    /// without waiting for anything, so no event is left half done.
    pub(super) async fn run(self) {
        let mut failures = 0_u32;
        let mut is_offered = true;
        loop {
            let opened = Instant::now();
            // A provider of tokens is somebody else's code: its panic is one more failure.
            let end = AssertUnwindSafe(self.follow_once()).catch_unwind().await;
            let end = end.unwrap_or_else(|_panic| LookupErrorKind::Interrupted.into());
            self.shared.progress.lost();
            if opened.elapsed() >= self.pace.steady_after {
                failures = 0;
            }
            failures = failures.saturating_add(1);
            let pause = match end {
                Unopened::NotOffered { status } => {
                    let pause = Dice::roll().around(self.pace.pause_without_offer);
                    if is_offered {
                        events::changes_not_offered(status, pause);
                    }
                    is_offered = false;
                    pause
                }
                Unopened::Failed { error, wish } => {
                    let pause = self.pace.pause(failures, wish, Dice::roll());
                    events::changes_lost(&error, pause);
                    is_offered = true;
                    pause
                }
            };
            sleep(pause).await;
        }
    }

    /// Opens the stream and reads it to its end. Says how it ended.
    async fn follow_once(&self) -> Unopened {
        let position = self.shared.progress.position();
        let opening = self.source.open_changes(position.as_ref());
        let stream = match timeout(self.pace.opening, opening).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(unopened)) => return unopened,
            Err(_elapsed) => return LookupErrorKind::TimedOut.into(),
        };
        let _connection = Connection(&self.shared.progress);
        self.read(stream).await.into()
    }

    async fn read(&self, mut stream: ChangeStream) -> LookupError {
        let mut parser = EventStreamParser::default();
        let mut stage = Stage::Opened;
        loop {
            let piece = match timeout(self.pace.silence, stream.next()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => {
                    return LookupError::new(LookupErrorKind::Unreachable)
                        .with_source("the service ended the stream");
                }
                Ok(Err(error)) => return error,
                Err(_elapsed) => {
                    return LookupError::new(LookupErrorKind::TimedOut)
                        .with_source("the stream was silent for too long");
                }
            };
            for parsed in parser.feed(piece.as_ref()) {
                stage = self.take(parsed, stage);
            }
        }
    }

    fn take(&self, parsed: Parsed, stage: Stage) -> Stage {
        let event = match parsed {
            Parsed::Event(event) => event,
            Parsed::Oversized => {
                events::change_oversized();
                self.shared.progress.event(Outcome::Oversized);
                // It may have been about anybody.
                self.missed();
                return stage;
            }
        };
        let message = Message::read(&event);
        match (stage, &message) {
            (_, Message::Hello(continuity)) => self.greeted(stage, *continuity),
            // A service that does not say hello does not say that nothing was missed, either.
            (Stage::Opened, _) => self.greeted(stage, Continuity::Broken),
            (Stage::Greeted, _) => {}
        }
        if let Some(outcome) = self.apply(message) {
            self.shared.progress.event(outcome);
        }
        // Only now: what was not taken in must come again.
        self.shared
            .progress
            .set_position(EventId::new(&event.last_id));
        Stage::Greeted
    }

    fn greeted(&self, stage: Stage, continuity: Continuity) {
        if stage == Stage::Opened {
            self.shared.progress.connected();
            events::changes_connected(continuity == Continuity::Resumed);
        }
        if continuity == Continuity::Broken {
            self.missed();
        }
    }

    /// Changes may have been missed: to subscriptions, and to the catalog.
    fn missed(&self) {
        self.shared.progress.gap();
        self.cache.revalidate_all();
        self.shared.catalog.tell(CatalogChange::Unsure);
    }

    fn apply(&self, message: Message) -> Option<Outcome> {
        Some(match message {
            Message::Hello(_) => return None,
            Message::Changed(subject, known) => self.changed(&subject, known),
            Message::ChangedUnreadably(subject, error) => {
                events::change_unreadable(Some(&subject), &error);
                // What is known of it is out of date for certain.
                self.cache.invalidate(&subject);
                Outcome::Unreadable
            }
            Message::Unreadable(error) => {
                events::change_unreadable(None, &error);
                self.missed();
                Outcome::Unreadable
            }
            Message::Catalog(revision) => {
                events::catalog_announced(revision.as_deref());
                self.shared.catalog.tell(match revision {
                    Some(revision) => CatalogChange::Published { revision },
                    None => CatalogChange::Unsure,
                });
                Outcome::Catalog
            }
            Message::Foreign => Outcome::Ignored,
        })
    }

    fn changed(&self, subject: &Subject, known: Known) -> Outcome {
        let pushed = match known {
            Known::Found(found) => self.cache.overhear(found.into()),
            Known::Missing => self.cache.overhear_missing(subject),
        };
        match pushed {
            Some(Pushed::Applied) => Outcome::Applied,
            Some(Pushed::Outdated) => Outcome::Outdated,
            None => Outcome::Unasked,
        }
    }
}

/// A stream that is open. However it ends, it is open no more.
struct Connection<'a>(&'a Progress);

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        if self.0.disconnected() {
            events::changes_disconnected();
        }
    }
}
