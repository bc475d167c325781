use std::convert::Infallible;
use std::fmt;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::Route;
use tower_layer::Layer;
use tower_service::Service;

use super::audit::{RouteEntry, RouteGuard, RouteList};
use super::guard::Guard;
use super::guarded::GuardedMethods;

/// An axum [`Router`] that lists each of its routes with what guards it.
///
/// It builds the same router that axum would, and adds nothing on the path of a request.
///
/// # What the list can't know
///
/// axum does not tell which routes a router has, so the list holds what was added through this type:
///
/// * Fallbacks, services and routes that are added to the router after
///   [`into_router`](Self::into_router) are not in it.
/// * A guard that is added with [`layer`](Self::layer) or [`route_layer`](Self::route_layer) guards
///   and is not listed. Add it with [`require`](Self::require).
/// * What other paths lead to the same handler, such as a catch-all, is listed as that other path.
///
/// ```
/// use tiergate::TierGate;
/// use tiergate::axum::{GuardedRouter, guarded};
///
/// fn routes(gate: &TierGate) -> Result<GuardedRouter, tiergate::CheckError> {
///     let flows = GuardedRouter::new()
///         .route(
///             "/",
///             guarded::get(async || "flows").merge(
///                 guarded::post(async || "ran")
///                     .require(gate.check_usage_limit("workflow_executions_monthly")?),
///             ),
///         )
///         .require(gate.require_feature("workflow_enabled")?);
///     Ok(GuardedRouter::new()
///         .nest("/flows", flows)
///         .route("/health", guarded::get(async || "ok").public("health check"))
///         .route("/export", guarded::get(async || "everything")))
/// }
///
/// # use tiergate::testing::TestGate;
/// let routes = routes(&TestGate::platform().into_gate())?;
/// assert_eq!(
///     routes.to_string(),
///     "\
/// METHOD  PATH     GUARD
/// GET     /flows   feature `workflow_enabled`
/// HEAD    /flows   feature `workflow_enabled`
/// POST    /flows   feature `workflow_enabled` + 1 of limit `workflow_executions_monthly`
/// GET     /health  public: health check
/// HEAD    /health  public: health check
/// GET     /export  UNGUARDED
/// HEAD    /export  UNGUARDED"
/// );
///
/// // In the service's own tests, this fails:
/// let forgotten: Vec<_> = routes.unguarded().map(|route| route.path()).collect();
/// assert_eq!(forgotten, ["/export", "/export"]);
/// # Ok::<(), tiergate::CheckError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct GuardedRouter<S = ()> {
    router: Router<S>,
    list: RouteList,
}

impl<S> GuardedRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    /// A router without routes.
    pub fn new() -> Self {
        Self {
            router: Router::new(),
            list: RouteList::default(),
        }
    }

    /// Adds a path. One that is there already gets further methods.
    ///
    /// # Panics
    ///
    /// When the path is not one, overlaps another, or has one of the methods already, as
    /// [`Router::route`] does.
    #[track_caller]
    pub fn route(mut self, path: &str, methods: GuardedMethods<S>) -> Self {
        self.router = self.router.route(path, methods.methods);
        for (method, guard) in methods.listed {
            self.list.add(path, method, guard);
        }
        self
    }

    /// Adds the routes of another router under a prefix. In the list they stand where they are
    /// served.
    ///
    /// # Panics
    ///
    /// When the prefix is empty or `/`, is not a path, or a route overlaps, as [`Router::nest`]
    /// does.
    #[track_caller]
    pub fn nest(mut self, prefix: &str, other: Self) -> Self {
        self.router = self.router.nest(prefix, other.router);
        self.list
            .add_all(other.list, |path| nested_path(prefix, path));
        self
    }

    /// Adds the routes of another router.
    ///
    /// # Panics
    ///
    /// When a route overlaps, as [`Router::merge`] does.
    #[track_caller]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.list.add_all(other.list, str::to_owned);
        self
    }

    /// Guards every route that is here by now, whatever its method. Routes that are added afterwards
    /// are not guarded by it. Unknown paths are still answered 404; a method that a path does not
    /// have is asked for the guard too, before it is answered 405.
    ///
    /// What is added last is asked first.
    ///
    /// # Panics
    ///
    /// When there are no routes, as [`Router::route_layer`] does.
    #[track_caller]
    pub fn require(mut self, guard: impl Guard) -> Self {
        self.list.guard_all(&guard.describe());
        self.router = self.router.route_layer(guard);
        self
    }

    /// Puts a layer around everything that is here by now, unknown paths included, such as the
    /// service's authentication. Add it last: what is added last runs first, and the guards read
    /// what authentication leaves on the request. It changes nothing in the list.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.router = self.router.layer(layer);
        self
    }

    /// Puts a layer around every route that is here by now. Unknown paths are answered without it.
    ///
    /// # Panics
    ///
    /// When there are no routes, as [`Router::route_layer`] does.
    #[track_caller]
    pub fn route_layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.router = self.router.route_layer(layer);
        self
    }

    /// Gives the handlers their state.
    pub fn with_state<S2>(self, state: S) -> GuardedRouter<S2> {
        GuardedRouter {
            router: self.router.with_state(state),
            list: self.list,
        }
    }
}

impl<S> GuardedRouter<S> {
    /// Every route, in the order in which they were added.
    #[must_use]
    pub fn routes(&self) -> &[RouteEntry] {
        self.list.entries()
    }

    /// The routes that have no guard and are not said to need none.
    pub fn unguarded(&self) -> impl Iterator<Item = &RouteEntry> {
        self.routes()
            .iter()
            .filter(|route| *route.guard() == RouteGuard::Unguarded)
    }

    /// The router, without the list.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}

/// Where axum serves a route of a nested router.
fn nested_path(prefix: &str, path: &str) -> String {
    if prefix.ends_with('/') {
        format!("{prefix}{}", path.trim_start_matches('/'))
    } else if path == "/" {
        prefix.to_owned()
    } else {
        format!("{prefix}{path}")
    }
}

impl<S> Default for GuardedRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

/// An aligned table of the routes: method, path, guard.
impl<S> fmt::Display for GuardedRouter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}

impl<S> fmt::Debug for GuardedRouter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedRouter")
            .field("routes", &self.routes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
