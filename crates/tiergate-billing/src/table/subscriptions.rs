//! The table of subscriptions.

use std::collections::HashMap;

use serde_json::{Map, Value};
use sqlx::types::Json;
use tiergate_core::{Subject, SubjectKind};

use crate::database::{DatabaseError, Handle, Session, Write, on};
use crate::record::{
    BillingCycle, PendingChange, Provider, SubscriptionRecord, Time, organization_id, user_id,
};
use crate::table::overrides;
use crate::{BillingError, SubscriptionId};

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: uuid::Uuid,
    user_id: Option<String>,
    organization_id: Option<String>,
    tier: String,
    status: String,
    billing_cycle: Option<String>,
    provider: String,
    stripe_customer_id: Option<String>,
    stripe_subscription_id: Option<String>,
    period_start: Option<Time>,
    period_end: Option<Time>,
    billing_anchor: Option<Time>,
    cancel_at_period_end: bool,
    canceled_at: Option<Time>,
    trial_start: Option<Time>,
    trial_end: Option<Time>,
    seats: Option<i64>,
    discount: i64,
    pending_tier: Option<String>,
    pending_cycle: Option<String>,
    pending_seats: Option<i64>,
    metadata: Json<Map<String, Value>>,
    version: i64,
    created_at: Time,
    updated_at: Time,
}

impl From<Row> for SubscriptionRecord {
    fn from(row: Row) -> Self {
        let cycle = |word: Option<String>| word.as_deref().and_then(BillingCycle::from_word);
        // The schema keeps seats above zero; more than fit are as good as the most that fit.
        let seats =
            |seats: Option<i64>| seats.map(|seats| u32::try_from(seats).unwrap_or(u32::MAX));
        Self {
            id: Some(row.id.into()),
            user_id: row.user_id,
            organization_id: row.organization_id,
            tier: row.tier,
            status: row.status,
            billing_cycle: cycle(row.billing_cycle),
            provider: if row.provider == Provider::Stripe.as_str() {
                Provider::Stripe
            } else {
                Provider::Manual
            },
            stripe_customer_id: row.stripe_customer_id,
            stripe_subscription_id: row.stripe_subscription_id,
            current_period_start: row.period_start,
            current_period_end: row.period_end,
            billing_anchor: row.billing_anchor,
            cancel_at_period_end: row.cancel_at_period_end,
            canceled_at: row.canceled_at,
            trial_start: row.trial_start,
            trial_end: row.trial_end,
            seats: seats(row.seats),
            discount_basis_points: u32::try_from(row.discount).unwrap_or_default(),
            pending: PendingChange {
                tier: row.pending_tier,
                billing_cycle: cycle(row.pending_cycle),
                seats: seats(row.pending_seats),
            }
            .some(),
            metadata: row.metadata.0,
            overrides: Vec::new(),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

macro_rules! columns {
    () => {
        "id, user_id, organization_id, tier, status, billing_cycle, provider, stripe_customer_id, \
         stripe_subscription_id, period_start, period_end, cancel_at_period_end, canceled_at, \
         trial_start, trial_end, seats, discount, pending_tier, pending_cycle, pending_seats, \
         metadata, version, created_at, updated_at, billing_anchor"
    };
}
pub(super) use columns;

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM subscriptions WHERE id = $1");

const BY_IDS_POSTGRES: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM subscriptions WHERE id = ANY($1)"
);

const BY_IDS_SQLITE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM subscriptions WHERE id IN (SELECT unhex(value) FROM json_each($1))"
);

const LIVE_OF_USER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM subscriptions WHERE user_id = $1 AND status NOT IN ('canceled', 'incomplete_expired')"
);

const LIVE_OF_ORGANIZATION: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM subscriptions WHERE organization_id = $1 \
     AND status NOT IN ('canceled', 'incomplete_expired')"
);

const LAST_OF_USER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM subscriptions WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1"
);

const LAST_OF_ORGANIZATION: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM subscriptions WHERE organization_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1"
);

const BY_STRIPE_ID: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM subscriptions WHERE stripe_subscription_id = $1"
);

/// A statement that writes, with what can change of a record bound to `$1` and on, as [`INSERT`] and
/// [`UPDATE`] have it.
macro_rules! bound {
    ($statement:ident, $id:ident, $record:ident, $pending:ident) => {
        sqlx::query($statement)
            .bind($id.uuid())
            .bind(&$record.tier)
            .bind(&$record.status)
            .bind($record.billing_cycle.map(BillingCycle::as_str))
            .bind($record.provider.as_str())
            .bind(&$record.stripe_customer_id)
            .bind(&$record.stripe_subscription_id)
            .bind($record.current_period_start)
            .bind($record.current_period_end)
            .bind($record.cancel_at_period_end)
            .bind($record.canceled_at)
            .bind($record.trial_start)
            .bind($record.trial_end)
            .bind($record.seats.map(i64::from))
            .bind(i64::from($record.discount_basis_points))
            .bind($pending.tier)
            .bind($pending.billing_cycle.map(BillingCycle::as_str))
            .bind($pending.seats.map(i64::from))
            .bind(Json(&$record.metadata))
            .bind($record.billing_anchor)
    };
}

