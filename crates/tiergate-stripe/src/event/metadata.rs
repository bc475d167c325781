use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::fault::Expected;
use super::fields::Fields;

/// Stripe's own bounds are 50 entries, 40 characters a key and 500 a value. These leave room for
/// them to grow; what is beyond is left out.
const MAX_ENTRIES: usize = 100;
const MAX_KEY_BYTES: usize = 400;
const MAX_VALUE_BYTES: usize = 5_000;

/// What somebody attached to an object in Stripe: up to 100 texts by key.
///
/// It is no proof of anything: whoever may write to the Stripe account may write it. `Debug` prints
/// the keys only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    entries: BTreeMap<Box<str>, Box<str>>,
}

impl Metadata {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(|value| &**value)
    }

    /// Every entry, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn read(fields: Fields<'_>) -> Self {
        let map = fields.read("metadata", Expected::Object, |value| match value {
            Value::Object(map) => Some(Some(map)),
            // What PHP makes of an object without entries when it writes it again.
            Value::Array(list) if list.is_empty() => Some(None),
            _ => None,
        });
        let fits =
            |key: &str, value: &str| key.len() <= MAX_KEY_BYTES && value.len() <= MAX_VALUE_BYTES;
        let entries = map
            .flatten()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| {
                let value = value.as_str().filter(|value| fits(key, value))?;
                Some((key.as_str().into(), value.into()))
            });
        Self {
            entries: entries.take(MAX_ENTRIES).collect(),
        }
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.keys()).finish()
    }
}
