//! What a record must be, whoever sends it.

use std::time::Duration;

use serde_json::{Map, Value};
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, FeatureKind, Meter, Subject};

use super::Submission;
use super::same::same_object;
use crate::SubscriptionId;
use crate::record::{Amount, Time, UsageRecord};

/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;
/// The most metadata, in bytes of JSON.
const MAX_METADATA_BYTES: usize = 4_096;
/// The greatest quantity and cost of one record: the sum of nine million of them still fits.
const MAX_AMOUNT: i64 = 1_000_000_000_000;
/// How old a record may be: the longest month, and some days for what was late.
const OLDEST: Duration = Duration::from_secs(35 * 86_400);
/// By how much the sender's clock may be ahead.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// Whose usage a record is, as the sender says it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Target {
    /// One subscription's.
    Subscription(SubscriptionId),
    /// Whatever subscription somebody has.
    Owner(Subject),
}

/// A record that may be counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Checked {
    pub(super) key: String,
    pub(super) target: Target,
    pub(super) user: Option<String>,
    pub(super) metric: String,
    pub(super) quantity: i64,
    pub(super) unit: Option<String>,
    pub(super) cost: Option<Amount>,
    pub(super) occurred: Occurred,
    pub(super) metadata: Map<String, Value>,
}

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occurred {
    /// When the sender says.
    Told(Timestamp),
    /// When it came, because the sender says nothing.
    OnArrival(Timestamp),
}

impl Occurred {
    pub(super) fn at(self) -> Timestamp {
        match self {
            Self::Told(at) | Self::OnArrival(at) => at,
        }
    }
}

impl Checked {
    /// Whether a stored record is what this one says, sent before.
    pub(super) fn says_the_same_as(&self, stored: &UsageRecord) -> bool {
        let same_time = match self.occurred {
            Occurred::Told(at) => Time(at) == stored.occurred_at,
            // It arrives later each time it is sent again.
            Occurred::OnArrival(_) => true,
        };
        same_time
            && self.metric == stored.metric
            && self.quantity == stored.quantity
            && self.user == stored.user_id
            && self.cost == stored.cost
            && same_object(&self.metadata, &stored.metadata)
    }
}

/// Checks records against the catalog in force, at one moment.
pub(super) struct Checker<'a> {
    catalog: &'a Catalog,
    now: Timestamp,
}

impl<'a> Checker<'a> {
    pub(super) fn new(catalog: &'a Catalog, now: Timestamp) -> Self {
        Self { catalog, now }
    }

    /// The record, if it may be counted.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, in words.
    pub(super) fn check(&self, told: Submission) -> Result<Checked, String> {
        let mut faults = Faults::default();
        if !is_text(&told.idempotency_key, MAX_KEY_BYTES) {
            faults.add(format!(
                "idempotencyKey: expected 1 to {MAX_KEY_BYTES} bytes"
            ));
        }
        let target = faults.take(target(&told));
        if let Some(user) = &told.user_id
            && !is_text(user, Subject::MAX_ID_BYTES)
        {
            let most = Subject::MAX_ID_BYTES;
            faults.add(format!("userId: expected 1 to {most} bytes"));
        }
        let metric = faults.take(
            self.catalog
                .require_metric(&told.metric)
                .map_err(|unknown| format!("metric: {unknown}")),
        );
        let quantity = faults.take(self.quantity(&told));
        if let (Some(metric), Some(unit)) = (metric, &told.unit)
            && metric.unit.as_deref() != Some(unit)
        {
            let key = &metric.key;
            faults.add(match &metric.unit {
                Some(unit) => format!("unit: `{key}` is counted in {unit}"),
                None => format!("unit: `{key}` is a plain count; leave the unit out"),
            });
        }
        if let Some(cost) = &told.cost {
            faults.take(self.cost(cost));
        }
        let occurred = faults.take(self.occurred(told.occurred_at));
        faults.take(check_metadata(&told.metadata));

        match (target, metric, quantity, occurred) {
            (Some(target), Some(metric), Some(quantity), Some(occurred)) if faults.is_empty() => {
                Ok(Checked {
                    key: told.idempotency_key,
                    target,
                    user: told.user_id,
                    unit: metric.unit.as_deref().map(str::to_owned),
                    metric: told.metric,
                    quantity,
                    cost: told.cost,
                    occurred,
                    metadata: told.metadata,
                })
            }
            _ => Err(faults.tell()),
        }
    }

