//! Many clients that each send one request at a time, as cheaply as can be: the machine is for those
//! who answer.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::replica::Account;

/// The most bytes that the head and the body of an answer may have.
const MAX_ANSWER: usize = 16 * 1024;

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was let through: 200.
    Admitted,
    /// The limit is used up: 429.
    Refused,
    /// Nobody knows: 503.
    Unavailable,
    /// It was answered with another status, or with something that is no answer.
    Strange,
    /// It was sent, and the connection broke before the answer was whole.
    Lost,
    /// Nobody was there to send it to.
    Unreached,
    /// It was sent, and the connection stands, but the deadline passed.
    Overdue,
}

/// How many requests of one account had which outcome so far, at one process.
#[derive(Debug, Default)]
struct Counts {
    admitted: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    strange: AtomicU64,
    lost: AtomicU64,
    unreached: AtomicU64,
    overdue: AtomicU64,
}

/// How many requests had which outcome, as the clients saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// [`Outcome::Admitted`].
    pub admitted: u64,
    /// [`Outcome::Refused`].
    pub refused: u64,
    /// [`Outcome::Unavailable`].
    pub unavailable: u64,
    /// [`Outcome::Strange`].
    pub strange: u64,
    /// [`Outcome::Lost`].
    pub lost: u64,
    /// [`Outcome::Unreached`].
    pub unreached: u64,
    /// [`Outcome::Overdue`].
    pub overdue: u64,
}

/// What became of all requests of one account, at each process.
#[derive(Debug)]
pub struct Ledger {
    account: Account,
    processes: Vec<Counts>,
}

/// One client's connection, which is opened again when it broke.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Counts {
    fn of(&self, outcome: Outcome) -> &AtomicU64 {
        match outcome {
            Outcome::Admitted => &self.admitted,
            Outcome::Refused => &self.refused,
            Outcome::Unavailable => &self.unavailable,
            Outcome::Strange => &self.strange,
            Outcome::Lost => &self.lost,
            Outcome::Unreached => &self.unreached,
            Outcome::Overdue => &self.overdue,
        }
    }

    fn answers(&self) -> Answers {
        let count = |outcome| self.of(outcome).load(Ordering::SeqCst);
        Answers {
            admitted: count(Outcome::Admitted),
            refused: count(Outcome::Refused),
            unavailable: count(Outcome::Unavailable),
            strange: count(Outcome::Strange),
            lost: count(Outcome::Lost),
            unreached: count(Outcome::Unreached),
            overdue: count(Outcome::Overdue),
        }
    }
}

impl Add for Answers {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            admitted: self.admitted + other.admitted,
            refused: self.refused + other.refused,
            unavailable: self.unavailable + other.unavailable,
            strange: self.strange + other.strange,
            lost: self.lost + other.lost,
            unreached: self.unreached + other.unreached,
            overdue: self.overdue + other.overdue,
        }
    }
}

impl Answers {
    /// What has come since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            admitted: self.admitted - earlier.admitted,
            refused: self.refused - earlier.refused,
            unavailable: self.unavailable - earlier.unavailable,
            strange: self.strange - earlier.strange,
            lost: self.lost - earlier.lost,
            unreached: self.unreached - earlier.unreached,
            overdue: self.overdue - earlier.overdue,
        }
    }

    /// Whether every request was answered, and with nothing but 200.
    #[must_use]
    pub fn are_all_admitted(self) -> bool {
        self == Self {
            admitted: self.admitted,
            ..Self::default()
        }
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "200: {}, 429: {}, 503: {}",
            self.admitted, self.refused, self.unavailable
        )?;
        let others = [
            ("strange", self.strange),
            ("lost", self.lost),
            ("unreached", self.unreached),
            ("overdue", self.overdue),
        ];
        for (name, count) in others.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, ", {name}: {count}")?;
        }
        Ok(())
    }
}

