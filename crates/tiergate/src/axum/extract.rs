use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::Extensions;
use axum::http::request::Parts;

use super::rejection::{MissingLayer, Wanted};
use crate::request::{Access, Principal, Ticket};

/// Makes an extractor of something that a layer leaves in a request's extensions.
macro_rules! extractor {
    ($(#[$doc:meta])* $Type:ident by $find:expr) => {
        $(#[$doc])*
        impl<S: Sync> FromRequestParts<S> for $Type {
            type Rejection = MissingLayer;

            async fn from_request_parts(
                parts: &mut Parts,
                _state: &S,
            ) -> Result<Self, MissingLayer> {
                let find: fn(&Extensions) -> Option<Self> = $find;
                find(&parts.extensions).ok_or(MissingLayer::new(Wanted::$Type))
            }
        }

        /// `None` when no layer left one on the request.
        impl<S: Sync> OptionalFromRequestParts<S> for $Type {
            type Rejection = Infallible;

            async fn from_request_parts(
                parts: &mut Parts,
                _state: &S,
            ) -> Result<Option<Self>, Infallible> {
                let find: fn(&Extensions) -> Option<Self> = $find;
                Ok(find(&parts.extensions))
            }
        }
    };
}

extractor! {
    /// What the layers found out about the request. Rejected when there is no layer.
    Access by |extensions| Access::of(extensions).cloned()
}

extractor! {
    /// Who is making the request, without what the layers found out about it: a principal that a
    /// handler keeps for later says nothing about another request. Rejected when authentication
    /// left no principal.
    Principal by |extensions| Principal::of(extensions).map(Principal::without_access)
}

extractor! {
    /// The ticket of the first limit that the request is counted against; for another one, see
    /// [`Access::limit`]. A request that passes uncounted has a ticket too. Rejected when there is
    /// no [`CheckUsageLimitLayer`](crate::layer::CheckUsageLimitLayer).
    Ticket by |extensions| Access::of(extensions)?.ticket().cloned()
}

#[cfg(test)]
mod tests;
