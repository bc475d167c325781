//! Checks what a draft says, and makes of it what a catalog is compiled from.
//!
//! Every check puts something in the place of what is wrong and goes on, so that all faults are told
//! at once. What comes out is good only when no fault was found.

mod covers;
mod features;
mod keys;
mod price;
mod tiers;
mod values;

use super::collect::Faults;
use super::compile::Parts;
use super::draft::{Draft, Slot};
use super::fault::FaultKind;
use super::fields::{MAX_NAME, MAX_TRIAL_DAYS};
use super::source::{Located, Span};
use super::words::{echo, is_unprintable};
use crate::money::Currency;
use crate::time::TimeZone;

/// Checks everything a draft says.
pub(super) fn check(draft: Draft, faults: &mut Faults) -> Parts {
    let start = draft.start;
    let currency = currency(draft.currency, start, faults);
    let time_zone = time_zone(draft.time_zone, faults);
    let trial_days = trial_days(draft.trial_days, faults);
    let tiers = require(
        draft.tiers,
        "the catalog",
        "tiers",
        TIERS_HELP,
        start,
        faults,
    );
    let tiers = match tiers {
        Some(tiers) => tiers::check(tiers.value, tiers.span.or(start), currency, faults),
        None => tiers::Tiers::default(),
    };
    let default_tier = default_tier(draft.default_tier, &tiers, start, faults);
    let metrics = match draft.metrics {
        Slot::Given(metrics) => features::check_metrics(metrics.value, metrics.span, faults),
        Slot::Missing | Slot::Refused => features::Metrics::default(),
    };
    let features = require(
        draft.features,
        "the catalog",
        "features",
        "write the features below it, or `features: {}` if there are none",
        start,
        faults,
    );
    let features = match features {
        Some(given) => features::check(given.value, given.span, &tiers, &metrics, faults),
        None => Vec::new(),
    };
    Parts {
        currency,
        time_zone,
        trial_days,
        default_tier,
        tiers: tiers.list,
        metrics: metrics.list,
        features,
    }
}

const TIERS_HELP: &str =
    "write one line for each tier, like `free: { name: Free, track: individual, price: free }`";

/// What a slot holds; a fault, if it holds nothing.
fn require<T>(
    slot: Slot<T>,
    owner: &str,
    field: &str,
    help: &str,
    at: Option<Span>,
    faults: &mut Faults,
) -> Option<Located<T>> {
    match slot {
        Slot::Given(given) => Some(given),
        Slot::Refused => None,
        Slot::Missing => {
            let message = format!("{owner} has no `{field}`");
            faults.add(FaultKind::MissingField, at, message, help);
            None
        }
    }
}

/// The name that people read; the key, if there is no good one.
fn name(
    slot: Slot<Box<str>>,
    owner: &str,
    example: &str,
    key: &Located<Box<str>>,
    faults: &mut Faults,
) -> Box<str> {
    let help = format!("write the name that people read, like `name: {example}`");
    match require(slot, owner, "name", &help, key.span, faults) {
        Some(given) => {
            let what = format!("the name of {owner}");
            text(&what, &given, MAX_NAME, Lines::One, faults)
        }
        None => key.value.clone(),
    }
}

fn currency(slot: Slot<Box<str>>, start: Option<Span>, faults: &mut Faults) -> Currency {
    let help = "write the currency of every price, like `currency: USD`";
    let given = require(slot, "the catalog", "currency", help, start, faults);
    let Some(given) = given else {
        return Currency::USD;
    };
    given.value.parse().unwrap_or_else(|_| {
        let upper = given.value.to_ascii_uppercase();
        let codes = Currency::ALL.iter().map(|currency| currency.code());
        let help = match upper.parse::<Currency>() {
            Ok(currency) => format!("write `{currency}`"),
            Err(_) => format!("write one of {}", codes.collect::<Vec<_>>().join(", ")),
        };
        let message = format!("the currency `{}` is not known here", echo(&given.value));
        faults.add(FaultKind::UnknownCurrency, given.span, message, help);
        Currency::USD
    })
}

fn time_zone(slot: Slot<Box<str>>, faults: &mut Faults) -> TimeZone {
    let Slot::Given(given) = slot else {
        return TimeZone::utc();
    };
    given.value.parse().unwrap_or_else(|_| {
        faults.add(
            FaultKind::UnknownTimeZone,
            given.span,
            format!("the time zone `{}` is not known", echo(&given.value)),
            "write `UTC`, or a name from the IANA database like `Europe/Berlin`",
        );
        TimeZone::utc()
    })
}

fn trial_days(slot: Slot<u64>, faults: &mut Faults) -> u32 {
    let Slot::Given(given) = slot else {
        return 0;
    };
    match u32::try_from(given.value) {
        Ok(days) if given.value <= MAX_TRIAL_DAYS => days,
        _ => {
            faults.add(
                FaultKind::BadNumber,
                given.span,
                format!("a trial of {} days is too long", given.value),
                format!("write at most {MAX_TRIAL_DAYS}, which is ten years"),
            );
            0
        }
    }
}

fn default_tier(
    slot: Slot<Box<str>>,
    tiers: &tiers::Tiers,
    start: Option<Span>,
    faults: &mut Faults,
) -> usize {
    let help = "write the key of the tier of whoever has no other, like `default_tier: free`";
    let given = require(slot, "the catalog", "default_tier", help, start, faults);
    let Some(given) = given else {
        return 0;
    };
    if tiers.list.is_empty() {
        // There is a fault about that, and without tiers every name would be one more.
        return 0;
    }
    tiers.index(&given.value).unwrap_or_else(|| {
        let help = faults.suggest(&given.value, "tiers", &tiers.keys());
        let message = format!("the default tier `{}` is not a tier", echo(&given.value));
        faults.add(FaultKind::UnknownTier, given.span, message, help);
        0
    })
}

/// What a text may contain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    /// Line breaks, but not at the end.
    Many,
}

/// A text for people: not blank, not endless, nothing that a terminal would obey.
fn text(
    what: &str,
    given: &Located<Box<str>>,
    most: usize,
    lines: Lines,
    faults: &mut Faults,
) -> Box<str> {
    let text = match lines {
        Lines::One => &*given.value,
        Lines::Many => given.value.trim_end_matches('\n'),
    };
    let mut refuse = |message: String, help: String| {
        faults.add(FaultKind::BadText, given.span, message, help);
    };
    let unwanted = |c: &char| is_unprintable(*c) && !(lines == Lines::Many && *c == '\n');
    if text.trim().is_empty() {
        refuse(
            format!("{what} is blank"),
            "write something that people can read".into(),
        );
    } else if text.chars().count() > most {
        refuse(
            format!("{what} is longer than {most} characters"),
            "make it shorter".into(),
        );
    } else if let Some(character) = text.chars().find(unwanted) {
        refuse(
            format!(
                "{what} has the control character `{}` in it",
                character.escape_unicode()
            ),
            "remove it; it is invisible in most editors, so write the text again".into(),
        );
    } else if text.trim() != text {
        refuse(
            format!("{what} starts or ends with a space"),
            "remove the space".into(),
        );
    }
    text.into()
}

/// A text that need not be there.
fn optional_text(
    what: &str,
    slot: Slot<Box<str>>,
    most: usize,
    lines: Lines,
    faults: &mut Faults,
) -> Option<Box<str>> {
    match slot {
        Slot::Given(given) => Some(text(what, &given, most, lines, faults)),
        Slot::Missing | Slot::Refused => None,
    }
}
