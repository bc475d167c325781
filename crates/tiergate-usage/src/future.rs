//! The answer of a store, now or later.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The answer of a [`UsageStore`](crate::UsageStore): there already, or still to come.
///
/// A store in memory answers at once and allocates nothing. A remote store boxes a future. The
/// future owns all it needs, so that a caller can keep it in a field, or hand it to a task and
/// leave.
///
/// A boxed future does nothing before it is first polled.
///
/// ```
/// use tiergate_usage::StoreFuture;
///
/// assert_eq!(StoreFuture::ready(7).now_or_never().unwrap(), 7);
/// assert!(StoreFuture::boxed(async { 7 }).now_or_never().is_err());
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct StoreFuture<T> {
    kind: Kind<T>,
}

enum Kind<T> {
    Ready(T),
    Boxed(Pin<Box<dyn Future<Output = T> + Send>>),
    Taken,
}

impl<T> StoreFuture<T> {
    /// An answer that is there.
    #[inline]
    pub fn ready(value: T) -> Self {
        Self {
            kind: Kind::Ready(value),
        }
    }

    /// An answer that is still to come.
    pub fn boxed(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            kind: Kind::Boxed(Box::pin(future)),
        }
    }

    /// The answer, if the store gave it at once. A boxed future is handed back untouched: it is
    /// not polled, so nothing has begun.
    ///
    /// # Errors
    ///
    /// The future itself, when the answer is still to come.
    #[inline]
    pub fn now_or_never(self) -> Result<T, Self> {
        match self.kind {
            Kind::Ready(value) => Ok(value),
            kind => Err(Self { kind }),
        }
    }
}

impl<T> StoreFuture<T> {
    /// The answer, if the store gave it at once, where it lies.
    #[inline]
    pub(crate) fn as_ready(&self) -> Option<&T> {
        match &self.kind {
            Kind::Ready(value) => Some(value),
            Kind::Boxed(_) | Kind::Taken => None,
        }
    }
}

impl<T: 'static> StoreFuture<T> {
    /// The answer, changed by `change`. Allocates only when the answer is still to come.
    #[inline]
    pub fn map<U>(self, change: impl FnOnce(T) -> U + Send + 'static) -> StoreFuture<U> {
        match self.kind {
            Kind::Ready(value) => StoreFuture::ready(change(value)),
            Kind::Boxed(future) => StoreFuture::boxed(async move { change(future.await) }),
            Kind::Taken => StoreFuture { kind: Kind::Taken },
        }
    }
}

// Nothing in here is pinned in place: a boxed future is pinned behind its own pointer.
impl<T> Unpin for StoreFuture<T> {}

impl<T> Future for StoreFuture<T> {
    type Output = T;

    /// Once it has given its answer it stays pending for ever.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if let Kind::Boxed(future) = &mut self.kind {
            let value = std::task::ready!(future.as_mut().poll(cx));
            self.kind = Kind::Taken;
            return Poll::Ready(value);
        }
        match std::mem::replace(&mut self.kind, Kind::Taken) {
            Kind::Ready(value) => Poll::Ready(value),
            Kind::Boxed(_) | Kind::Taken => Poll::Pending,
        }
    }
}

impl<T> fmt::Debug for StoreFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Ready(_) => "ready",
            Kind::Boxed(_) => "boxed",
            Kind::Taken => "taken",
        };
        f.debug_tuple("StoreFuture").field(&kind).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_kinds_give_their_answer_once() {
        for mut future in [StoreFuture::ready(1), StoreFuture::boxed(async { 1 })] {
            assert_eq!((&mut future).await, 1);
            let mut context = Context::from_waker(std::task::Waker::noop());
            assert!(Pin::new(&mut future).poll(&mut context).is_pending());
            assert!(future.now_or_never().is_err());
        }
    }

    #[tokio::test]
    async fn a_mapped_answer_stays_ready_or_boxed() {
        assert_eq!(
            StoreFuture::ready(1).map(|n| n + 1).now_or_never().unwrap(),
            2
        );
        let boxed = StoreFuture::boxed(async { 1 }).map(|n| n + 1);
        assert_eq!(boxed.now_or_never().unwrap_err().await, 2);
    }
}
