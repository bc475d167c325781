//! What waits for the writer, and in which order it is taken.

use std::future::poll_fn;
use std::task::Poll;

use tokio::sync::mpsc;

use crate::urgency::{MOST_ENDING, Urgency};

use super::writer::Message;

/// Where messages are put in.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    ending: mpsc::Sender<Message>,
    beginning: mpsc::Sender<Message>,
}

/// Where they are taken out.
pub(super) struct Inbox {
    ending: mpsc::Receiver<Message>,
    beginning: mpsc::Receiver<Message>,
}

/// Both ends of two queues. Of messages that begin something `max_waiting` may wait.
pub(super) fn boxes(max_waiting: usize) -> (Outbox, Inbox) {
    let (put_ending, ending) = mpsc::channel(max_waiting.max(MOST_ENDING));
    let (put_beginning, beginning) = mpsc::channel(max_waiting);
    let outbox = Outbox {
        ending: put_ending,
        beginning: put_beginning,
    };
    (outbox, Inbox { ending, beginning })
}

impl Outbox {
    pub(super) fn of(&self, urgency: Urgency) -> &mpsc::Sender<Message> {
        match urgency {
            Urgency::Ends => &self.ending,
            Urgency::Begins => &self.beginning,
        }
    }
}

impl Inbox {
    /// The next message. None once nobody can put any in.
    pub(super) async fn next(&mut self) -> Option<Message> {
        poll_fn(|cx| {
            let ending = self.ending.poll_recv(cx);
            if let Poll::Ready(Some(_)) = ending {
                return ending;
            }
            match self.beginning.poll_recv(cx) {
                Poll::Ready(None) => ending,
                beginning => beginning,
            }
        })
        .await
    }

    /// The next message, if one is there.
    pub(super) fn at_once(&mut self) -> Option<Message> {
        let message = self
            .ending
            .try_recv()
            .or_else(|_| self.beginning.try_recv());
        message.ok()
    }

    pub(super) fn close(&mut self) {
        self.ending.close();
        self.beginning.close();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// A message, and how to tell that it was it.
    fn message() -> (Message, oneshot::Receiver<()>) {
        let (tell, told) = oneshot::channel();
        (Message::Close(tell), told)
    }

    fn is_of(message: Message, mut told: oneshot::Receiver<()>) -> bool {
        drop(message);
        matches!(told.try_recv(), Err(oneshot::error::TryRecvError::Closed))
    }

    #[tokio::test]
    async fn who_ends_something_is_taken_before_all_who_begin() {
        let (outbox, mut inbox) = boxes(2);
        let mut put = Vec::new();
        for urgency in [
            Urgency::Begins,
            Urgency::Begins,
            Urgency::Ends,
            Urgency::Ends,
        ] {
            let (message, told) = message();
            outbox.of(urgency).try_send(message).unwrap();
            put.push(told);
        }
        // No more of the first kind, and more of the other.
        assert!(outbox.of(Urgency::Begins).try_send(message().0).is_err());
        put.rotate_left(2);
        let last = put.pop().unwrap();
        for told in put {
            assert!(is_of(inbox.next().await.unwrap(), told));
        }
        assert!(is_of(inbox.at_once().unwrap(), last));
        assert!(inbox.at_once().is_none());
        drop(outbox);
        assert!(inbox.next().await.is_none());
    }
}
