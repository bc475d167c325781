//! What the events of the billing service say. No I/O, no clock.

use std::sync::Arc;

use serde_json::{Map, Value};
use tiergate_core::{Subject, Subscription};

use super::event_stream::StreamEvent;
use crate::Known;
use crate::wire::{self, WireError};

/// The longest name of a catalog's revision that is passed on, in bytes.
const MAX_REVISION_BYTES: usize = 256;

/// What an event says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The stream goes on from here.
    Hello(Continuity),
    /// This is what is to be known of the subject from now on.
    Changed(Subject, Known),
    /// The subject's subscription changed, but to what cannot be read.
    ChangedUnreadably(Subject, WireError),
    /// Something changed, but what it is cannot be read.
    Unreadable(WireError),
    /// There is a new catalog. Its revision is absent if it cannot be read.
    Catalog(Option<Arc<str>>),
    /// Nothing that matters here.
    Foreign,
}

/// Whether the stream goes on where the one before it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continuity {
    Resumed,
    /// The service cannot say what was missed.
    Broken,
}

impl Message {
    pub(super) fn read(event: &StreamEvent) -> Self {
        match event.kind.as_str() {
            "hello" => Self::Hello(continuity(&event.data)),
            "subscription" => change(&event.data).unwrap_or_else(Self::Unreadable),
            "catalog" => Self::Catalog(revision(&event.data)),
            _ => Self::Foreign,
        }
    }
}

/// What does not clearly say that nothing was missed says that something was.
fn continuity(data: &str) -> Continuity {
    let resumed = serde_json::from_str::<Value>(data)
        .ok()
        .and_then(|hello| hello.get("resumed")?.as_bool());
    match resumed {
        Some(true) => Continuity::Resumed,
        Some(false) | None => Continuity::Broken,
    }
}

fn revision(data: &str) -> Option<Arc<str>> {
    let value: Value = serde_json::from_str(data).ok()?;
    let revision = value.get("revision")?.as_str()?;
    (!revision.is_empty() && revision.len() <= MAX_REVISION_BYTES).then(|| revision.into())
}

fn change(data: &str) -> Result<Message, WireError> {
    let mut fields: Map<String, Value> = serde_json::from_str(data)?;
    let subject = subject(fields.get("subject"))?;
    let read = match fields.remove("subscription") {
        None => Err(WireError::new("missing field `subscription`")),
        Some(Value::Null) => Ok(Known::Missing),
        Some(record) => wire::from_value(record).map(|mut record: Subscription| {
            let version = fields.get("version").and_then(Value::as_u64);
            record.version = record.version.or(version);
            Known::Found(record.into())
        }),
    };
    Ok(match read {
        // Which of the two changed, nobody knows.
        Ok(Known::Found(record)) if record.subject != subject => Message::Unreadable(
            WireError::new("field `subscription` is about another subject than field `subject`"),
        ),
        Ok(known) => Message::Changed(subject, known),
        Err(error) => Message::ChangedUnreadably(subject, error),
    })
}

fn subject(value: Option<&Value>) -> Result<Subject, WireError> {
    let id = |name| match value.and_then(|subject| subject.get(name)) {
        None | Some(Value::Null) => None,
        Some(id) => Some(id.as_str().unwrap_or_default()),
    };
    let subject = match (id("userId"), id("organizationId")) {
        (Some(user), None) => Subject::user(user),
        (None, Some(organization)) => Subject::organization(organization),
        _ => {
            return Err(WireError::new(
                "field `subject` must be an object with one of `userId` and `organizationId`",
            ));
        }
    };
    if subject.is_valid() {
        Ok(subject)
    } else {
        Err(WireError::new(format!(
            "field `subject` must name an id of 1 to {} bytes",
            Subject::MAX_ID_BYTES
        )))
    }
}

#[cfg(test)]
mod tests {
    use tiergate_core::SubscriptionStatus;

    use super::*;

    fn read(kind: &str, data: &str) -> Message {
        Message::read(&StreamEvent {
            kind: kind.to_owned(),
            data: data.to_owned(),
            last_id: String::new(),
        })
    }

