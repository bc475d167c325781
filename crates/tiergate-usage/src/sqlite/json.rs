//! Rows as JSON, which is how one statement takes many.

use std::fmt::{Display, Write};

/// An array of values, or of rows of values.
#[derive(Debug, Default)]
pub(super) struct Json {
    text: String,
}

impl Json {
    /// The text of the whole array.
    pub(super) fn into_array(self) -> String {
        format!("[{}]", self.text)
    }

    /// Adds one row.
    pub(super) fn row(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.text.push('[');
        fill(self);
        self.text.push(']');
    }

    /// Bytes, to be read with `unhex`.
    pub(super) fn blob(&mut self, bytes: &[u8]) {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
        ];
        self.separate();
        self.text.push('"');
        self.text.reserve(bytes.len() * 2 + 1);
        for byte in bytes {
            for half in [byte >> 4, byte & 0xf] {
                self.text.extend(DIGITS.get(usize::from(half)));
            }
        }
        self.text.push('"');
    }

    pub(super) fn integer(&mut self, number: i64) {
        self.separate();
        // Writing to a string does not fail.
        let _ = write!(self.text, "{number}");
    }

    /// A text without anything that JSON writes in another way: a word, or digits.
    pub(super) fn word(&mut self, word: impl Display) {
        self.separate();
        let _ = write!(self.text, "\"{word}\"");
    }

    pub(super) fn null(&mut self) {
        self.separate();
        self.text.push_str("null");
    }

    fn separate(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('[') {
            self.text.push(',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_values_are_separated() {
        let mut json = Json::default();
        json.row(|row| {
            row.blob(&[0, 0xfa]);
            row.integer(-1);
            row.word(u128::MAX);
            row.null();
        });
        json.row(|row| row.blob(&[]));
        assert_eq!(
            json.into_array(),
            r#"[["00FA",-1,"340282366920938463463374607431768211455",null],[""]]"#
        );
        assert_eq!(Json::default().into_array(), "[]");
    }
}
