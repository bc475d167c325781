//! DEMO ONLY: signs in whoever says so.
//!
//! A real service checks a session or a signed token here. What matters for the layers is the end of
//! it: a [`Principal`] in the request's extensions, and nothing there for a caller who is unknown.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use tiergate::Principal;

/// Who is a member of which organization. A real service asks its database.
const MEMBERS: [(&str, &str); 4] = [
    ("ann", "sparrow"),
    ("ben", "sparrow"),
    ("pia", "eagle"),
    ("pia", "stork"),
];

/// Puts a principal on the request if it carries `Authorization: Bearer demo-<user>`.
pub(crate) fn sign_in<B>(mut request: Request<B>) -> Request<B> {
    if let Some(principal) = principal(request.headers()) {
        request.extensions_mut().insert(principal);
    }
    request
}

fn principal(headers: &HeaderMap) -> Option<Principal> {
    let user = headers
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer demo-")?;
    let organizations = MEMBERS.iter().filter(|(member, _)| *member == user);
    Some(
        organizations.fold(Principal::user(user), |principal, (_, organization)| {
            principal.member_of(*organization)
        }),
    )
}
