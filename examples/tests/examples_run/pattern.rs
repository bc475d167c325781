//! Expected output with placeholders for what differs from day to day.

/// The name of a placeholder, and which characters it stands for, at least for one.
type Placeholder = (&'static str, fn(char) -> bool);

const PLACEHOLDERS: [Placeholder; 6] = [
    ("<seconds>", |c| c.is_ascii_digit()),
    ("<bytes>", |c| c.is_ascii_digit()),
    ("<time>", |c| c.is_ascii_digit() || "-:.TZ".contains(c)),
    ("<id>", |c| c.is_ascii_hexdigit() || c == '-'),
    ("<date>", |c| c.is_ascii_alphanumeric() || " ,:".contains(c)),
    ("<age>", |c| c.is_alphanumeric() || c == '.'),
];

/// Whether `text` is what `pattern` says.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let first = PLACEHOLDERS
        .iter()
        .filter_map(|(name, belongs)| Some((pattern.find(name)?, name, belongs)))
        .min_by_key(|(position, ..)| *position);
    let Some((position, name, belongs)) = first else {
        return pattern == text;
    };
    let (before, rest) = pattern.split_at(position);
    let Some(text) = text.strip_prefix(before) else {
        return false;
    };
    let rest = rest.strip_prefix(name).unwrap_or(rest);
    let most = text.len() - text.trim_start_matches(belongs).len();
    // As many as there are, or fewer where what follows begins with such a character.
    let mut lengths = (1..=most).rev().filter(|end| text.is_char_boundary(*end));
    lengths.any(|end| matches(rest, &text[end..]))
}

/// Fails with both texts, one below the other, unless they match.
pub(crate) fn assert_matches(pattern: &str, text: &str, what: &str) {
    assert!(
        matches(pattern, text),
        "{what}\n--- expected\n{pattern}\n--- got\n{text}\n---"
    );
}

#[test]
fn a_placeholder_stands_for_its_kind_and_for_nothing_else() {
    let pattern = "retry-after: <seconds>\ndate: <date>";
    assert!(matches(
        pattern,
        "retry-after: 12\ndate: Sun, 22 Nov 2026 14:07:58 GMT"
    ));
    assert!(!matches(pattern, "retry-after: soon\ndate: Sun"));
    assert!(!matches(pattern, "retry-after: \ndate: Sun"));
    assert!(matches("from <time>.", "from 2026-12-01T00:00:00Z."));
    assert!(matches("from <time>.", "from 2026-12-01T00:00:00.25Z."));
    assert!(!matches("from <time>.", "from 2026-12-01T00:00:00Z"));
    assert!(!matches("plain", "plain text"));
}
