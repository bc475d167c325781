//! Who a decision is about.

mod identity;

use std::fmt;

use crate::catalog::words::echo;
use identity::Identity;

/// The user or the organization whose subscription decides.
///
/// The kind is part of the identity: the user `x` and the organization `x` are two subjects, and
/// share no cache entry and no counter.
///
/// Cloning is cheap. An id of up to 40 bytes, such as a UUID, needs no memory beside the subject.
///
/// ```
/// use tiergate_core::Subject;
///
/// let user = Subject::user("42");
/// let organization = Subject::organization("42");
/// assert_ne!(user, organization);
/// assert_eq!(user.to_string(), "user:42");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    identity: Identity,
}

/// What kind of owner a subscription has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectKind {
    /// A person.
    User,
    /// An organization, which persons are members of.
    Organization,
}

impl SubjectKind {
    /// The word for it in paths and logs: `user` or `organization`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organization => "organization",
        }
    }
}

impl fmt::Display for SubjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Subject {
    /// The longest id that is looked up, in bytes. A longer one, like an empty one, names nobody.
    pub const MAX_ID_BYTES: usize = 256;

    /// A user, by the id that the subscription service knows them by.
    #[must_use]
    pub fn user(id: impl AsRef<str>) -> Self {
        Self::new(SubjectKind::User, id)
    }

    /// An organization, by the id that the subscription service knows it by.
    #[must_use]
    pub fn organization(id: impl AsRef<str>) -> Self {
        Self::new(SubjectKind::Organization, id)
    }

    /// A subject of the given kind.
    #[must_use]
    #[inline]
    pub fn new(kind: SubjectKind, id: impl AsRef<str>) -> Self {
        Self {
            identity: Identity::new(kind, id.as_ref()),
        }
    }

    /// Whether this is a user or an organization.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> SubjectKind {
        self.identity.kind()
    }

    /// The id, without the kind.
    #[must_use]
    #[inline]
    pub fn id(&self) -> &str {
        self.identity.text()
    }

    /// Whether the id can name somebody: neither empty nor longer than
    /// [`MAX_ID_BYTES`](Self::MAX_ID_BYTES).
    #[must_use]
    #[inline]
    pub fn is_valid(&self) -> bool {
        (1..=Self::MAX_ID_BYTES).contains(&self.id().len())
    }
}

impl fmt::Display for Subject {
    /// The kind and the id, with nothing in it that a terminal or a log would obey: ids may come from
    /// anywhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), echo(self.id()))
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_printed_of_an_id_is_one_harmless_line() {
        let subject = Subject::user("a\nlevel=error \u{1b}[31m");
        assert_eq!(subject.to_string(), "user:a\\u{a}level=error \\u{1b}[31m");
        assert!(!format!("{subject:?}").contains('\n'));
    }

    #[test]
    fn an_id_that_is_empty_or_endless_names_nobody() {
        assert!(Subject::user("a".repeat(Subject::MAX_ID_BYTES)).is_valid());
        assert!(!Subject::user("a".repeat(Subject::MAX_ID_BYTES + 1)).is_valid());
        assert!(!Subject::organization("").is_valid());
    }

    #[test]
    fn ids_of_any_length_and_source_are_what_they_say() {
        let ids: Vec<String> = (0..100).map(|length| "é".repeat(length)).collect();
        let mut set = HashSet::new();
        for id in &ids {
            let subjects = [
                Subject::user(&**id),
                Subject::user(id.clone()),
                Subject::user(Arc::<str>::from(&**id)),
            ];
            for subject in subjects {
                assert_eq!(subject.id(), id);
                assert_eq!(subject, subject.clone());
                assert!(subject < Subject::user(format!("{id}a")));
                assert_ne!(subject, Subject::organization(&**id));
                set.insert(subject);
            }
        }
        assert_eq!(set.len(), ids.len());
    }

    #[test]
    fn an_ordinary_id_needs_no_memory() {
        let id = "00000000-0000-4000-8000-000000000000";
        let made = allocation_counter::measure(|| {
            let subject = Subject::user(id);
            assert_eq!(subject.clone().id(), id);
        });
        assert_eq!(made.count_total, 0);
        assert!(size_of::<Subject>() <= 48);
    }
}
