//! How the text of a value is read. Each function says what is wrong and how it is written right.

mod choice;
mod duration;
mod number;
mod secret;

pub(crate) use choice::{Choice, choice};
pub(crate) use duration::duration;
pub(crate) use number::number;
pub(crate) use secret::secret;

use super::fault::Problem;

/// How long a plain text can be.
const MAX_TEXT: usize = 1_024;

/// A text that is one line and has something in it.
pub(crate) fn line(text: &str) -> Result<String, Problem> {
    if text.len() > MAX_TEXT {
        return Err(Problem::new(
            format!("has more than {MAX_TEXT} bytes"),
            "check that this is the right value",
        ));
    }
    if text.trim() != text || text.is_empty() || text.chars().any(char::is_control) {
        return Err(Problem::new(
            "has white space at an end, or control characters in it",
            "write it without them",
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_white_space_around_it_and_no_control_characters() {
        assert_eq!(line("a b").unwrap(), "a b");
        for text in ["", " ", "a ", "\ta", "a\nb", "a\u{1b}b"] {
            assert!(line(text).is_err(), "{text:?}");
        }
        assert!(line(&"x".repeat(MAX_TEXT)).is_ok());
        assert!(line(&"x".repeat(MAX_TEXT + 1)).is_err());
    }
}
