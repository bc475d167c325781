//! What the YAML parser refuses, in the words of who edits the file.

use granit_parser::{ErrorKind, ScanError};

use crate::catalog::collect::Faults;
use crate::catalog::fault::FaultKind;
use crate::catalog::fields::MAX_DEPTH;
use crate::catalog::source::Span;

pub(super) fn add(error: &ScanError, text: &str, faults: &mut Faults) {
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let at = match error.kind() {
        // The parser stands before the tab.
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => {
            let rest = text.get(at..).unwrap_or("");
            at + rest.find('\t').unwrap_or(0)
        }
        _ => at,
    };
    let end = text
        .get(at..)
        .and_then(|rest| rest.chars().next())
        .map_or(at, |character| at + character.len_utf8());
    let at = Span { start: at, end };
    let (message, help) = match error.kind() {
        ErrorKind::RecursionLimitExceeded => return add_too_deep(at, faults),
        ErrorKind::DirectiveDisallowed => {
            return faults.add(
                FaultKind::Unsupported,
                Some(at),
                "a directive (`%…`) cannot be used in a catalog",
                "remove the line",
            );
        }
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => (
            "a tab stands where YAML allows only spaces".into(),
            "indent with spaces; most editors can convert the file",
        ),
        ErrorKind::UnclosedQuotedScalar => (
            "a quote is opened and never closed".into(),
            "put the same quote at the end of the text",
        ),
        ErrorKind::UnclosedFlowCollection { open } => (
            format!("`{open}` is opened and never closed"),
            "close it with `}` or `]`",
        ),
        ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence => (
            "the file ends inside of brackets".into(),
            "close every `{` with `}` and every `[` with `]`",
        ),
        ErrorKind::ExpectedFlowMappingSeparator => (
            "`,` or `}` is missing before this".into(),
            "separate what is in braces with commas, and close the brace",
        ),
        ErrorKind::ExpectedFlowSequenceSeparator => (
            "`,` or `]` is missing before this".into(),
            "separate what is in brackets with commas, and close the bracket",
        ),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => (
            format!("`{open}` is opened here, and then `{close}` comes before it is closed"),
            "check that every `{` has its `}` and every `[` its `]`",
        ),
        ErrorKind::MisplacedFlowCollectionEnd => (
            "this bracket closes nothing".into(),
            "check that every `{` has its `}` and every `[` its `]`",
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::InvalidSimpleKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::MappingKeyNotAllowed => (
            "this line does not fit the lines around it".into(),
            "write `key: value`, indented as far as its neighbours",
        ),
        ErrorKind::MappingValueNotAllowed => (
            "a colon stands where there can be none".into(),
            "put a text with `: ` in it in quotes; indent a line as far as its neighbours",
        ),
        other => (
            format!("this is not YAML: {other}"),
            "check the indentation, the colons and the quotes of this line and the one before it",
        ),
    };
    faults.add(FaultKind::Syntax, Some(at), message, help);
}

pub(super) fn add_too_deep(at: Span, faults: &mut Faults) {
    faults.add(
        FaultKind::TooMuch,
        Some(at),
        format!("lists or mappings are nested more than {MAX_DEPTH} deep"),
        "check the brackets and the indentation; nothing in a catalog is nested that deep",
    );
}
