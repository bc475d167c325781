use bytes::Bytes;
use tiergate_core::Subject;

use crate::auth::{Caller, Role};
use crate::table::outbox::Stored;

/// A change as it is told.
#[derive(Debug)]
pub(crate) struct Event {
    /// Its place in the order of commits.
    pub(crate) sequence: i64,
    audience: Audience,
    /// How it is written to a client; made once for all of them.
    pub(crate) frame: Bytes,
}

#[derive(Debug)]
enum Audience {
    Everybody,
    WhoMayRead(Subject),
    Operators,
}

impl Event {
    /// Whether that caller may hear of it.
    pub(crate) fn is_for(&self, caller: &Caller) -> bool {
        match &self.audience {
            Audience::Everybody => true,
            Audience::WhoMayRead(subject) => caller.may_read(subject),
            Audience::Operators => caller.is(Role::Admin) || caller.is(Role::Service),
        }
    }
}

impl From<Stored> for Event {
    fn from(stored: Stored) -> Self {
        let frame = frame(stored.sequence, &stored.kind, &stored.payload);
        Self {
            sequence: stored.sequence,
            // What is about nobody is for all only if it is known to be.
            audience: match stored.subject {
                Some(subject) => Audience::WhoMayRead(subject),
                None if stored.kind == "catalog" => Audience::Everybody,
                None => Audience::Operators,
            },
            frame,
        }
    }
}

/// An event in the stream format of the HTML standard, section "Server-sent events". JSON as it is
/// written here has no line breaks, so the data is one line.
pub(super) fn frame(id: i64, kind: &str, data: &serde_json::Value) -> Bytes {
    format!("id: {id}\nevent: {kind}\ndata: {data}\n\n").into()
}
