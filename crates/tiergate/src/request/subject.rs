use std::any::Any;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use tiergate_core::{Subject, SubjectKind};

use super::{Principal, RequestHead};

/// Finds out who a request is decided for.
///
/// The default is [`FromExtensions`]. A closure from a [`RequestHead`] to an `Option<Subject>` is
/// one too.
pub trait ExtractSubject: Send + Sync + 'static {
    /// The subject of a request.
    ///
    /// # Errors
    ///
    /// When there is none, or none that the request may act for. The caller is answered 401.
    fn extract(&self, head: &RequestHead<'_>) -> Result<Subject, SubjectError>;
}

impl<F> ExtractSubject for F
where
    F: Fn(&RequestHead<'_>) -> Option<Subject> + Send + Sync + 'static,
{
    fn extract(&self, head: &RequestHead<'_>) -> Result<Subject, SubjectError> {
        self(head).ok_or(SubjectError::Missing)
    }
}

/// Why a request has no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
#[non_exhaustive]
pub enum SubjectError {
    /// Nobody is signed in.
    Missing,
    /// The id is empty or too long to be anybody's.
    Invalid,
    /// A header that may stand once stands several times.
    Ambiguous,
    /// The header names an organization that the principal is not a member of.
    NotAMember,
}

impl SubjectError {
    /// The sentence that the caller is told.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Missing => "Sign in to use this.",
            Self::Invalid => "The caller's id is not one.",
            Self::Ambiguous => "The header that names the caller stands more than once.",
            Self::NotAMember => {
                "The caller is not a member of the organization that the request names."
            }
        }
    }
}

/// Reads the subject from the request's extensions, where the service's own authentication put a
/// [`Principal`] or a plain [`Subject`].
///
/// Nothing that the caller sends can grant anything. With
/// [`organization_header`](Self::organization_header), a header chooses among the organizations that
/// the principal is a member of.
///
/// ```
/// use http::HeaderName;
/// use tiergate::request::{ExtractSubject, FromExtensions, RequestHead};
/// use tiergate::{Principal, Subject};
///
/// let extract = FromExtensions::new()
///     .organization_header(HeaderName::from_static("x-organization-id"));
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(Principal::user("42").member_of("acme"));
/// assert_eq!(extract.extract(&RequestHead::of(&request)), Ok(Subject::user("42")));
///
/// request.headers_mut().insert("x-organization-id", "acme".parse()?);
/// assert_eq!(extract.extract(&RequestHead::of(&request)), Ok(Subject::organization("acme")));
///
/// request.headers_mut().insert("x-organization-id", "globex".parse()?);
/// assert!(extract.extract(&RequestHead::of(&request)).is_err());
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FromExtensions {
    organization_header: Option<HeaderName>,
}

impl FromExtensions {
    /// Reads the principal itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a header choose one of the principal's organizations. A header that names any other is
    /// refused; without the header, the principal itself is meant.
    #[must_use]
    pub fn organization_header(mut self, name: HeaderName) -> Self {
        self.organization_header = Some(name);
        self
    }
}

impl ExtractSubject for FromExtensions {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Subject, SubjectError> {
        let chosen = match &self.organization_header {
            Some(name) => single_header(head.headers(), name)?,
            None => None,
        };
        let subject = match (head.extensions().get::<Principal>(), chosen) {
            (Some(principal), None) => principal.subject().clone(),
            (Some(principal), Some(id)) => {
                principal.organization(id).ok_or(SubjectError::NotAMember)?
            }
            (None, None) => head
                .extensions()
                .get::<Subject>()
                .cloned()
                .ok_or(SubjectError::Missing)?,
            // A bare subject says nothing of memberships.
            (None, Some(_)) if head.extensions().get::<Subject>().is_some() => {
                return Err(SubjectError::NotAMember);
            }
            (None, Some(_)) => return Err(SubjectError::Missing),
        };
        valid(subject)
    }
}

