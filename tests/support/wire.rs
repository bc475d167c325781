//! As much of HTTP/1.1 as the billing service needs, by hand, so that it can also get it wrong.

use percent_encoding::percent_decode_str;
use tiergate::Subject;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::Received;

/// One client's connection. Reading is buffered, writing is not.
pub(crate) type Connection = BufReader<TcpStream>;

/// The longest request head that is read.
const MAX_HEAD: usize = 16 * 1024;

/// Reads the head of a request without a body. None when the client is gone.
pub(crate) async fn read_request(stream: &mut Connection) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert!(head.len() < MAX_HEAD, "a lookup sends a short request");
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a lookup sends text");
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let authorization = lines
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value.to_owned());
    Some(Received {
        path,
        authorization,
    })
}

/// The subject that a path asks for.
pub(crate) fn subject(path: &str) -> Option<Subject> {
    let (kind, id) = path.strip_prefix("/api/subscriptions/")?.split_once('/')?;
    let id = percent_decode_str(id).decode_utf8().ok()?.into_owned();
    match kind {
        "user" => Some(Subject::user(id)),
        "organization" => Some(Subject::organization(id)),
        _ => None,
    }
}

/// A response with everything that belongs to it.
pub(crate) fn response(status: u16, extra: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n{extra}\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Sends bytes. False when the client is gone.
pub(crate) async fn send(stream: &mut Connection, bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok()
}
