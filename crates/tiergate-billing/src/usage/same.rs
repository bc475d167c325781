//! Whether JSON that came back from a database is what was sent.

use serde_json::{Map, Number, Value};

/// Whether two objects say the same. PostgreSQL writes numbers in its own way, such as 100 for 1e2, so
/// numbers are compared by value.
pub(super) fn same_object(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    one.len() == other.len()
        && one.iter().all(|(key, value)| {
            let found = other.get(key);
            found.is_some_and(|found| same_value(value, found))
        })
}

fn same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Object(one), Value::Object(other)) => same_object(one, other),
        (Value::Array(one), Value::Array(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len() && pairs.all(|(one, other)| same_value(one, other))
        }
        _ => one == other,
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    // Whole numbers beyond 2^53 differ although their nearest floats do not.
    if one.is_f64() || other.is_f64() {
        one.as_f64() == other.as_f64()
    } else {
        one == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        same_object(
            &serde_json::from_str(one).unwrap(),
            &serde_json::from_str(other).unwrap(),
        )
    }

    #[test]
    fn numbers_are_compared_by_value_and_the_rest_exactly() {
        assert!(same(r#"{"a": 1e2, "b": [1.0]}"#, r#"{"b": [1], "a": 100}"#));
        assert!(same(r#"{"a": -0.0}"#, r#"{"a": 0}"#));
        assert!(!same(
            r#"{"a": 9007199254740993}"#,
            r#"{"a": 9007199254740992}"#
        ));
        for other in [
            r"{}",
            r#"{"a": "1"}"#,
            r#"{"a": 1, "b": null}"#,
            r#"{"a": [1]}"#,
        ] {
            assert!(!same(r#"{"a": 1}"#, other), "{other}");
        }
        assert!(!same(r#"{"a": [1, 2]}"#, r#"{"a": [1]}"#));
    }
}
