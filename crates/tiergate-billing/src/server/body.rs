//! The size and the deadline of request bodies.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::{LengthLimitError, Limited};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::ServerOptions;
use crate::api::Problem;

/// Under which path bodies may be larger: a provider decides how large its webhooks are.
const WEBHOOKS: &str = "/webhooks/";

type BoxError = Box<dyn Error + Send + Sync>;

/// The bounds of bodies.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyBounds {
    usual: usize,
    webhook: usize,
    patience: Duration,
}

impl BodyBounds {
    pub(super) fn new(options: &ServerOptions) -> Self {
        Self {
            usual: options.max_body_bytes,
            webhook: options.max_webhook_bytes,
            patience: options.body_read_timeout,
        }
    }
}

/// What went wrong with a body. A handler sees a body that broke off; the answer is made here, the same
/// for every route.
#[derive(Debug, Default)]
struct Faults {
    too_large: AtomicBool,
    too_slow: AtomicBool,
}

/// Bounds the body of a request. A body that says it is too large is not read at all.
pub(super) async fn bound(
    State(bounds): State<BodyBounds>,
    request: Request,
    next: Next,
) -> Response {
    let most = if request.uri().path().starts_with(WEBHOOKS) {
        bounds.webhook
    } else {
        bounds.usual
    };
    if announced(request.headers()).is_some_and(|bytes| bytes > most) {
        return too_large(most);
    }
    if http_body::Body::is_end_stream(request.body()) {
        return next.run(request).await;
    }
    let faults = Arc::new(Faults::default());
    let request = request.map(|body| {
        Body::new(BoundedBody {
            body: Limited::new(body, most),
            until: sleep(bounds.patience),
            faults: Arc::clone(&faults),
        })
    });
    let response = next.run(request).await;
    if response.status().as_u16() < 400 {
        return response;
    }
    if faults.too_large.load(Ordering::Relaxed) {
        return too_large(most);
    }
    if faults.too_slow.load(Ordering::Relaxed) {
        return Problem::of_request(
            StatusCode::REQUEST_TIMEOUT,
            "BODY_TIMEOUT",
            "The body took too long",
            format!(
                "a body has to arrive within {} seconds",
                bounds.patience.as_secs_f32()
            ),
        )
        .into_response();
    }
    response
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(most: usize) -> Response {
    Problem::of_request(
        StatusCode::PAYLOAD_TOO_LARGE,
        "BODY_TOO_LARGE",
        "The body is too large",
        format!("a body of this route may have {most} bytes"),
    )
    .into_response()
}

pin_project! {
    struct BoundedBody {
        #[pin]
        body: Limited<Body>,
        #[pin]
        until: Sleep,
        faults: Arc<Faults>,
    }
}

impl http_body::Body for BoundedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(context) {
            if let Some(Err(error)) = &frame
                && error.is::<LengthLimitError>()
            {
                this.faults.too_large.store(true, Ordering::Relaxed);
            }
            return Poll::Ready(frame);
        }
        match this.until.poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                this.faults.too_slow.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err("the body took too long".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
