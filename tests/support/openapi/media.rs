//! Types of content, after RFC 9110, section 8.3.

use serde_json::Value;

use super::document::Content;

/// The documented type that fits what was sent most exactly.
pub(super) fn best<'a>(content: &'a [Content], sent: &str) -> Option<&'a Content> {
    let sent = essence(sent);
    let kind = sent.split_once('/').map_or("", |(kind, _)| kind);
    let ranges = [sent.clone(), format!("{kind}/*"), "*/*".to_owned()];
    ranges.iter().find_map(|range| {
        let mut content = content.iter();
        content.find(|content| !sent.is_empty() && essence(&content.media) == *range)
    })
}

/// A body as the value that a schema describes: that of JSON, else a text.
pub(super) fn read(media: &str, body: &[u8]) -> Result<Value, String> {
    let essence = essence(media);
    if essence == "application/json" || essence.ends_with("+json") {
        return serde_json::from_slice(body).map_err(|why| format!("the body is no JSON: {why}"));
    }
    Ok(Value::String(String::from_utf8_lossy(body).into_owned()))
}

/// A type without its parameters. Types do not tell upper from lower case.
fn essence(media: &str) -> String {
    let (essence, _) = media.split_once(';').unwrap_or((media, ""));
    essence.trim().to_ascii_lowercase()
}