    fn quantity(&self, told: &Submission) -> Result<i64, String> {
        let whole = told.quantity.as_i64();
        let quantity = whole
            .filter(|quantity| (-MAX_AMOUNT..=MAX_AMOUNT).contains(quantity))
            .ok_or_else(|| format!("quantity: expected a whole number, at most {MAX_AMOUNT}"))?;
        if quantity < 0 && !self.is_level(&told.metric) {
            return Err(
                "quantity: below zero; only what is counted as a gauge can go down".to_owned(),
            );
        }
        Ok(quantity)
    }

    /// Whether the metric is one that goes up and down: one that a gauge counts.
    fn is_level(&self, metric: &str) -> bool {
        self.catalog.features().any(|(_, feature)| {
            matches!(
                &feature.kind,
                FeatureKind::Limit { metric: Some(counted), meter: Some(Meter::Gauge) }
                    if **counted == *metric
            )
        })
    }

    fn cost(&self, cost: &Amount) -> Result<(), String> {
        let currency = self.catalog.currency().code();
        if cost.currency != currency {
            return Err(format!("cost: expected the catalog's currency, {currency}"));
        }
        if !(0..=MAX_AMOUNT).contains(&cost.amount) {
            return Err(format!("cost: expected 0 to {MAX_AMOUNT} minor units"));
        }
        Ok(())
    }

    fn occurred(&self, told: Option<Time>) -> Result<Occurred, String> {
        let Some(Time(at)) = told else {
            return Ok(Occurred::OnArrival(self.now));
        };
        if at > self.now.saturating_add(AHEAD) {
            return Err("occurredAt: in the future".to_owned());
        }
        if at < self.now.saturating_sub(OLDEST) {
            return Err("occurredAt: more than 35 days ago".to_owned());
        }
        Ok(Occurred::Told(at))
    }
}

fn target(told: &Submission) -> Result<Target, String> {
    let owner = |subject: Subject| {
        if subject.is_valid() && !subject.id().contains('\0') {
            Ok(Target::Owner(subject))
        } else {
            let (kind, most) = (subject.kind(), Subject::MAX_ID_BYTES);
            Err(format!("{kind}Id: expected 1 to {most} bytes"))
        }
    };
    match (told.subscription_id, &told.organization_id, &told.user_id) {
        (Some(_), Some(_), _) => Err(
            "organizationId: the subscription says already whose usage it is; give one of them"
                .to_owned(),
        ),
        (Some(id), None, _) => Ok(Target::Subscription(id)),
        (None, Some(organization), _) => owner(Subject::organization(organization.as_str())),
        // What is wrong with the user is told where users are looked at.
        (None, None, Some(user)) => Ok(Target::Owner(Subject::user(user.as_str()))),
        (None, None, None) => Err(
            "subscriptionId: say whose usage it is, by subscriptionId, organizationId or userId"
                .to_owned(),
        ),
    }
}

fn check_metadata(metadata: &Map<String, Value>) -> Result<(), String> {
    if metadata.is_empty() {
        return Ok(());
    }
    let json = serde_json::to_string(metadata).unwrap_or_default();
    if json.len() > MAX_METADATA_BYTES {
        return Err(format!(
            "metadata: expected at most {MAX_METADATA_BYTES} bytes of JSON"
        ));
    }
    // PostgreSQL cannot keep it. Escaped, it is looked for only where it may be.
    if json.contains("\\u0000") && metadata.iter().any(|(key, value)| has_nul(key, value)) {
        return Err("metadata: contains the character U+0000".to_owned());
    }
    Ok(())
}

