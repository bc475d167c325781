//! How input is repeated in messages.

use std::fmt::Write as _;

/// A longer piece of input is cut.
const MAX_ECHO: usize = 120;

/// A piece of input, fit for one line on a terminal: cut, and with nothing that a terminal obeys.
/// Never for secrets.
pub(crate) fn echo(input: &str) -> String {
    let mut out = String::new();
    for (count, character) in input.chars().enumerate() {
        if count == MAX_ECHO {
            out.push('…');
            break;
        }
        // Marks that change the direction of text can make a line read as something else.
        let hidden = matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        );
        if hidden || character.is_control() {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}", character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_spelled_out() {
        assert_eq!(
            echo("a\u{1b}[31m\n\u{202e}b"),
            "a\\u{1b}[31m\\u{a}\\u{202e}b"
        );
    }

    #[test]
    fn long_input_is_cut() {
        assert_eq!(echo(&"ü".repeat(500)).chars().count(), MAX_ECHO + 1);
    }
}
