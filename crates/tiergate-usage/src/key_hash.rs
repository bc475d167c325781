//! Hashes of the names of counters, for tables in memory.

use std::hash::{BuildHasher, Hasher};

use tiergate_core::Subject;

use crate::now::nanos;
use crate::{CounterKey, CounterWindow};

/// Hashes with a seed of its own, so that nobody can choose ids that meet.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyHash(foldhash::fast::RandomState);

impl KeyHash {
    /// Of who uses it. All counters of one subject have this in common.
    #[inline]
    pub(crate) fn of_subject(&self, subject: &Subject) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(subject.id().as_bytes());
        hasher.write_u8(subject.kind() as u8);
        hasher.finish()
    }

    /// Of a counter, by the hash of its subject.
    ///
    /// Of the feature it sees how it begins and ends: a subject has few of them, and they come from a
    /// catalog. Those that look the same are told apart when they are compared.
    #[inline]
    pub(crate) fn of_key(&self, subject: u64, key: &CounterKey) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write_u64(subject);
        let feature = key.feature().as_bytes();
        match (feature.first_chunk(), feature.last_chunk()) {
            (Some(start), Some(end)) => {
                hasher.write_u64(u64::from_le_bytes(*start));
                hasher.write_u64(u64::from_le_bytes(*end));
            }
            _ => hasher.write(feature),
        }
        // The start of a window or its length says all that has to be told apart.
        hasher.write_u64(match key.window() {
            CounterWindow::Level => 0,
            CounterWindow::Sliding { length } => nanos(length),
            CounterWindow::Fixed { start, .. } => start.as_micros().cast_unsigned(),
        });
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use tiergate_core::time::Timestamp;

    use super::*;

    #[test]
    fn every_part_of_a_name_counts() {
        let length = Duration::from_secs(60);
        let fixed = |start| CounterWindow::Fixed {
            start: Timestamp::from_seconds(start),
            end: Timestamp::from_seconds(100),
        };
        let windows = [
            CounterWindow::Level,
            CounterWindow::Sliding { length },
            fixed(1),
            fixed(2),
        ];
        let hash = KeyHash::default();
        let mut hashes = HashSet::new();
        for subject in [
            Subject::user("1"),
            Subject::organization("1"),
            Subject::user("2"),
        ] {
            let subject_hash = hash.of_subject(&subject);
            for feature in [
                "",
                "f",
                "g",
                "mails_monthly",
                "texts_monthly",
                "mails_weekly",
            ] {
                for window in windows {
                    let key = CounterKey::new(subject.clone(), feature, window);
                    assert_eq!(
                        hash.of_key(subject_hash, &key),
                        hash.of_key(subject_hash, &key)
                    );
                    assert!(hashes.insert(hash.of_key(subject_hash, &key)), "{key:?}");
                }
            }
        }
    }
}
