//! Reads JSON objects field by field, and collects every fault on the way: a deserializer would stop at
//! the first.

use std::sync::Arc;

use serde_json::{Map, Value};
use tiergate_core::Catalog;

use crate::{BillingError, FieldFault};

/// What a body is read as.
pub(super) trait FromBody: Sized {
    /// Reads the fields; faults are left with `fields`, and what is returned then does not matter.
    fn read(fields: &mut Fields) -> Option<Self>;
}

/// For requests without a body: none, or an empty object.
impl FromBody for () {
    fn read(_: &mut Fields) -> Option<Self> {
        Some(())
    }
}

/// The fields of one object that have not been read yet, and the faults found so far.
#[derive(Debug)]
pub(super) struct Fields {
    catalog: Option<Arc<Catalog>>,
    pointer: String,
    left: Map<String, Value>,
    known: Vec<&'static str>,
    faults: Vec<FieldFault>,
}

impl Fields {
    /// Reads a body whose keys are those of a catalog.
    ///
    /// # Errors
    ///
    /// All faults of it.
    pub(super) fn read_body_for<T: FromBody>(
        catalog: Arc<Catalog>,
        body: &[u8],
    ) -> Result<T, BillingError> {
        Self::read_whole(Some(catalog), body)
    }

    /// Reads a body that has nothing to do with a catalog.
    ///
    /// # Errors
    ///
    /// All faults of it.
    #[cfg(test)]
    pub(super) fn read_body<T: FromBody>(body: &[u8]) -> Result<T, BillingError> {
        Self::read_whole(None, body)
    }

    fn read_whole<T: FromBody>(
        catalog: Option<Arc<Catalog>>,
        body: &[u8],
    ) -> Result<T, BillingError> {
        let value = if body.iter().all(u8::is_ascii_whitespace) {
            Value::Object(Map::new())
        } else {
            serde_json::from_slice(body).map_err(|error| {
                let detail = format!(
                    "not valid JSON at line {} column {}",
                    error.line(),
                    error.column()
                );
                BillingError::Invalid(vec![FieldFault::new("", detail)])
            })?
        };
        let mut fields =
            Self::of(String::new(), value).map_err(|fault| BillingError::Invalid(vec![fault]))?;
        fields.catalog = catalog;
        let read = T::read(&mut fields);
        let faults = fields.finish();
        match read {
            Some(read) if faults.is_empty() => Ok(read),
            _ => Err(BillingError::Invalid(faults)),
        }
    }

    /// The fields of `value`, which stands at `pointer`.
    pub(super) fn of(pointer: String, value: Value) -> Result<Self, FieldFault> {
        match value {
            Value::Object(left) => Ok(Self {
                catalog: None,
                pointer,
                left,
                known: Vec::new(),
                faults: Vec::new(),
            }),
            _ => Err(FieldFault::new(pointer, "expected an object")),
        }
    }

    /// A field that has to be there. `expectation` ends the sentence "expected …".
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        expectation: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        match self.take(name) {
            Some(value) => self.value(name, expectation, value, read),
            None => {
                self.fault(name, format!("missing; expected {expectation}"));
                None
            }
        }
    }

    /// A field that may be absent or null.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        expectation: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        match self.take(name) {
            Some(value) => self.value(name, expectation, value, read),
            None => None,
        }
    }

    /// A field with 1 to `most` objects, each of which `read` reads.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        most: usize,
        read: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let expectation = format!("1 to {most} {name}");
        let items = self.required(name, &expectation, |value| match value {
            Value::Array(items) if (1..=most).contains(&items.len()) => Some(items),
            _ => None,
        })?;
        let read = items.into_iter().enumerate().map(|(index, item)| {
            let pointer = format!("{}/{name}/{index}", self.pointer);
            let mut inner = match Self::of(pointer, item) {
                Ok(inner) => inner,
                Err(fault) => {
                    self.adopt(vec![fault]);
                    return None;
                }
            };
            inner.catalog.clone_from(&self.catalog);
            let read = read(&mut inner);
            self.adopt(inner.finish());
            read
        });
        // Not `collect` into an option at once, which would stop at the first that cannot be read.
        let read: Vec<_> = read.collect();
        read.into_iter().collect()
    }

    /// Says what is wrong with the key of a metric, as [`check_tier`](Self::check_tier) does of a tier.
    pub(super) fn check_metric(&mut self, name: &'static str, key: Option<&String>) {
        if let (Some(catalog), Some(key)) = (&self.catalog, key)
            && let Err(unknown) = catalog.require_metric(key)
        {
            self.fault(name, unknown.to_string());
        }
    }

    /// Says what is wrong with the key of a tier that was read, if the catalog has none of that key: here
    /// and not later, so that it is told together with every other fault.
    pub(super) fn check_tier(&mut self, name: &'static str, key: Option<&String>) {
        if let (Some(catalog), Some(key)) = (&self.catalog, key)
            && let Err(unknown) = catalog.require_tier(key)
        {
            self.fault(name, unknown.to_string());
        }
    }

    /// Adds a fault of a field.
    pub(super) fn fault(&mut self, name: &str, detail: impl Into<String>) {
        let pointer = format!("{}/{}", self.pointer, escape(name));
        self.faults.push(FieldFault::new(pointer, detail));
    }

    /// Whether there are faults so far.
    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Takes over the faults of an object inside this one.
    pub(super) fn adopt(&mut self, faults: Vec<FieldFault>) {
        self.faults.extend(faults);
    }

    /// The faults, with those of fields that nobody asked for.
    pub(super) fn finish(mut self) -> Vec<FieldFault> {
        let left: Vec<_> = self.left.keys().cloned().collect();
        for name in left {
            let known = self.known.join("`, `");
            let detail = if self.known.is_empty() {
                "unknown field; none is expected here".to_owned()
            } else {
                format!("unknown field; expected one of `{known}`")
            };
            self.fault(&name, detail);
        }
        self.faults
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.left.remove(name).filter(|value| !value.is_null())
    }

    fn value<T>(
        &mut self,
        name: &'static str,
        expectation: &str,
        value: Value,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        let read = read(value);
        if read.is_none() {
            self.fault(name, format!("expected {expectation}"));
        }
        read
    }
}

