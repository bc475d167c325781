use std::convert::Infallible;

use axum::body::Body;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::Route;
use tower_layer::Layer;
use tower_service::Service;

use crate::denial::MakeBody;
use crate::layer::{CheckUsageLimitLayer, RequireFeatureLayer, RequireMinTierLayer};

/// A layer that can say what it asks of a request.
///
/// The layers of this crate are guards. A service that has other conditions for a route, such as a
/// role, can make guards of its own layers, and have them listed too. The list believes what a guard
/// says of itself.
///
/// ```
/// use axum::extract::Request;
/// use axum::http::StatusCode;
/// use tiergate::axum::{Guard, GuardedRouter, guarded};
/// use tower_layer::Layer;
///
/// /// Lets nobody in.
/// #[derive(Clone)]
/// struct Closed;
///
/// impl<S> Layer<S> for Closed {
///     type Service = Refusing;
///
///     fn layer(&self, _inner: S) -> Refusing {
///         Refusing
///     }
/// }
///
/// #[derive(Clone)]
/// struct Refusing;
///
/// impl tower_service::Service<Request> for Refusing {
///     type Response = StatusCode;
///     type Error = std::convert::Infallible;
///     type Future = std::future::Ready<Result<StatusCode, Self::Error>>;
///
///     fn poll_ready(
///         &mut self,
///         _: &mut std::task::Context<'_>,
///     ) -> std::task::Poll<Result<(), Self::Error>> {
///         std::task::Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, _: Request) -> Self::Future {
///         std::future::ready(Ok(StatusCode::FORBIDDEN))
///     }
/// }
///
/// impl Guard for Closed {
///     fn describe(&self) -> String {
///         "closed to all".to_owned()
///     }
/// }
///
/// let routes: GuardedRouter =
///     GuardedRouter::new().route("/vault", guarded::get(async || "gold").require(Closed));
/// assert_eq!(routes.unguarded().count(), 0);
/// ```
pub trait Guard:
    Layer<
        Route,
        Service: Service<
            Request,
            Response: IntoResponse + 'static,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
                     + Send
                     + Sync
                     + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// What it asks of a request, in words, for the list of routes.
    fn describe(&self) -> String;
}

macro_rules! guards {
    ($($Layer:ident)*) => {
        $(
            impl<M> Guard for $Layer<M>
            where
                M: MakeBody<Body> + Clone + Send + Sync + 'static,
            {
                fn describe(&self) -> String {
                    // The layer's own method, which takes precedence over the trait's.
                    $Layer::describe(self)
                }
            }
        )*
    };
}

guards!(RequireFeatureLayer RequireMinTierLayer CheckUsageLimitLayer);
