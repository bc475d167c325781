use std::sync::{Mutex, PoisonError};

/// A kind of mutex. The board is written for any, so that a checker can put its own in and decide
/// at each lock which thread goes on.
pub(crate) trait Locks: 'static {
    type Mutex<T: Send + 'static>: Locked<T>;
}

/// A value behind a mutex.
pub(crate) trait Locked<T>: Send + Sync {
    fn new(value: T) -> Self;
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R;
}

/// The mutex of the standard library.
#[derive(Debug)]
pub(crate) struct StdLocks;

impl Locks for StdLocks {
    type Mutex<T: Send + 'static> = Mutex<T>;
}

impl<T: Send> Locked<T> for Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // No user code runs under these locks, so there is nothing torn behind a poisoned one.
        work(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