const INSERT: &str = "INSERT INTO subscriptions (id, tier, status, billing_cycle, provider, \
     stripe_customer_id, stripe_subscription_id, period_start, period_end, cancel_at_period_end, \
     canceled_at, trial_start, trial_end, seats, discount, pending_tier, pending_cycle, \
     pending_seats, metadata, billing_anchor, user_id, organization_id, version, created_at, \
     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
     $18, $19, $20, $21, $22, $23, $24, $25)";

const UPDATE: &str = "UPDATE subscriptions SET tier = $2, status = $3, billing_cycle = $4, \
     provider = $5, stripe_customer_id = $6, stripe_subscription_id = $7, period_start = $8, \
     period_end = $9, cancel_at_period_end = $10, canceled_at = $11, trial_start = $12, \
     trial_end = $13, seats = $14, discount = $15, pending_tier = $16, pending_cycle = $17, \
     pending_seats = $18, metadata = $19, billing_anchor = $20, updated_at = $21, \
     version = version + 1 WHERE id = $1 AND version = $22";

const HAD_TRIAL: &str = "SELECT COUNT(*) FROM subscriptions \
     WHERE (user_id = $1 OR organization_id = $2) AND trial_start IS NOT NULL";

const DUE: &str = "SELECT period_end, id FROM subscriptions WHERE provider = 'manual' \
     AND (status IN ('active', 'trialing') \
     OR (cancel_at_period_end AND status NOT IN ('canceled', 'incomplete_expired'))) \
     AND period_end <= $1 AND (period_end, id) > ($2, $3) ORDER BY period_end, id LIMIT $4";

const HIGHEST_VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM subscriptions \
     WHERE user_id = $1 OR organization_id = $2";

const RAISE: &str = "UPDATE subscriptions SET version = $2 WHERE id = $1";

/// The subscription with that id, with its overrides.
pub(crate) async fn by_id(
    session: &mut impl Session,
    id: SubscriptionId,
) -> Result<Option<SubscriptionRecord>, DatabaseError> {
    let row = on!(session, connection => sqlx::query_as::<_, Row>(BY_ID)
        .bind(id.uuid())
        .fetch_optional(connection)
        .await?);
    complete(session, row).await
}

/// The subscriptions with those ids, with their overrides, in no order. What is missing is left out.
pub(crate) async fn by_ids(
    session: &mut impl Session,
    ids: &[SubscriptionId],
) -> Result<Vec<SubscriptionRecord>, DatabaseError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = match session.handle() {
        Handle::Sqlite(connection) => {
            sqlx::query_as(BY_IDS_SQLITE)
                .bind(SubscriptionId::texts(ids))
                .fetch_all(connection)
                .await?
        }
        Handle::Postgres(connection) => {
            sqlx::query_as(BY_IDS_POSTGRES)
                .bind(SubscriptionId::uuids(ids))
                .fetch_all(connection)
                .await?
        }
    };
    let mut records: HashMap<_, _> = rows
        .into_iter()
        .map(|row| (SubscriptionId::from(row.id), SubscriptionRecord::from(row)))
        .collect();
    for (id, set) in overrides::of_each(session, ids).await? {
        if let Some(record) = records.get_mut(&id) {
            record.overrides.push(set);
        }
    }
    Ok(records.into_values().collect())
}

/// The subscription that lives of an owner.
pub(crate) async fn live_of(
    session: &mut impl Session,
    owner: &Subject,
) -> Result<Option<SubscriptionRecord>, DatabaseError> {
    of(session, owner, LIVE_OF_USER, LIVE_OF_ORGANIZATION).await
}

/// The newest subscription of an owner, whether it lives or not.
pub(crate) async fn last_of(
    session: &mut impl Session,
    owner: &Subject,
) -> Result<Option<SubscriptionRecord>, DatabaseError> {
    of(session, owner, LAST_OF_USER, LAST_OF_ORGANIZATION).await
}

async fn of(
    session: &mut impl Session,
    owner: &Subject,
    of_user: &'static str,
    of_organization: &'static str,
) -> Result<Option<SubscriptionRecord>, DatabaseError> {
    let statement = match owner.kind() {
        SubjectKind::User => of_user,
        SubjectKind::Organization => of_organization,
    };
    let row = on!(session, connection => sqlx::query_as::<_, Row>(statement)
        .bind(owner.id())
        .fetch_optional(connection)
        .await?);
    complete(session, row).await
}

/// The subscription that Stripe calls so.
pub(crate) async fn by_stripe_id(
    session: &mut impl Session,
    stripe_id: &str,
) -> Result<Option<SubscriptionRecord>, DatabaseError> {
    let row = on!(session, connection => sqlx::query_as::<_, Row>(BY_STRIPE_ID)
        .bind(stripe_id)
        .fetch_optional(connection)
        .await?);
    complete(session, row).await
}

