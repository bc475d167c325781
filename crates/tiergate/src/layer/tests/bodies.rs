use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full, combinators::BoxBody};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::support::{FLOWS, used};
use crate::Principal;
use crate::testing::TestGate;

/// What the service fails with: nothing of this crate, and not even an error.
#[derive(Debug, PartialEq, Eq)]
struct Broken;

/// A request body that can't be cloned.
struct Unique(#[expect(dead_code, reason = "it only has to be there")] Box<str>);

/// A response body of the service's own, which no bytes convert into.
#[derive(Debug)]
struct OnceBody(Option<Bytes>);

impl Body for OnceBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

fn request<B>(user: &str, body: B) -> Request<B> {
    let mut request = Request::new(body);
    request.extensions_mut().insert(Principal::user(user));
    request
}

/// The status and the text of a response, whatever its body is.
async fn answer<S, B, R>(service: S, request: Request<B>) -> (StatusCode, String)
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
    R: Body<Data = Bytes>,
    R::Error: std::fmt::Debug,
{
    let Ok(response) = service.oneshot(request).await;
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_request_body_need_not_be_cloned_nor_be_a_body() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().require_feature("crm_enabled").unwrap();
    let service = layer.layer(service_fn(async |_: Request<Unique>| {
        Ok::<_, Infallible>(Response::new(Full::from("served")))
    }));
    // The first is looked up, the second is cached.
    for _ in 0..2 {
        let request = request("ada", Unique("one of a kind".into()));
        let reply = answer(service.clone(), request).await;
        assert_eq!(reply, (StatusCode::OK, "served".to_owned()));
    }
}

#[tokio::test]
async fn a_boxed_response_body_takes_a_denial_through_a_closure() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().require_min_tier("pro").unwrap();
    let service = layer
        .denial_body(|bytes: Bytes| BoxBody::new(Full::new(bytes)))
        .layer(service_fn(async |_: Request<Empty<Bytes>>| {
            Ok::<_, Infallible>(Response::new(BoxBody::new(Full::from("served"))))
        }));
    let (status, _) = answer(service.clone(), request("ada", Empty::new())).await;
    assert_eq!(status, StatusCode::OK);
    let (status, text) = answer(service, request("bob", Empty::new())).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.contains("TIER_REQUIRED"));
}

#[tokio::test]
async fn a_response_body_of_the_services_own_takes_a_denial_too() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let service = layer
        .denial_body(|bytes| OnceBody(Some(bytes)))
        .layer(service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::new(OnceBody(None)))
        }));
    let (status, text) = answer(service.clone(), request("ada", ())).await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, ""));
    let (status, text) = answer(service, request("bob", ())).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.contains("FEATURE_NOT_AVAILABLE"));
}

#[tokio::test]
async fn the_error_of_the_service_passes_through_and_nothing_is_charged() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let service = layer.layer(service_fn(async |_: Request<()>| {
        Err::<Response<Full<Bytes>>, Broken>(Broken)
    }));
    for _ in 0..2 {
        let result = service.clone().oneshot(request("ada", ())).await;
        assert_eq!(result.unwrap_err(), Broken);
        assert_eq!(used(&test, "ada", FLOWS).await, 0);
    }
    // A denial is a response even of a service that always fails.
    let result = service.oneshot(request("bob", ())).await;
    assert_eq!(result.unwrap().status(), StatusCode::FORBIDDEN);
}

#[test]
fn layers_services_and_futures_go_to_other_threads() {
    fn assert_send_sync<T: Send + Sync>(_: &T) {}
    fn assert_send<T: Send>(_: &T) {}

    let test = TestGate::platform();
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    assert_send_sync(&layer);
    let mut service = layer.layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    assert_send_sync(&service);
    assert_send(&service.call(request("ada", ())));
}
