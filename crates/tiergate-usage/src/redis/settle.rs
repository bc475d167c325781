//! Ending a reservation.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{MAX_CLAIMS, ReservationId, Settlement, StoreError, StoreErrorKind, StoreFuture};

use super::call::Call;
use super::id::{Holder, Token};
use super::name::Tag;
use super::send::Sender;
use super::{RedisUsage, script};

/// How a holder ends a reservation.
#[derive(Debug)]
pub(super) enum Ending {
    /// It has used so much.
    Commit(SmallVec<[u64; MAX_CLAIMS]>),
    /// It has used nothing.
    Release,
}

impl RedisUsage {
    pub(super) fn settle(
        &self,
        id: ReservationId,
        ending: Ending,
    ) -> StoreFuture<Result<Settlement, StoreError>> {
        let Some(token) = Token::decode(id) else {
            return StoreFuture::ready(Ok(Settlement::Unknown));
        };
        match token.holder {
            Holder::Numbered(holder) => {
                self.later(async move |sender| settle(&sender, token, holder, &ending).await)
            }
            Holder::Replayed => StoreFuture::ready(Ok(Settlement::AlreadySettled)),
        }
    }

    /// The answer of what `ask` does once it is polled.
    pub(super) fn later<T, F>(
        &self,
        ask: impl FnOnce(Arc<Sender>) -> F + Send + 'static,
    ) -> StoreFuture<Result<T, StoreError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let sender = Arc::clone(&self.sender);
        StoreFuture::boxed(async move { ask(sender).await })
    }
}

async fn settle(
    sender: &Sender,
    token: Token,
    holder: u8,
    ending: &Ending,
) -> Result<Settlement, StoreError> {
    // Only the home of a reservation is known by its id. It knows the rest, so the second time all
    // keys are there.
    let mut tags = vec![token.tag];
    for _ in 0..2 {
        let mut reply = sender.run(&call(token, holder, ending, &tags)).await?;
        return Ok(match reply.status() {
            "settled" => Settlement::Settled,
            "already" => Settlement::AlreadySettled,
            "expired" => Settlement::Expired,
            "unknown" => Settlement::Unknown,
            "invalid" => {
                let fault = StoreError::new(StoreErrorKind::InvalidClaims);
                return Err(fault.with_detail("a commit names the units of each claim"));
            }
            "elsewhere" if tags.len() == 1 => {
                let mut others = reply.parts().list()?;
                while !others.is_empty() {
                    let Some(tag) = Tag::parse(&others.text()?) else {
                        return Err(reply.unexpected());
                    };
                    tags.push(tag);
                }
                continue;
            }
            _ => return Err(reply.unexpected()),
        });
    }
    Err(StoreError::new(StoreErrorKind::Internal)
        .with_detail("a reservation in Redis lies in other places than it says"))
}

fn call(token: Token, holder: u8, ending: &Ending, tags: &[Tag]) -> Call {
    let mut call = Call::new(&script::SETTLE, tags.to_vec())
        .text(token.nonce.as_text())
        .number(usize::from(holder));
    call = match ending {
        Ending::Commit(units) => {
            let call = call.number(units.len());
            units.iter().fold(call, |call, units| call.units(*units))
        }
        Ending::Release => call.text(""),
    };
    call.text(token.tag.to_string()).that_ends()
}
