//! A change: one transaction in which records, audit log, outbox and the answer to an idempotency key
//! are written, or none of them.

mod reply;

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tiergate_core::Subject;
use tiergate_lookup::wire;

pub use reply::Reply;

use crate::context::Context;
use crate::database::Write;
use crate::record::SubscriptionRecord;
use crate::table::audit::{self, Entry};
use crate::table::idempotency::{self, Known};
use crate::table::outbox::{self, Message};
use crate::{Billing, BillingError};

/// The key under which an answer is kept: whose it is, which one, and for what it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The caller and the request line, so that no two callers can meet.
    pub scope: String,
    /// What the caller calls it.
    pub key: String,
    /// The SHA-256 of what was sent.
    pub fingerprint: Vec<u8>,
}

impl IdempotencyKey {
    /// For how long an answer is kept.
    pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 255;
}

/// What begins with a change: the change, or the answer that its key had before.
pub(crate) enum Begun<'a> {
    /// Nothing has been done for it yet.
    Fresh(Change<'a>),
    /// It has been done, and answered so.
    Answered(Reply),
}

/// A change that is being made. Dropped without [`finish`](Self::finish) it changes nothing.
pub(crate) struct Change<'a> {
    billing: &'a Billing,
    context: &'a Context,
    write: Write,
    messages: Vec<Message>,
}

impl<'a> Change<'a> {
    /// Begins a change to what belongs to `owner`: others who change it wait until this one ends.
    pub(crate) async fn begin(
        billing: &'a Billing,
        context: &'a Context,
        owner: &Subject,
    ) -> Result<Begun<'a>, BillingError> {
        let mut write = billing.database().write().await?;
        write.lock_owner(owner).await?;
        Self::claim(billing, write, context).await
    }

    /// The answer that the key of a request had before, if it had one. For what is slow before a change
    /// begins; [`begin`](Self::begin) looks again.
    pub(crate) async fn answered(
        billing: &Billing,
        context: &Context,
    ) -> Result<Option<Reply>, BillingError> {
        let Some(key) = &context.idempotency else {
            return Ok(None);
        };
        let mut read = billing.database().read().await?;
        match idempotency::find(&mut read, key, context.now).await? {
            Known::New => Ok(None),
            Known::Answered(reply) => Ok(Some(reply)),
            Known::Reused => Err(BillingError::KeyReused),
        }
    }

    /// Begins a change that belongs to no single owner.
    pub(crate) async fn begin_for_all(
        billing: &'a Billing,
        context: &'a Context,
    ) -> Result<Begun<'a>, BillingError> {
        let write = billing.database().write().await?;
        Self::claim(billing, write, context).await
    }

    async fn claim(
        billing: &'a Billing,
        mut write: Write,
        context: &'a Context,
    ) -> Result<Begun<'a>, BillingError> {
        if let Some(key) = &context.idempotency {
            // Two requests with one key may be about different owners, or none.
            write
                .lock(&format!("key:{}:{}", key.scope, key.key))
                .await?;
            match idempotency::find(&mut write, key, context.now).await? {
                Known::New => {}
                Known::Answered(reply) => return Ok(Begun::Answered(reply)),
                Known::Reused => return Err(BillingError::KeyReused),
            }
        }
        Ok(Begun::Fresh(Self {
            billing,
            context,
            write,
            messages: Vec::new(),
        }))
    }

    /// The transaction, for the tables.
    pub(crate) fn write(&mut self) -> &mut Write {
        &mut self.write
    }

    /// Writes into the audit log that a thing became another.
    pub(crate) async fn audit(
        &mut self,
        action: &'static str,
        object: (&'static str, String),
        before: Option<&(impl Serialize + Sync)>,
        after: Option<&(impl Serialize + Sync)>,
        reason: Option<&str>,
    ) -> Result<(), BillingError> {
        let entry = Entry {
            action,
            object_kind: object.0,
            object_id: object.1,
            // Records are made of text, numbers and the like: they are always JSON.
            before: before.and_then(|before| serde_json::to_value(before).ok()),
            after: after.and_then(|after| serde_json::to_value(after).ok()),
            reason,
        };
        Ok(audit::insert(&mut self.write, self.context, entry).await?)
    }

    /// Writes into the audit log that a subscription changed, and tells everybody who follows.
    pub(crate) async fn subscription_changed(
        &mut self,
        action: &'static str,
        before: Option<&SubscriptionRecord>,
        after: &SubscriptionRecord,
        reason: Option<&str>,
    ) -> Result<(), BillingError> {
        let id = after.id.map(|id| id.to_string()).unwrap_or_default();
        self.audit(action, ("subscription", id), before, Some(after), reason)
            .await?;
        self.tell_subscription(after);
        Ok(())
    }

    /// Tells everybody who follows how the subscription of an owner is from now on.
    pub(crate) fn tell_subscription(&mut self, record: &SubscriptionRecord) {
        self.tell(Message {
            kind: "subscription",
            subject: Some(record.owner()),
            version: Some(record.version),
            payload: json!({
                "subject": { "userId": record.user_id, "organizationId": record.organization_id },
                "version": record.version,
                "subscription": wire::to_json(&record.view()),
            }),
            dedupe_key: None,
        });
    }

    /// Tells something to those who follow, once this is committed.
    pub(crate) fn tell(&mut self, message: Message) {
        self.messages.push(message);
    }

    /// Keeps the answer under the idempotency key, if there is one, and commits everything.
    pub(crate) async fn finish(mut self, reply: Reply) -> Result<Reply, BillingError> {
        if let Some(key) = &self.context.idempotency {
            idempotency::insert(&mut self.write, key, &reply, self.context.now).await?;
        }
        outbox::insert(&mut self.write, &self.messages, self.context.now).await?;
        self.write.commit().await?;
        if !self.messages.is_empty() {
            self.billing.outbox_grew().notify_waiters();
        }
        Ok(reply)
    }
}
