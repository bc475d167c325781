//! A network between a client and a server that misbehaves on command.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// How many pieces of answers wait in one connection, before the server has to.
const MAX_PIECES: usize = 1_024;

/// What becomes of what the server says. What the client says always arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It arrives.
    Open,
    /// It arrives after so long.
    Slow(Duration),
    /// One piece of so many arrives by half, and the connection breaks.
    Cutting {
        /// Above zero.
        one_of: u32,
    },
    /// It arrives when the way is another.
    Silent,
}

/// Passes bytes between clients and one server. It ends when this is dropped.
#[derive(Debug)]
pub struct Network {
    address: SocketAddr,
    way: watch::Sender<Way>,
    task: JoinHandle<()>,
}

impl Network {
    /// A way to the server at `target`, which is open.
    ///
    /// # Panics
    ///
    /// When no port of loopback is free.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let way = watch::Sender::new(Way::Open);
        let told = way.subscribe();
        let task = tokio::spawn(async move {
            // They end with this task.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client, target, told.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, way, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it is that way, in all connections.
    pub fn turn(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one client until one of the two sides leaves.
async fn pass(client: TcpStream, target: SocketAddr, way: watch::Receiver<Way>) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let (sender, pieces) = mpsc::channel(MAX_PIECES);
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        () = async { tokio::join!(listen(from_server, sender), tell(to_client, pieces, way)).1 } => {}
    }
}

/// Takes what the server says, with the moment.
async fn listen(mut server: OwnedReadHalf, pieces: mpsc::Sender<(Instant, Bytes)>) {
    let mut buffer = BytesMut::new();
    while server
        .read_buf(&mut buffer)
        .await
        .is_ok_and(|read| read > 0)
    {
        let piece = (Instant::now(), buffer.split().freeze());
        if pieces.send(piece).await.is_err() {
            return;
        }
    }
}

/// Tells the client, as the way lets it.
async fn tell(
    mut client: OwnedWriteHalf,
    mut pieces: mpsc::Receiver<(Instant, Bytes)>,
    mut way: watch::Receiver<Way>,
) {
    while let Some((said, mut piece)) = pieces.recv().await {
        let Ok(now) = way
            .wait_for(|way| *way != Way::Silent)
            .await
            .map(|way| *way)
        else {
            return;
        };
        match now {
            Way::Open | Way::Silent => {}
            Way::Slow(delay) => sleep_until(said + delay).await,
            Way::Cutting { one_of } if fastrand::u32(..one_of) == 0 => {
                piece.truncate(piece.len() / 2);
                let _ = client.write_all(&piece).await;
                return;
            }
            Way::Cutting { .. } => {}
        }
        if client.write_all(&piece).await.is_err() {
            return;
        }
    }
}
