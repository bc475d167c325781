//! The name of a counter, as it is kept with the counter.

use tiergate_core::{Subject, SubjectKind};

use crate::CounterKey;

use super::families::{Families, FamilyId};
use super::uuid;

/// The longest id that is kept in place, apart from UUIDs.
const SHORT: usize = 26;

/// A [`CounterKey`] that can be compared without a look at other memory, unless the id is long. To find
/// a counter among many costs as much as the memory that has to be fetched for it.
///
/// What follows the subject is in the families of the table, which are few. Each case has the family and
/// the kind, which would take eight bytes beside them.
#[derive(Debug)]
pub(super) enum Name {
    Short {
        family: FamilyId,
        kind: SubjectKind,
        length: u8,
        id: [u8; SHORT],
    },
    /// An id of 36 bytes that is the text of a UUID.
    Uuid {
        family: FamilyId,
        kind: SubjectKind,
        id: uuid::Packed,
    },
    Long {
        family: FamilyId,
        kind: SubjectKind,
        id: Box<str>,
    },
}

impl Name {
    /// The name of `key`, which is a member of `family`.
    pub(super) fn new(key: &CounterKey, family: FamilyId) -> Self {
        let (kind, text) = (key.subject().kind(), key.subject().id());
        if let Some(id) = uuid::pack(text) {
            return Self::Uuid { family, kind, id };
        }
        let mut id = [0; SHORT];
        match (u8::try_from(text.len()), id.get_mut(..text.len())) {
            (Ok(length), Some(start)) => {
                start.copy_from_slice(text.as_bytes());
                Self::Short {
                    family,
                    kind,
                    length,
                    id,
                }
            }
            _ => Self::Long {
                family,
                kind,
                id: text.into(),
            },
        }
    }

    #[inline]
    pub(super) fn is(&self, key: &CounterKey, families: &Families) -> bool {
        self.is_of(key.subject()) && families.has(self.family(), key)
    }

    #[inline]
    pub(super) fn family(&self) -> FamilyId {
        match self {
            Self::Short { family, .. } | Self::Uuid { family, .. } | Self::Long { family, .. } => {
                *family
            }
        }
    }

    #[inline]
    fn is_of(&self, subject: &Subject) -> bool {
        match self {
            Self::Uuid { kind, id, .. } => {
                *kind == subject.kind() && uuid::is_text(*id, subject.id())
            }
            Self::Short {
                kind, length, id, ..
            } => {
                *kind == subject.kind()
                    && id.get(..usize::from(*length)) == Some(subject.id().as_bytes())
            }
            Self::Long { kind, id, .. } => *kind == subject.kind() && **id == *subject.id(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::CounterWindow;

    #[test]
    fn a_name_is_the_key_it_was_made_of_and_no_other() {
        // Each id is the beginning of the next, and they are as long as what is kept in place.
        let mut ids: Vec<String> = [0, 1, SHORT - 1, SHORT, SHORT + 1, uuid::LENGTH, 255, 256]
            .map(|length| "x".repeat(length))
            .into();
        ids.extend(
            [
                "018f6a2e-7b1c-7000-8000-0123456789ab",
                "018f6a2e-7b1c-7000-8000-0123456789ac",
                "018F6A2E-7B1C-7000-8000-0123456789AB",
                "018f6a2e07b1c-7000-8000-0123456789ab",
                "018f6a2e7b1c70008000-0123456789ab---",
            ]
            .map(str::to_owned),
        );
        let length = Duration::from_secs(60);
        let windows = [CounterWindow::Level, CounterWindow::Sliding { length }];
        let keys = || {
            ids.iter().flat_map(|id| {
                let subjects = [
                    Subject::user(id.as_str()),
                    Subject::organization(id.as_str()),
                ];
                subjects.into_iter().flat_map(move |subject| {
                    ["f", "f2"].into_iter().flat_map(move |feature| {
                        let subject = subject.clone();
                        windows.map(|window| CounterKey::new(subject.clone(), feature, window))
                    })
                })
            })
        };
        let mut families = Families::default();
        for (at, key) in keys().enumerate() {
            let family = families.join(&key);
            let name = Name::new(&key, family);
            for (position, other) in keys().enumerate() {
                assert_eq!(
                    name.is(&other, &families),
                    at == position,
                    "{key:?} {other:?}"
                );
            }
            // Others come to its place then.
            if at % 3 == 0 {
                families.leave(family);
            }
        }
    }
}
