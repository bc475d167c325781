//! The methods of a route, each with what guards it.
//!
//! They are made like those of [`axum::routing`], by a function named for the method.

use std::fmt;

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{self, MethodRouter};

use super::audit::{RouteGuard, RouteMethod};
use super::guard::Guard;

/// The methods of a route with their handlers, and what guards each.
///
/// Made by the functions of [`guarded`](super::guarded), for a
/// [`GuardedRouter`](super::GuardedRouter).
///
/// ```
/// use tiergate::TierGate;
/// use tiergate::axum::{GuardedRouter, guarded};
///
/// # fn routes(gate: &TierGate) -> Result<GuardedRouter, tiergate::CheckError> {
/// let contacts = guarded::get(async || "all of them")
///     .merge(guarded::post(async || "one more").require(gate.check_usage_limit("storage_limit_gb")?))
///     // Both need the feature. It is added last and asked first, so that whoever lacks it is
///     // refused before anything is counted.
///     .require(gate.require_feature("crm_enabled")?);
/// # Ok(GuardedRouter::new().route("/contacts", contacts))
/// # }
/// # use tiergate::testing::TestGate;
/// # let routes = routes(&TestGate::platform().into_gate()).unwrap();
/// # assert_eq!(routes.unguarded().count(), 0);
/// ```
#[must_use]
pub struct GuardedMethods<S = ()> {
    pub(super) methods: MethodRouter<S>,
    pub(super) listed: Vec<(RouteMethod, RouteGuard)>,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident is $METHOD:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $name<H, T, S>(handler: H) -> GuardedMethods<S>
            where
                H: Handler<T, S>,
                T: 'static,
                S: Clone + Send + Sync + 'static,
            {
                GuardedMethods {
                    methods: routing::$name(handler),
                    listed: vec![(
                        RouteMethod::Only(Method::$METHOD),
                        RouteGuard::Unguarded,
                    )],
                }
            }
        )*
    };
}

methods! {
    /// `GET`, and with it `HEAD` unless the path has a handler for that.
    get is GET;
    /// `HEAD`.
    head is HEAD;
    /// `POST`.
    post is POST;
    /// `PUT`.
    put is PUT;
    /// `PATCH`.
    patch is PATCH;
    /// `DELETE`.
    delete is DELETE;
    /// `OPTIONS`.
    options is OPTIONS;
    /// `TRACE`.
    trace is TRACE;
    /// `CONNECT`.
    connect is CONNECT;
}

/// Every method that the path has no other handler for.
pub fn any<H, T, S>(handler: H) -> GuardedMethods<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    GuardedMethods {
        methods: routing::any(handler),
        listed: vec![(RouteMethod::Any, RouteGuard::Unguarded)],
    }
}

impl<S> GuardedMethods<S>
where
    S: Clone + Send + Sync + 'static,
{
    /// Guards every method that is here by now.
    ///
    /// What is added last is asked first, as with every layer of axum. Add a guard that takes units
    /// before those that only look: what they refuse then costs nothing. A method that the path does
    /// not have is still answered 405.
    pub fn require(mut self, guard: impl Guard) -> Self {
        let words = guard.describe();
        for (_, listed) in &mut self.listed {
            listed.guard_by(&words);
        }
        let serves_any = self
            .listed
            .iter()
            .any(|(method, _)| *method == RouteMethod::Any);
        self.methods = if serves_any {
            // To axum a handler for any method is a fallback, which `route_layer` leaves alone.
            self.methods.layer(guard)
        } else {
            self.methods.route_layer(guard)
        };
        self
    }

    /// Says why the methods that are here by now need no guard. Those that have one keep it, and
    /// are listed with it.
    pub fn public(mut self, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        for (_, listed) in &mut self.listed {
            if *listed == RouteGuard::Unguarded {
                *listed = RouteGuard::Public {
                    reason: reason.clone(),
                };
            }
        }
        self
    }

    /// Adds other methods, with the guards that they have.
    ///
    /// # Panics
    ///
    /// When both have the same method, as [`MethodRouter::merge`] does.
    #[track_caller]
    pub fn merge(mut self, other: Self) -> Self {
        self.methods = self.methods.merge(other.methods);
        self.listed.extend(other.listed);
        self
    }
}

impl<S> fmt::Debug for GuardedMethods<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedMethods")
            .field("listed", &self.listed)
            .finish_non_exhaustive()
    }
}
