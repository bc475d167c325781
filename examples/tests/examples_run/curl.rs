//! The few things that the examples ask of curl, over a plain socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// How often a request is sent again that the service could not answer just then.
const RETRIES: usize = 3;
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A command line: `curl [-i] [-X METHOD] [-H 'Name: value'] [-d 'body'] URL`, in any order.
#[derive(Debug, PartialEq)]
pub(crate) struct Curl {
    method: String,
    headers: Vec<String>,
    body: String,
    address: String,
    path: String,
    prints_head: bool,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The status line and the headers, a line each.
    pub(crate) head: Vec<String>,
    pub(crate) body: String,
}

impl Curl {
    /// Reads a command line. Whatever else curl can do is refused, so that nothing is passed over.
    pub(crate) fn parse(line: &str) -> Self {
        let mut words = words(line).into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"), "in {line:?}");
        let mut curl = Self {
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: String::new(),
            address: String::new(),
            path: String::new(),
            prints_head: false,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "-i" => curl.prints_head = true,
                "-X" => curl.method = words.next().expect("-X has a method"),
                "-H" => curl.headers.push(words.next().expect("-H has a header")),
                "-d" => curl.body = words.next().expect("-d has a body"),
                url => {
                    let rest = url.strip_prefix("http://").unwrap_or_else(|| {
                        panic!("`{url}` in {line:?} is nothing that this test understands")
                    });
                    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
                    curl.address = address.to_owned();
                    curl.path = format!("/{path}");
                }
            }
        }
        assert!(!curl.address.is_empty(), "no address in {line:?}");
        curl
    }

    /// Sends the request until `accept` takes the answer. An answer that asks to come back later is
    /// followed, a few times, as on a machine that is busy elsewhere. So is a refusal to read something:
    /// a change that was just made takes a moment from one program to the other.
    pub(crate) fn run_until(&self, accept: impl Fn(&Answer) -> bool) -> Answer {
        for _ in 0..RETRIES {
            let answer = self.run();
            let may_change = answer.status == 503 || (answer.status == 403 && self.method == "GET");
            if !may_change || accept(&answer) {
                return answer;
            }
            thread::sleep(answer.retry_after().min(LONGEST_WAIT));
        }
        self.run()
    }

    /// Sends the request once.
    pub(crate) fn run(&self) -> Answer {
        let mut stream = TcpStream::connect(&self.address).expect("the server listens");
        let headers: String = self
            .headers
            .iter()
            .map(|header| format!("{header}\r\n"))
            .collect();
        let Self { body, .. } = self;
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        let request = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n{length}{headers}\r\n{body}",
            self.method, self.path, self.address
        );
        stream
            .write_all(request.as_bytes())
            .expect("the server reads");
        Answer::read(BufReader::new(stream))
    }

    /// What curl would print.
    pub(crate) fn printed(&self, answer: &Answer) -> String {
        let body = answer.body.trim_end();
        if self.prints_head {
            format!("{}\n\n{body}", answer.head.join("\n"))
        } else {
            body.to_owned()
        }
    }
}

impl Answer {
    fn read(mut reader: impl BufRead) -> Self {
        let head: Vec<String> = reader
            .by_ref()
            .lines()
            .map(|line| line.expect("the head is text"))
            .take_while(|line| !line.is_empty())
            .collect();
        let status = head
            .first()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok())
            .unwrap_or_else(|| panic!("no status line in {head:?}"));
        let mut answer = Self {
            status,
            head,
            body: String::new(),
        };
        let length = answer
            .header("content-length")
            .and_then(|length| length.parse().ok())
            .expect("the answer says how long it is");
        reader
            .take(length)
            .read_to_string(&mut answer.body)
            .expect("the body is text");
        answer
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .iter()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Whether it is what a guide says to expect: a status, and perhaps a code.
    pub(crate) fn is(&self, expectation: &str) -> bool {
        let (status, code) = expectation.split_once(' ').unwrap_or((expectation, ""));
        self.status.to_string() == status
            && (code.is_empty() || self.body.contains(&format!("\"{code}\"")))
    }

    fn retry_after(&self) -> Duration {
        let seconds = self
            .header("retry-after")
            .and_then(|wait| wait.parse().ok());
        Duration::from_secs(seconds.unwrap_or(1))
    }
}

/// Splits a line as a shell would, as far as a word is quoted as a whole or not at all.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '\'' | '"' => rest[1..]
                .split_once(first)
                .unwrap_or_else(|| panic!("a quote without an end in {line:?}")),
            _ => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

#[test]
fn a_command_line_is_read_as_a_shell_reads_it() {
    let curl = Curl::parse(
        "curl -i -X POST http://127.0.0.1:8080/a/b -H 'X-Id: a b' -H \"X-Name: c\" -d '{\"a\":1}'",
    );
    assert_eq!(
        curl,
        Curl {
            method: "POST".to_owned(),
            headers: vec!["X-Id: a b".to_owned(), "X-Name: c".to_owned()],
            body: r#"{"a":1}"#.to_owned(),
            address: "127.0.0.1:8080".to_owned(),
            path: "/a/b".to_owned(),
            prints_head: true,
        }
    );
}
