//! What may become of a subscription, and who may ask for it.
//!
//! Two kinds of change are told apart. What concerns money is asked of the provider before the
//! transaction, and what it answers is stored (`alter`). What only this service knows is changed in
//! one transaction (`edit`).

mod adjust;
mod alter;
mod cancel;
mod change;
mod edit;
mod facts;
mod grant;
mod offer;
mod operation;
mod overrides;
mod plan;
mod preview;
mod read;
mod refund;
mod renew;
mod snapshot;
mod subscribe;
#[cfg(test)]
mod tests;
mod trial;

pub(crate) use adjust::{Adjustment, adjust};
pub(crate) use cancel::{cancel, reactivate};
pub(crate) use change::{PlanChange, change};
pub(crate) use grant::{Grant, Grantee, grant_tier};
pub(crate) use overrides::{NewOverride, delete_override, put_override};
pub(crate) use preview::{ChangePreview, preview};
pub(crate) use read::{by_id, of_owner, standing_of};
pub(crate) use refund::refund;
pub(crate) use renew::advance_due;
pub(crate) use snapshot::apply;
pub(crate) use subscribe::{NewSubscription, subscribe};
pub(crate) use trial::extend_trial;
