//! How a subscription is made, or a free one becomes paid.

use std::time::Duration;

use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, Subject};

use super::alter::{MOST_TRIES, keep_invoices, reply_of};
use super::facts::provider_of;
use super::offer::{self, Wanted};
use super::{apply, operation, plan};
use crate::auth::Caller;
use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::database::Session;
use crate::payment::{Cancel, Effective, Existing, Payer, Plan, Snapshot, Subscribe};
use crate::record::{BillingCycle, Provider, SubscriptionRecord};
use crate::table::subscriptions;
use crate::{Billing, BillingError};

/// What somebody wants to subscribe to.
#[derive(Clone, Debug)]
pub(crate) struct NewSubscription {
    /// The key of the tier.
    pub(crate) tier: String,
    /// How often it is to be paid.
    pub(crate) billing_cycle: BillingCycle,
    /// For which organization; for the caller if there is none.
    pub(crate) organization_id: Option<String>,
    /// For how many seats.
    pub(crate) seats: Option<u32>,
    /// What the provider calls the means of payment.
    pub(crate) payment_method_id: Option<String>,
}

/// What an owner has, as far as it matters to subscribing.
#[derive(Clone, Debug)]
struct Seen {
    /// What lives.
    live: Option<SubscriptionRecord>,
    /// What was made last, whether it lives or not.
    last: Option<SubscriptionRecord>,
    /// Whether they have used their trial.
    had_trial: bool,
}

impl Seen {
    async fn of(session: &mut impl Session, owner: &Subject) -> Result<Self, BillingError> {
        Ok(Self {
            live: subscriptions::live_of(session, owner).await?,
            last: subscriptions::last_of(session, owner).await?,
            had_trial: subscriptions::had_trial(session, owner).await?,
        })
    }

    /// Tells whether nothing has happened between two looks.
    fn is_as(&self, other: &Self) -> bool {
        let version = |record: &Option<SubscriptionRecord>| {
            record.as_ref().map(|record| (record.id, record.version))
        };
        version(&self.live) == version(&other.live)
            && version(&self.last) == version(&other.last)
            && self.had_trial == other.had_trial
    }

    /// The newest of what they have or had: who they are to the provider, and their discount, outlive
    /// a subscription.
    fn known(&self) -> Option<&SubscriptionRecord> {
        self.live.as_ref().or(self.last.as_ref())
    }

    fn discount(&self) -> u32 {
        self.known()
            .map_or(0, |record| record.discount_basis_points)
    }
}

/// Makes a subscription for the caller or an organization of theirs, or makes the free one paid. An
/// owner's first starts with the catalog's days of trial.
///
/// # Errors
///
/// [`BillingError::SubscriptionExists`] when the owner has a paid one that lives, or one by contract;
/// [`BillingError::Invalid`] when what is wanted is not for sale.
pub(crate) async fn subscribe(
    billing: &Billing,
    caller: &Caller,
    context: &Context,
    wanted: &NewSubscription,
) -> Result<Reply, BillingError> {
    let owner = owner_of(caller, wanted)?;
    for _ in 0..MOST_TRIES {
        let mut read = billing.database().read().await?;
        let seen = Seen::of(&mut read, &owner).await?;
        // Given back before the provider is asked, which may take long.
        drop(read);
        // Only now: if what was seen is what this very request did a moment ago, its answer is there.
        if let Some(reply) = Change::answered(billing, context).await? {
            return Ok(reply);
        }
        let plan = check(&billing.catalog(), &owner, wanted, &seen)?;
        context.check_version(seen.live.as_ref().map_or(0, |live| live.version))?;
        let snapshot = ask(billing, caller, context, (&owner, &seen), &plan, wanted).await?;
        // If this fails, a retry under the same key finds what was made at the provider.
        if let Some(reply) = store(billing, context, &owner, &seen, &snapshot).await? {
            return Ok(reply);
        }
        undo(billing, context, &owner, &snapshot, &plan).await?;
    }
    Err(BillingError::Contention)
}

fn owner_of(caller: &Caller, wanted: &NewSubscription) -> Result<Subject, BillingError> {
    let owner = match &wanted.organization_id {
        Some(organization) => Subject::organization(organization.as_str()),
        None => Subject::user(caller.id.as_str()),
    };
    if caller.may_change(&owner) {
        Ok(owner)
    } else if caller.may_read(&owner) {
        Err(BillingError::Forbidden(
            "you may not subscribe here; for an organization its owners and admins may".into(),
        ))
    } else {
        Err(BillingError::NotFound("organization"))
    }
}

