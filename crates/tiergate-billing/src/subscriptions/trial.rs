//! Trials that last longer.

use tiergate_core::time::Timestamp;

use super::alter::{Alteration, alter};
use crate::change::Reply;
use crate::context::Context;
use crate::record::{SubscriptionRecord, Time};
use crate::{Billing, BillingError, FieldFault, SubscriptionId};

/// Lets the trial of a subscription end at another time. For admins: whoever asks has been found to be
/// one.
///
/// # Errors
///
/// [`BillingError::Invalid`] when `until` has passed, [`BillingError::InvalidState`] when the subscription
/// is not on trial.
pub(crate) async fn extend_trial(
    billing: &Billing,
    context: &Context,
    id: SubscriptionId,
    until: Time,
    reason: &str,
) -> Result<Reply, BillingError> {
    let alteration = Alteration::ExtendTrial(until.0);
    alter(billing, context, id, &alteration, Some(reason)).await
}

/// Whether the trial of a subscription can end at `until`.
pub(super) fn check(
    record: &SubscriptionRecord,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), BillingError> {
    let runs = record.trial_end.is_some_and(|end| now < end.0);
    if record.status != "trialing" || !runs {
        return Err(BillingError::InvalidState("it is not on trial".into()));
    }
    if until <= now {
        let fault = FieldFault::new("/until", "expected a time in the future");
        return Err(BillingError::Invalid(vec![fault]));
    }
    Ok(())
}
