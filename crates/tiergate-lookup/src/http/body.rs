use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::request::transport_error;
use crate::{LookupError, LookupErrorKind};

/// The largest answer about a subscription that is read, in bytes.
pub(super) const MAX_BYTES: usize = 256 * 1024;

/// Reads a JSON body of at most so many bytes, and stops reading where it gets larger.
pub(super) async fn read_json(mut response: Response, most: usize) -> Result<Vec<u8>, LookupError> {
    if !is_json(&response) {
        return Err(invalid(&response, "the answer is not JSON"));
    }
    if is_encoded(&response) {
        return Err(invalid(&response, "the answer is compressed"));
    }
    let announced = response.content_length().unwrap_or(0);
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > most {
        return Err(too_large(&response));
    }
    let mut body = Vec::with_capacity(announced);
    while let Some(chunk) = response.chunk().await.map_err(transport_error)? {
        if chunk.len() > most.saturating_sub(body.len()) {
            return Err(too_large(&response));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Fails if the response is a page for people: then something else than the subscription service
/// answered, such as a proxy, or a server that the address should not lead to.
pub(super) fn refuse_page(response: &Response) -> Result<(), LookupError> {
    match media_type(response).as_deref() {
        Some("text/html" | "application/xhtml+xml") => {
            Err(invalid(response, "the answer is a web page"))
        }
        _ => Ok(()),
    }
}

/// Fails if the response is no readable stream of events.
pub(super) fn expect_event_stream(response: &Response) -> Result<(), LookupError> {
    if media_type(response).as_deref() != Some("text/event-stream") {
        return Err(invalid(response, "the answer is not a stream of events"));
    }
    if is_encoded(response) {
        return Err(invalid(response, "the answer is compressed"));
    }
    Ok(())
}

fn is_json(response: &Response) -> bool {
    media_type(response).is_some_and(|essence| {
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}

/// The media type in small letters, without its parameters.
fn media_type(response: &Response) -> Option<String> {
    let value = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    Some(essence.to_ascii_lowercase())
}

fn is_encoded(response: &Response) -> bool {
    response
        .headers()
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn too_large(response: &Response) -> LookupError {
    invalid(response, "the answer is larger than any that is expected")
}

fn invalid(response: &Response, complaint: &'static str) -> LookupError {
    LookupError::new(LookupErrorKind::InvalidAnswer)
        .with_status(response.status().as_u16())
        .with_source(complaint)
}
