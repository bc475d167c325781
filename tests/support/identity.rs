use axum::Router;
use http::Request;
use tiergate::Principal;

/// The header that names the user who is asking.
pub const USER: &str = "x-user";
/// The header that names the organization that is asking.
pub const ORGANIZATION: &str = "x-organization";

/// Puts who is asking where the layers read it, as the authentication of a service does. The
/// scenarios believe what a header says; a service must not.
pub fn authenticate<B>(mut request: Request<B>) -> Request<B> {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8(value.as_bytes().to_vec()).expect("ids are UTF-8"))
    };
    let principal = match (header(USER), header(ORGANIZATION)) {
        (Some(user), _) => Some(Principal::user(user)),
        (None, Some(organization)) => Some(Principal::new(tiergate::Subject::organization(
            organization,
        ))),
        (None, None) => None,
    };
    if let Some(principal) = principal {
        request.extensions_mut().insert(principal);
    }
    request
}

/// Puts [`authenticate`] in front of every route.
pub fn signed_in(router: Router) -> Router {
    router.layer(axum::middleware::map_request(
        async |request: axum::extract::Request| authenticate(request),
    ))
}
