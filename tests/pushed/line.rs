//! A line to a service that can be cut.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes on what comes, as long as it is whole.
pub(crate) struct Line {
    address: SocketAddr,
    whole: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Line {
    pub(crate) async fn to(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let whole = watch::Sender::new(true);
        let state = whole.clone();
        let task = tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut state = state.subscribe();
                tokio::spawn(async move {
                    let pass = async {
                        let mut service = TcpStream::connect(service).await?;
                        copy_bidirectional(&mut client, &mut service).await
                    };
                    // However it ends, both ends are closed.
                    tokio::select! {
                        biased;
                        _cut = state.wait_for(|whole| !whole) => {}
                        _ended = pass => {}
                    }
                });
            }
        });
        Self {
            address,
            whole,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends all connections, and from now on each that is begun.
    pub(crate) async fn cut(&self) {
        self.whole.send_replace(false);
        // Every connection has a receiver until it has ended.
        while self.whole.receiver_count() > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Passes on again.
    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}
