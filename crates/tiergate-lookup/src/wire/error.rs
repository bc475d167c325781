use std::fmt;

/// JSON that is not a subscription.
///
/// The message names the field and, where it is known, the line and column. It repeats nothing of
/// what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    message: Box<str>,
}

/// What the messages that name a field begin with. Other messages of the parser quote its input.
const SAFE_BEGINNINGS: [&str; 3] = ["field `", "missing field `", "duplicate field `"];

impl WireError {
    pub(crate) fn new(message: impl Into<Box<str>>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

/// Whether a message of the parser names a field, and so quotes nothing of its input.
pub(super) fn names_a_field(message: &str) -> bool {
    SAFE_BEGINNINGS
        .iter()
        .any(|beginning| message.starts_with(beginning))
}

impl From<serde_json::Error> for WireError {
    fn from(error: serde_json::Error) -> Self {
        let message = error.to_string();
        if names_a_field(&message) {
            return Self::new(message);
        }
        let complaint = if error.is_data() {
            "not of the expected shape"
        } else {
            "not valid JSON"
        };
        if error.line() == 0 {
            return Self::new(complaint);
        }
        Self::new(format!(
            "{complaint} at line {} column {}",
            error.line(),
            error.column()
        ))
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for WireError {}
