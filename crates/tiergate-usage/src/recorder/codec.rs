//! A record as the payload of a frame.
//!
//! ```text
//! version: u8   parts: u8   quantity: i64   occurred at, in microseconds: i64
//! id: 16 bytes, or text   subject's id: text   metric: text   [user: text]   [metadata: text]
//! text = length: u16, UTF-8
//! ```

use tiergate_core::time::Timestamp;
use tiergate_core::{Subject, SubjectKind};
use uuid::Uuid;

use super::id::Name;
use super::record::{Record, UsageRecord};
use super::{InvalidRecord, RecordId};
use crate::IdempotencyKey;

const VERSION: u8 = 1;

const GIVEN_KEY: u8 = 1;
const ORGANIZATION: u8 = 2;
const USER: u8 = 4;
const METADATA: u8 = 8;

/// What is in a payload beside texts, in bytes.
const FIXED: usize = 2 + 8 + 8 + 16 + 5 * 2;

/// The payload of a valid record, in one allocation where there is no metadata.
pub(super) fn encode(
    record: &UsageRecord,
    id: &RecordId,
    now: Timestamp,
) -> Result<Vec<u8>, InvalidRecord> {
    let organization = record.subject.kind() == SubjectKind::Organization;
    let user = record.user.as_deref().filter(|_| organization);
    let metadata = match record.metadata.is_empty() {
        true => None,
        false => Some(metadata(record)?),
    };
    let texts = [
        Some(record.subject.id()),
        Some(&*record.metric),
        user,
        metadata.as_deref(),
    ];
    let lengths = texts.iter().flatten().map(|text| text.len()).sum::<usize>();
    let key = id.given_key().map_or(0, |key| key.as_str().len());
    let mut payload = Vec::with_capacity(FIXED + key + lengths);

    let flag = |present, flag| if present { flag } else { 0 };
    payload.push(VERSION);
    payload.push(
        flag(id.given_key().is_some(), GIVEN_KEY)
            | flag(organization, ORGANIZATION)
            | flag(user.is_some(), USER)
            | flag(metadata.is_some(), METADATA),
    );
    let at = record.occurred_at.unwrap_or(now);
    payload.extend_from_slice(&record.quantity.to_le_bytes());
    payload.extend_from_slice(&at.as_micros().to_le_bytes());
    match &id.0 {
        Name::Minted(id) => payload.extend_from_slice(id.as_bytes()),
        Name::Given(key) => put(&mut payload, key.as_str()),
    }
    for text in texts.into_iter().flatten() {
        put(&mut payload, text);
    }
    Ok(payload)
}

fn metadata(record: &UsageRecord) -> Result<String, InvalidRecord> {
    let json = serde_json::to_string(&record.metadata).map_err(|_| InvalidRecord::Metadata)?;
    if json.len() > UsageRecord::MAX_METADATA_BYTES {
        return Err(InvalidRecord::Metadata);
    }
    Ok(json)
}

fn put(payload: &mut Vec<u8>, text: &str) {
    // Every text has a bound far below.
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    payload.extend_from_slice(&length.to_le_bytes());
    payload.extend_from_slice(text.as_bytes());
}

