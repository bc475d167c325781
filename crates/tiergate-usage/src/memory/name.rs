//! The name of a counter, as it is kept with the counter.

use std::sync::Arc;

use tiergate_core::SubjectKind;

use crate::{CounterKey, CounterWindow};

/// The longest id that is kept in place. A UUID has 36 bytes.
const SHORT: usize = 38;

/// A [`CounterKey`] that can be compared without a look at other memory, unless the id is long. To find
/// a counter among many costs as much as the memory that has to be fetched for it.
#[derive(Debug)]
pub(super) struct Name {
    id: Id,
    kind: SubjectKind,
    feature: Arc<str>,
    window: CounterWindow,
}

#[derive(Debug)]
enum Id {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Arc<str>),
}

impl Name {
    pub(super) fn of(key: &CounterKey) -> Self {
        Self {
            id: Id::of(key.subject().id()),
            kind: key.subject().kind(),
            feature: key.shared_feature(),
            window: key.window(),
        }
    }

    pub(super) fn is(&self, key: &CounterKey) -> bool {
        self.window == key.window()
            && self.kind == key.subject().kind()
            && self.id.is(key.subject().id())
            && is_same(&self.feature, key.feature_ref())
    }

    pub(super) fn window(&self) -> CounterWindow {
        self.window
    }
}

impl Id {
    fn of(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (u8::try_from(text.len()), bytes.get_mut(..text.len())) {
            (Ok(length), Some(start)) => {
                start.copy_from_slice(text.as_bytes());
                Self::Short { length, bytes }
            }
            _ => Self::Long(text.into()),
        }
    }

    fn is(&self, text: &str) -> bool {
        match self {
            Self::Short { length, bytes } => {
                bytes.get(..usize::from(*length)) == Some(text.as_bytes())
            }
            Self::Long(long) => **long == *text,
        }
    }
}

/// Features come from one catalog, so nearly always the text lies in one place.
fn is_same(one: &Arc<str>, other: &Arc<str>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

#[cfg(test)]
mod tests {
    use tiergate_core::Subject;

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
