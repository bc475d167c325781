use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use super::{RecordError, RecordId};

/// A record on its way into the journal.
///
/// As a future it tells when the record is there, as durable as the recorder's
/// [`Durability`](super::Durability) says. Only that is an acknowledgement. Dropping it changes nothing:
/// the record is written all the same.
///
/// The future fails when the record could not be written, and will not be.
#[derive(Debug)]
pub struct Recording {
    id: RecordId,
    /// Gone once the answer was given.
    written: Option<oneshot::Receiver<Result<(), RecordError>>>,
}

impl Recording {
    pub(super) fn new(id: RecordId, written: oneshot::Receiver<Result<(), RecordError>>) -> Self {
        Self {
            id,
            written: Some(written),
        }
    }

    /// What the record is called.
    #[must_use]
    pub fn id(&self) -> &RecordId {
        &self.id
    }
}

impl Future for Recording {
    type Output = Result<(), RecordError>;

    /// Once it has given its answer it stays pending for ever.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(written) = &mut self.written else {
            return Poll::Pending;
        };
        let answer = ready!(Pin::new(written).poll(context));
        self.written = None;
        // Nobody answers when the thread has ended before the record's turn.
        Poll::Ready(answer.unwrap_or(Err(RecordError::ShutDown)))
    }
}
