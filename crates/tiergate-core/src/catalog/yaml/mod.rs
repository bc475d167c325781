//! Reading the YAML format. Everything that knows about YAML is in here.
//!
//! A text becomes a tree that keeps every key, also those that are there twice; the tree becomes a
//! draft; the checks, which know nothing of YAML, make a catalog of the draft.

mod fields;
mod read;
mod read_features;
mod read_tiers;
mod syntax;
mod tree;

use std::sync::Arc;

use super::check;
use super::collect::Faults;
use super::compile::Parts;
use super::fault::{CatalogError, FaultKind};
use super::fields::MAX_BYTES;
use super::source::{Source, Span};

/// Reads bytes that are said to be a catalog.
pub(super) fn load_bytes(name: &str, bytes: &[u8]) -> Result<Parts, CatalogError> {
    if bytes.len() > MAX_BYTES {
        return Err(refuse(name, "", 0..0, TOO_LARGE));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => load(name, text),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or(&[]);
            let text = String::from_utf8_lossy(valid);
            let at = text.len();
            Err(refuse(name, &text, at..at, not_utf8(bytes)))
        }
    }
}

/// Reads a text that is said to be a catalog.
pub(super) fn load(name: &str, text: &str) -> Result<Parts, CatalogError> {
    if text.len() > MAX_BYTES {
        return Err(refuse(name, "", 0..0, TOO_LARGE));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source::new(name, text);
    let mut faults = Faults::of(Arc::clone(&source));
    let draft =
        tree::parse(source.text(), &mut faults).and_then(|root| read::draft(&root, &mut faults));
    let Some(draft) = draft else {
        if faults.len() == 0 {
            read::add_empty(&mut faults);
        }
        return Err(faults.into_error());
    };
    let parts = check::check(draft, &mut faults);
    faults.finish().map(|()| parts)
}

type Refusal = (FaultKind, &'static str, &'static str);

const TOO_LARGE: Refusal = (
    FaultKind::TooMuch,
    "the file is larger than 1 MiB",
    "check that it is the right file; a catalog of a thousand features is smaller",
);

fn not_utf8(bytes: &[u8]) -> Refusal {
    let help = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        "it is in UTF-16: save it again as UTF-8"
    } else {
        "save it again as UTF-8; the line above is where it stops being that"
    };
    (FaultKind::NotUtf8, "the file is not in UTF-8", help)
}

fn refuse(
    name: &str,
    text: &str,
    at: std::ops::Range<usize>,
    (kind, message, help): Refusal,
) -> CatalogError {
    let mut faults = Faults::of(Source::new(name, text));
    let at = Span {
        start: at.start,
        end: at.end,
    };
    faults.add(kind, Some(at), message, help);
    faults.into_error()
}
