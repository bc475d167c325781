use std::fmt;

use serde_json::{Map, Value};

/// Fields whose value is a secret: with it a browser may complete the payment.
const SECRET_FIELDS: [&str; 2] = ["client_secret", "confirmation_secret"];

/// All of an object as Stripe sent it, and what of it was otherwise before. Kept because a history
/// is put in order by what changed, whatever that was.
///
/// `Debug` prints no values: there are names and addresses among them.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Snapshot {
    object: Map<String, Value>,
    previous: Map<String, Value>,
}

impl Snapshot {
    pub(super) fn new(object: &Map<String, Value>, previous: Option<&Map<String, Value>>) -> Self {
        let mut object = object.clone();
        for name in SECRET_FIELDS {
            object.remove(name);
        }
        Self {
            object,
            previous: previous.cloned().unwrap_or_default(),
        }
    }

    /// The object as it was after what the event tells.
    pub(crate) fn object(&self) -> &Map<String, Value> {
        &self.object
    }

    /// What was otherwise before, with the values of before: of an object in it only the fields that
    /// changed, of a list all of it. Empty if the event says nothing about before.
    pub(crate) fn previous(&self) -> &Map<String, Value> {
        &self.previous
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("fields", &self.object.len())
            .field("changed", &self.previous.keys().collect::<Vec<_>>())
            .finish()
    }
}
