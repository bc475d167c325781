use reqwest::header::HeaderValue;

/// The longest id that is sent back, in bytes.
const MAX_BYTES: usize = 256;

/// The id of an event, in a form that can be sent back as `Last-Event-ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    text: Box<str>,
    header: HeaderValue,
}

impl EventId {
    /// None if there is no id, or none that can be sent.
    pub(super) fn new(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return None;
        }
        Some(Self {
            header: HeaderValue::from_bytes(text.as_bytes()).ok()?,
            text: text.into(),
        })
    }

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }

    pub(super) fn into_text(self) -> Box<str> {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_header_can_carry_is_sent_back() {
        for text in ["42", "a b", "\u{e9}", &"x".repeat(256)] {
            let id = EventId::new(text).unwrap();
            assert_eq!(id.header().as_bytes(), text.as_bytes());
            assert_eq!(&*id.into_text(), text);
        }
        for text in ["", "\u{7f}", "\u{1}", &"x".repeat(257)] {
            assert!(EventId::new(text).is_none(), "{text:?}");
        }
    }
}
