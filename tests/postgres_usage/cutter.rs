//! A wire to the server that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes on what two sides say, and cuts the connection in place of an answer when it is told to.
#[derive(Clone, Debug)]
pub(crate) struct Cutter {
    port: u16,
    answers_to_pass: Arc<AtomicU32>,
    answers_to_cut: Arc<AtomicU32>,
}

impl Cutter {
    /// A wire to the server of `url`.
    pub(crate) async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = address(url).to_owned();
        let cutter = Self {
            port,
            answers_to_pass: Arc::default(),
            answers_to_cut: Arc::default(),
        };
        let this = cutter.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (this, server) = (this.clone(), server.clone());
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        this.pass_on(client, server).await;
                    }
                });
            }
        });
        cutter
    }

    /// `url` with this wire in place of the server.
    pub(crate) fn instead(&self, url: &str) -> String {
        url.replace(address(url), &format!("127.0.0.1:{}", self.port))
    }

    /// Cuts the connections of the next so many answers, which then are lost.
    pub(crate) fn cut(&self, answers: u32) {
        self.answers_to_cut.store(answers, Ordering::SeqCst);
    }

    /// The same, after it has let so many answers pass.
    pub(crate) fn cut_after(&self, passed: u32, answers: u32) {
        self.answers_to_pass.store(passed, Ordering::SeqCst);
        self.cut(answers);
    }

    /// How many are still to be cut.
    pub(crate) fn left(&self) -> u32 {
        self.answers_to_cut.load(Ordering::SeqCst)
    }

    async fn pass_on(&self, client: TcpStream, server: TcpStream) {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let there = tokio::io::copy(&mut from_client, &mut to_server);
        let back = async {
            let mut buffer = vec![0; 64 * 1_024];
            loop {
                let Ok(read @ 1..) = from_server.read(&mut buffer).await else {
                    return;
                };
                if !one_of(&self.answers_to_pass) && one_of(&self.answers_to_cut)
                    || to_client.write_all(&buffer[..read]).await.is_err()
                {
                    return;
                }
            }
        };
        // When one side ends, so does the other.
        tokio::select! {
            _ = there => {}
            () = back => {}
        }
    }
}

/// Takes one of those that are left.
fn one_of(answers: &AtomicU32) -> bool {
    let fewer = |left: u32| left.checked_sub(1);
    let taken = answers.try_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
    taken.is_ok()
}

/// The host and the port of a URL.
fn address(url: &str) -> &str {
    let rest = url.split_once('@').unwrap().1;
    rest.split_once('/').unwrap().0
}
