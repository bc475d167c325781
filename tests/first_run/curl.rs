//! The few things that the README asks of curl, over a plain socket.

use tiergate_tests::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// `curl [-X METHOD] [-H 'Name: value'] [-d 'body'] URL`, in any order.
#[derive(Debug, Default)]
pub(crate) struct Curl {
    method: Option<String>,
    headers: Vec<String>,
    body: String,
    address: String,
    path: String,
}

impl Curl {
    /// Reads a command line. Whatever else curl can do is refused, so that nothing is passed over.
    pub(crate) fn parse(line: &str) -> Self {
        let mut words = words(line).into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"), "in {line:?}");
        let mut curl = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-X" => curl.method = words.next(),
                "-H" => curl.headers.extend(words.next()),
                "-d" => curl.body = words.next().expect("-d has a body"),
                url => {
                    let rest = url.strip_prefix("http://");
                    let rest = rest.unwrap_or_else(|| panic!("`{url}` is not understood"));
                    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
                    curl.address = address.to_owned();
                    curl.path = format!("/{path}");
                }
            }
        }
        curl
    }

    /// Whether it changes anything.
    pub(crate) fn is_change(&self) -> bool {
        self.method.is_some()
    }

    /// Sends it, and gives the body of the answer.
    pub(crate) async fn run(&self) -> String {
        let method = self.method.as_deref().unwrap_or("GET");
        let headers: String = self
            .headers
            .iter()
            .map(|header| format!("{header}\r\n"))
            .collect();
        let Self {
            address,
            path,
            body,
            ..
        } = self;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        );
        let answer = within("an answer", async {
            let mut stream = TcpStream::connect(address)
                .await
                .expect("the server listens");
            stream
                .write_all(request.as_bytes())
                .await
                .expect("the server reads");
            let mut answer = String::new();
            stream
                .read_to_string(&mut answer)
                .await
                .expect("the answer is text");
            answer
        })
        .await;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .expect("the answer has a head");
        assert!(!head.contains("transfer-encoding"), "{head}");
        body.to_owned()
    }
}

/// Splits a line as a shell would, as far as a word is quoted as a whole or not at all.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let quoted = rest.strip_prefix(['\'', '"']);
        let parts = quoted.map_or_else(|| rest.split_once(' '), |quoted| quoted.split_once(first));
        let (word, after) = parts.unwrap_or((rest, ""));
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}
