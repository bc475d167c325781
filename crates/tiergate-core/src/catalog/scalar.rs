//! What the core schema of YAML 1.2 (section 10.3.2) takes a bare word for. Other programs read the
//! same file by it, so what they would take for a number is never a text here, nor the reverse.

/// What the core schema of YAML 1.2 takes a plain scalar for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Nothing,
    Boolean,
    Number,
    Text,
}

/// What the core schema takes a plain scalar for.
pub(super) fn plain_meaning(text: &str) -> Meaning {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Meaning::Nothing,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Meaning::Boolean,
        _ if is_number(text) => Meaning::Number,
        _ => Meaning::Text,
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let radix = |prefix, valid: fn(&u8) -> bool| {
        text.strip_prefix(prefix)
            .is_some_and(|rest: &str| !rest.is_empty() && rest.as_bytes().iter().all(valid))
    };
    radix("0x", u8::is_ascii_hexdigit)
        || radix("0o", |byte| (b'0'..=b'7').contains(byte))
        || (unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && unsigned.parse::<f64>().is_ok())
}