    fn ada() -> Subject {
        Subject::user("ada")
    }

    #[test]
    fn a_change_is_read_with_its_version() {
        let record = Subscription::new(ada(), "pro", SubscriptionStatus::Active);
        let data = |version: &str, record: &Subscription| {
            format!(
                r#"{{"subject":{{"userId":"ada"}}{version},"subscription":{}}}"#,
                wire::to_json(record)
            )
        };
        let versioned = record.clone().with_version(7);
        let table = [
            (data("", &record), record.clone()),
            (data(r#","version":7"#, &record), versioned.clone()),
            (data(r#","version":9"#, &versioned), versioned),
            (data(r#","version":"x""#, &record), record),
        ];
        for (data, expected) in table {
            let expected = Message::Changed(ada(), Known::Found(expected.into()));
            assert_eq!(read("subscription", &data), expected, "{data}");
        }
        let ended = r#"{"subject":{"organizationId":"acme","userId":null},"version":8,"subscription":null}"#;
        let expected = Message::Changed(Subject::organization("acme"), Known::Missing);
        assert_eq!(read("subscription", ended), expected);
    }

    #[test]
    fn what_cannot_be_read_is_told_apart_by_whether_the_subject_can() {
        let of_ada = [
            r#"{"subject":{"userId":"ada"},"version":7}"#,
            r#"{"subject":{"userId":"ada"},"subscription":7}"#,
            r#"{"subject":{"userId":"ada"},"subscription":{"userId":"ada","tier":"pro"}}"#,
            r#"{"subject":{"userId":"ada"},"subscription":{"userId":"ada","tier":"","status":"active"}}"#,
        ];
        for data in of_ada {
            let message = read("subscription", data);
            assert!(
                matches!(&message, Message::ChangedUnreadably(subject, _) if *subject == ada()),
                "{data} {message:?}"
            );
        }
        let of_nobody = [
            "",
            "x",
            "null",
            "[]",
            r#"{"subscription":null}"#,
            r#"{"subject":"ada","subscription":null}"#,
            r#"{"subject":{},"subscription":null}"#,
            r#"{"subject":{"userId":7},"subscription":null}"#,
            r#"{"subject":{"userId":""},"subscription":null}"#,
            r#"{"subject":{"userId":"ada","organizationId":"acme"},"subscription":null}"#,
            r#"{"subject":{"userId":"ada"},"subscription":{"userId":"bob","tier":"pro","status":"active"}}"#,
        ];
        for data in of_nobody {
            let message = read("subscription", data);
            assert!(
                matches!(message, Message::Unreadable(_)),
                "{data} {message:?}"
            );
        }
    }

    #[test]
    fn only_a_clear_word_says_that_nothing_was_missed() {
        assert_eq!(
            read("hello", r#"{"resumed":true,"more":1}"#),
            Message::Hello(Continuity::Resumed)
        );
        for data in [
            "",
            "{}",
            "true",
            r#"{"resumed":false}"#,
            r#"{"resumed":"true"}"#,
        ] {
            assert_eq!(
                read("hello", data),
                Message::Hello(Continuity::Broken),
                "{data}"
            );
        }
    }

    #[test]
    fn a_catalog_is_announced_even_without_a_revision() {
        let long = format!(r#"{{"revision":"{}"}}"#, "x".repeat(257));
        let table = [
            (r#"{"revision":"r2"}"#, Some("r2")),
            (r#"{"revision":""}"#, None),
            (r#"{"revision":2}"#, None),
            (&long, None),
            ("", None),
        ];
        for (data, revision) in table {
            assert_eq!(
                read("catalog", data),
                Message::Catalog(revision.map(Arc::from))
            );
        }
    }

    #[test]
    fn other_events_say_nothing() {
        for kind in ["message", "notification", "Hello", "subscription "] {
            assert_eq!(read(kind, "{}"), Message::Foreign, "{kind}");
        }
        let reached = r#"{"subject":{"userId":"ada","organizationId":null},"threshold":80}"#;
        assert_eq!(read("usage.threshold_reached", reached), Message::Foreign);
    }
}
