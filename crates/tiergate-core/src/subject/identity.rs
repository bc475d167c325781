use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrayvec::ArrayString;

use super::SubjectKind;

/// The longest id that is kept in place, in bytes: that of a UUID, and of one with a short prefix.
const IN_PLACE: usize = 40;

/// The kind and the text of an id. One that is short lies in place: it needs no memory of its own, and
/// is read and copied without going anywhere else for it.
///
/// The kind is in both, because it takes no room there: beside them it would take a word.
#[derive(Clone)]
pub(super) enum Identity {
    InPlace {
        kind: SubjectKind,
        text: ArrayString<IN_PLACE>,
    },
    Shared {
        kind: SubjectKind,
        text: Arc<str>,
    },
}

impl Identity {
    #[inline]
    pub(super) fn new(kind: SubjectKind, text: &str) -> Self {
        match ArrayString::from(text) {
            Ok(text) => Self::InPlace { kind, text },
            Err(_) => Self::Shared {
                kind,
                text: text.into(),
            },
        }
    }

    #[inline]
    pub(super) fn kind(&self) -> SubjectKind {
        match self {
            Self::InPlace { kind, .. } | Self::Shared { kind, .. } => *kind,
        }
    }

    #[inline]
    pub(super) fn text(&self) -> &str {
        match self {
            Self::InPlace { text, .. } => text,
            Self::Shared { text, .. } => text,
        }
    }

    /// What it says, however it is kept.
    #[inline]
    fn said(&self) -> (SubjectKind, &str) {
        (self.kind(), self.text())
    }
}

impl PartialEq for Identity {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.said() == other.said()
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.said().hash(state);
    }
}

impl PartialOrd for Identity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Identity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.said().cmp(&other.said())
    }
}
