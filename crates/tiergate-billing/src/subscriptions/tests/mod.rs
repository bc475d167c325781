//! What may become of a subscription, on every database that is there.

mod asking;
mod by_hand;
mod changing;
mod ending;
mod previewing;
mod renewing;
mod subscribing;

use serde_json::Value;
use tiergate_core::Subject;

use super::renew::Advanced;
use super::*;
use crate::auth::{Caller, OrganizationRole, Role};
use crate::change::{IdempotencyKey, Reply};
use crate::context::{Context, ExpectedVersion};
use crate::database::on;
use crate::payment::Effective;
use crate::record::{BillingCycle, InvoiceRecord, PageRequest, SubscriptionRecord};
use crate::table::invoices;
use crate::testing::{Office, member, operator, user};
use crate::{BillingError, SubscriptionId};

fn monthly(tier: &str) -> NewSubscription {
    NewSubscription {
        tier: tier.to_owned(),
        billing_cycle: BillingCycle::Monthly,
        organization_id: None,
        seats: None,
        payment_method_id: None,
    }
}

fn team(tier: &str, seats: u32) -> NewSubscription {
    NewSubscription {
        organization_id: Some("eagle".to_owned()),
        seats: Some(seats),
        ..monthly(tier)
    }
}

fn to_tier(tier: &str) -> PlanChange {
    PlanChange {
        tier: Some(tier.to_owned()),
        ..PlanChange::default()
    }
}

fn to_seats(seats: u32) -> PlanChange {
    PlanChange {
        seats: Some(seats),
        ..PlanChange::default()
    }
}

fn to_cycle(cycle: BillingCycle) -> PlanChange {
    PlanChange {
        billing_cycle: Some(cycle),
        ..PlanChange::default()
    }
}

fn admin() -> Caller {
    operator("root", Role::Admin)
}

fn boss() -> Caller {
    member("pia", "eagle", OrganizationRole::Owner)
}

fn with_key(context: Context, key: &str, body: &str) -> Context {
    Context {
        idempotency: Some(IdempotencyKey {
            scope: "scope".to_owned(),
            key: key.to_owned(),
            fingerprint: body.as_bytes().to_vec(),
        }),
        ..context
    }
}

fn at_version(context: Context, version: i64) -> Context {
    Context {
        expected_version: Some(ExpectedVersion::OneOf(vec![version])),
        ..context
    }
}

fn data(reply: &Reply) -> Value {
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["success"], true);
    body["data"].clone()
}

fn id_of(reply: &Reply) -> SubscriptionId {
    data(reply)["id"].as_str().unwrap().parse().unwrap()
}

fn faults(error: BillingError) -> Vec<(String, String)> {
    match error {
        BillingError::Invalid(faults) => faults
            .into_iter()
            .map(|fault| (fault.pointer.into_owned(), fault.detail))
            .collect(),
        other => panic!("{other}"),
    }
}

impl Office {
    /// Subscribes, and returns what is stored then.
    async fn subscribed(&self, caller: &Caller, wanted: &NewSubscription) -> SubscriptionRecord {
        let reply = subscribe(&self.billing, caller, &self.context(caller), wanted)
            .await
            .unwrap();
        self.stored(id_of(&reply)).await
    }

    /// Subscribes, and lets the trial pass.
    async fn paying(&self, caller: &Caller, wanted: &NewSubscription) -> SubscriptionRecord {
        let record = self.subscribed(caller, wanted).await;
        self.at(&record.trial_end.unwrap().to_string());
        assert_eq!(self.run().await.failed, 0);
        self.stored(record.id.unwrap()).await
    }

    async fn stored(&self, id: SubscriptionId) -> SubscriptionRecord {
        by_id(&self.billing, &admin(), id).await.unwrap()
    }

    async fn changed(
        &self,
        caller: &Caller,
        record: &SubscriptionRecord,
        wanted: PlanChange,
    ) -> Result<SubscriptionRecord, BillingError> {
        let id = record.id.unwrap();
        let context = self.context(caller);
        let reply = change(&self.billing, caller, &context, id, wanted).await?;
        let stored = self.stored(id).await;
        assert_eq!(data(&reply)["version"], stored.version);
        Ok(stored)
    }

    /// Does what is due.
    async fn run(&self) -> Advanced {
        advance_due(&self.billing, self.billing.now())
            .await
            .unwrap()
    }

    fn at(&self, time: &str) {
        self.clock.set_wall_clock(time.parse().unwrap());
    }

    /// The totals of the invoices of a subscription, oldest first by their numbers.
    async fn totals(&self, record: &SubscriptionRecord) -> Vec<i64> {
        let invoices = self.invoices(record).await;
        invoices
            .iter()
            .map(|invoice| invoice.total.amount)
            .collect()
    }

    async fn invoices(&self, record: &SubscriptionRecord) -> Vec<InvoiceRecord> {
        let mut read = self.billing.database().read().await.unwrap();
        let all = PageRequest {
            limit: PageRequest::MOST,
            after: None,
        };
        let page = invoices::of_subscription(&mut read, record.id.unwrap(), all);
        let mut items = page.await.unwrap().items;
        items.sort_by(|a, b| a.number.cmp(&b.number));
        items
    }

    async fn count(&self, statement: &'static str) -> i64 {
        let mut read = self.billing.database().read().await.unwrap();
        on!(&mut read, connection => sqlx::query_scalar(statement)
            .fetch_one(connection)
            .await
            .unwrap())
    }

    /// How many entries the audit log and the outbox have about subscriptions.
    async fn told(&self) -> (i64, i64) {
        (
            self.count("SELECT COUNT(*) FROM audit_log WHERE object_kind = 'subscription'")
                .await,
            self.count("SELECT COUNT(*) FROM outbox WHERE kind = 'subscription'")
                .await,
        )
    }

    /// What the audit log says was done, in alphabetical order.
    async fn actions(&self) -> Vec<String> {
        let mut read = self.billing.database().read().await.unwrap();
        on!(&mut read, connection => sqlx::query_scalar(
            "SELECT DISTINCT action FROM audit_log ORDER BY action"
        )
            .fetch_all(connection)
            .await
            .unwrap())
    }
}