fn has_nul(key: &str, value: &Value) -> bool {
    key.contains('\0')
        || match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(|item| has_nul("", item)),
            Value::Object(fields) => fields.iter().any(|(key, value)| has_nul(key, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
}

fn is_text(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && !text.contains('\0')
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, fault: String) {
        self.0.push(fault);
    }

    fn take<T>(&mut self, checked: Result<T, String>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(fault) => {
                self.add(fault);
                None
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn tell(self) -> String {
        self.0.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::catalog;

    fn check(change: impl FnOnce(&mut Value)) -> Result<Checked, String> {
        let mut record = json!({
            "idempotencyKey": "k", "userId": "ada", "metric": "sms_messages", "quantity": 1,
        });
        change(&mut record);
        let catalog = catalog();
        let now = "2026-03-15T12:00:00Z".parse().unwrap();
        Checker::new(&catalog, now).check(serde_json::from_value(record).unwrap())
    }

    fn fault(change: impl FnOnce(&mut Value)) -> String {
        check(change).unwrap_err()
    }

    #[test]
    fn a_record_is_about_exactly_one_owner() {
        let id = "019b7762-9c00-7000-8000-000000000001";
        let target = |change: fn(&mut Value)| check(change).unwrap().target;
        assert_eq!(target(|_| {}), Target::Owner(Subject::user("ada")));
        assert_eq!(
            target(|record| record["organizationId"] = json!("eagle")),
            Target::Owner(Subject::organization("eagle"))
        );
        let by_id = check(|record| record["subscriptionId"] = json!(id)).unwrap();
        assert_eq!(by_id.target, Target::Subscription(id.parse().unwrap()));
        assert_eq!(by_id.user.as_deref(), Some("ada"));
        let both = fault(|record| {
            record["subscriptionId"] = json!(id);
            record["organizationId"] = json!("eagle");
        });
        assert!(both.starts_with("organizationId:"), "{both}");
        let none = fault(|record| record["userId"] = Value::Null);
        assert!(none.starts_with("subscriptionId:"), "{none}");
    }

    #[test]
    fn every_fault_of_a_record_is_told() {
        let told = fault(|record| {
            *record = json!({
                "idempotencyKey": "", "userId": "x".repeat(257), "metric": "sms_mesages",
                "quantity": 1.5, "cost": {"amount": 1, "currency": "EUR"},
                "occurredAt": "2026-03-15T12:05:00.000001Z", "metadata": {"a": ["\u{0}"]},
            });
        });
        let pointers: Vec<_> = told
            .split("; ")
            .filter_map(|fault| fault.split(':').next())
            .collect();
        assert_eq!(
            pointers,
            [
                "idempotencyKey",
                "userId",
                "metric",
                "quantity",
                "cost",
                "occurredAt",
                "metadata"
            ],
            "{told}"
        );
        assert!(told.contains("did you mean `sms_messages`?"), "{told}");
    }

    #[test]
    fn only_a_level_goes_down() {
        let storage = |record: &mut Value| {
            record["metric"] = json!("storage");
            record["quantity"] = json!(-3);
        };
        assert_eq!(check(storage).unwrap().quantity, -3);
        let told = fault(|record| record["quantity"] = json!(-3));
        assert!(told.starts_with("quantity: below zero"), "{told}");
        assert_eq!(
            check(|record| record["quantity"] = json!(0))
                .unwrap()
                .quantity,
            0
        );
        for far in [json!(1_000_000_000_001_i64), json!(u64::MAX), json!(1e300)] {
            let told = fault(|record| record["quantity"] = far);
            assert!(told.starts_with("quantity: expected"), "{told}");
        }
    }

    #[test]
    fn a_unit_is_the_metrics_own() {
        let storage = |unit: &str| {
            check(|record| {
                record["metric"] = json!("storage");
                record["unit"] = json!(unit);
            })
        };
        assert_eq!(storage("GB").unwrap().unit.as_deref(), Some("GB"));
        assert_eq!(
            storage("MB").unwrap_err(),
            "unit: `storage` is counted in GB"
        );
        let told = fault(|record| record["unit"] = json!("GB"));
        assert!(told.contains("plain count"), "{told}");
    }

    #[test]
    fn what_is_too_old_or_not_yet_is_refused() {
        let at = |text: &str| check(|record| record["occurredAt"] = json!(text));
        for text in ["2026-02-08T12:00:00Z", "2026-03-15T12:05:00Z"] {
            assert_eq!(
                at(text).unwrap().occurred,
                Occurred::Told(text.parse().unwrap())
            );
        }
        at("2026-02-08T11:59:59.999999Z").unwrap_err();
        at("2026-03-15T12:05:00.000001Z").unwrap_err();
        let now = "2026-03-15T12:00:00Z".parse().unwrap();
        assert_eq!(check(|_| {}).unwrap().occurred, Occurred::OnArrival(now));
    }

    #[test]
    fn metadata_is_bounded_and_can_be_stored() {
        let long = fault(|record| record["metadata"] = json!({ "a": "x".repeat(4_096) }));
        assert!(long.starts_with("metadata:"), "{long}");
        // The text of an escape is no such character.
        let escaped = json!({ "a": "\\u0000" });
        let kept = check(|record| record["metadata"] = escaped.clone()).unwrap();
        assert_eq!(Value::Object(kept.metadata), escaped);
    }
}
