//! Sums over the table of usage.

use crate::SubscriptionId;
use crate::database::{DatabaseError, Session, on};
use crate::record::Time;

const SUM: &str = "SELECT CAST(COALESCE(SUM(quantity), 0) AS BIGINT) FROM usage_records \
     WHERE subscription_id = $1 AND metric = $2 AND occurred_at >= $3 AND occurred_at < $4";

/// How much of a metric a subscription used from `start` up to, but without, `end`.
pub(crate) async fn sum_within(
    session: &mut impl Session,
    subscription: SubscriptionId,
    metric: &str,
    (start, end): (Time, Time),
) -> Result<i64, DatabaseError> {
    Ok(on!(session, connection => sqlx::query_scalar(SUM)
        .bind(subscription.uuid())
        .bind(metric)
        .bind(start)
        .bind(end)
        .fetch_one(connection)
        .await?))
}

statements![SUM];
