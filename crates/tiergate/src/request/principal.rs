use http::Extensions;
use tiergate_core::{Subject, SubjectKind};

use super::Access;

/// Who is making a request, as the service's own authentication found out.
///
/// Authentication puts it into the request's extensions; the layers read it from there. It also has
/// room for what the layers found out about the request, so that an allowed request costs no memory
/// of its own.
///
/// ```
/// use tiergate::{Principal, Subject};
///
/// let principal = Principal::user("42").member_of("acme").member_of("globex");
/// assert_eq!(principal.subject(), &Subject::user("42"));
/// assert_eq!(principal.organization("acme"), Some(Subject::organization("acme")));
/// assert_eq!(principal.organization("initech"), None);
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(principal);
/// ```
///
/// Insert a new one for each request. A clone forgets that what the layers found out was about this
/// request: a handler can still read it, and a layer looks again.
#[derive(Debug)]
pub struct Principal {
    subject: Subject,
    organizations: Vec<Subject>,
    pub(super) access: Option<Access>,
}

impl Clone for Principal {
    fn clone(&self) -> Self {
        Self {
            subject: self.subject.clone(),
            organizations: self.organizations.clone(),
            // Whoever keeps a principal for the next request must not keep its charges.
            access: self.access.as_ref().map(Access::copied),
        }
    }
}

impl Principal {
    /// A user, by the id that the subscription service knows them by.
    #[must_use]
    pub fn user(id: impl AsRef<str>) -> Self {
        Self::new(Subject::user(id))
    }

    /// Any subject: an organization that calls with a key of its own, for example.
    #[must_use]
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            organizations: Vec::new(),
            access: None,
        }
    }

    /// Says that the principal is a member of an organization, and may act for it.
    #[must_use]
    pub fn member_of(mut self, organization: impl AsRef<str>) -> Self {
        self.organizations.push(Subject::organization(organization));
        self
    }

    /// The principal itself.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The organization of that id, if the principal is a member of it, or is it.
    #[must_use]
    pub fn organization(&self, id: &str) -> Option<Subject> {
        self.organizations
            .iter()
            .chain(std::iter::once(&self.subject))
            .find(|subject| subject.kind() == SubjectKind::Organization && subject.id() == id)
            .cloned()
    }

    /// The principal itself, and the room for what the layers find out.
    #[inline]
    pub(crate) fn subject_and_room(&mut self) -> (&Subject, &mut Option<Access>) {
        (&self.subject, &mut self.access)
    }

    /// The principal alone, without what the layers found out about the request it came with.
    #[cfg(feature = "axum")]
    pub(crate) fn without_access(&self) -> Self {
        Self {
            subject: self.subject.clone(),
            organizations: self.organizations.clone(),
            access: None,
        }
    }

    /// The principal of a request.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }
}
