use tiergate_core::{FeatureValue, Limit};

/// A number of units on the wire: a whole number, or the word `unlimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[schema(as = Limit)]
pub enum LimitValue {
    /// So many.
    Units(u64),
    /// As many as wanted.
    Word(Unlimited),
}

/// The word for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unlimited {
    /// `unlimited`.
    Unlimited,
}

impl From<Limit> for LimitValue {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::AtMost(units) => Self::Units(units),
            Limit::Unlimited => Self::Word(Unlimited::Unlimited),
        }
    }
}

/// What a tier gives of a feature, on the wire: true or false, a whole number, `unlimited`, or the word
/// of a level.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[schema(as = FeatureValue)]
pub enum ValueOnWire {
    /// On or off.
    Boolean(bool),
    /// So many units.
    Units(u64),
    /// `unlimited`, or the word of a level.
    Word(String),
}

impl From<&FeatureValue> for ValueOnWire {
    fn from(value: &FeatureValue) -> Self {
        match value {
            FeatureValue::Boolean(on) => Self::Boolean(*on),
            FeatureValue::Limit(Limit::AtMost(units)) => Self::Units(*units),
            FeatureValue::Limit(Limit::Unlimited) => Self::Word("unlimited".to_owned()),
            FeatureValue::Level(level) => Self::Word(level.name().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn no_number_means_unlimited() {
        let limit = |limit: Limit| to_value(LimitValue::from(limit)).unwrap();
        assert_eq!(limit(Limit::AtMost(5)), json!(5));
        assert_eq!(limit(Limit::Unlimited), json!("unlimited"));
        let value = |value| to_value(ValueOnWire::from(&value)).unwrap();
        assert_eq!(value(FeatureValue::Boolean(true)), json!(true));
        assert_eq!(value(FeatureValue::Limit(Limit::AtMost(0))), json!(0));
        assert_eq!(
            value(FeatureValue::Limit(Limit::Unlimited)),
            json!("unlimited")
        );
    }
}
