//! `/api/events`: changes as server-sent events (HTML standard, section "Server-sent events").

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::parameters::Parameters;
use super::{Api, Problem};
use crate::BillingError;
use crate::api::described::Refused;
use crate::auth::{Permission, Role, Verified};
use crate::push::{Feed, MOST_OF_ONE_USER, NoPlace, Rest};

/// The place after which a client goes on; browsers send it by themselves.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Changes as they are committed: of subscriptions that the caller may read, and of the catalog.
///
/// The first event of each connection is `hello`; its id is the place from which the stream goes on, and
/// its data says by `resumed` whether nothing was missed since the last event id. Then come `subscription`
/// (with `subject`, `version` and `subscription`), `catalog` (with `revision`), `notification`, and
/// `usage.threshold_reached` (with `subject`, `subscriptionId`, `feature`, `metric`, `threshold` in percent,
/// `limit`, `used`, `windowStart` and `windowEnd`, null for a level) when recorded usage reaches a share of a
/// limit: once in a window, of a level each time that it rises to it. Kinds that a client does not know are
/// to be ignored. A comment is sent every 15 seconds. The stream ends when the token expires; the client
/// comes back with the id of the last event.
#[utoipa::path(
    get,
    path = "/api/events",
    tag = "events",
    security(("bearer" = [])),
    params(
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event seen"),
        ("lastEventId" = Option<String>, Query, description = "The same, for clients that cannot send the header"),
    ),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        Refused,
    )
)]
async fn events(
    State(api): State<Api>,
    client: Verified,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let asked = parameters.optional("lastEventId", "the id of an event", |text| {
        Some(text.to_owned())
    });
    parameters.finish()?;
    let caller = &client.caller;
    let operator = caller.is(Role::Admin) || caller.is(Role::Service);
    if !operator && !caller.permissions.contains(&Permission::Read) {
        let reason = "the token does not permit reading";
        return Err(BillingError::Forbidden(reason.into()).into());
    }
    if api.stop.is_cancelled() {
        return Err(unavailable("SHUTTING_DOWN", "the service is shutting down"));
    }
    let place = api.streams.take(caller).map_err(no_place)?;
    // The header is newer: a browser repeats the query of the first connection.
    let header = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    // What is no place was never seen here, and is answered as nothing at all would be.
    let seen = header.or(asked.as_deref()).and_then(place_of);
    let start = api.follower.start(seen).await?;
    let counted = metrics::gauge!("tiergate_billing_streams");
    counted.increment(1.0);
    let rest = Rest {
        stop: api.stop.clone(),
        _place: place,
        counted,
    };
    let feed = Feed::new(api.follower.clone(), client, start, rest);
    let stream = futures_util::stream::unfold(feed, |mut feed| async move {
        let piece = feed.next().await?;
        Some((Ok::<_, Infallible>(piece), feed))
    });
    let mut response = Body::from_stream(stream).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would gather events until its buffer is full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn place_of(id: &str) -> Option<i64> {
    id.trim().parse().ok().filter(|place| *place >= 0)
}

fn no_place(reason: NoPlace) -> Problem {
    match reason {
        NoPlace::Full => unavailable("TOO_MANY_STREAMS", "there are too many event streams"),
        NoPlace::TooManyOfOne => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TOO_MANY_STREAMS",
            "Too many event streams",
            format!("a user may have {MOST_OF_ONE_USER} event streams; close one"),
        ),
    }
}

fn unavailable(code: &'static str, detail: &'static str) -> Problem {
    let mut problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        code,
        "Events are not available now",
        format!("{detail}; try again later"),
    );
    problem.retry_after = Some(5);
    problem
}
