use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use arrayvec::ArrayString;

/// The longest id that is kept in place, in bytes: that of a UUID, and of one with a short prefix.
const IN_PLACE: usize = 40;

/// The text of an id. One that is short lies in place: it needs no memory of its own, and is read and
/// copied without going anywhere else for it.
#[derive(Clone)]
pub(super) enum Id {
    InPlace(ArrayString<IN_PLACE>),
    Shared(Arc<str>),
}

impl Id {
    #[inline]
    pub(super) fn new(text: &str) -> Self {
        match ArrayString::from(text) {
            Ok(short) => Self::InPlace(short),
            Err(_) => Self::Shared(text.into()),
        }
    }
}

impl Deref for Id {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match self {
            Self::InPlace(text) => text,
            Self::Shared(text) => text,
        }
    }
}

// How it is kept makes no difference.

impl PartialEq for Id {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Id {}

impl Hash for Id {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}
