//! Counters as the tables know them.

use tiergate_core::Subject;

use crate::{CounterKey, CounterWindow, StoreError, StoreErrorKind};

use super::moment::{calendar, micros};

/// The longest subject and feature, in bytes as they are written. All of a counter's name is in one row
/// of an index, which has an end.
const MOST_SUBJECT: usize = 1_024;
const MOST_FEATURE: usize = 512;

/// The name of one counter, in columns that are never joined, and what its window comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) subject: String,
    pub(super) feature: String,
    pub(super) span: String,
    /// How long a unit of a rate counts, in microseconds.
    pub(super) length: Option<i64>,
    /// When the window of a quota ends, in microseconds of the calendar.
    pub(super) ends: Option<i64>,
}

impl Name {
    /// Fails with [`StoreErrorKind::InvalidClaims`] when a part is too long to be written.
    pub(super) fn new(key: &CounterKey) -> Result<Self, StoreError> {
        let (span, length, ends) = match key.window() {
            CounterWindow::Level => ("level".to_owned(), None, None),
            // The name keeps the nanoseconds, so that two lengths are two counters.
            CounterWindow::Sliding { length } => (
                format!("sliding:{}", length.as_nanos()),
                Some(micros(length)),
                None,
            ),
            CounterWindow::Fixed { start, end } => (
                format!("fixed:{}:{}", start.as_micros(), end.as_micros()),
                None,
                Some(calendar(end)),
            ),
        };
        let name = Self {
            subject: subject(key.subject()),
            feature: escaped(key.feature()),
            span,
            length,
            ends,
        };
        if name.subject.len() > MOST_SUBJECT || name.feature.len() > MOST_FEATURE {
            let fault = StoreError::new(StoreErrorKind::InvalidClaims);
            return Err(fault.with_detail("a subject or feature is too long to be stored"));
        }
        Ok(name)
    }
}

/// The kinds have no colon, so what follows the first one is the id.
fn subject(subject: &Subject) -> String {
    format!("{}:{}", subject.kind().as_str(), escaped(subject.id()))
}

/// PostgreSQL's texts hold every character but one.
fn escaped(text: &str) -> String {
    if text.contains(['\\', '\0']) {
        text.replace('\\', "\\\\").replace('\0', "\\0")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tiergate_core::SubjectKind;
    use tiergate_core::time::Timestamp;

    use super::*;

    /// Few characters, those that could be taken for something else among them.
    const TEXT: &str = "[a0:\\\\\u{0}]{0,5}";

    fn window() -> impl Strategy<Value = CounterWindow> {
        let number = prop_oneof![0_u64..3, 999_u64..1_002, Just(u64::MAX)];
        let moment = prop_oneof![-2_i64..3, Just(i64::MIN), Just(i64::MAX)];
        prop_oneof![
            Just(CounterWindow::Level),
            number.prop_map(|nanos| CounterWindow::Sliding {
                length: Duration::from_nanos(nanos)
            }),
            (moment.clone(), moment).prop_map(|(start, end)| CounterWindow::Fixed {
                start: Timestamp::from_micros(start),
                end: Timestamp::from_micros(end),
            }),
        ]
    }

    fn key() -> impl Strategy<Value = CounterKey> {
        let kind = prop_oneof![Just(SubjectKind::User), Just(SubjectKind::Organization)];
        (kind, TEXT, TEXT, window()).prop_map(|(kind, id, feature, window)| {
            CounterKey::new(Subject::new(kind, id), feature, window)
        })
    }

    fn columns(key: &CounterKey) -> (String, String, String) {
        let name = Name::new(key).unwrap();
        (name.subject, name.feature, name.span)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]
        #[test]
        fn two_counters_share_a_name_only_if_they_are_one(one in key(), other in key()) {
            prop_assert_eq!(one == other, columns(&one) == columns(&other));
        }

        #[test]
        fn a_name_can_be_written(key in key()) {
            let (subject, feature, span) = columns(&key);
            prop_assert!(![subject, feature, span].iter().any(|text| text.contains('\0')));
        }
    }

    #[test]
    fn what_no_index_holds_is_refused() {
        let key = |id: usize, feature: usize| {
            let subject = Subject::user("x".repeat(id));
            CounterKey::new(subject, "f".repeat(feature), CounterWindow::Level)
        };
        assert!(Name::new(&key(1_000, 512)).is_ok());
        for key in [key(1_020, 1), key(1, 513)] {
            let fault = Name::new(&key).unwrap_err();
            assert_eq!(fault.kind(), StoreErrorKind::InvalidClaims);
        }
    }
}
