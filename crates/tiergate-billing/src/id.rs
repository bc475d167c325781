//! The ids of records: UUIDs of version 7 (RFC 9562), which grow with time and so are kind to indexes.
//!
//! Ids that one process makes for the same moment grow, too: lists are ordered by time and id, and what a
//! request does one after the other happens at one moment.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::types::Json;
use tiergate_core::time::Timestamp;
use uuid::{ClockSequence, Uuid};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, sqlx::Type, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, made at `now`.
            #[must_use]
            pub fn new(now: Timestamp) -> Self {
                Self(new_uuid(now))
            }

            /// The id as a UUID.
            #[must_use]
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// The id of a subscription.
    SubscriptionId;
    /// The id of an invoice.
    InvoiceId;
    /// The id of a usage record.
    UsageId;
    /// The id of an entry of the audit log.
    AuditId;
    /// The id of a payment, a failed one or a refund.
    PaymentId;
    /// The id of an event in the inbox of webhooks.
    InboxId;
    /// The id of one change that is asked of a payment provider: the same for every try of it.
    OperationId;
}

/// Lists of ids, as statements take them.
impl SubscriptionId {
    /// For PostgreSQL: an array.
    pub(crate) fn uuids(ids: &[Self]) -> Vec<Uuid> {
        ids.iter().map(|id| id.0).collect()
    }

    /// For SQLite: the text of a JSON array of hexadecimal numbers.
    pub(crate) fn texts(ids: &[Self]) -> Json<Vec<uuid::fmt::Simple>> {
        Json(ids.iter().map(|id| id.0.simple()).collect())
    }
}

fn new_uuid(now: Timestamp) -> Uuid {
    let micros = now.as_micros().max(0).unsigned_abs();
    // The remainder is below a million microseconds, so its nanoseconds fit.
    let nanos = u32::try_from(micros % 1_000_000 * 1_000).unwrap_or_default();
    let at = uuid::Timestamp::from_unix(Sequence, micros / 1_000_000, nanos);
    Uuid::new_v7(at)
}

/// Counts the ids of this process (RFC 9562, section 6.2, method 1). The library's own counter would
/// move the time of an id, too, when time goes back.
struct Sequence;

impl Sequence {
    /// How long the counter is. The 32 bits after it are random.
    const BITS: usize = 42;
}

impl ClockSequence for Sequence {
    type Output = u64;

    fn generate_sequence(&self, _: u64, _: u32) -> u64 {
        // From anywhere in the lower half, so that processes differ and none gets to the end.
        static NEXT: LazyLock<AtomicU64> =
            LazyLock::new(|| AtomicU64::new(fastrand::u64(..1 << (Sequence::BITS - 1))));
        NEXT.fetch_add(1, Ordering::Relaxed) & ((1 << Self::BITS) - 1)
    }

    fn usable_bits(&self) -> usize {
        Self::BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_later_moments_are_greater() {
        let at = |text: &str| SubscriptionId::new(text.parse().unwrap());
        assert!(at("2026-01-01T00:00:00Z") < at("2026-01-01T00:00:00.001Z"));
        assert_ne!(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn ids_of_one_moment_grow_as_they_are_made() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let ids: Vec<_> = (0..1_000).map(|_| AuditId::new(now)).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
        // Time that goes back takes its ids along.
        let before = AuditId::new("2025-12-31T23:59:59Z".parse().unwrap());
        assert!(before < ids[0]);
    }

    #[test]
    fn an_id_is_read_back_from_its_text() {
        let id = InvoiceId::new("2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}
