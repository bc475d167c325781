//! The JSON Schema of the format, for editors.

use serde_json::{Map, Value, json};

use super::Catalog;
use super::fields::{
    BY_CONTRACT, FEATURE, FREE, Field, KINDS, LEVEL, LIMIT, MAX_DESCRIPTION, MAX_INCLUDES, MAX_KEY,
    MAX_LEVELS, MAX_METRICS, MAX_NAME, MAX_SEATS, MAX_TRIAL_DAYS, MAX_WORD, METRIC, Need, OFF, ON,
    PRICE, ROOT, SEAT, TIER, UNLIMITED, VERSION, categories, meters, tracks,
};
use crate::money::Currency;

impl Catalog {
    /// The JSON Schema (draft 2020-12) of the format that [`from_yaml`](Self::from_yaml) reads, as
    /// text.
    ///
    /// It lets an editor complete and underline. It cannot say everything: whether tiers exist, and
    /// whether one gives less than another that it includes, only reading the catalog tells.
    #[must_use]
    pub fn json_schema() -> String {
        let mut text = format!("{:#}", root());
        text.push('\n');
        text
    }
}

fn root() -> Value {
    let mut schema = object(&[ROOT], |name| match name {
        "version" => json!({ "const": VERSION }),
        "currency" => {
            json!({ "enum": Currency::ALL.iter().map(|one| one.code()).collect::<Vec<_>>() })
        }
        "time_zone" => json!({ "type": "string", "examples": ["UTC", "Europe/Berlin"] }),
        "default_tier" => key(),
        "trial_days" => json!({ "type": "integer", "minimum": 0, "maximum": MAX_TRIAL_DAYS }),
        "tiers" => {
            let mut tiers = by_key(&tier(), Catalog::MAX_TIERS);
            insert(&mut tiers, "minProperties", json!(1));
            tiers
        }
        "metrics" => by_key(&metric(), MAX_METRICS),
        _ => by_key(&feature(), Catalog::MAX_FEATURES),
    });
    insert(
        &mut schema,
        "$schema",
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    insert(&mut schema, "title", json!("Tiers and feature flags"));
    schema
}

fn tier() -> Value {
    object(&[TIER], |name| match name {
        "track" => words(tracks()),
        "includes" => json!({
            "type": "array",
            "items": key(),
            "uniqueItems": true,
            "maxItems": MAX_INCLUDES
        }),
        "price" => json!({ "oneOf": [{ "enum": [FREE, BY_CONTRACT] }, price()] }),
        other => label(other),
    })
}

fn price() -> Value {
    let mut price = object(&[PRICE], |name| match name {
        "per" => json!({ "const": SEAT }),
        "minimum_seats" => json!({ "type": "integer", "minimum": 1, "maximum": MAX_SEATS }),
        _ => json!({ "type": "number", "exclusiveMinimum": 0 }),
    });
    insert(
        &mut price,
        "dependentRequired",
        json!({ "minimum_seats": ["per"] }),
    );
    price
}

fn metric() -> Value {
    object(&[METRIC], label)
}

fn feature() -> Value {
    let mut feature = object(&[FEATURE, LIMIT], |name| match name {
        "category" => words(categories()),
        "enabled" => switch(),
        "kind" => json!({ "enum": KINDS }),
        "tiers" => by_key(
            &json!({ "type": ["boolean", "integer", "string"] }),
            Catalog::MAX_TIERS,
        ),
        "metric" => key(),
        "counted" => words(meters()),
        other => label(other),
    });
    let level = object(&[LEVEL], |_| {
        json!({
            "type": "array",
            "items": text(MAX_WORD),
            "uniqueItems": true,
            "minItems": 1,
            "maxItems": MAX_LEVELS
        })
    });
    if let (Some(all), Some(of_level)) = (
        feature.get_mut("properties").and_then(Value::as_object_mut),
        level.get("properties").and_then(Value::as_object),
    ) {
        all.extend(of_level.clone());
    }
    let limit = json!({ "oneOf": [
        { "type": "integer", "minimum": 0, "maximum": u64::MAX },
        { "const": UNLIMITED },
    ] });
    insert(
        &mut feature,
        "allOf",
        json!([
            of_kind("boolean", &switch(), &[LIMIT, LEVEL], &[]),
            of_kind("limit", &limit, &[LEVEL], &[LIMIT]),
            of_kind("level", &text(MAX_WORD), &[LIMIT], &[LEVEL]),
        ]),
    );
    feature
}

/// What holds for features of one kind only: their values, the fields they cannot have, and those
/// that they must.
fn of_kind(kind: &str, value: &Value, without: &[&[Field]], with: &[&[Field]]) -> Value {
    let mut properties = Map::new();
    properties.insert("tiers".into(), json!({ "additionalProperties": value }));
    for field in without.iter().copied().flatten() {
        properties.insert(field.name.into(), json!(false));
    }
    json!({
        "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
        "then": { "properties": properties, "required": required(with) },
    })
}

/// A mapping with these fields and no others.
fn object(tables: &[&[Field]], shape: fn(&str) -> Value) -> Value {
    let mut properties = Map::new();
    for field in tables.iter().copied().flatten() {
        let mut schema = shape(field.name);
        insert(&mut schema, "description", json!(field.about));
        properties.insert(field.name.into(), schema);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required(tables),
        "additionalProperties": false,
    })
}

fn required(tables: &[&[Field]]) -> Vec<&'static str> {
    let fields = tables.iter().copied().flatten();
    let required = fields.filter(|field| field.need == Need::Required);
    required.map(|field| field.name).collect()
}

fn by_key(value: &Value, most: usize) -> Value {
    json!({
        "type": "object",
        "propertyNames": key(),
        "additionalProperties": value,
        "maxProperties": most,
    })
}

fn key() -> Value {
    json!({ "type": "string", "pattern": format!("^[a-z][a-z0-9_]{{0,{}}}$", MAX_KEY - 1) })
}

fn switch() -> Value {
    json!({ "enum": [ON, OFF, true, false] })
}

/// A text for people, as long as the field of that name may be.
fn label(field: &str) -> Value {
    text(match field {
        "description" => MAX_DESCRIPTION,
        "unit" => MAX_WORD,
        _ => MAX_NAME,
    })
}

fn text(most: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": most })
}

fn words<T>(choices: impl Iterator<Item = (String, T)>) -> Value {
    json!({ "enum": choices.map(|(word, _)| word).collect::<Vec<_>>() })
}

fn insert(schema: &mut Value, name: &str, value: Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(name.into(), value);
    }
}
