//! What events mean to one who gets each of them once and in their true order: a state, changed by one
//! event after the other. It shares no code with the service.

use std::collections::BTreeMap;

use serde_json::Value;

/// How a subscription stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) tier: String,
    pub(crate) cycle: String,
    pub(crate) status: String,
    latest: Option<String>,
}

/// Reads all events, which are in their true order.
pub(crate) fn read(events: &[Value]) -> BTreeMap<String, Stand> {
    let mut stands: BTreeMap<String, Stand> = BTreeMap::new();
    for event in events {
        let kind = event["type"].as_str().unwrap();
        let object = &event["data"]["object"];
        if kind.starts_with("customer.subscription.") {
            stands.insert(text(&object["id"]).unwrap(), snapshot(object));
        } else if let Some(subscription) = subscription_of(object)
            && let Some(stand) = stands.get_mut(&subscription)
            && stand.latest == text(&object["id"])
        {
            let status = match (kind, stand.status.as_str()) {
                ("invoice.payment_failed", "active" | "trialing") => "past_due",
                ("invoice.paid", "past_due") => "active",
                (_, same) => same,
            };
            stand.status = status.to_owned();
        }
    }
    stands
}

fn snapshot(object: &Value) -> Stand {
    let key = text(&object["items"]["data"][0]["price"]["lookup_key"]).unwrap();
    let (tier, cycle) = key.rsplit_once('_').unwrap();
    Stand {
        tier: tier.to_owned(),
        cycle: cycle.to_owned(),
        status: text(&object["status"]).unwrap(),
        latest: text(&object["latest_invoice"]),
    }
}

fn subscription_of(object: &Value) -> Option<String> {
    let details = &object["parent"]["subscription_details"]["subscription"];
    text(details).or_else(|| text(&object["subscription"]))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