/// Whether an owner ever had a trial.
pub(crate) async fn had_trial(
    session: &mut impl Session,
    owner: &Subject,
) -> Result<bool, DatabaseError> {
    let count: i64 = on!(session, connection => sqlx::query_scalar(HAD_TRIAL)
        .bind(user_id(owner))
        .bind(organization_id(owner))
        .fetch_one(connection)
        .await?);
    Ok(count > 0)
}

/// Where the list of what is due goes on: the end of a period, and whose it is.
pub(crate) type DueCursor = (Time, uuid::Uuid);

/// The subscriptions of the manual provider whose period or trial has ended by `now`, longest ago first:
/// those that are active or on trial, and those that are to end, whatever their status. A trial is a
/// period: both end at once.
pub(crate) async fn due(
    session: &mut impl Session,
    now: Time,
    after: Option<DueCursor>,
    limit: u32,
) -> Result<Vec<DueCursor>, DatabaseError> {
    let (end, id) = after.unwrap_or((Time::from_micros(i64::MIN), uuid::Uuid::nil()));
    Ok(
        on!(session, connection => sqlx::query_as::<_, DueCursor>(DUE)
        .bind(now)
        .bind(end)
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?),
    )
}

/// The highest version that any record of an owner has; 0 if there is none.
pub(crate) async fn highest_version(
    session: &mut impl Session,
    owner: &Subject,
) -> Result<i64, DatabaseError> {
    Ok(
        on!(session, connection => sqlx::query_scalar(HIGHEST_VERSION)
        .bind(user_id(owner))
        .bind(organization_id(owner))
        .fetch_one(connection)
        .await?),
    )
}

/// Gives a record a version above all others of its owner, because it is what counts of them from now
/// on, and returns it at that version.
pub(crate) async fn raise(
    write: &mut Write,
    mut record: SubscriptionRecord,
) -> Result<SubscriptionRecord, DatabaseError> {
    record.version = highest_version(write, &record.owner()).await? + 1;
    on!(write, connection => sqlx::query(RAISE)
        .bind(record.id.map(SubscriptionId::uuid))
        .bind(record.version)
        .execute(connection)
        .await?
        .rows_affected());
    Ok(record)
}

/// Stores a new one and returns it as it is stored. Its version is one above all others of its owner:
/// who follows an owner keeps the newest version of whatever that has.
///
/// # Errors
///
/// [`BillingError::SubscriptionExists`] when its owner has one that lives.
pub(crate) async fn insert(
    write: &mut Write,
    mut record: SubscriptionRecord,
) -> Result<SubscriptionRecord, BillingError> {
    let id = record
        .id
        .unwrap_or_else(|| SubscriptionId::new(record.created_at.0));
    record.id = Some(id);
    record.version = highest_version(write, &record.owner()).await? + 1;
    let pending = record.pending.clone().unwrap_or_default();
    let inserted = on!(write, connection => bound!(INSERT, id, record, pending)
        .bind(&record.user_id)
        .bind(&record.organization_id)
        .bind(record.version)
        .bind(record.created_at)
        .bind(record.updated_at)
        .execute(connection)
        .await
        .map(drop)
        .map_err(DatabaseError::from));
    match inserted {
        Ok(()) => Ok(record),
        Err(error)
            if error.violates("subscriptions_live_user", "subscriptions.user_id")
                || error.violates(
                    "subscriptions_live_organization",
                    "subscriptions.organization_id",
                ) =>
        {
            Err(BillingError::SubscriptionExists)
        }
        Err(error) => Err(error.into()),
    }
}

/// Stores what a record has become, if it is still at the version that `record` says, and returns it at
/// the version it has then. Owner, creation and overrides stay as they are stored.
///
/// # Errors
///
/// [`BillingError::Contention`] when it is at another version by now.
pub(crate) async fn update(
    write: &mut Write,
    mut record: SubscriptionRecord,
    now: Time,
) -> Result<SubscriptionRecord, BillingError> {
    let Some(id) = record.id else {
        return Err(BillingError::NotFound("subscription"));
    };
    let pending = record.pending.clone().unwrap_or_default();
    let changed = on!(write, connection => bound!(UPDATE, id, record, pending)
        .bind(now)
        .bind(record.version)
        .execute(connection)
        .await?
        .rows_affected());
    if changed != 1 {
        return Err(BillingError::Contention);
    }
    record.version += 1;
    record.updated_at = now;
    Ok(record)
}

async fn complete(
    session: &mut impl Session,
    row: Option<Row>,
) -> Result<Option<SubscriptionRecord>, DatabaseError> {
    let Some(row) = row else {
        return Ok(None);
    };
    let mut record = SubscriptionRecord::from(row);
    if let Some(id) = record.id {
        record.overrides = overrides::of(session, id).await?;
    }
    Ok(Some(record))
}

statements![
    BY_ID,
    BY_IDS_POSTGRES,
    BY_IDS_SQLITE,
    LIVE_OF_USER,
    LIVE_OF_ORGANIZATION,
    LAST_OF_USER,
    LAST_OF_ORGANIZATION,
    BY_STRIPE_ID,
    INSERT,
    UPDATE,
    HAD_TRIAL,
    DUE,
    HIGHEST_VERSION,
    RAISE
];
