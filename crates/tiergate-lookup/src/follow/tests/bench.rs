use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tiergate_clock::ManualClock;
use tiergate_core::{Subject, Subscription, SubscriptionStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::follow::Following;
use crate::follow::pace::Pace;
use crate::http::tests::server::Server;
use crate::testing::ScriptedLookup;
use crate::{CacheConfig, CachedLookup, HttpLookupBuilder, wire};

/// The longest that anything here may take, by far.
const PATIENCE: Duration = Duration::from_secs(20);

/// One thing that the server does on a connection. When a script is at its end, it hangs up.
#[derive(Clone)]
pub(super) enum Act {
    /// Begins a stream of events.
    Begin,
    /// Sends this.
    Say(Vec<u8>),
    /// Waits until the test lets it go on.
    Wait,
    /// Pauses.
    Pause(Duration),
    /// Says nothing more until the client goes away.
    Stay,
    /// Breaks the connection off, with what is on its way.
    Reset,
}

pub(super) fn say(bytes: impl AsRef<[u8]>) -> Act {
    Act::Say(bytes.as_ref().to_vec())
}

/// `hello`, with this id.
pub(super) fn hello(id: u64, resumed: bool) -> Act {
    say(format!(
        "id: {id}\nevent: hello\ndata: {{\"resumed\":{resumed}}}\n\n"
    ))
}

/// A change of `user:ada`, with this id.
pub(super) fn change(id: u64, tier: &str, version: u64) -> Act {
    say(change_text(id, &record("ada", tier, version)))
}

pub(super) fn change_text(id: u64, record: &Subscription) -> String {
    let subject = record.subject.id();
    format!(
        "id: {id}\nevent: subscription\ndata: {{\"subject\":{{\"userId\":\"{subject}\"}},\
         \"version\":7,\"subscription\":{}}}\n\n",
        wire::to_json(record)
    )
}

pub(super) fn record(user: &str, tier: &str, version: u64) -> Subscription {
    Subscription::new(Subject::user(user), tier, SubscriptionStatus::Active)
        .with_id(format!("sub of {user}"))
        .with_version(version)
}

pub(super) fn ada() -> Subject {
    Subject::user("ada")
}

/// Quick, but for what a test does not wait for.
pub(super) fn quick() -> Pace {
    Pace {
        first_pause: Duration::from_millis(4),
        longest_pause: Duration::from_millis(20),
        longest_wish: Duration::from_millis(20),
        pause_without_offer: Duration::from_millis(5),
        opening: PATIENCE,
        silence: PATIENCE,
        steady_after: PATIENCE,
    }
}

/// A cache over a scripted source that follows a scripted stream.
pub(super) struct Bench {
    pub(super) source: ScriptedLookup,
    pub(super) cache: CachedLookup,
    pub(super) following: Following,
    pub(super) server: Stream,
}

/// A server whose connections each follow a script; those after the last script stay silent.
pub(super) struct Stream {
    server: Server,
    go: Arc<Semaphore>,
    left: Arc<Mutex<usize>>,
}

impl Stream {
    pub(super) async fn start(scripts: Vec<Vec<Act>>) -> Self {
        let go = Arc::new(Semaphore::new(0));
        let left: Arc<Mutex<usize>> = Arc::default();
        let (turn, gone) = (Arc::clone(&go), Arc::clone(&left));
        let server = Server::start(move |number, _, stream| {
            let script = scripts
                .get(number)
                .cloned()
                .unwrap_or_else(|| vec![Act::Stay]);
            let (turn, gone) = (Arc::clone(&turn), Arc::clone(&gone));
            async move {
                perform(script, stream, &turn).await;
                *gone.lock().unwrap() += 1;
            }
        })
        .await;
        Self { server, go, left }
    }

    /// Lets one [`Act::Wait`] go on.
    pub(super) fn go_on(&self) {
        self.go.add_permits(1);
    }

    /// The requests that arrived, in small letters.
    pub(super) fn requests(&self) -> Vec<String> {
        let requests = self.server.requests();
        requests
            .iter()
            .map(|one| one.to_ascii_lowercase())
            .collect()
    }

    /// How many connections have ended.
    pub(super) fn left(&self) -> usize {
        *self.left.lock().unwrap()
    }

    pub(super) fn builder(&self) -> HttpLookupBuilder {
        self.server.builder()
    }
}

impl Bench {
    pub(super) async fn start(scripts: Vec<Vec<Act>>) -> Self {
        Self::with(quick(), scripts).await
    }

    pub(super) async fn with(pace: Pace, scripts: Vec<Vec<Act>>) -> Self {
        let server = Stream::start(scripts).await;
        let http = server.builder().build().unwrap();
        let source = ScriptedLookup::default();
        source.subscriptions().set(record("ada", "pro", 1));
        let cache = cache_over(&source);
        let following = cache.follow_at(&http, pace).unwrap();
        Self {
            source,
            cache,
            following,
            server,
        }
    }

    /// Asks for `user:ada`.
    pub(super) async fn resolves(&self) -> String {
        match self.cache.resolve(&ada()).await.snapshot() {
            Some(snapshot) => tier(snapshot),
            None => "?".to_owned(),
        }
    }

    /// What is known of `user:ada`.
    pub(super) fn sees(&self) -> String {
        self.cache.get(&ada()).as_ref().map_or("?".to_owned(), tier)
    }

    pub(super) async fn connected(&self, times: u64) {
        eventually("a connection", || {
            self.following.statistics().connections >= times
        })
        .await;
    }
}

pub(super) fn cache_over(source: &ScriptedLookup) -> CachedLookup {
    CachedLookup::new(
        Arc::new(source.clone()),
        CacheConfig::default(),
        Arc::new(ManualClock::default()),
    )
}

fn tier(snapshot: &crate::Snapshot) -> String {
    match snapshot.known.subscription() {
        Some(subscription) => subscription.tier.to_string(),
        None => "-".to_owned(),
    }
}

async fn perform(script: Vec<Act>, mut stream: TcpStream, turn: &Semaphore) {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
                 cache-control: no-store\r\nconnection: close\r\n\r\n";
    stream.set_nodelay(true).unwrap();
    for act in script {
        match act {
            Act::Begin => {
                let _ = stream.write_all(head).await;
            }
            // Whether the client is gone, the test finds out by other means.
            Act::Say(bytes) => {
                let _ = stream.write_all(&bytes).await;
            }
            Act::Wait => turn.acquire().await.unwrap().forget(),
            Act::Pause(time) => tokio::time::sleep(time).await,
            Act::Stay => {
                let _ = stream.read(&mut [0]).await;
            }
            Act::Reset => stream.set_zero_linger().unwrap(),
        }
    }
}

pub(super) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_elapsed) => panic!("{what} does not come"),
    }
}

/// Waits until something holds that happens in other tasks.
pub(super) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    within(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
