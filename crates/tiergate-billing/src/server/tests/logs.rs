use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use super::support::{Running, user};

/// Where everything is logged to.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_names_requests_by_their_id_and_route_and_repeats_nothing_else() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // The runtime of the test has one thread, so this holds for the service, too.
    let _logged = tracing::subscriber::set_default(subscriber);
    let running = Running::start().await;
    let token = user("ada-4711");
    let mut answers = String::new();
    for path in [
        "/api/subscriptions/user/ada-4711?secret-query=1",
        "/secret-path",
        "/test/panics",
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\
             x-request-id: order-7\r\nx-secret-header: secret-value\r\nconnection: close\r\n\r\n"
        );
        answers += &running.exchange(&request).await;
    }
    assert_eq!(
        answers.matches("x-request-id: order-7").count(),
        3,
        "{answers}"
    );
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line = log
        .lines()
        .find(|line| line.contains("tiergate_billing::access"));
    let line = line.unwrap();
    for part in [
        "request{request_id=\"order-7\"}",
        "event=\"request\"",
        "method=\"GET\"",
        "route=\"/api/subscriptions/user/{userId}\"",
        "status=200",
        "took_ms=",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let panic = log
        .lines()
        .find(|line| line.contains("event=\"panic\""))
        .unwrap();
    assert!(
        panic.contains("order-7") && panic.contains("as the test wants"),
        "{panic}"
    );
    for secret in [
        token.as_str(),
        "secret-query",
        "secret-path",
        "secret-value",
        "Bearer",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
