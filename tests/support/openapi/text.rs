//! What a parameter can mean, which comes as text.

use serde_json::{Number, Value};

/// Every value that text can stand for, likeliest first. The schema tells which one is meant.
pub(super) fn readings(values: &[&str]) -> Vec<Value> {
    let mut readings = Vec::new();
    if let [one] = values {
        readings.extend(scalars(one));
        // `style: form` and `simple` without `explode` have commas between the items.
        readings.extend(lists(&one.split(',').collect::<Vec<_>>()));
    } else {
        readings.extend(lists(values));
    }
    readings
}

fn scalars(text: &str) -> Vec<Value> {
    let mut scalars = vec![Value::String(text.to_owned())];
    // Only as JSON writes a number: `+1`, `1e400` and `NaN` are none.
    if let Ok(number) = serde_json::from_str::<Number>(text) {
        scalars.push(Value::Number(number));
    }
    match text {
        "true" => scalars.push(Value::Bool(true)),
        "false" => scalars.push(Value::Bool(false)),
        _ => {}
    }
    scalars
}

/// A list of texts, and one of what else they can be.
fn lists(texts: &[&str]) -> [Value; 2] {
    let as_text = texts.iter().map(|text| Value::from(*text)).collect();
    let otherwise = texts.iter().filter_map(|text| scalars(text).pop());
    [as_text, otherwise.collect()]
}
