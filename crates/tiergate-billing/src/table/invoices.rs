//! The table of invoices, and the counter that numbers them.

use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use crate::database::{DatabaseError, Session, Write, on};
use crate::payment::{NewInvoice, PaymentError, PaymentErrorKind};
use crate::record::{
    Amount, Cursor, InvoiceLine, InvoiceRecord, InvoiceStatus, Page, PageRequest, Time,
};
use crate::{BillingError, InvoiceId, SubscriptionId};

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    subscription_id: Uuid,
    number: String,
    stripe_invoice_id: Option<String>,
    tier: String,
    status: String,
    subtotal: i64,
    tax: i64,
    discount: i64,
    total: i64,
    refunded: i64,
    currency: String,
    period_start: Option<Time>,
    period_end: Option<Time>,
    due_at: Option<Time>,
    paid_at: Option<Time>,
    attempted_at: Option<Time>,
    next_attempt_at: Option<Time>,
    attempts: i64,
    lines: Json<Vec<InvoiceLine>>,
    metadata: Json<Map<String, Value>>,
    version: i64,
    created_at: Time,
    updated_at: Time,
}

impl From<Row> for InvoiceRecord {
    fn from(row: Row) -> Self {
        let amount = |amount| Amount::new(amount, row.currency.as_str());
        Self {
            id: row.id.into(),
            subscription_id: row.subscription_id.into(),
            number: row.number,
            stripe_invoice_id: row.stripe_invoice_id,
            tier: row.tier,
            // The schema knows no other words.
            status: InvoiceStatus::from_word(&row.status).unwrap_or(InvoiceStatus::Draft),
            subtotal: amount(row.subtotal),
            discount: amount(row.discount),
            tax: amount(row.tax),
            total: amount(row.total),
            refunded: amount(row.refunded),
            period_start: row.period_start,
            period_end: row.period_end,
            due_at: row.due_at,
            paid_at: row.paid_at,
            attempted_at: row.attempted_at,
            next_attempt_at: row.next_attempt_at,
            attempts: row.attempts,
            lines: row.lines.0,
            metadata: row.metadata.0,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

macro_rules! columns {
    () => {
        "id, subscription_id, number, stripe_invoice_id, tier, status, subtotal, tax, discount, \
         total, refunded, currency, period_start, period_end, due_at, paid_at, attempted_at, \
         next_attempt_at, attempts, lines, metadata, version, created_at, updated_at"
    };
}

const NEXT_NUMBER: &str = "INSERT INTO invoice_numbers (month, last) VALUES ($1, 1) \
     ON CONFLICT (month) DO UPDATE SET last = invoice_numbers.last + 1 RETURNING last";

/// A statement that writes, with what can change of a record bound to `$1` and on, as [`INSERT`] and
/// [`UPDATE`] have it.
macro_rules! bound {
    ($statement:ident, $record:ident) => {
        sqlx::query($statement)
            .bind($record.id.uuid())
            .bind(&$record.stripe_invoice_id)
            .bind(&$record.tier)
            .bind($record.status.as_str())
            .bind($record.subtotal.amount)
            .bind($record.tax.amount)
            .bind($record.discount.amount)
            .bind($record.total.amount)
            .bind($record.refunded.amount)
            .bind(&$record.total.currency)
            .bind($record.period_start)
            .bind($record.period_end)
            .bind($record.due_at)
            .bind($record.paid_at)
            .bind($record.attempted_at)
            .bind($record.next_attempt_at)
            .bind($record.attempts)
            .bind(Json(&$record.lines))
            .bind(Json(&$record.metadata))
    };
}

const INSERT: &str = "INSERT INTO invoices (id, stripe_invoice_id, tier, status, subtotal, tax, \
     discount, total, refunded, currency, period_start, period_end, due_at, paid_at, attempted_at, \
     next_attempt_at, attempts, lines, metadata, subscription_id, number, version, created_at, \
     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
     $18, $19, $20, $21, $22, $23, $24)";

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM invoices WHERE id = $1");

const BY_STRIPE_ID: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM invoices WHERE stripe_invoice_id = $1"
);

const OF_SUBSCRIPTION: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM invoices WHERE subscription_id = $1 AND (created_at, id) < ($2, $3) \
     ORDER BY created_at DESC, id DESC LIMIT $4"
);

