//! Where calls are taken: each waits for its answer, for a limited time and among a limited number.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use crate::urgency::Urgency;
use crate::{StoreError, StoreErrorKind, WhenAbsent, observe};

use super::config::SqliteUsageBuilder;
use super::fault::{Cause, Fault};
use super::file::{self, File, Missing, Place};
use super::id::Names;
use super::inbox::{Inbox, Outbox, boxes};
use super::operation::{Asked, Operation};
use super::statistics::{Counts, add};
use super::time::Timeline;
use super::writer::{Company, Message, Writer};

/// How long a file may take to open: what a crashed process left is put right then.
const OPENING: Duration = Duration::from_secs(10);

/// How long until a locked file is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// The way to the thread that writes.
#[derive(Debug)]
pub(super) struct Desk {
    queue: Outbox,
    /// The runtime of the writer's thread, which times the calls: a caller may have none.
    runtime: Handle,
    deadline: Duration,
    pub(super) counts: Arc<Counts>,
    pub(super) names: Names,
    pub(super) place: Place,
    #[cfg(test)]
    pub(super) seam: Arc<super::tests::Seam>,
}

impl Desk {
    /// Opens the file in a thread of its own, which then does what is asked.
    pub(super) async fn open(builder: SqliteUsageBuilder) -> Result<Self, StoreError> {
        let (queue, messages) = boxes(builder.max_waiting);
        let (opened, is_open) = oneshot::channel();
        let names = Names::new();
        let counts = Arc::new(Counts::default());
        #[cfg(test)]
        let seam = Arc::new(super::tests::Seam::default());
        let writer = Writer {
            place: builder.place.clone(),
            file: None,
            timeline: Timeline::new(builder.clock),
            bounds: builder.bounds,
            number: names.store(),
            counts: Arc::clone(&counts),
            company: Company::Alone,
            #[cfg(test)]
            seam: Arc::clone(&seam),
        };
        let thread = std::thread::Builder::new().name("tiergate-usage".to_owned());
        thread
            .spawn(move || live(writer, builder.when_absent, messages, opened))
            .map_err(no_thread)?;
        let runtime = is_open.await.map_err(|_| ended())??;
        Ok(Self {
            queue,
            runtime,
            deadline: builder.deadline,
            counts,
            names,
            place: builder.place,
            #[cfg(test)]
            seam,
        })
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(super) async fn ask<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        let (to, answer) = oneshot::channel();
        let job = Asked {
            operation,
            deadline: Instant::now() + self.deadline,
            to,
            answer: None,
        };
        self.tell(O::URGENCY, Message::Do(Box::new(job)))?;
        let answer = {
            let _timed = self.runtime.enter();
            timeout(self.deadline, answer)
        };
        let answer = match answer.await {
            Ok(answer) => answer.map_err(|_| ended())?,
            Err(_) => {
                add(&self.counts.timed_out, 1);
                let error = StoreError::new(StoreErrorKind::TimedOut);
                let detail = format!("no answer within {:?}", self.deadline);
                return Err(error.with_detail(detail));
            }
        };
        let is_full = |error: &StoreError| error.kind() == StoreErrorKind::Full;
        if answer.as_ref().is_err_and(is_full) {
            observe::full();
        }
        answer
    }

    /// Ends the writer once what waits is done.
    pub(super) async fn close(&self) {
        let (closed, is_closed) = oneshot::channel();
        // When it has ended already, neither gets anywhere.
        let queue = self.queue.of(Urgency::Begins);
        if queue.send(Message::Close(closed)).await.is_ok() {
            drop(is_closed.await);
        }
    }

    fn tell(&self, urgency: Urgency, message: Message) -> Result<(), StoreError> {
        self.queue
            .of(urgency)
            .try_send(message)
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => {
                    add(&self.counts.turned_away, 1);
                    observe::full();
                    StoreError::new(StoreErrorKind::Full).with_detail("too many calls are waiting")
                }
                mpsc::error::TrySendError::Closed(_) => ended(),
            })
    }
}

/// The life of the thread.
fn live(
    mut writer: Writer,
    when_absent: WhenAbsent,
    messages: Inbox,
    opened: oneshot::Sender<Result<Handle, StoreError>>,
) {
    let runtime = match Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        // Whoever asked may have left; so below.
        Err(error) => return drop(opened.send(Err(no_thread(error)))),
    };
    runtime.block_on(async {
        match open(&writer.place, when_absent).await {
            Ok(file) => writer.file = Some(file),
            Err(error) => return drop(opened.send(Err(error))),
        }
        drop(opened.send(Ok(Handle::current())));
        writer.run(messages).await;
    });
}

/// Opens the file, and waits if others keep it locked.
async fn open(place: &Place, when_absent: WhenAbsent) -> Result<File, StoreError> {
    let mut last: Option<Fault> = None;
    let opening = timeout(OPENING, async {
        loop {
            match open_once(place, when_absent).await {
                Err(fault) if fault.cause() == Cause::Busy => last = Some(fault),
                result => return result,
            }
            sleep(PAUSE).await;
        }
    });
    match opening.await {
        Ok(result) => result.map_err(|fault| fault.to_error()),
        Err(_) => Err(last.map_or_else(
            || {
                let detail = format!("{} did not open within {OPENING:?}", place.path.display());
                StoreError::new(StoreErrorKind::TimedOut).with_detail(detail)
            },
            |fault| fault.to_error(),
        )),
    }
}

async fn open_once(place: &Place, when_absent: WhenAbsent) -> Result<File, Fault> {
    match when_absent {
        WhenAbsent::Make => File::open(place, Missing::Make).await,
        WhenAbsent::Refuse => {
            file::look(&place.path).await?;
            File::open(place, Missing::Refuse).await
        }
    }
}

fn ended() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable).with_detail("the store was closed")
}

fn no_thread(error: std::io::Error) -> StoreError {
    let unavailable = StoreError::new(StoreErrorKind::Unavailable);
    unavailable
        .with_detail("there is no thread for the store")
        .with_source(error)
}
