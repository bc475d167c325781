use bytes::Bytes;
use serde_json::json;
use tiergate::Subscription;
use tiergate::lookup::wire::to_json;
use tokio::io::AsyncReadExt;
use tokio::sync::broadcast;

use crate::wire::{Connection, send};

/// Where the changes are told.
pub(crate) const PATH: &str = "/api/events";

/// How many changes a follower may be behind.
pub(crate) const ROOM: usize = 64;

pub(crate) type Sender = broadcast::Sender<Bytes>;

/// The event of a change.
pub(crate) fn event(subscription: &Subscription) -> Bytes {
    let record = to_json(subscription);
    let data = json!({
        "subject": { "userId": record.get("userId"), "organizationId": record.get("organizationId") },
        "version": record.get("version"),
        "subscription": record,
    });
    format!("event: subscription\ndata: {data}\n\n").into()
}

/// Tells of every change from now on, until the client leaves. What was before, it cannot say.
pub(crate) async fn tell(mut stream: Connection, mut changes: broadcast::Receiver<Bytes>) {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
                 event: hello\ndata: {\"resumed\":false}\n\n";
    if !send(&mut stream, head).await {
        return;
    }
    loop {
        let event = tokio::select! {
            event = changes.recv() => event.expect("the follower keeps up"),
            _ = stream.read_u8() => return,
        };
        if !send(&mut stream, &event).await {
            return;
        }
    }
}
