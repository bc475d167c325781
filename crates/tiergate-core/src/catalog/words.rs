//! How names and lists are put into messages.

use std::fmt::Write as _;

/// A longer piece of input is cut when it is repeated in a message.
const MAX_ECHO: usize = 64;
/// More names than this are not listed in a message.
const MAX_LISTED: usize = 10;

/// A piece of input, fit to be repeated in a message: cut, and with nothing that a terminal obeys.
pub(crate) fn echo(input: &str) -> String {
    let mut out = String::new();
    for (count, character) in input.chars().enumerate() {
        if count == MAX_ECHO {
            out.push('…');
            break;
        }
        if is_unprintable(character) {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}", character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Control characters, and what changes the direction of text around it.
pub(super) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// `a`, `b` and `c`, each in backticks; the first few when there are many.
pub(super) fn listing(names: &[&str], joint: &str) -> String {
    let mut shown: Vec<String> = Vec::new();
    for name in names.iter().take(MAX_LISTED) {
        shown.push(format!("`{}`", echo(name)));
    }
    let more = names.len() - shown.len();
    if more > 0 {
        return format!("{} {joint} {more} more", shown.join(", "));
    }
    match shown.pop() {
        None => String::new(),
        Some(last) if shown.is_empty() => last,
        Some(last) => format!("{} {joint} {last}", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_spelled_out() {
        assert_eq!(echo("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\u{a}");
        assert_eq!(echo("x\u{202e}y"), "x\\u{202e}y");
    }

    #[test]
    fn long_input_is_cut() {
        assert_eq!(echo(&"ü".repeat(100)).chars().count(), MAX_ECHO + 1);
    }

    #[test]
    fn lists_read_as_english() {
        assert_eq!(listing(&[], "and"), "");
        assert_eq!(listing(&["a"], "and"), "`a`");
        assert_eq!(listing(&["a", "b"], "and"), "`a` and `b`");
        assert_eq!(listing(&["a", "b", "c"], "or"), "`a`, `b` or `c`");
        let many = ["a"; 12];
        assert!(listing(&many, "and").ends_with("`a` and 2 more"));
    }
}