impl Ledger {
    /// Nothing so far, at so many processes.
    #[must_use]
    pub fn new(account: Account, processes: usize) -> Self {
        Self {
            account,
            processes: std::iter::repeat_with(Counts::default)
                .take(processes)
                .collect(),
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// What became of the requests to one process.
    ///
    /// # Panics
    ///
    /// When there is no such process.
    #[must_use]
    pub fn of(&self, process: usize) -> Answers {
        self.processes.get(process).unwrap().answers()
    }

    /// What became of all requests.
    #[must_use]
    pub fn all(&self) -> Answers {
        let answers = self.processes.iter().map(Counts::answers);
        answers.fold(Answers::default(), Add::add)
    }

    pub(crate) fn count(&self, process: usize, outcome: Outcome) {
        let counts = self.processes.get(process).unwrap();
        counts.of(outcome).fetch_add(1, Ordering::SeqCst);
    }

    /// The request of this account, as it goes over the wire.
    pub(crate) fn request(&self) -> Vec<u8> {
        let user = self.account.id();
        format!("GET / HTTP/1.1\r\nhost: replica\r\nx-user: {user}\r\n\r\n").into_bytes()
    }
}

impl Connection {
    /// A connection that is yet to be made.
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
        }
    }

    /// Leaves. The next request opens it again.
    pub(crate) fn close(&mut self) {
        self.stream = None;
    }

    /// Sends a request, and waits for the answer until the deadline.
    pub(crate) async fn ask(&mut self, request: &[u8], deadline: Duration) -> Outcome {
        let asked = timeout(deadline, self.exchange(request)).await;
        let outcome = asked.unwrap_or(Outcome::Overdue);
        match outcome {
            Outcome::Admitted | Outcome::Refused | Outcome::Unavailable => {}
            // What is left of it belongs to no request.
            Outcome::Strange | Outcome::Lost | Outcome::Unreached | Outcome::Overdue => {
                self.stream = None;
            }
        }
        outcome
    }

    async fn exchange(&mut self, request: &[u8]) -> Outcome {
        if self.stream.is_none() {
            let Ok(stream) = TcpStream::connect(self.address).await else {
                return Outcome::Unreached;
            };
            let _ = stream.set_nodelay(true);
            self.stream = Some(stream);
        }
        let Some(stream) = &mut self.stream else {
            return Outcome::Unreached;
        };
        if stream.write_all(request).await.is_err() {
            return Outcome::Lost;
        }
        read_answer(stream).await
    }
}

/// Reads one answer to its end.
async fn read_answer(stream: &mut TcpStream) -> Outcome {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Outcome::Lost,
            Ok(_) if bytes.len() > MAX_ANSWER => return Outcome::Strange,
            Ok(_) => {}
        }
        let Some(answer) = Answer::read(&bytes) else {
            continue;
        };
        if bytes.len() == answer.length {
            return answer.outcome;
        } else if bytes.len() > answer.length {
            return Outcome::Strange;
        }
    }
}

/// What the head of an answer says.
struct Answer {
    outcome: Outcome,
    length: usize,
}

impl Answer {
    /// None while the head is not whole.
    fn read(bytes: &[u8]) -> Option<Self> {
        const END: &[u8] = b"\r\n\r\n";
        let head = bytes.windows(END.len()).position(|end| end == END)?;
        let text = String::from_utf8_lossy(bytes.get(..head)?);
        let mut lines = text.lines();
        let status = lines.next()?.split(' ').nth(1);
        let body = lines
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, length)| length.parse::<usize>().ok());
        let outcome = match (status, body) {
            (Some("200"), Some(_)) => Outcome::Admitted,
            (Some("429"), Some(_)) => Outcome::Refused,
            (Some("503"), Some(_)) => Outcome::Unavailable,
            _ => Outcome::Strange,
        };
        Some(Self {
            outcome,
            length: head + END.len() + body.unwrap_or_default(),
        })
    }
}

/// Lets this process, and those that it starts, have so many files and sockets open.
///
/// # Panics
///
/// When the system does not allow as many.
pub(crate) fn allow_files(files: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= files) {
        return;
    }
    limit.current = Some(limit.maximum.map_or(files, |most| most.min(files)));
    let allowed = setrlimit(Resource::Nofile, limit).is_ok() && limit.current == Some(files);
    assert!(
        allowed,
        "the scenario needs {files} open files, and the system allows {:?} (ulimit -Hn)",
        limit.maximum
    );
}
