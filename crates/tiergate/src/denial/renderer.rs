use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, Response};
use tiergate_core::Denial;

use super::{KeptDenial, ProblemJson, RateLimitFields, fields};

/// Turns a denial into a response.
///
/// [`ProblemJson`] is the default, [`PlatformJson`](super::PlatformJson) another one that is ready,
/// and a closure from a denial to a response is one too. Whatever it builds, the layer adds
/// `Cache-Control: no-store`, `Retry-After` and the rate limit fields where they apply and are not
/// there yet, and puts the [`Denial`] into the response's extensions for layers further out.
///
/// ```
/// use bytes::Bytes;
/// use tiergate::Denial;
/// use tiergate::denial::RenderDenial;
///
/// fn plain_text() -> impl RenderDenial {
///     |denial: &Denial| {
///         let body = Bytes::from(denial.detail());
///         let mut response = http::Response::new(body);
///         *response.status_mut() = http::StatusCode::PAYMENT_REQUIRED;
///         response
///     }
/// }
/// # let _ = plain_text();
/// ```
pub trait RenderDenial: Send + Sync + 'static {
    /// The response that says it. Must not block: it runs on the path of the request.
    fn render(&self, denial: &Denial) -> Response<Bytes>;

    /// Whether it says equal denials alike, each time: with no time of day, no number of a request and
    /// nothing counted. A layer then renders what many are denied once, and sends it again.
    ///
    /// False by default, and for closures.
    fn is_always_the_same(&self) -> bool {
        false
    }
}

impl<F> RenderDenial for F
where
    F: Fn(&Denial) -> Response<Bytes> + Send + Sync + 'static,
{
    fn render(&self, denial: &Denial) -> Response<Bytes> {
        self(denial)
    }
}

/// Makes the body of a denial in the type that the wrapped service answers with.
///
/// [`FromBytes`], the default, serves every body that is `From<Bytes>`, such as axum's and
/// `http_body_util::Full`. For any other, a layer's `denial_body` takes a closure.
pub trait MakeBody<B> {
    /// A body of these bytes.
    fn make_body(&self, bytes: Bytes) -> B;
}

/// Makes bodies by `From<Bytes>`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct FromBytes;

impl<B: From<Bytes>> MakeBody<B> for FromBytes {
    fn make_body(&self, bytes: Bytes) -> B {
        bytes.into()
    }
}

impl<B, F: Fn(Bytes) -> B> MakeBody<B> for F {
    fn make_body(&self, bytes: Bytes) -> B {
        self(bytes)
    }
}

/// The renderer in use, shared by clones of a layer.
#[derive(Clone)]
pub(crate) struct Renderer(Arc<dyn RenderDenial>);

impl Renderer {
    pub(crate) fn new(render: impl RenderDenial) -> Self {
        Self(Arc::new(render))
    }

    /// The response, with everything that clients rely on whoever rendered it.
    pub(crate) fn respond<B>(
        &self,
        denial: Denial,
        fields: &RateLimitFields,
        body: &impl MakeBody<B>,
    ) -> Response<B> {
        let mut response = self.render(&denial);
        fields.append_to(response.headers_mut());
        deliver(response, denial, body)
    }

    /// The same, to be kept, if a denial without fields is always said in this way.
    pub(crate) fn render_to_keep(&self, denial: &Denial) -> Option<Response<Bytes>> {
        self.0.is_always_the_same().then(|| self.render(denial))
    }

    /// The response to a denial that was kept.
    pub(crate) fn respond_again<B>(
        &self,
        kept: &KeptDenial,
        body: &impl MakeBody<B>,
    ) -> Response<B> {
        let response = match &kept.response {
            Some(response) => response.clone(),
            None => self.render(&kept.denial),
        };
        deliver(response, kept.denial.clone(), body)
    }

    fn render(&self, denial: &Denial) -> Response<Bytes> {
        let mut response = self.0.render(denial);
        let headers = response.headers_mut();
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        if let Some(wait) = denial.retry_after() {
            headers
                .entry(RETRY_AFTER)
                .or_insert_with(|| HeaderValue::from(fields::whole_seconds(wait)));
        }
        response
    }
}

/// Gives a response the body of the service it comes from, and tells layers further out of the denial.
fn deliver<B>(response: Response<Bytes>, denial: Denial, body: &impl MakeBody<B>) -> Response<B> {
    let mut response = response.map(|bytes| body.make_body(bytes));
    response.extensions_mut().insert(denial);
    response
}

impl Default for Renderer {
    fn default() -> Self {
        Self::new(ProblemJson::new())
    }
}

impl fmt::Debug for Renderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<render denial>")
    }
}
