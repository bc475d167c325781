//! Who has a connection next: those who end something before those who begin it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::urgency::Urgency;

/// So many places, and two queues for them.
#[derive(Debug)]
pub(super) struct Places(Mutex<Queues>);

#[derive(Debug)]
struct Queues {
    free: usize,
    ending: VecDeque<oneshot::Sender<Permit>>,
    beginning: VecDeque<oneshot::Sender<Permit>>,
}

/// One of the places. It goes to the next in line when this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    // None once it was passed on.
    places: Option<Arc<Places>>,
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self(Mutex::new(Queues {
            free: count,
            ending: VecDeque::new(),
            beginning: VecDeque::new(),
        }))
    }

    pub(super) fn free(&self) -> usize {
        self.queues().free
    }

    /// A place that nobody has. While there is one, nobody waits.
    pub(super) fn try_acquire(self: &Arc<Self>) -> Option<Permit> {
        let mut queues = self.queues();
        queues.free = queues.free.checked_sub(1)?;
        Some(self.permit())
    }

    /// A place. Whoever stops polling leaves the queue.
    pub(super) async fn acquire(self: &Arc<Self>, urgency: Urgency) -> Permit {
        let turn = {
            let mut queues = self.queues();
            if let Some(free) = queues.free.checked_sub(1) {
                queues.free = free;
                return self.permit();
            }
            let (tell, turn) = oneshot::channel();
            let queue = queues.of(urgency);
            // Those who came first leave first, mostly. However many leave, the queue stays short.
            while queue.pop_front_if(|first| first.is_closed()).is_some() {}
            queue.push_back(tell);
            turn
        };
        match turn.await {
            Ok(permit) => permit,
            // The queues live as long as who waits in them, and nobody is sent away.
            Err(_) => std::future::pending().await,
        }
    }

    fn permit(self: &Arc<Self>) -> Permit {
        Permit {
            places: Some(Arc::clone(self)),
        }
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn of(&mut self, urgency: Urgency) -> &mut VecDeque<oneshot::Sender<Permit>> {
        match urgency {
            Urgency::Ends => &mut self.ending,
            Urgency::Begins => &mut self.beginning,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(places) = self.places.take() else {
            return;
        };
        loop {
            let mut queues = places.queues();
            let next = queues.ending.pop_front();
            let Some(next) = next.or_else(|| queues.beginning.pop_front()) else {
                queues.free += 1;
                return;
            };
            // Whoever left meanwhile drops what is sent, which takes the lock.
            drop(queues);
            match next.send(places.permit()) {
                Ok(()) => return,
                // Not dropped: it would pass the place on from in here, once for each who left.
                Err(mut unheard) => unheard.places = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn places(count: usize) -> Arc<Places> {
        Arc::new(Places::new(count))
    }

    /// Polls once.
    macro_rules! now {
        ($future:expr) => {
            $future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        };
    }

    #[test]
    fn who_ends_something_goes_before_all_who_begin() {
        let places = places(1);
        let taken = places.try_acquire().unwrap();
        let mut first = pin!(places.acquire(Urgency::Begins));
        let mut second = pin!(places.acquire(Urgency::Begins));
        let mut ends = pin!(places.acquire(Urgency::Ends));
        assert!(now!(first).is_pending() && now!(second).is_pending() && now!(ends).is_pending());
        drop(taken);
        assert!(now!(first).is_pending() && now!(second).is_pending());
        let Poll::Ready(taken) = now!(ends) else {
            panic!("it is the first");
        };
        drop(taken);
        assert!(now!(second).is_pending());
        assert!(now!(first).is_ready());
        assert!(now!(second).is_ready());
        assert_eq!(places.free(), 1);
    }

    #[test]
    fn who_leaves_takes_no_place_along() {
        let places = places(1);
        let taken = places.try_acquire().unwrap();
        for urgency in [Urgency::Ends, Urgency::Begins, Urgency::Ends] {
            let mut leaves = Box::pin(places.acquire(urgency));
            assert!(now!(leaves).is_pending());
        }
        drop(taken);
        assert_eq!(places.free(), 1);
    }

    #[test]
    fn a_place_that_was_given_to_somebody_who_left_goes_on_to_the_next() {
        let places = places(1);
        let taken = places.try_acquire().unwrap();
        let mut leaves = Box::pin(places.acquire(Urgency::Begins));
        let mut stays = pin!(places.acquire(Urgency::Begins));
        assert!(now!(leaves).is_pending() && now!(stays).is_pending());
        drop(taken);
        assert!(now!(stays).is_pending());
        // It has the place, and has not looked.
        drop(leaves);
        assert!(now!(stays).is_ready());
        assert_eq!(places.free(), 1);
    }
}
