//! The schemas of a document, compiled.

use std::collections::HashMap;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Registry, RegistryBuilder, ValidationOptions, Validator};
use serde_json::{Value, json};

use super::text;

/// The name under which the document is known to the schemas. Nothing is fetched.
const BASE: &str = "urn:tiergate:contract";

/// What OpenAPI 3.1 adds to the formats of JSON Schema. They tell how a number or a text is meant; the
/// first two also bound it, which `minimum` and `maximum` have to say.
const ANNOTATIONS: [&str; 7] = [
    "int32", "int64", "float", "double", "password", "binary", "byte",
];

/// Every schema that bodies, parameters and headers have, by its pointer in the document.
#[derive(Debug)]
pub(super) struct Schemas(HashMap<String, Validator>);

impl Schemas {
    /// Compiles the schemas at `pointers`.
    pub(super) fn compile<'a>(
        document: &Value,
        pointers: impl Iterator<Item = &'a str>,
        faults: &mut Vec<String>,
    ) -> Self {
        let mut compiled = HashMap::new();
        let registry = Registry::new()
            .draft(Draft::Draft202012)
            .add(BASE, document)
            .and_then(RegistryBuilder::prepare);
        let registry = match registry {
            Ok(registry) => registry,
            Err(why) => {
                faults.push(why.to_string());
                return Self(compiled);
            }
        };
        let options = options().with_registry(&registry);
        for pointer in pointers {
            if compiled.contains_key(pointer) {
                continue;
            }
            match options.build(&json!({"$ref": format!("{BASE}#{}", encode(pointer))})) {
                Ok(validator) => {
                    compiled.insert(pointer.to_owned(), validator);
                }
                Err(why) => faults.push(format!("#{pointer} is no schema: {why}")),
            }
        }
        for (place, schema) in named(document) {
            // Those in place are read when they are compiled, those that are referred to are not.
            if let Err(why) = jsonschema::meta::validate(schema) {
                faults.push(format!("{place} is no schema: {why}"));
            }
        }
        Self(compiled)
    }

    /// In what a value differs from a schema.
    pub(super) fn check(&self, pointer: &str, value: &Value) -> Vec<String> {
        let errors = self.validator(pointer).iter_errors(value);
        errors
            .map(|error| {
                let place = error.instance_path().to_string();
                let place = if place.is_empty() { "/" } else { &place };
                format!("{place} {error}")
            })
            .collect()
    }

    /// Whether any value that text can stand for fits a schema; else why the one that was meant does not.
    pub(super) fn check_text(&self, pointer: &str, values: &[&str]) -> Result<(), String> {
        let readings = text::readings(values);
        let validator = self.validator(pointer);
        if readings.iter().any(|reading| validator.is_valid(reading)) {
            return Ok(());
        }
        // What is of the wanted type, if anything is, was meant.
        let of_type = |value: &&Value| {
            let mut errors = validator.iter_errors(value);
            !errors.any(|error| matches!(error.kind(), ValidationErrorKind::Type { .. }))
        };
        let meant = readings.iter().find(of_type).or(readings.first());
        let why = meant.map(|value| validator.iter_errors(value).map(|error| error.to_string()));
        Err(why.map_or_else(String::new, |why| why.collect::<Vec<_>>().join("; ")))
    }

    fn validator(&self, pointer: &str) -> &Validator {
        self.0.get(pointer).expect("every schema was compiled")
    }
}

fn options<'i>() -> ValidationOptions<'i> {
    let mut options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .offline();
    for format in ANNOTATIONS {
        options = options.with_format(format, |_| true);
    }
    options
}

/// The schemas that have names.
fn named(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let schemas = document.pointer("/components/schemas");
    let schemas = schemas.and_then(Value::as_object).into_iter().flatten();
    schemas.map(|(name, schema)| (format!("#/components/schemas/{name}"), schema))
}

/// A pointer as the fragment of a URI: RFC 6901, section 6.
fn encode(pointer: &str) -> String {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
    const FRAGMENT: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'<')
        .add(b'>')
        .add(b'`')
        .add(b'{')
        .add(b'}')
        .add(b'%')
        .add(b'#')
        .add(b'[')
        .add(b']')
        .add(b'^')
        .add(b'|')
        .add(b'\\');
    utf8_percent_encode(pointer, FRAGMENT).to_string()
}
