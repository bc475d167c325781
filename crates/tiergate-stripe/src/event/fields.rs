//! Reading JSON field by field: what is absent or null is absent, what isn't read is ignored, and
//! every fault is collected instead of ending at the first.

use std::cell::RefCell;

use serde_json::{Map, Value};
use tiergate_core::time::Timestamp;

use super::amount::CurrencyCode;
use super::fault::{Expected, Faults};
use crate::id::InvalidId;

/// The most elements of any list. Stripe puts 10 lines into an invoice's event and 20 items into a
/// subscription's.
const MAX_ELEMENTS: usize = 250;

/// The longest word, name or description that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 5_000;

/// The last second of the year 9999. No calendar goes on from there.
const LAST_SECOND: i64 = 253_402_300_799;

/// Where in the event something is. Only made into text for a fault.
#[derive(Clone, Copy)]
enum Place<'a> {
    Top,
    Field(&'a Self, &'a str),
    Element(&'a Self, usize),
}

impl Place<'_> {
    fn write(self, text: &mut String) {
        match self {
            Self::Top => {}
            Self::Field(parent, name) => {
                parent.write(text);
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Self::Element(parent, index) => {
                parent.write(text);
                text.push_str(&format!("[{index}]"));
            }
        }
    }
}

/// The fields of one object.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    place: Place<'a>,
    faults: &'a RefCell<Faults>,
}

impl<'a> Fields<'a> {
    pub(super) fn top(map: &'a Map<String, Value>, faults: &'a RefCell<Faults>) -> Self {
        Self {
            map,
            place: Place::Top,
            faults,
        }
    }

    /// The same object, with its faults noted elsewhere.
    pub(super) fn noting<'b>(self, faults: &'b RefCell<Faults>) -> Fields<'b>
    where
        'a: 'b,
    {
        Fields {
            map: self.map,
            place: self.place,
            faults,
        }
    }

    pub(super) fn map(&self) -> &'a Map<String, Value> {
        self.map
    }

    /// The value of a field, unless it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn fault(&self, name: &str, expected: Expected) {
        let mut field = String::new();
        Place::Field(&self.place, name).write(&mut field);
        self.faults.borrow_mut().push(field, expected);
    }

    /// Reads a field, if it is there, or notes what it should have been.
    pub(super) fn read<T>(
        &self,
        name: &str,
        expected: Expected,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = read(self.get(name)?);
        if value.is_none() {
            self.fault(name, expected);
        }
        value
    }

    /// As [`read`](Self::read), for a field that has to be there.
    pub(super) fn need<T>(
        &self,
        name: &str,
        expected: Expected,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        if self.get(name).is_none() {
            self.fault(name, expected);
        }
        self.read(name, expected, read)
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.read(name, Expected::Text, text)
    }

    pub(super) fn owned_text(&self, name: &str) -> Option<Box<str>> {
        self.text(name).map(Box::from)
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.read(name, Expected::Flag, Value::as_bool)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.read(name, Expected::Integer, Value::as_i64)
    }

    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.read(name, Expected::Count, Value::as_u64)
    }

    pub(super) fn moment(&self, name: &str) -> Option<Timestamp> {
        self.read(name, Expected::Moment, moment)
    }

    pub(super) fn id<T>(&self, name: &str, new: fn(&'a str) -> Result<T, InvalidId>) -> Option<T> {
        self.read(name, Expected::Id, |value| new(value.as_str()?).ok())
    }

    pub(super) fn needed_id<T>(
        &self,
        name: &str,
        new: fn(&'a str) -> Result<T, InvalidId>,
    ) -> Option<T> {
        self.need(name, Expected::Id, |value| new(value.as_str()?).ok())
    }

    /// An id where Stripe puts either the id or, expanded, the whole object.
    pub(super) fn reference<T>(
        &self,
        name: &str,
        new: fn(&'a str) -> Result<T, InvalidId>,
    ) -> Option<T> {
        self.read(name, Expected::Reference, |value| {
            let id = value.as_str().or_else(|| value.get("id")?.as_str())?;
            new(id).ok()
        })
    }

    pub(super) fn currency(&self, name: &str) -> Option<CurrencyCode> {
        self.need(name, Expected::Currency, currency)
    }

    pub(super) fn currency_if_any(&self, name: &str) -> Option<CurrencyCode> {
        self.read(name, Expected::Currency, currency)
    }

    /// Hands an object, if it is there, to `read`.
    pub(super) fn object<T>(
        &self,
        name: &str,
        read: impl FnOnce(Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let map = self.read(name, Expected::Object, Value::as_object)?;
        read(Fields {
            map,
            place: Place::Field(&self.place, name),
            faults: self.faults,
        })
    }

    /// As [`object`](Self::object), for one that has to be there.
    pub(super) fn needed_object<T>(
        &self,
        name: &str,
        read: impl FnOnce(Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        if self.get(name).is_none() {
            self.fault(name, Expected::Object);
        }
        self.object(name, read)
    }

    /// As [`object`](Self::object), where text may be instead: an object that isn't expanded.
    pub(super) fn expanded<T>(
        &self,
        name: &str,
        read: impl FnOnce(Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        if self.get(name)?.is_string() {
            return None;
        }
        self.object(name, read)
    }

    /// Hands each object of a list to `read`. An element that is text is one that isn't expanded,
    /// and is passed over.
    pub(super) fn elements<T>(
        &self,
        name: &str,
        mut read: impl FnMut(Fields<'_>) -> Option<T>,
    ) -> Vec<T> {
        let list = self.read(name, Expected::List, |value| {
            value.as_array().filter(|list| list.len() <= MAX_ELEMENTS)
        });
        let mut elements = Vec::new();
        let place = Place::Field(&self.place, name);
        for (index, element) in list.into_iter().flatten().enumerate() {
            let place = Place::Element(&place, index);
            if let Some(map) = element.as_object() {
                elements.extend(read(Fields {
                    map,
                    place,
                    faults: self.faults,
                }));
            } else if !element.is_string() {
                let mut field = String::new();
                place.write(&mut field);
                self.faults.borrow_mut().push(field, Expected::Object);
            }
        }
        elements
    }

    /// The elements of one of Stripe's lists, which are objects with the elements in `data`.
    pub(super) fn list<T>(&self, name: &str, read: impl FnMut(Fields<'_>) -> Option<T>) -> Vec<T> {
        self.object(name, |list| Some(list.elements("data", read)))
            .unwrap_or_default()
    }
}

pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| text.len() <= MAX_TEXT_BYTES)
}

fn currency(value: &Value) -> Option<CurrencyCode> {
    CurrencyCode::new(value.as_str()?)
}

/// Seconds since 1970, from then to the end of the calendar.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_i64()?;
    (0..=LAST_SECOND)
        .contains(&seconds)
        .then(|| Timestamp::from_seconds(seconds))
}
