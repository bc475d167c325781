//! What happens while a provider is asked.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tiergate_core::time::Timestamp;

use super::*;
use crate::payment::*;
use crate::record::Provider;
use crate::table::subscriptions;
use crate::testing::catalog;
use crate::{Billing, OperationId};

type Meanwhile = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A payment service that answers as the manual provider does, names what it makes, writes down what it
/// was asked, and lets something happen while it is.
struct Service {
    name: Provider,
    calls: Mutex<Vec<(&'static str, OperationId)>>,
    refusal: Mutex<Option<PaymentErrorKind>>,
    meanwhile: Option<Meanwhile>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Service")
    }
}

impl Service {
    fn new(name: Provider, meanwhile: Option<Meanwhile>) -> Arc<Self> {
        Arc::new(Self {
            name,
            calls: Mutex::default(),
            refusal: Mutex::default(),
            meanwhile,
        })
    }

    async fn asked(&self, what: &'static str, operation: OperationId) -> Result<(), PaymentError> {
        self.calls.lock().unwrap().push((what, operation));
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile().await;
        }
        match self.refusal.lock().unwrap().take() {
            Some(kind) => Err(PaymentError::new(kind, "not today")),
            None => Ok(()),
        }
    }

    fn named(&self, mut snapshot: Snapshot) -> Snapshot {
        if self.name == Provider::Stripe {
            snapshot.customer = Some("cus_1".to_owned());
            snapshot.reference = Some("sub_1".to_owned());
        }
        snapshot
    }

    fn calls(&self) -> Vec<&'static str> {
        self.calls
            .lock()
            .unwrap()
            .iter()
            .map(|(what, _)| *what)
            .collect()
    }
}

#[async_trait]
impl PaymentProvider for Service {
    fn name(&self) -> Provider {
        self.name
    }
    async fn subscribe(&self, request: &Subscribe<'_>) -> Result<Snapshot, PaymentError> {
        self.asked("subscribe", request.operation).await?;
        Ok(self.named(ManualProvider.subscribe(request).await?))
    }
    async fn change(&self, request: &ChangePlan<'_>) -> Result<Snapshot, PaymentError> {
        self.asked("change", request.existing.operation).await?;
        Ok(self.named(ManualProvider.change(request).await?))
    }
    async fn preview(&self, request: &ChangePlan<'_>) -> Result<Preview, PaymentError> {
        ManualProvider.preview(request).await
    }
    async fn cancel(&self, request: &Cancel<'_>) -> Result<Snapshot, PaymentError> {
        let subscription = request.existing.subscription;
        assert_eq!(
            subscription.stripe_subscription_id.as_deref(),
            Some("sub_1")
        );
        self.asked("cancel", request.existing.operation).await?;
        Ok(self.named(ManualProvider.cancel(request).await?))
    }
    async fn reactivate(&self, request: &Existing<'_>) -> Result<Snapshot, PaymentError> {
        ManualProvider.reactivate(request).await
    }
    async fn extend_trial(
        &self,
        request: &Existing<'_>,
        until: Timestamp,
    ) -> Result<Snapshot, PaymentError> {
        ManualProvider.extend_trial(request, until).await
    }
    async fn advance(&self, request: &Existing<'_>) -> Result<Option<Snapshot>, PaymentError> {
        ManualProvider.advance(request).await
    }
    async fn refund(&self, request: &Refund<'_>) -> Result<Refunded, PaymentError> {
        ManualProvider.refund(request).await
    }
    async fn checkout_link(&self, request: &Checkout<'_>) -> Result<Link, PaymentError> {
        ManualProvider.checkout_link(request).await
    }
    async fn portal_link(&self, request: &Portal<'_>) -> Result<Link, PaymentError> {
        ManualProvider.portal_link(request).await
    }
}

/// The service of an office, with another provider.
fn with(office: &Office, service: &Arc<Service>) -> Billing {
    let database = office.billing.database().clone();
    Billing::assemble(database, catalog(), service.clone(), office.clock.clone())
}

/// Corrects something, `times` times at most: so the subscription is at another version.
fn corrections(office: &Office, id: SubscriptionId, times: usize) -> Meanwhile {
    let billing = office.billing.clone();
    let left = Arc::new(Mutex::new(times));
    let context = office.context(&admin());
    Arc::new(move || {
        let (billing, left, context) = (billing.clone(), left.clone(), context.clone());
        Box::pin(async move {
            {
                let mut left = left.lock().unwrap();
                if *left == 0 {
                    return;
                }
                *left -= 1;
            }
            let adjustment = Adjustment {
                discount_basis_points: Some(5_000),
                ..Adjustment::default()
            };
            adjust(&billing, &context, id, &adjustment, "meanwhile")
                .await
                .unwrap();
        })
    })
}