/// What is to be paid; or why it cannot be.
fn check(
    catalog: &Catalog,
    owner: &Subject,
    wanted: &NewSubscription,
    seen: &Seen,
) -> Result<Plan, BillingError> {
    let sought = Wanted {
        owner: owner.kind(),
        tier: &wanted.tier,
        cycle: wanted.billing_cycle,
        seats: wanted.seats,
        discount_basis_points: seen.discount(),
    };
    let plan = offer::plan_for(catalog, &sought).map_err(BillingError::Invalid)?;
    match &seen.live {
        Some(live) if !can_be_bought_over(catalog, live) => Err(BillingError::SubscriptionExists),
        _ => Ok(plan),
    }
}

/// Whether a subscription gives way to one that is paid: it is free, or a tier with a price was granted.
/// What is paid, what a payment service keeps and what a contract is behind does not.
pub(super) fn can_be_bought_over(catalog: &Catalog, live: &SubscriptionRecord) -> bool {
    use tiergate_core::catalog::Price;
    let by_contract =
        plan::tier(catalog, &live.tier).is_some_and(|tier| tier.price == Price::ByContract);
    live.provider == Provider::Manual && live.billing_cycle.is_none() && !by_contract
}

/// Until when a trial lasts that starts at `now`; none if there is none for them.
pub(super) fn trial_end(catalog: &Catalog, had_trial: bool, now: Timestamp) -> Option<Timestamp> {
    let days = catalog.trial_days();
    (!had_trial && days > 0)
        .then(|| now.saturating_add(Duration::from_secs(u64::from(days) * 24 * 60 * 60)))
}

async fn ask(
    billing: &Billing,
    caller: &Caller,
    context: &Context,
    (owner, seen): (&Subject, &Seen),
    plan: &Plan,
    wanted: &NewSubscription,
) -> Result<Snapshot, BillingError> {
    let known = seen.known();
    let request = Subscribe {
        operation: operation::named(
            context,
            "subscribe",
            known.map_or(0, |record| record.version),
        ),
        payer: Payer {
            owner,
            email: caller.email.as_deref(),
            name: caller.name.as_deref(),
            customer: known.and_then(|record| record.stripe_customer_id.as_deref()),
        },
        plan,
        trial_end: trial_end(&billing.catalog(), seen.had_trial, context.now),
        payment_method: wanted.payment_method_id.as_deref(),
        now: context.now,
    };
    Ok(billing.provider().subscribe(&request).await?)
}

/// Stores what the provider made. None if the owner got something else in between.
async fn store(
    billing: &Billing,
    context: &Context,
    owner: &Subject,
    seen: &Seen,
    snapshot: &Snapshot,
) -> Result<Option<Reply>, BillingError> {
    let mut change = match Change::begin(billing, context, owner).await? {
        Begun::Fresh(change) => change,
        Begun::Answered(reply) => return Ok(Some(reply)),
    };
    if !Seen::of(change.write(), owner).await?.is_as(seen) {
        return Ok(None);
    }
    let provider = billing.provider().name();
    let now = context.now.into();
    let (after, reply): (_, fn(&SubscriptionRecord) -> Reply) = match &seen.live {
        Some(live) => {
            let after = apply(live.clone(), snapshot, provider);
            let after = subscriptions::update(change.write(), after, now).await?;
            (after, reply_of)
        }
        None => {
            let none = SubscriptionRecord::none(owner, &snapshot.tier, now);
            let after = apply(none, snapshot, provider);
            (subscriptions::insert(change.write(), after).await?, created)
        }
    };
    if let Some(id) = after.id {
        keep_invoices(&mut change, id, snapshot, context.now).await?;
    }
    change
        .subscription_changed("subscription.created", seen.live.as_ref(), &after, None)
        .await?;
    change.finish(reply(&after)).await.map(Some)
}

fn created(record: &SubscriptionRecord) -> Reply {
    let id = record.id.map(|id| id.to_string()).unwrap_or_default();
    Reply::created(record, format!("/api/subscriptions/{id}")).with_version(record.version)
}

/// Ends what a provider made for somebody who has got something else in between: nobody pays twice. A
/// provider that does not name what it makes has made nothing outside.
async fn undo(
    billing: &Billing,
    context: &Context,
    owner: &Subject,
    snapshot: &Snapshot,
    plan: &Plan,
) -> Result<(), BillingError> {
    if snapshot.reference.is_none() {
        return Ok(());
    }
    let none = SubscriptionRecord::none(owner, &snapshot.tier, context.now.into());
    let made = apply(none, snapshot, billing.provider().name());
    let existing = Existing {
        operation: operation::named(context, "undo", 0),
        subscription: &made,
        plan: Some(plan),
        next_plan: None,
        charged: None,
        now: context.now,
    };
    let cancel = Cancel {
        existing,
        effective: Effective::Now,
    };
    provider_of(billing, &made)?.cancel(&cancel).await?;
    Ok(())
}
