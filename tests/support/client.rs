use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{ORGANIZATION, USER, within};

/// Asks one server, over as many connections as are needed at once.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    inner: legacy::Client<HttpConnector, Full<Bytes>>,
}

/// A request that is being put together.
#[derive(Debug)]
#[must_use]
pub struct Ask {
    client: Client,
    request: Request<Full<Bytes>>,
}

/// A response that was read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A client that has sent a request, waits for the answer, and may leave.
#[derive(Debug)]
pub struct Visitor {
    stream: TcpStream,
}

impl Client {
    /// A client of the server at `address`.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            inner: legacy::Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// A `GET` request.
    pub fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, path)
    }

    /// A `POST` request.
    pub fn post(&self, path: &str) -> Ask {
        self.ask(Method::POST, path)
    }

    /// A request.
    ///
    /// # Panics
    ///
    /// When `path` is none.
    pub fn ask(&self, method: Method, path: &str) -> Ask {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .body(Full::default())
            .unwrap();
        Ask {
            client: self.clone(),
            request,
        }
    }

    /// Sends a `GET` request of a user on a connection of its own, and stays for the answer until it
    /// is dropped.
    ///
    /// # Panics
    ///
    /// When the server cannot be reached.
    pub async fn visit(&self, path: &str, user: &str) -> Visitor {
        self.visit_with(path, user, "").await
    }

    /// As [`visit`](Self::visit), with more header lines, each ended by CR LF.
    ///
    /// # Panics
    ///
    /// When the server cannot be reached.
    pub async fn visit_with(&self, path: &str, user: &str, lines: &str) -> Visitor {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\n{USER}: {user}\r\n{lines}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        Visitor { stream }
    }
}

impl Visitor {
    /// Waits for the head of the answer, and reads no further.
    ///
    /// # Panics
    ///
    /// When the connection breaks first.
    pub async fn head(&mut self) -> String {
        within("the head", async {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                head.push(char::from(self.stream.read_u8().await.unwrap()));
            }
            head
        })
        .await
    }

    /// Waits for exactly these bytes.
    ///
    /// # Panics
    ///
    /// When others come, or none.
    pub async fn expect(&mut self, bytes: &[u8]) {
        let mut read = vec![0; bytes.len()];
        within("bytes", self.stream.read_exact(&mut read))
            .await
            .unwrap();
        assert_eq!(read, bytes);
    }

    /// Sends bytes.
    ///
    /// # Panics
    ///
    /// When the connection is broken.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Goes away without waiting for the answer.
    pub fn leave(self) {
        drop(self.stream);
    }
}

impl Ask {
    /// Asks as a user.
    pub fn user(self, id: &str) -> Self {
        self.header(USER, id)
    }

    /// Asks as an organization.
    pub fn organization(self, id: &str) -> Self {
        self.header(ORGANIZATION, id)
    }

    /// Adds a header.
    ///
    /// # Panics
    ///
    /// When it is none.
    pub fn header(self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.header_of(HeaderName::from_static(name), value)
    }

    /// Adds a header that was read already.
    pub fn header_of(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.request.headers_mut().append(name, value);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = Full::new(body.into());
        self
    }

    /// Sends it, and reads the whole answer. None if the connection broke first.
    pub async fn try_send(self) -> Option<Reply> {
        within("a request", async {
            let response = self.client.inner.request(self.request).await.ok()?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some(Reply {
                status: parts.status,
                headers: parts.headers,
                body,
            })
        })
        .await
    }

    /// Sends it, and reads the whole answer.
    ///
    /// # Panics
    ///
    /// When the connection broke first.
    pub async fn send(self) -> Reply {
        self.try_send().await.expect("the server answers")
    }

    /// Sends it, and tells the status of the answer.
    ///
    /// # Panics
    ///
    /// When the connection broke first.
    pub async fn status(self) -> StatusCode {
        self.send().await.status
    }
}

impl Reply {
    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a denial; empty if it is none.
    #[must_use]
    pub fn code(&self) -> String {
        let json = self.json();
        let code = json.get("code").and_then(Value::as_str);
        code.unwrap_or_default().to_owned()
    }

    /// A header as text; none if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How many seconds the client is told to wait; none if it is not.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        self.header("retry-after")?.parse().ok()
    }
}
