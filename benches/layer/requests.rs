//! Sends requests to a service in the same process.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode};
use tiergate::Principal;
use tower::Service;
use tower::util::ServiceExt;

use crate::world::{ONE_OF_EACH, World};

/// Where a gateway would put the id of the user.
pub(crate) const USER_HEADER: HeaderName = HeaderName::from_static("x-user-id");

/// A router, guarded or not.
pub(crate) trait App:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Send
{
}

impl<S> App for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Send
{
}

/// How a request says who sends it.
#[derive(Clone, Copy)]
pub(crate) enum Signed {
    /// By what authentication left on it.
    Principal,
    /// By a header.
    Header,
    /// It does not.
    Not,
}

/// What a service answers a subscriber of a tier.
pub(crate) type Truth = fn(tier: &str) -> StatusCode;

/// Requests of the many subscribers, made beforehand as far as can be.
pub(crate) struct Callers {
    principals: Vec<Principal>,
    headers: Vec<HeaderValue>,
}

impl Callers {
    pub(crate) fn of(world: &World) -> Self {
        Self {
            principals: world
                .ids
                .iter()
                .map(|id| Principal::user(id.as_str()))
                .collect(),
            headers: world.ids.iter().map(|id| header(id)).collect(),
        }
    }

    fn request(&self, number: usize, signed: Signed) -> Request {
        let mut request = Request::new(Body::empty());
        match signed {
            Signed::Principal => {
                let principal = self.principals[number].clone();
                request.extensions_mut().insert(principal);
            }
            Signed::Header => {
                let id = self.headers[number].clone();
                request.headers_mut().insert(USER_HEADER, id);
            }
            Signed::Not => {}
        }
        request
    }
}

fn header(id: &str) -> HeaderValue {
    HeaderValue::from_str(id).expect("an id is visible ASCII")
}

fn request_of(id: &str, signed: Signed) -> Request {
    let mut request = Request::new(Body::empty());
    match signed {
        Signed::Principal => {
            request.extensions_mut().insert(Principal::user(id));
        }
        Signed::Header => {
            request.headers_mut().insert(USER_HEADER, header(id));
        }
        Signed::Not => {}
    }
    request
}

async fn send(app: &mut impl App, request: Request) -> StatusCode {
    let Ok(service) = app.ready().await;
    let Ok(response) = service.call(request).await;
    response.status()
}

/// Sees that a service answers one subscriber of each tier as it should.
pub(crate) fn hold_to_truth(
    world: &World,
    name: &str,
    app: &mut impl App,
    signed: Signed,
    truth: Truth,
) {
    for tier in ONE_OF_EACH {
        let request = request_of(tier, signed);
        let status = world.runtime.block_on(send(app, request));
        assert_eq!(status, truth(tier), "{name}, of tier {tier}");
    }
}

/// Sends requests of the many, every one of which is answered with `expected`.
pub(crate) fn of_many<'a>(
    world: &'a World,
    callers: &'a Callers,
    mut app: impl App + 'a,
    signed: Signed,
    expected: StatusCode,
) -> impl FnMut(u64) + 'a {
    let mut walk = world.walk();
    move |times| {
        world.runtime.block_on(async {
            for _ in 0..times {
                let request = callers.request(walk.step(), signed);
                assert_eq!(send(&mut app, request).await, expected);
            }
        });
    }
}

/// Sends requests of one subscriber, every one of which is answered with `expected`.
pub(crate) fn of_one<'a>(
    world: &'a World,
    mut app: impl App + 'a,
    id: &'static str,
    signed: Signed,
    expected: StatusCode,
) -> impl FnMut(u64) + 'a {
    let principal = Principal::user(id);
    move |times| {
        world.runtime.block_on(async {
            for _ in 0..times {
                let mut request = Request::new(Body::empty());
                if let Signed::Principal = signed {
                    request.extensions_mut().insert(principal.clone());
                }
                assert_eq!(send(&mut app, request).await, expected, "{id}");
            }
        });
    }
}
