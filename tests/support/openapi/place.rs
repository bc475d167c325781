//! Values of a document that know where they are: JSON Pointers, RFC 6901.

use serde_json::{Map, Value};

/// How many references are followed to one that is none. More can only be a circle.
const FOLLOWED: usize = 32;

/// A value, and where it is.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) value: &'a Value,
    pub(super) pointer: String,
}

impl<'a> At<'a> {
    /// A member.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let escaped = key.replace('~', "~0").replace('/', "~1");
        Some(Self {
            value: self.value.get(key)?,
            pointer: format!("{}/{escaped}", self.pointer),
        })
    }

    /// A member that is a text.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key)?.as_str()
    }

    /// Whether a member is true.
    pub(super) fn is(&self, key: &str) -> bool {
        self.value.get(key) == Some(&Value::Bool(true))
    }

    /// Every member, with its name.
    pub(super) fn members(&self) -> Vec<(&'a str, Self)> {
        let members = self.value.as_object().into_iter().flat_map(Map::keys);
        members
            .filter_map(|key| Some((key.as_str(), self.get(key)?)))
            .collect()
    }

    /// Every item of a list.
    pub(super) fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items
            .map(|(index, value)| Self {
                value,
                pointer: format!("{}/{index}", self.pointer),
            })
            .collect()
    }
}

/// What a value is, or what it refers to; and where that is, if it is somewhere else.
pub(super) fn follow<'a>(
    document: &'a Value,
    value: &'a Value,
) -> Result<(&'a Value, Option<&'a str>), String> {
    let mut found = (value, None);
    for _ in 0..FOLLOWED {
        let Some(reference) = found.0.get("$ref").and_then(Value::as_str) else {
            return Ok(found);
        };
        let pointer = reference.strip_prefix('#');
        let next = pointer.and_then(|pointer| document.pointer(pointer));
        let next = next.ok_or_else(|| format!("refers to {reference}, which is not there"))?;
        found = (next, pointer);
    }
    Err("refers to itself".to_owned())
}
