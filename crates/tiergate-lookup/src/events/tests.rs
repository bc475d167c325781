//! The names and fields that watchers rely on, and what no event may hold.

#[cfg(feature = "metrics")]
pub(crate) mod recorded;

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use tiergate_clock::ManualClock;
use tiergate_core::Subject;

use crate::testing::ScriptedLookup;
use crate::{CacheConfig, CachedLookup, LookupError, LookupErrorKind};

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Collects the events of this thread until the guard is dropped.
    ///
    /// One subscriber for all threads, because with several that come and go, an event that another
    /// test runs into first may stay switched off for this one.
    pub(crate) fn collect(&self) -> Collecting {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            tracing_subscriber::fmt()
                .with_writer(|| COLLECTOR.with_borrow(Clone::clone).unwrap_or_default())
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .init();
        });
        COLLECTOR.set(Some(self.clone()));
        Collecting
    }
}

thread_local! {
    static COLLECTOR: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Ends the collection when it is dropped.
pub(crate) struct Collecting;

impl Drop for Collecting {
    fn drop(&mut self) {
        COLLECTOR.set(None);
    }
}

/// Runs into every event once.
async fn everything() {
    let source = ScriptedLookup::default();
    let clock = ManualClock::default();
    let cache = CachedLookup::new(
        Arc::new(source.clone()),
        CacheConfig::builder().max_flights(1).build().unwrap(),
        Arc::new(clock.clone()),
    );
    let record = |version| {
        let owner = Subject::user("ada");
        let record = tiergate_core::Subscription::new(owner, "pro", "active".into());
        Arc::new(record.with_id("sub_1").with_version(version))
    };
    let wait = async |seconds| {
        clock.advance(Duration::from_secs(seconds));
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    };

    cache.resolve(&Subject::user("nobody")).await;
    let error = LookupError::new(LookupErrorKind::Unavailable)
        .with_status(503)
        .with_source("the gateway is down");
    source.fail_with(error);
    cache.resolve(&Subject::user("unlucky")).await;
    source.panic();
    cache.resolve(&Subject::user("unluckier")).await;
    source.answer();

    cache.push(record(2));
    cache.push(record(1));
    wait(331).await;
    source.hang();
    // The first refresh takes the only place, so that there is none for the second.
    let _ = cache.get(&Subject::user("ada"));
    cache.push(Arc::new(tiergate_core::Subscription::new(
        Subject::user("bob"),
        "pro",
        "active".into(),
    )));
    clock.advance(Duration::from_secs(331));
    let _ = cache.get(&Subject::user("bob"));
    cache.invalidate(&Subject::user("ada"));
    wait(2).await;

    source.fail(LookupErrorKind::Unreachable);
    for n in 0..20 {
        cache.resolve(&Subject::user(n.to_string())).await;
    }
    source.answer();
    wait(6).await;
    cache.resolve(&Subject::user("last")).await;
    cache.overhear(Arc::new(tiergate_core::Subscription::new(
        Subject::user("stranger"),
        "pro",
        "active".into(),
    )));
    cache.revalidate_all();
}

#[tokio::test(start_paused = true)]
async fn every_event_has_the_name_the_level_and_the_fields_that_are_documented() {
    let log = Log::default();
    let guard = log.collect();
    everything().await;
    drop(guard);
    let text = log.text();
    let table: [(&str, &str, &[&str]); 11] = [
        (
            "lookup.answered",
            "DEBUG",
            &["subject=user:nobody", "outcome=\"missing\"", "took_ms=0"],
        ),
        (
            "lookup.failed",
            "WARN",
            &[
                "subject=user:unlucky",
                "kind=\"unavailable\"",
                "status=503",
                "took_ms=0",
                "cause=the gateway is down",
            ],
        ),
        ("lookup.panicked", "ERROR", &["subject=user:unluckier"]),
        ("answer.discarded", "DEBUG", &["subject=user:ada"]),
        (
            "refresh.skipped",
            "DEBUG",
            &["subject=user:bob", "kind=\"overloaded\""],
        ),
        ("push.applied", "DEBUG", &["subject=user:ada"]),
        ("push.unasked", "DEBUG", &["subject=user:stranger"]),
        ("push.outdated", "DEBUG", &["subject=user:ada"]),
        ("circuit.opened", "WARN", &[]),
        ("circuit.closed", "INFO", &[]),
        ("cache.doubted", "INFO", &[]),
    ];
    for (name, level, fields) in table {
        let found = text.lines().any(|line| {
            line.contains(&format!("{level} tiergate::lookup: event=\"{name}\""))
                && fields.iter().all(|field| line.contains(field))
        });
        assert!(found, "{name} is not in\n{text}");
        assert!(
            include_str!("../events.rs")
                .contains(&format!("| `{name}` | {} |", level.to_lowercase()))
        );
    }
    let foreign = text
        .lines()
        .find(|line| !line.contains(" tiergate::lookup: event="));
    assert_eq!(foreign, None);
}

#[cfg(feature = "http-client")]
#[tokio::test]
async fn a_token_and_a_body_are_in_no_event() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const CANARY: &str = "canary-77aa";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let body =
                format!(r#"{{"success":true,"data":{{"tier":"{CANARY}","seats":"{CANARY}"}}}}"#);
            let head =
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n";
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    let log = Log::default();
    let guard = log.collect();
    let lookup = crate::HttpLookup::builder(&base)
        .deadline(Duration::from_secs(20))
        .token(crate::StaticToken::new(CANARY))
        .build()
        .unwrap();
    let cache = CachedLookup::new(
        Arc::new(lookup),
        CacheConfig::builder()
            .flight_deadline(Duration::from_secs(20))
            .build()
            .unwrap(),
        Arc::new(ManualClock::default()),
    );
    let resolution = cache.resolve(&Subject::user("ada")).await;
    let resolution = format!("{resolution:?} {cache:?}");
    drop(guard);
    assert!(log.text().contains("cause=field `seats`"), "{}", log.text());
    assert!(!log.text().contains(CANARY), "{}", log.text());
    assert!(!resolution.contains(CANARY), "{resolution}");
}
