use super::fields::{Fields, Owner, scalar};
use super::read_features::features;
use super::read_tiers::{metrics, tiers};
use super::tree::{Content, Node, Style};
use crate::catalog::collect::Faults;
use crate::catalog::draft::Draft;
use crate::catalog::fault::FaultKind;
use crate::catalog::fields::{ROOT, VERSION};
use crate::catalog::scalar::Meaning;
use crate::catalog::source::Span;
use crate::catalog::words::echo;

const START: Span = Span { start: 0, end: 0 };

/// Reads what a tree says, whatever it is worth.
pub(super) fn draft(root: &Node<'_>, faults: &mut Faults) -> Option<Draft> {
    let entries = match &root.content {
        Content::Map(entries) => entries,
        Content::Refused => return None,
        Content::Scalar(scalar) if scalar.meaning() == Meaning::Nothing => {
            add_empty(faults);
            return None;
        }
        Content::List(_) | Content::Scalar(_) => {
            faults.add(
                FaultKind::WrongShape,
                Some(root.span),
                "this is not a catalog: a catalog is a mapping of fields like `version` and `tiers`",
                "start with the line `version: 1`",
            );
            return None;
        }
    };
    if entries.is_empty() {
        add_empty(faults);
        return None;
    }
    let fields = Fields::open(Owner::Catalog, entries, &[ROOT], faults);
    match version(&fields, faults) {
        Version::Readable => {}
        // What else is wrong in a format that is not known, nobody can say.
        Version::Other => return None,
    }
    Some(Draft {
        currency: fields.text("currency", faults),
        time_zone: fields.text("time_zone", faults),
        default_tier: fields.text("default_tier", faults),
        trial_days: fields.whole("trial_days", faults),
        tiers: tiers(&fields, faults),
        metrics: metrics(&fields, faults),
        features: features(&fields, faults),
        start: Some(START),
    })
}

pub(super) fn add_empty(faults: &mut Faults) {
    faults.add(
        FaultKind::Empty,
        Some(START),
        "the catalog is empty",
        "start with the line `version: 1`",
    );
}

enum Version {
    /// The version read here, or none that could be made out.
    Readable,
    /// Another one.
    Other,
}

fn version(fields: &Fields<'_, '_>, faults: &mut Faults) -> Version {
    let help = format!("write `version: {VERSION}`");
    let Some(entry) = fields.get("version") else {
        faults.add(
            FaultKind::MissingField,
            Some(START),
            "the catalog has no `version`",
            format!("start with the line `version: {VERSION}`"),
        );
        return Version::Readable;
    };
    let Some(scalar) = scalar(
        "`version` of the catalog",
        &entry.value,
        entry.key_span,
        faults,
    ) else {
        return Version::Readable;
    };
    let at = Some(entry.value.span);
    let text = echo(&scalar.text);
    match scalar.text.parse::<u64>() {
        Ok(VERSION) if scalar.meaning() == Meaning::Number && scalar.text.len() == 1 => {
            Version::Readable
        }
        Ok(other) if other != VERSION && scalar.style == Style::Plain => {
            let message = format!(
                "the catalog is in version {other} of the format, only {VERSION} is known here"
            );
            let help = format!("{help}, or run a release that knows version {other}");
            faults.add(FaultKind::Version, at, message, help);
            Version::Other
        }
        _ => {
            let written = match scalar.style {
                Style::Plain => format!("`{text}`"),
                Style::Quoted => format!("the text `{text}`"),
            };
            let message =
                format!("`version` of the catalog is {written}, not the number {VERSION}");
            faults.add(FaultKind::Version, at, message, help);
            Version::Readable
        }
    }
}
