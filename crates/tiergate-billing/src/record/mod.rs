//! The records, as they are stored and as they are answered.

mod amount;
mod audit;
mod billing_month;
mod feature_value;
mod invoice;
mod page;
mod subscription;
mod time;
mod usage;
mod webhook_event;

pub use amount::Amount;
pub use audit::AuditRecord;
pub use billing_month::{BillingMonth, InvalidMonthError};
pub use feature_value::{LimitValue, Unlimited, ValueOnWire};
pub use invoice::{InvoiceLine, InvoiceRecord, InvoiceStatus};
pub use page::{Cursor, Page, PageRequest};
pub use subscription::{
    BillingCycle, OverrideRecord, PendingChange, Provider, SubscriptionRecord, is_live,
};
pub(crate) use subscription::{organization_id, user_id};
pub use time::Time;
pub use usage::UsageRecord;
pub use webhook_event::{EventState, WebhookEventRecord};
