//! Where records arrive: it counts each id once, as the billing service does.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The first byte of a connection that tells of acknowledged records.
pub(crate) const ACKNOWLEDGES: u8 = 1;
/// The first byte of a connection that delivers a batch.
pub(crate) const DELIVERS: u8 = 2;

/// Far more than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Hears what is acknowledged, and takes what is delivered.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    acknowledged: Mutex<Vec<i64>>,
    /// Connections that still tell of acknowledged records.
    telling: AtomicU64,
    arrived: Mutex<HashMap<String, i64>>,
    repeated: AtomicU64,
    silent: AtomicBool,
    batches: AtomicU64,
}

impl Office {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let office = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
        };
        let state = Arc::clone(&office.state);
        // It ends with the program.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&state);
                thread::spawn(move || {
                    // A process that is killed breaks its connections, which is no fault.
                    let _ = state.serve(stream.unwrap());
                });
            }
        });
        office
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes batches, and does not answer any more, or does again.
    pub(crate) fn answer(&self, answering: Answering) {
        let silent = answering == Answering::Never;
        self.state.silent.store(silent, Ordering::SeqCst);
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.state.acknowledged.lock().unwrap().len()
    }

    /// How many batches were taken.
    pub(crate) fn batches(&self) -> u64 {
        self.state.batches.load(Ordering::SeqCst)
    }

    /// How many records came again.
    pub(crate) fn repeated(&self) -> u64 {
        self.state.repeated.load(Ordering::SeqCst)
    }

    pub(crate) fn all_acknowledged(&self) -> Vec<i64> {
        // What was written before a process was killed is still on its way here.
        wait_for("what was told", || {
            self.state.telling.load(Ordering::SeqCst) == 0
        });
        self.state.acknowledged.lock().unwrap().clone()
    }

    /// The quantities of the records that arrived, one for each id.
    pub(crate) fn arrived(&self) -> Vec<i64> {
        let arrived = self.state.arrived.lock().unwrap();
        arrived.values().copied().collect()
    }
}

/// Whether batches are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answering {
    Always,
    Never,
}

impl State {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        if kind == [ACKNOWLEDGES] {
            self.telling.fetch_add(1, Ordering::SeqCst);
            let heard = self.hear(stream);
            self.telling.fetch_sub(1, Ordering::SeqCst);
            heard
        } else {
            self.take(stream)
        }
    }

    fn hear(&self, mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
        let mut quantity = [0; 8];
        loop {
            stream.read_exact(&mut quantity)?;
            let quantity = i64::from_le_bytes(quantity);
            self.acknowledged.lock().unwrap().push(quantity);
        }
    }

    fn take(&self, mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
        let mut count = [0; 4];
        stream.read_exact(&mut count)?;
        let mut batch = Vec::new();
        for _ in 0..u32::from_le_bytes(count) {
            let (mut id, mut quantity) = ([0; 36], [0; 8]);
            stream.read_exact(&mut id)?;
            stream.read_exact(&mut quantity)?;
            let id = String::from_utf8(id.to_vec()).unwrap();
            batch.push((id, i64::from_le_bytes(quantity)));
        }
        let mut answer = Vec::new();
        {
            let mut arrived = self.arrived.lock().unwrap();
            for (id, quantity) in batch {
                let before = arrived.insert(id, quantity);
                assert!(before.is_none_or(|before| before == quantity));
                answer.push(u8::from(before.is_some()));
            }
        }
        let repeated = answer.iter().map(|known| u64::from(*known)).sum();
        self.repeated.fetch_add(repeated, Ordering::SeqCst);
        self.batches.fetch_add(1, Ordering::SeqCst);
        while self.silent.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
        stream.get_mut().write_all(&answer)
    }
}

/// Waits until `condition` holds.
#[expect(
    clippy::disallowed_methods,
    reason = "the deadline of a test is the machine's time"
)]
pub(crate) fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "{what}: it does not come to hold"
        );
        thread::sleep(Duration::from_micros(200));
    }
}
