use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use tiergate_core::subscription::{Override, OverrideValue, Renewal};
use tiergate_core::time::Timestamp;
use tiergate_core::{Limit, Subject, SubjectKind, Subscription, SubscriptionStatus};

use super::{WireError, field};

const UNLIMITED: &str = "unlimited";

/// The subscription object. Fields that no decision needs are neither read nor written.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    #[serde(default, deserialize_with = "field::id")]
    id: Option<Box<str>>,
    #[serde(default, deserialize_with = "field::user_id")]
    user_id: Option<Box<str>>,
    #[serde(default, deserialize_with = "field::organization_id")]
    organization_id: Option<Box<str>>,
    #[serde(deserialize_with = "field::tier")]
    tier: Box<str>,
    #[serde(deserialize_with = "field::status")]
    status: Box<str>,
    #[serde(default, deserialize_with = "field::period_start")]
    current_period_start: Option<Timestamp>,
    #[serde(default, deserialize_with = "field::period_end")]
    current_period_end: Option<Timestamp>,
    #[serde(default, deserialize_with = "field::cancel_at_period_end")]
    cancel_at_period_end: Option<bool>,
    #[serde(default, deserialize_with = "field::trial_end")]
    trial_end: Option<Timestamp>,
    #[serde(default, deserialize_with = "field::seats")]
    seats: Option<u32>,
    #[serde(default, deserialize_with = "field::overrides")]
    overrides: Option<Vec<OverrideRecord>>,
    #[serde(default, deserialize_with = "field::version")]
    version: Option<u64>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct OverrideRecord {
    #[serde(deserialize_with = "field::feature_key")]
    feature_key: Box<str>,
    value: ValueRecord,
    #[serde(default, deserialize_with = "field::expires_at")]
    expires_at: Option<Timestamp>,
}

struct ValueRecord(OverrideValue);

impl Record {
    pub(super) fn to_value(&self) -> Value {
        // Text keys and plain numbers only: nothing here can fail to be JSON.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl TryFrom<Record> for Subscription {
    type Error = WireError;

    fn try_from(record: Record) -> Result<Self, WireError> {
        let subject = match (record.user_id, record.organization_id) {
            (Some(user), None) => Subject::user(user),
            (None, Some(organization)) => Subject::organization(organization),
            (Some(_), Some(_)) => {
                return Err(WireError::new(
                    "field `userId` and field `organizationId` are both there, expected one",
                ));
            }
            (None, None) => {
                return Err(WireError::new("missing field `userId` or `organizationId`"));
            }
        };
        if !subject.is_valid() {
            return Err(WireError::new(format!(
                "field `{}` must have 1 to {} bytes",
                owner_field(subject.kind()),
                Subject::MAX_ID_BYTES
            )));
        }
        if record.tier.is_empty() {
            return Err(WireError::new("field `tier` must not be empty"));
        }
        let status = SubscriptionStatus::from(&*record.status);
        let mut subscription = Self::new(subject, record.tier, status);
        subscription.id = record.id;
        subscription.period_start = record.current_period_start;
        subscription.period_end = record.current_period_end;
        subscription.renewal = match record.cancel_at_period_end {
            Some(true) => Renewal::EndsWithPeriod,
            Some(false) | None => Renewal::Renews,
        };
        subscription.trial_end = record.trial_end;
        subscription.seats = record.seats;
        subscription.version = record.version;
        subscription.overrides = record
            .overrides
            .unwrap_or_default()
            .into_iter()
            .map(|record| Override {
                feature: record.feature_key,
                value: record.value.0,
                expires_at: record.expires_at,
            })
            .collect();
        Ok(subscription)
    }
}

impl From<&Subscription> for Record {
    fn from(subscription: &Subscription) -> Self {
        let owner =
            |kind| (subscription.subject.kind() == kind).then(|| subscription.subject.id().into());
        Self {
            id: subscription.id.clone(),
            user_id: owner(SubjectKind::User),
            organization_id: owner(SubjectKind::Organization),
            tier: subscription.tier.clone(),
            status: subscription.status.as_str().into(),
            current_period_start: subscription.period_start,
            current_period_end: subscription.period_end,
            cancel_at_period_end: Some(subscription.renewal == Renewal::EndsWithPeriod),
            trial_end: subscription.trial_end,
            seats: subscription.seats,
            overrides: Some(
                subscription
                    .overrides
                    .iter()
                    .map(|value| OverrideRecord {
                        feature_key: value.feature.clone(),
                        value: ValueRecord(value.value.clone()),
                        expires_at: value.expires_at,
                    })
                    .collect(),
            ),
            version: subscription.version,
        }
    }
}

fn owner_field(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::User => "userId",
        SubjectKind::Organization => "organizationId",
    }
}

impl Serialize for ValueRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            OverrideValue::Boolean(on) => serializer.serialize_bool(*on),
            OverrideValue::Limit(Limit::AtMost(units)) => serializer.serialize_u64(*units),
            OverrideValue::Limit(Limit::Unlimited) => serializer.serialize_str(UNLIMITED),
            OverrideValue::Level(word) => serializer.serialize_str(word),
        }
    }
}

impl<'de> Deserialize<'de> for ValueRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map_err(|_| {
            de::Error::custom(
                "field `overrides.value` must be true, false, a whole number from 0 on, \
                     `unlimited` or the word of a level",
            )
        })
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = ValueRecord;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the value of an override")
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<ValueRecord, E> {
        Ok(ValueRecord(OverrideValue::Boolean(on)))
    }

    fn visit_u64<E: de::Error>(self, units: u64) -> Result<ValueRecord, E> {
        Ok(ValueRecord(OverrideValue::Limit(Limit::AtMost(units))))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<ValueRecord, E> {
        match word {
            "" => Err(E::custom("an empty word")),
            UNLIMITED => Ok(ValueRecord(OverrideValue::Limit(Limit::Unlimited))),
            word => Ok(ValueRecord(OverrideValue::Level(word.into()))),
        }
    }
}
