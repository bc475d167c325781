use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// A handler that counts who enters, and answers when its door is opened.
#[derive(Clone, Debug)]
pub struct Room {
    entered: Arc<AtomicUsize>,
    inside: Arc<AtomicUsize>,
    door: watch::Sender<bool>,
}

/// Somebody who is inside, in whatever way they leave.
struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Room {
    /// A room that is empty and closed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entered: Arc::default(),
            inside: Arc::default(),
            door: watch::Sender::new(false),
        }
    }

    /// Enters, and stays until the door is opened.
    ///
    /// # Panics
    ///
    /// Never: the door is part of the room.
    pub async fn stay(self) -> &'static str {
        self.inside.fetch_add(1, Ordering::SeqCst);
        let _inside = Inside(Arc::clone(&self.inside));
        self.entered.fetch_add(1, Ordering::SeqCst);
        self.door.subscribe().wait_for(|open| *open).await.unwrap();
        "done"
    }

    /// How many have entered so far.
    #[must_use]
    pub fn entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }

    /// Whether nobody is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inside.load(Ordering::SeqCst) == 0
    }

    /// Lets everybody go, now and from now on.
    pub fn open(&self) {
        self.door.send_replace(true);
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new()
    }
}