const LAST_CHARGE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM invoices WHERE subscription_id = $1 AND status IN ('open', 'paid') \
     AND period_start <= $2 AND period_end > $2 \
     ORDER BY created_at DESC, LENGTH(number) DESC, number DESC LIMIT 1"
);

const UPDATE: &str = "UPDATE invoices SET stripe_invoice_id = $2, tier = $3, status = $4, \
     subtotal = $5, tax = $6, discount = $7, total = $8, refunded = $9, currency = $10, \
     period_start = $11, period_end = $12, due_at = $13, paid_at = $14, attempted_at = $15, \
     next_attempt_at = $16, attempts = $17, lines = $18, metadata = $19, updated_at = $20, \
     version = version + 1 WHERE id = $1 AND version = $21";

/// Stores a new invoice under the next number of the month, and returns it as it is stored.
///
/// The month is that of `now` in UTC. Not that of the catalog's zone: a number names the month for as
/// long as the invoice is kept, and a zone can be changed. The counter's row stays locked until the
/// transaction ends, so that a number is used if and only if its invoice is; take it late.
///
/// # Errors
///
/// [`BillingError::Payment`] when the sums are more than can be stored.
pub(crate) async fn insert(
    write: &mut Write,
    subscription: SubscriptionId,
    invoice: &NewInvoice,
    now: Time,
) -> Result<InvoiceRecord, BillingError> {
    let (subtotal, total) = sums(invoice)?;
    let amount = |amount| Amount::new(amount, invoice.currency.code());
    let record = InvoiceRecord {
        id: InvoiceId::new(now.0),
        subscription_id: subscription,
        number: String::new(),
        stripe_invoice_id: invoice.reference.clone(),
        tier: invoice.tier.clone(),
        status: invoice.status,
        subtotal: amount(subtotal),
        discount: amount(invoice.discount),
        tax: amount(invoice.tax),
        total: amount(total),
        refunded: amount(0),
        period_start: invoice.period.map(|(start, _)| start.into()),
        period_end: invoice.period.map(|(_, end)| end.into()),
        due_at: invoice.due_at.map(Into::into),
        paid_at: invoice.paid_at.map(Into::into),
        attempted_at: None,
        next_attempt_at: None,
        attempts: 0,
        lines: invoice.lines.clone(),
        metadata: Map::new(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    insert_record(write, record).await
}

/// Stores a new invoice as it is, but for its number: it gets the next of the month in which it was made.
pub(crate) async fn insert_record(
    write: &mut Write,
    mut record: InvoiceRecord,
) -> Result<InvoiceRecord, BillingError> {
    record.number = next_number(write, record.created_at).await?;
    on!(write, connection => bound!(INSERT, record)
        .bind(record.subscription_id.uuid())
        .bind(&record.number)
        .bind(record.version)
        .bind(record.created_at)
        .bind(record.updated_at)
        .execute(connection)
        .await?
        .rows_affected());
    Ok(record)
}

/// The invoice with that id.
pub(crate) async fn by_id(
    session: &mut impl Session,
    id: InvoiceId,
) -> Result<Option<InvoiceRecord>, DatabaseError> {
    let row = on!(session, connection => sqlx::query_as::<_, Row>(BY_ID)
        .bind(id.uuid())
        .fetch_optional(connection)
        .await?);
    Ok(row.map(Into::into))
}

/// The invoice that Stripe calls so.
pub(crate) async fn by_stripe_id(
    session: &mut impl Session,
    id: &str,
) -> Result<Option<InvoiceRecord>, DatabaseError> {
    let row = on!(session, connection => sqlx::query_as::<_, Row>(BY_STRIPE_ID)
        .bind(id)
        .fetch_optional(connection)
        .await?);
    Ok(row.map(Into::into))
}

/// The invoices of a subscription, newest first.
pub(crate) async fn of_subscription(
    session: &mut impl Session,
    subscription: SubscriptionId,
    request: PageRequest,
) -> Result<Page<InvoiceRecord>, DatabaseError> {
    // The first page begins before everything.
    let after = request.after.unwrap_or(Cursor {
        at: Time::from_micros(i64::MAX),
        id: Uuid::max(),
    });
    let rows = on!(session, connection => sqlx::query_as::<_, Row>(OF_SUBSCRIPTION)
        .bind(subscription.uuid())
        .bind(after.at)
        .bind(after.id)
        .bind(i64::from(request.limit) + 1)
        .fetch_all(connection)
        .await?);
    let items = rows.into_iter().map(InvoiceRecord::from).collect();
    Ok(Page::cut(items, request, |invoice| Cursor {
        at: invoice.created_at,
        id: invoice.id.uuid(),
    }))
}

/// The newest invoice of a subscription for a time that `at` is in, of those that are paid or to be.
pub(crate) async fn last_charge(
    session: &mut impl Session,
    subscription: SubscriptionId,
    at: Time,
) -> Result<Option<InvoiceRecord>, DatabaseError> {
    // Of two that were made at one moment, the number tells which came later.
    let row = on!(session, connection => sqlx::query_as::<_, Row>(LAST_CHARGE)
        .bind(subscription.uuid())
        .bind(at)
        .fetch_optional(connection)
        .await?);
    Ok(row.map(Into::into))
}

/// Stores what an invoice has become, if it is still at the version that `record` says, and returns it
/// at the version it has then. Its number, subscription and creation stay as they are stored.
///
/// # Errors
///
/// [`BillingError::Contention`] when it is at another version by now.
pub(crate) async fn update(
    write: &mut Write,
    mut record: InvoiceRecord,
    now: Time,
) -> Result<InvoiceRecord, BillingError> {
    let changed = on!(write, connection => bound!(UPDATE, record)
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

async fn next_number(write: &mut Write, now: Time) -> Result<String, DatabaseError> {
    // RFC 3339 begins with the year and the month.
    let text = now.to_string();
    let month = text.get(..7).unwrap_or(&text);
    let last: i64 = on!(write, connection => sqlx::query_scalar(NEXT_NUMBER)
        .bind(month)
        .fetch_one(connection)
        .await?);
    Ok(format!("INV-{month}-{last:06}"))
}

/// The subtotal and the total of an invoice.
fn sums(invoice: &NewInvoice) -> Result<(i64, i64), PaymentError> {
    let subtotal: i128 = invoice
        .lines
        .iter()
        .map(|line| i128::from(line.amount.amount))
        .sum();
    let total = subtotal - i128::from(invoice.discount) + i128::from(invoice.tax);
    match (i64::try_from(subtotal), i64::try_from(total)) {
        (Ok(subtotal), Ok(total)) => Ok((subtotal, total)),
        _ => Err(PaymentError::new(
            PaymentErrorKind::Refused,
            "the invoice is over more money than can be counted",
        )),
    }
}

statements![
    NEXT_NUMBER,
    INSERT,
    BY_ID,
    BY_STRIPE_ID,
    OF_SUBSCRIPTION,
    LAST_CHARGE,
    UPDATE
];

#[cfg(test)]
mod tests {
    use tiergate_core::Subject;
    use tiergate_core::money::Currency;

    use super::*;
    use crate::record::SubscriptionRecord;
    use crate::table::subscriptions;
    use crate::testing::Office;

    fn invoice(amount: i64) -> NewInvoice {
        NewInvoice {
            reference: None,
            tier: "pro".to_owned(),
            status: InvoiceStatus::Open,
            lines: vec![InvoiceLine {
                description: "Pro, monthly".to_owned(),
                quantity: 1,
                amount: Amount::new(amount, "USD"),
                period_start: None,
                period_end: None,
            }],
            discount: 200,
            tax: 19,
            currency: Currency::USD,
            period: None,
            due_at: None,
            paid_at: None,
        }
    }

    async fn subscription(office: &Office, user: &str) -> SubscriptionId {
        let now = office.billing.now().into();
        let record = SubscriptionRecord::none(&Subject::user(user), "free", now);
        let mut write = office.billing.database().write().await.unwrap();
        let stored = subscriptions::insert(&mut write, record).await.unwrap();
        write.commit().await.unwrap();
        stored.id.unwrap()
    }

    async fn add(office: &Office, id: SubscriptionId, invoice: &NewInvoice) -> InvoiceRecord {
        let mut write = office.billing.database().write().await.unwrap();
        let stored = insert(&mut write, id, invoice, office.billing.now().into())
            .await
            .unwrap();
        write.commit().await.unwrap();
        stored
    }

    #[tokio::test]
    async fn an_invoice_is_read_back_as_it_was_stored() {
        for office in Office::each().await {
            let id = subscription(&office, "pia").await;
            let mut new = invoice(1200);
            new.reference = Some("in_1".to_owned());
            let stored = add(&office, id, &new).await;
            assert_eq!(
                (stored.subtotal.amount, stored.total.amount),
                (1200, 1200 - 200 + 19)
            );
            let mut read = office.billing.database().read().await.unwrap();
            assert_eq!(
                by_id(&mut read, stored.id).await.unwrap().as_ref(),
                Some(&stored)
            );
            assert_eq!(by_stripe_id(&mut read, "in_1").await.unwrap(), Some(stored));
            assert_eq!(by_stripe_id(&mut read, "in_2").await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn numbers_count_by_month_without_a_gap_even_where_a_transaction_fails() {
        for office in Office::each().await {
            let id = subscription(&office, "pia").await;
            assert_eq!(
                add(&office, id, &invoice(1)).await.number,
                "INV-2026-01-000001"
            );
            let mut write = office.billing.database().write().await.unwrap();
            let now = office.billing.now().into();
            insert(&mut write, id, &invoice(2), now).await.unwrap();
            drop(write);
            assert_eq!(
                add(&office, id, &invoice(3)).await.number,
                "INV-2026-01-000002"
            );
            let february = "2026-02-01T00:00:00Z".parse().unwrap();
            office.clock.set_wall_clock(february);
            assert_eq!(
                add(&office, id, &invoice(4)).await.number,
                "INV-2026-02-000001"
            );
        }
    }

    #[tokio::test]
    async fn invoices_written_at_once_have_numbers_one_after_the_other() {
        for office in Office::each().await {
            let mut tasks = tokio::task::JoinSet::new();
            for user in 0..20 {
                let id = subscription(&office, &format!("user-{user}")).await;
                let (billing, now) = (office.billing.clone(), office.billing.now().into());
                tasks.spawn(async move {
                    let mut write = billing.database().write().await.unwrap();
                    let stored = insert(&mut write, id, &invoice(1), now).await.unwrap();
                    write.commit().await.unwrap();
                    stored.number
                });
            }
            let mut numbers = tasks.join_all().await;
            numbers.sort();
            let expected: Vec<_> = (1..=20).map(|n| format!("INV-2026-01-{n:06}")).collect();
            assert_eq!(numbers, expected);
        }
    }

    #[tokio::test]
    async fn pages_hold_every_invoice_once_newest_first() {
        for office in Office::each().await {
            let (id, other) = (
                subscription(&office, "pia").await,
                subscription(&office, "tom").await,
            );
            add(&office, other, &invoice(1)).await;
            for _ in 0..5 {
                // Two at each moment, so that the id has to tell them apart.
                add(&office, id, &invoice(1)).await;
                add(&office, id, &invoice(1)).await;
                office.clock.advance(std::time::Duration::from_secs(1));
            }
            let mut read = office.billing.database().read().await.unwrap();
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let request = PageRequest { limit: 3, after };
                let page = of_subscription(&mut read, id, request).await.unwrap();
                assert!(page.items.len() <= 3);
                seen.extend(page.items.iter().map(|one| (one.created_at, one.id)));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let mut sorted = seen.clone();
            sorted.sort_by(|a, b| b.cmp(a));
            sorted.dedup();
            assert_eq!((seen.len(), &seen), (10, &sorted));
        }
    }

    #[tokio::test]
    async fn of_two_updates_of_one_version_one_is_refused() {
        for office in Office::each().await {
            let id = subscription(&office, "pia").await;
            let stored = add(&office, id, &invoice(1200)).await;
            let now = office.billing.now().into();
            let paid = InvoiceRecord {
                status: InvoiceStatus::Paid,
                paid_at: Some(now),
                ..stored.clone()
            };
            let mut write = office.billing.database().write().await.unwrap();
            let updated = update(&mut write, paid, now).await.unwrap();
            assert_eq!(updated.version, 2);
            let again = update(&mut write, stored.clone(), now).await;
            assert!(matches!(again, Err(BillingError::Contention)));
            write.commit().await.unwrap();
            let mut read = office.billing.database().read().await.unwrap();
            assert_eq!(by_id(&mut read, stored.id).await.unwrap(), Some(updated));
        }
    }

    #[test]
    fn sums_that_cannot_be_counted_are_refused() {
        let mut new = invoice(i64::MAX);
        assert!(sums(&new).is_ok());
        new.tax = 201;
        assert!(sums(&new).is_err());
    }
}
