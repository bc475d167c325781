use std::io;

use tokio_util::sync::CancellationToken;

/// Tells a service to stop. Clones tell the same.
///
/// ```
/// use tiergate_billing::server::Shutdown;
///
/// let shutdown = Shutdown::new();
/// shutdown.begin();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    begun: CancellationToken,
    at_once: CancellationToken,
}

impl Shutdown {
    /// One that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops taking requests, and finishes those that have begun.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Stops without finishing anything.
    pub fn at_once(&self) {
        self.begun.cancel();
        self.at_once.cancel();
    }

    /// Begins at SIGTERM or SIGINT (Ctrl-C elsewhere than on Unix), and stops at once at the second.
    /// From then on these signals do not end the process by themselves.
    ///
    /// # Errors
    ///
    /// When the signals cannot be had.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn on_signals(&self) -> io::Result<()> {
        let mut signals = Signals::new()?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            signals.next().await;
            shutdown.begin();
            signals.next().await;
            shutdown.at_once();
        });
        Ok(())
    }

    pub(super) async fn begun(&self) {
        self.begun.cancelled().await;
    }

    pub(super) async fn is_at_once(&self) {
        self.at_once.cancelled().await;
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Sends a signal to this very process.
    fn send(signal: &str) {
        let own = std::process::id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &own]).status();
        assert!(sent.unwrap().success());
    }

    #[tokio::test]
    async fn the_first_signal_begins_and_the_second_ends_at_once() {
        let shutdown = Shutdown::new();
        shutdown.on_signals().unwrap();
        send("TERM");
        timeout(PATIENCE, shutdown.begun()).await.unwrap();
        assert!(!shutdown.at_once.is_cancelled());
        send("INT");
        timeout(PATIENCE, shutdown.is_at_once()).await.unwrap();
    }
}