/// Reads the subject from a header that a gateway in front of this service sets.
///
/// This believes what the request says. It is sound only where every request comes through a gateway
/// that authenticates the caller, sets this header, and drops the header, in every spelling, from
/// what the caller sent. The constructor's name is a reminder of that.
#[derive(Clone, Debug)]
pub struct FromTrustedHeader {
    name: HeaderName,
    kind: SubjectKind,
}

impl FromTrustedHeader {
    /// Believes that `name` holds the id of the user who is calling.
    #[must_use]
    pub fn danger_trust_user_header(name: HeaderName) -> Self {
        Self {
            name,
            kind: SubjectKind::User,
        }
    }

    /// Believes that `name` holds the id of an organization that the caller may act for.
    #[must_use]
    pub fn danger_trust_organization_header(name: HeaderName) -> Self {
        Self {
            name,
            kind: SubjectKind::Organization,
        }
    }
}

impl ExtractSubject for FromTrustedHeader {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Subject, SubjectError> {
        let id = single_header(head.headers(), &self.name)?.ok_or(SubjectError::Missing)?;
        valid(Subject::new(self.kind, id))
    }
}

/// The way the subject is found, shared by clones of a layer.
#[derive(Clone, Default)]
pub(crate) enum SubjectSource {
    /// By a [`FromExtensions`] that lets no header choose: where there is a principal, it is the subject.
    #[default]
    Principal,
    /// By anything else.
    Custom(Arc<dyn ExtractSubject>),
}

impl SubjectSource {
    pub(crate) fn new(extract: impl ExtractSubject) -> Self {
        let any: &dyn Any = &extract;
        match any.downcast_ref::<FromExtensions>() {
            Some(FromExtensions {
                organization_header: None,
            }) => Self::Principal,
            _ => Self::Custom(Arc::new(extract)),
        }
    }

    /// Whether the subject of a request that has a principal is that principal.
    #[inline]
    pub(crate) fn is_principal(&self) -> bool {
        matches!(self, Self::Principal)
    }

    pub(crate) fn extract(&self, head: &RequestHead<'_>) -> Result<Subject, SubjectError> {
        match self {
            Self::Principal => FromExtensions::new().extract(head),
            // A closure of the service may hand over anything.
            Self::Custom(extract) => extract.extract(head).and_then(valid),
        }
    }
}

impl fmt::Debug for SubjectSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<extract subject>")
    }
}

fn valid(subject: Subject) -> Result<Subject, SubjectError> {
    if subject.is_valid() {
        Ok(subject)
    } else {
        Err(SubjectError::Invalid)
    }
}

/// The value of a header that may stand at most once. Of two values, one may be forged.
fn single_header<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, SubjectError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(SubjectError::Ambiguous);
    }
    // A value has no control characters but tabs: what else is ASCII can be seen. `to_str` looks at it byte by
    // byte, on the way of every request.
    match str::from_utf8(value.as_bytes().trim_ascii()) {
        Ok(text) if text.is_ascii() && !text.is_empty() => Ok(Some(text)),
        Ok(_) | Err(_) => Err(SubjectError::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const NAME: HeaderName = HeaderName::from_static("x-user-id");

    proptest! {
        #[test]
        fn an_id_is_what_can_be_seen_of_the_only_value(
            bytes in prop::collection::vec(
                prop_oneof![Just(b' '), Just(b'\t'), 0x20_u8..=0xff, Just(0xc3), Just(0xa9)],
                0..40,
            ),
        ) {
            let Ok(value) = HeaderValue::from_bytes(&bytes) else {
                return Ok(());
            };
            let mut headers = HeaderMap::new();
            headers.insert(NAME, value.clone());
            let expected = match value.to_str().map(str::trim) {
                Ok("") | Err(_) => Err(SubjectError::Invalid),
                Ok(text) => Ok(Some(text)),
            };
            prop_assert_eq!(single_header(&headers, &NAME), expected);
            headers.append(NAME, value);
            prop_assert_eq!(single_header(&headers, &NAME), Err(SubjectError::Ambiguous));
            headers.clear();
            prop_assert_eq!(single_header(&headers, &NAME), Ok(None));
        }
    }
}