/// The record in a payload; none if it is not one that this program wrote.
pub(super) fn decode(sequence: u64, payload: &[u8]) -> Option<Record> {
    let mut rest = Rest(payload);
    let [version, parts] = rest.bytes()?;
    if version != VERSION || parts > (GIVEN_KEY | ORGANIZATION | USER | METADATA) {
        return None;
    }
    let has = |part| parts & part != 0;
    let quantity = i64::from_le_bytes(rest.bytes()?);
    let occurred_at = Timestamp::from_micros(i64::from_le_bytes(rest.bytes()?));
    let id = RecordId(if has(GIVEN_KEY) {
        Name::Given(IdempotencyKey::new(rest.text()?).ok()?)
    } else {
        Name::Minted(Uuid::from_bytes(rest.bytes()?))
    });
    let kind = if has(ORGANIZATION) {
        SubjectKind::Organization
    } else {
        SubjectKind::User
    };
    let subject = Subject::new(kind, rest.text()?);
    let metric = rest.text()?.into();
    let mut optional = |part| match has(part) {
        true => rest.text().map(|text| Some(text.into())),
        false => Some(None),
    };
    let user = optional(USER)?;
    let metadata = optional(METADATA)?;
    rest.0.is_empty().then_some(Record {
        sequence,
        id,
        subject,
        metric,
        quantity,
        occurred_at,
        user,
        metadata,
    })
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::from(u16::from_le_bytes(self.bytes()?));
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::journal::MAX_PAYLOAD;
    use crate::recorder::id::IdSource;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other}"),
        }
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(
            organization: bool, subject in "[^\u{0}]{1,30}", metric in "[a-z_.]{1,40}",
            quantity: i64, at in any::<i32>(), user in proptest::option::of("[^\u{0}]{1,20}"),
            key in proptest::option::of("[!-~]{1,30}"), note in proptest::option::of("\\PC{0,40}"),
        ) {
            let kind = if organization { SubjectKind::Organization } else { SubjectKind::User };
            let subject = Subject::new(kind, subject);
            let now = Timestamp::from_seconds(at.into());
            let mut record = UsageRecord::new(subject.clone(), metric.clone(), quantity);
            record.user = user.as_deref().map(Arc::from);
            if let Some(note) = &note {
                record = record.with_metadata(object(json!({ "note": note })));
            }
            let id = match &key {
                Some(key) => RecordId(Name::Given(IdempotencyKey::new(key.as_str()).unwrap())),
                None => IdSource::new().next(now),
            };
            let payload = encode(&record, &id, now).unwrap();
            let read = decode(7, &payload).unwrap();
            prop_assert_eq!(read.id(), &id);
            prop_assert_eq!(read.subject(), &subject);
            prop_assert_eq!(read.metric(), &metric);
            prop_assert_eq!(read.quantity(), quantity);
            prop_assert_eq!(read.occurred_at(), now);
            prop_assert_eq!(read.user(), user.as_deref().filter(|_| organization));
            let told = read.metadata().map(|json| serde_json::from_str::<Value>(json).unwrap());
            prop_assert_eq!(told, note.map(|note| json!({ "note": note })));
        }

        #[test]
        fn other_bytes_are_no_record_and_no_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Some(record) = decode(0, &bytes) {
                // Only what has the exact form is taken.
                prop_assert!(bytes.len() >= FIXED - 6);
                prop_assert!(record.metric().len() <= bytes.len());
            }
        }
    }

    #[test]
    fn the_largest_record_fits_into_a_frame() {
        let id = "x".repeat(Subject::MAX_ID_BYTES);
        let note = "n".repeat(UsageRecord::MAX_METADATA_BYTES - r#"{"n":""}"#.len());
        let metric = "m".repeat(UsageRecord::MAX_METRIC_BYTES);
        let key = IdempotencyKey::new("k".repeat(IdempotencyKey::MAX_BYTES)).unwrap();
        let record = UsageRecord::new(Subject::organization(id.as_str()), metric, i64::MAX)
            .by_user(id.as_str())
            .with_metadata(object(json!({ "n": note })));
        assert!(record.validate().is_ok());
        let now = Timestamp::from_seconds(0);
        let payload = encode(&record, &RecordId(Name::Given(key)), now).unwrap();
        assert!(payload.len() <= MAX_PAYLOAD, "{}", payload.len());
        assert!(decode(0, &payload).is_some());
    }

    #[test]
    fn what_could_not_be_billed_is_not_recorded() {
        let ada = || Subject::user("ada");
        let long = "x".repeat(257);
        for (record, fault) in [
            (
                UsageRecord::new(Subject::user(""), "m", 1),
                InvalidRecord::Subject,
            ),
            (
                UsageRecord::new(Subject::user("a\0"), "m", 1),
                InvalidRecord::Subject,
            ),
            (
                UsageRecord::new(Subject::user(long.as_str()), "m", 1),
                InvalidRecord::Subject,
            ),
            (UsageRecord::new(ada(), "", 1), InvalidRecord::Metric),
            (UsageRecord::new(ada(), "a\0", 1), InvalidRecord::Metric),
            (
                UsageRecord::new(ada(), long.clone(), 1),
                InvalidRecord::Metric,
            ),
            (
                UsageRecord::new(ada(), "m", 1).by_user(""),
                InvalidRecord::User,
            ),
        ] {
            assert_eq!(record.validate(), Err(fault));
        }
        let long = object(json!({ "n": "n".repeat(4_096) }));
        let record = UsageRecord::new(ada(), "m", 1).with_metadata(long);
        let now = Timestamp::from_seconds(0);
        let id = IdSource::new().next(now);
        assert_eq!(encode(&record, &id, now), Err(InvalidRecord::Metadata));
    }
}
