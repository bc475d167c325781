//! The stream of changes that the billing service offers, `GET {base}/api/events`.

use std::time::Duration;

use reqwest::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode};
use secrecy::SecretString;

use super::request::{ComeBack, Setback, headers, refusal, refuse_redirected, transport_error};
use super::{HttpLookup, body};
use crate::follow::EventId;
use crate::{LookupError, LookupErrorKind};

/// The longest that one stream is read; then a new one is opened. It also takes the place of the
/// deadline for whole answers that a client may have that was given.
const LONGEST_STREAM: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long a service is left alone that says when to come back, but not in seconds.
const UNCLEAR_WISH: Duration = Duration::from_secs(30);

/// The bytes of a stream of changes, as they come.
#[derive(Debug)]
pub(crate) struct ChangeStream(Response);

/// Why there is no stream.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// The service has none.
    NotOffered { status: u16 },
    /// It could not be opened this time. The service wishes to be left alone for so long.
    Failed { error: LookupError, wish: Duration },
}

impl HttpLookup {
    /// Opens the stream of changes behind the event `after`. A token that is refused is renewed
    /// once. Has no deadline of its own.
    pub(crate) async fn open_changes(
        &self,
        after: Option<&EventId>,
    ) -> Result<ChangeStream, Unopened> {
        let token = self.inner.token().await?;
        let first = self.attempt_changes(after, token.as_ref()).await;
        match &first {
            Err(Unopened::Failed { error, .. })
                if error.status() == Some(StatusCode::UNAUTHORIZED.as_u16())
                    && self.inner.renews(token.as_ref()) =>
            {
                let token = self.inner.token().await?;
                self.attempt_changes(after, token.as_ref()).await
            }
            _ => first,
        }
    }

    async fn attempt_changes(
        &self,
        after: Option<&EventId>,
        token: Option<&SecretString>,
    ) -> Result<ChangeStream, Unopened> {
        let url = self.inner.base.events_url();
        let mut headers = headers("text/event-stream", token)?;
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(id) = after {
            headers.insert(
                HeaderName::from_static("last-event-id"),
                id.header().clone(),
            );
        }
        let request = self.inner.client.get(url.clone()).headers(headers);
        let request = request.timeout(LONGEST_STREAM);
        let response = request.send().await.map_err(transport_error)?;
        refuse_redirected(&response, &url)?;
        match response.status() {
            StatusCode::OK => {
                body::expect_event_stream(&response)?;
                Ok(ChangeStream(response))
            }
            // A client of the standard would never come back after 204.
            status @ (StatusCode::NOT_FOUND
            | StatusCode::NO_CONTENT
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::GONE
            | StatusCode::NOT_IMPLEMENTED) => Err(Unopened::NotOffered {
                status: status.as_u16(),
            }),
            status => Err(refusal(status, response.headers()).into()),
        }
    }
}

impl ChangeStream {
    /// The next bytes; none at the end. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, LookupError> {
        self.0.chunk().await.map_err(transport_error)
    }
}

impl From<LookupError> for Unopened {
    fn from(error: LookupError) -> Self {
        Self::Failed {
            error,
            wish: Duration::ZERO,
        }
    }
}

impl From<Setback> for Unopened {
    fn from(setback: Setback) -> Self {
        Self::Failed {
            wish: match setback.come_back {
                ComeBack::Unsaid => Duration::ZERO,
                ComeBack::After(wish) => wish,
                ComeBack::Later => UNCLEAR_WISH,
            },
            error: setback.error,
        }
    }
}

impl From<LookupErrorKind> for Unopened {
    fn from(kind: LookupErrorKind) -> Self {
        LookupError::new(kind).into()
    }
}
