//! Who has what in the quickstart. All of it is asked of the billing service, as its callers would.

use std::error::Error;

use http::Method;
use serde_json::{Value, json};

use crate::billing_client::BillingClient;
use crate::tokens::IdentityProvider;

pub(crate) async fn subscribe_all(
    billing: &BillingClient,
    identity: &IdentityProvider,
) -> Result<(), Box<dyn Error>> {
    let admin = identity.token("operator", &["admin"])?;
    for (user, tier) in [("pia", "pro"), ("mia", "max"), ("pam", "premium")] {
        subscribe(billing, identity, user, tier).await?;
    }

    // Lou bought a workflow pack of an odd size.
    let lou = subscribe(billing, identity, "lou", "pro").await?;
    let limit = format!("/api/subscriptions/{lou}/overrides/workflow_executions_monthly");
    let three = json!({ "value": 3, "reason": "the small pack" });
    billing
        .send(Method::PUT, &limit, &admin, Some(&three))
        .await?;

    let sue = subscribe(billing, identity, "sue", "pro").await?;
    let adjust = format!("/api/admin/subscriptions/{sue}/adjust");
    let suspended = json!({ "status": "suspended", "reason": "her bank has questions" });
    billing
        .send(Method::POST, &adjust, &admin, Some(&suspended))
        .await?;

    // Enterprise is by contract: nobody can buy it.
    let contract =
        json!({ "organizationId": "eagle", "tier": "enterprise", "reason": "contract 17" });
    let path = "/api/admin/grants";
    billing
        .send(Method::POST, path, &admin, Some(&contract))
        .await?;
    Ok(())
}

/// Returns the id of the subscription.
async fn subscribe(
    billing: &BillingClient,
    identity: &IdentityProvider,
    user: &str,
    tier: &str,
) -> Result<String, Box<dyn Error>> {
    let token = identity.token(user, &[])?;
    let wanted = json!({ "tier": tier, "billingCycle": "monthly" });
    let path = "/api/subscriptions";
    let made = billing
        .send(Method::POST, path, &token, Some(&wanted))
        .await?;
    let id = made.get("id").and_then(Value::as_str);
    Ok(id.ok_or("a subscription has an id")?.to_owned())
}
