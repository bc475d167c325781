//! Every question that plain code can ask, without a server.
//!
//! ```console
//! $ cargo run -p tiergate-examples --example programmatic
//! ```

use std::error::Error;

use tiergate::{
    Catalog, Decision, Requirement, ReserveError, StaticLookup, Subject, Subscription,
    SubscriptionStatus, TierGate,
};

const CATALOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../feature-flags.yaml");
const SUBSCRIBERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/subscribers.json");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let subscriptions = StaticLookup::from_path(SUBSCRIBERS)?;
    let gate = TierGate::builder(Catalog::from_path(CATALOG)?)
        .lookup(subscriptions.clone())
        .build()?;

    ask(&gate).await?;
    decide(&gate).await?;
    spend(&gate).await?;
    change(&gate, &subscriptions).await?;
    mistype(&gate).await;
    Ok(())
}

/// What somebody has.
async fn ask(gate: &TierGate) -> Result<(), Box<dyn Error>> {
    let pia = Subject::user("pia");
    println!("# What Pia has, on Pro");
    println!(
        "CRM: {}",
        gate.has_feature_access(&pia, "crm_enabled").await?
    );
    println!(
        "SSO: {}",
        gate.has_feature_access(&pia, "sso_enabled").await?
    );
    println!("SMS: {}", gate.feature_limit(&pia, "sms_messages").await?);
    println!(
        "support: {}",
        gate.feature_value(&pia, "support_level").await?
    );
    println!("on Max or above: {}", gate.meets_tier(&pia, "max").await?);

    // A name that is resolved once, at start-up, cannot be wrong later.
    let storage = gate.feature("storage_limit_gb")?;
    println!("storage: {} GB", storage.value(&pia).await?);
    Ok(())
}

/// A decision says more than yes or no, and can be explained step by step.
async fn decide(gate: &TierGate) -> Result<(), Box<dyn Error>> {
    let fay = Subject::user("fay");
    let crm = Requirement::Feature(gate.feature_id("crm_enabled")?);

    println!("\n# Why Fay has no CRM, on Free");
    if let Decision::Denied(denial) = gate.check(&fay, &crm).await? {
        println!("{}", denial.detail());
        println!("cheapest: {}", denial.required_tier().unwrap_or("none"));
        println!("any of: {}", denial.available_in().join(", "));
    }
    println!("\n# The same, step by step");
    print!("{}", gate.explain(&fay, &crm).await?);
    Ok(())
}

/// Units are reserved first and charged when the work is done.
async fn spend(gate: &TierGate) -> Result<(), Box<dyn Error>> {
    let lou = Subject::user("lou");
    const LIMIT: &str = "workflow_executions_monthly";

    println!("\n# Lou's three executions");
    let reserved = gate.reserve(&lou, LIMIT, 2).await?;
    println!("reserved 2: {} used", gate.usage(&lou, LIMIT).await?.used);
    reserved.commit().await?;

    // What is dropped uncommitted is given back: on an early return, a panic, a cancelled task.
    drop(gate.reserve(&lou, LIMIT, 1).await?);
    println!("gave 1 back: {} used", gate.usage(&lou, LIMIT).await?.used);

    match gate.reserve(&lou, LIMIT, 2).await {
        Err(ReserveError::Denied(denial)) => println!("reserving 2 more: {}", denial.kind()),
        Err(error) => return Err(error.into()),
        Ok(_) => println!("reserving 2 more: done"),
    }
    Ok(())
}

/// Whoever changes a subscription says so, and need not wait for a cache.
async fn change(gate: &TierGate, subscriptions: &StaticLookup) -> Result<(), Box<dyn Error>> {
    let pia = Subject::user("pia");
    println!("\n# Pia changes from Pro to Free");
    subscriptions.set(Subscription::new(
        pia.clone(),
        "free",
        SubscriptionStatus::Active,
    ));
    println!(
        "CRM, cached: {}",
        gate.has_feature_access(&pia, "crm_enabled").await?
    );
    gate.invalidate(&pia);
    println!(
        "CRM, invalidated: {}",
        gate.has_feature_access(&pia, "crm_enabled").await?
    );
    Ok(())
}

/// A name that the catalog lacks is an error with a remedy, never a 'no'.
async fn mistype(gate: &TierGate) {
    println!("\n# A typo");
    if let Err(error) = gate
        .has_feature_access(&Subject::user("pia"), "crm_enable")
        .await
    {
        println!("{error}");
    }
}