/// RFC 6901, section 3.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Text of 1 to `most` characters, as JSON Schema counts them.
pub(super) fn text(most: usize) -> impl FnOnce(Value) -> Option<String> {
    move |value| match value {
        Value::String(text)
            if !text.is_empty() && text.chars().count() <= most && !text.contains('\0') =>
        {
            Some(text)
        }
        _ => None,
    }
}

/// A whole number from 1 on.
#[expect(
    clippy::needless_pass_by_value,
    reason = "readers of fields take the value, and most of them keep a part of it"
)]
pub(super) fn positive(value: Value) -> Option<u32> {
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number > 0)
}

/// True or false.
#[expect(
    clippy::needless_pass_by_value,
    reason = "readers of fields take the value, and most of them keep a part of it"
)]
pub(super) fn boolean(value: Value) -> Option<bool> {
    value.as_bool()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Order {
        what: String,
        many: Option<u32>,
    }

    impl FromBody for Order {
        fn read(fields: &mut Fields) -> Option<Self> {
            let what = fields.required("what", "text", text(8));
            let many = fields.optional("many", "a whole number from 1 on", positive);
            Some(Self { what: what?, many })
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let error = Fields::read_body::<Order>(br#"{"many": 0, "wha/t": 1}"#).unwrap_err();
        let BillingError::Invalid(faults) = error else {
            panic!("{error}");
        };
        let told: Vec<_> = faults
            .iter()
            .map(|fault| (&*fault.pointer, &*fault.detail))
            .collect();
        assert_eq!(
            told,
            [
                ("/what", "missing; expected text"),
                ("/many", "expected a whole number from 1 on"),
                ("/wha~1t", "unknown field; expected one of `what`, `many`"),
            ]
        );
    }

    struct Choice;

    impl FromBody for Choice {
        fn read(fields: &mut Fields) -> Option<Self> {
            let tier = fields.required("tier", "the key of a tier", text(64));
            fields.check_tier("tier", tier.as_ref());
            tier.map(|_| Self)
        }
    }

    #[test]
    fn an_unknown_tier_is_told_with_every_other_fault() {
        let catalog = Arc::new(crate::testing::catalog());
        let read = Fields::read_body_for::<Choice>(catalog, br#"{"tier": "por", "x": 1}"#);
        let Err(BillingError::Invalid(faults)) = read else {
            panic!("two faults");
        };
        let pointers: Vec<_> = faults.iter().map(|fault| &*fault.pointer).collect();
        assert_eq!(pointers, ["/tier", "/x"]);
        assert!(faults[0].detail.contains("`pro`"), "{}", faults[0].detail);
    }

    #[test]
    fn what_is_right_is_read() {
        let order: Order = Fields::read_body(br#"{"what": "tea", "many": null}"#).unwrap();
        assert_eq!((order.what.as_str(), order.many), ("tea", None));
        Fields::read_body::<()>(b" ").unwrap();
        Fields::read_body::<()>(b"{}").unwrap();
        for body in ["[]", "null", "{", "1"] {
            Fields::read_body::<()>(body.as_bytes()).unwrap_err();
        }
    }
}