#[tokio::test]
async fn what_happened_while_the_provider_was_asked_is_not_overwritten() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("pro")).await;
        let id = record.id.unwrap();
        let service = Service::new(Provider::Manual, Some(corrections(&office, id, 1)));
        let context = office.context(&pia);
        change(&with(&office, &service), &pia, &context, id, to_tier("max"))
            .await
            .unwrap();
        assert_eq!(service.calls(), ["change", "change"]);
        let record = office.stored(id).await;
        assert_eq!(
            (&*record.tier, record.discount_basis_points),
            ("max", 5_000)
        );
        // The charge was worked out anew, with the discount.
        assert_eq!(office.totals(&record).await, [1200, 1450 - 1200]);
    }
}

#[tokio::test]
async fn who_is_always_overtaken_gives_up_and_changes_nothing() {
    for office in Office::each().await {
        let pia = user("pia");
        let record = office.paying(&pia, &monthly("pro")).await;
        let id = record.id.unwrap();
        let service = Service::new(Provider::Manual, Some(corrections(&office, id, 99)));
        let context = office.context(&pia);
        let billing = with(&office, &service);
        let answer = change(&billing, &pia, &context, id, to_tier("max")).await;
        assert!(matches!(answer, Err(BillingError::Contention)));
        assert_eq!(service.calls().len(), 3);
        assert_eq!(office.stored(id).await.tier, "pro");
        // Who says which version they mean is told that it is gone.
        let context = at_version(context, record.version + 3);
        let answer = change(&billing, &pia, &context, id, to_tier("max")).await;
        assert!(matches!(answer, Err(BillingError::VersionMismatch { .. })));
    }
}

#[tokio::test]
async fn who_was_overtaken_by_a_subscription_does_not_pay_twice() {
    for office in Office::each().await {
        let pia = user("pia");
        let billing = office.billing.clone();
        let meanwhile: Meanwhile = Arc::new(move || {
            let billing = billing.clone();
            Box::pin(async move {
                let now = billing.now().into();
                let other = SubscriptionRecord {
                    billing_cycle: Some(BillingCycle::Monthly),
                    ..SubscriptionRecord::none(&Subject::user("pia"), "max", now)
                };
                let mut write = billing.database().write().await.unwrap();
                // It is there already when the other is canceled.
                if subscriptions::insert(&mut write, other).await.is_ok() {
                    write.commit().await.unwrap();
                }
            })
        });
        let service = Service::new(Provider::Stripe, Some(meanwhile));
        let context = office.context(&pia);
        let billing = with(&office, &service);
        let answer = subscribe(&billing, &pia, &context, &monthly("pro")).await;
        assert!(matches!(answer, Err(BillingError::SubscriptionExists)));
        assert_eq!(service.calls(), ["subscribe", "cancel"]);
        assert_eq!(office.count("SELECT COUNT(*) FROM subscriptions").await, 1);
    }
}

#[tokio::test]
async fn what_the_provider_refuses_is_not_done() {
    for office in Office::each().await {
        let pia = user("pia");
        let service = Service::new(Provider::Stripe, None);
        let billing = with(&office, &service);
        *service.refusal.lock().unwrap() = Some(PaymentErrorKind::Declined);
        let context = office.context(&pia);
        let answer = subscribe(&billing, &pia, &context, &monthly("pro")).await;
        assert!(matches!(answer, Err(BillingError::Payment(_))));
        assert_eq!(office.told().await, (0, 0));
        let reply = subscribe(&billing, &pia, &context, &monthly("pro"))
            .await
            .unwrap();
        let record = office.stored(id_of(&reply)).await;
        assert_eq!(record.provider, Provider::Stripe);
        assert_eq!(record.stripe_subscription_id.as_deref(), Some("sub_1"));
        // It is for Stripe to say when its periods end.
        office.at("2026-06-01T00:00:00Z");
        assert_eq!(office.run().await, Advanced::default());
        // A service without a key for it says so.
        let context = office.context(&pia);
        let id = record.id.unwrap();
        let answer = change(&office.billing, &pia, &context, id, to_tier("max")).await;
        assert!(matches!(answer, Err(BillingError::Payment(_))));
    }
}

#[tokio::test]
async fn a_retry_of_a_request_is_the_same_operation() {
    let office = Office::open().await;
    let pia = user("pia");
    let service = Service::new(Provider::Stripe, None);
    let billing = with(&office, &service);
    for refusal in [Some(PaymentErrorKind::Unavailable), None] {
        *service.refusal.lock().unwrap() = refusal;
        let context = with_key(office.context(&pia), "k", "pro");
        let answer = subscribe(&billing, &pia, &context, &monthly("pro")).await;
        assert_eq!(answer.is_ok(), refusal.is_none());
        office.clock.advance(std::time::Duration::from_secs(1));
    }
    let calls = service.calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0], calls[1]);
}
