//! The name of a counter, as it is kept with the counter.

use std::sync::Arc;

use tiergate_core::{Subject, SubjectKind};

use crate::{CounterKey, CounterWindow};

/// The longest id that is kept in place. A UUID has 36 bytes.
const SHORT: usize = 37;

/// A [`CounterKey`] that can be compared without a look at other memory, unless the id is long. To find
/// a counter among many costs as much as the memory that has to be fetched for it.
#[derive(Debug)]
pub(crate) struct Name {
    subject: Owner,
    feature: Arc<str>,
    window: CounterWindow,
}

/// A subject. Each case has the kind, which would take eight bytes beside them.
#[derive(Debug)]
enum Owner {
    Short {
        kind: SubjectKind,
        length: u8,
        id: [u8; SHORT],
    },
    Long {
        kind: SubjectKind,
        id: Arc<str>,
    },
}

impl Name {
    pub(crate) fn of(key: &CounterKey) -> Self {
        Self {
            subject: Owner::of(key.subject()),
            feature: key.shared_feature(),
            window: key.window(),
        }
    }

    #[inline]
    pub(crate) fn is(&self, key: &CounterKey) -> bool {
        self.window == key.window()
            && self.subject.is(key.subject())
            && is_same(&self.feature, key.feature_ref())
    }

    #[inline]
    pub(crate) fn window(&self) -> CounterWindow {
        self.window
    }
}

impl Owner {
    fn of(subject: &Subject) -> Self {
        let (kind, text) = (subject.kind(), subject.id());
        let mut id = [0; SHORT];
        match (u8::try_from(text.len()), id.get_mut(..text.len())) {
            (Ok(length), Some(start)) => {
                start.copy_from_slice(text.as_bytes());
                Self::Short { kind, length, id }
            }
            _ => Self::Long {
                kind,
                id: text.into(),
            },
        }
    }

    #[inline]
    fn is(&self, subject: &Subject) -> bool {
        match self {
            Self::Short { kind, length, id } => {
                *kind == subject.kind()
                    && id.get(..usize::from(*length)) == Some(subject.id().as_bytes())
            }
            Self::Long { kind, id } => *kind == subject.kind() && **id == *subject.id(),
        }
    }
}

/// Features come from one catalog, so nearly always the text lies in one place.
#[inline]
fn is_same(one: &Arc<str>, other: &Arc<str>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_key_it_was_made_of_and_no_other() {
        // Each id is the beginning of the next, and they are as long as what is kept in place.
        let ids: Vec<String> = [0, 1, SHORT - 1, SHORT, SHORT + 1, 255, 256]
            .map(|length| "x".repeat(length))
            .into();
        let length = std::time::Duration::from_secs(60);
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
        for (at, key) in keys().enumerate() {
            let name = Name::of(&key);
            for (position, other) in keys().enumerate() {
                assert_eq!(name.is(&other), at == position, "{key:?} {other:?}");
            }
        }
    }
}
