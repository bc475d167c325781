//! What the tiers give of one feature.

use super::tiers::Tiers;
use crate::catalog::collect::Faults;
use crate::catalog::compile::Row;
use crate::catalog::draft::{Given, ValueDraft};
use crate::catalog::fault::FaultKind;
use crate::catalog::feature::FeatureKind;
use crate::catalog::fields::{OFF, ON, UNLIMITED};
use crate::catalog::number::{self, Refusal};
use crate::catalog::scalar::{Meaning, plain_meaning};
use crate::catalog::source::{Located, Span};
use crate::catalog::words::{echo, listing};
use crate::{Level, Limit};

/// A value of a feature, in the terms of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    Boolean(bool),
    Limit(Limit),
    /// A rank in the list of levels.
    Level(u16),
}

/// A value that was read, and where.
pub(super) type Cell = Option<Located<Value>>;

/// Reads the value of every tier. What cannot be read is left out.
pub(super) fn check(
    feature: &str,
    given: Located<Vec<ValueDraft>>,
    kind: Option<&FeatureKind>,
    tiers: &Tiers,
    faults: &mut Faults,
) -> Vec<Cell> {
    if tiers.list.is_empty() {
        // There is a fault about that, and without tiers every name would be one more.
        return Vec::new();
    }
    let mut cells: Vec<Cell> = vec![None; tiers.list.len()];
    let mut seen: Vec<Option<Option<Span>>> = vec![None; tiers.list.len()];
    for draft in given.value {
        if faults.is_full() {
            return cells;
        }
        let Some(tier) = tiers.index(&draft.tier.value) else {
            let help = faults.suggest(&draft.tier.value, "tiers", &tiers.keys());
            let name = echo(&draft.tier.value);
            let message = format!("feature `{feature}` has a value for the unknown tier `{name}`");
            faults.add(FaultKind::UnknownTier, draft.tier.span, message, help);
            continue;
        };
        if let Some(Some(first)) = seen.get(tier) {
            faults.add_second(
                FaultKind::Duplicate,
                draft.tier.span,
                *first,
                format!(
                    "feature `{feature}` has two values for tier `{}`",
                    tiers.named(tier)
                ),
                "keep one of the two",
            );
            continue;
        }
        if let Some(seen) = seen.get_mut(tier) {
            *seen = Some(draft.tier.span);
        }
        let reading = Reading {
            feature,
            tiers,
            tier,
            at: draft.value.span,
        };
        let value = kind.and_then(|kind| reading.value(kind, &draft.value.value, faults));
        if let (Some(cell), Some(value)) = (cells.get_mut(tier), value) {
            *cell = Some(Located {
                value,
                span: draft.value.span,
            });
        }
    }
    let unseen = tiers
        .list
        .iter()
        .zip(&seen)
        .filter(|(_, seen)| seen.is_none());
    let missing: Vec<&str> = unseen.map(|(tier, _)| &*tier.key).collect();
    add_missing(feature, &missing, kind, given.span, faults);
    cells
}

fn add_missing(
    feature: &str,
    missing: &[&str],
    kind: Option<&FeatureKind>,
    at: Option<Span>,
    faults: &mut Faults,
) {
    let Some(first) = missing.first() else {
        return;
    };
    let least = match kind {
        Some(FeatureKind::Boolean) | None => OFF,
        Some(FeatureKind::Limit { .. }) => "0",
        Some(FeatureKind::Level { levels }) => levels.first().map_or("", Level::name),
    };
    let noun = if missing.len() == 1 { "tier" } else { "tiers" };
    faults.add(
        FaultKind::MissingTier,
        at,
        format!(
            "feature `{feature}` has no value for {noun} {}",
            listing(missing, "and")
        ),
        format!(
            "every feature says what each tier gives: add `{first}: {}`, or what it should have",
            echo(least)
        ),
    );
}

/// Puts the values of a feature side by side. Where one could not be read there is a fault already,
/// and the least stands for it.
pub(super) fn lay_out(kind: &FeatureKind, cells: Vec<Cell>) -> Row {
    let values = cells.into_iter().map(|cell| cell.map(|cell| cell.value));
    match kind {
        FeatureKind::Boolean => Row::Booleans(
            values
                .map(|value| value == Some(Value::Boolean(true)))
                .collect(),
        ),
        FeatureKind::Limit { .. } => Row::Limits(
            values
                .map(|value| match value {
                    Some(Value::Limit(limit)) => limit,
                    Some(Value::Boolean(_) | Value::Level(_)) | None => Limit::ZERO,
                })
                .collect(),
        ),
        FeatureKind::Level { .. } => Row::Levels(
            values
                .map(|value| match value {
                    Some(Value::Level(rank)) => rank,
                    Some(Value::Boolean(_) | Value::Limit(_)) | None => 0,
                })
                .collect(),
        ),
    }
}

/// The place in the table whose value is read.
struct Reading<'a> {
    feature: &'a str,
    tiers: &'a Tiers,
    tier: usize,
    at: Option<Span>,
}

impl Reading<'_> {
    /// Feature and tier as messages name them. Made where there is a message, for most values are sound
    /// and there are many of them.
    fn named(&self) -> (&str, String) {
        (self.feature, self.tiers.named(self.tier))
    }

    fn value(&self, kind: &FeatureKind, given: &Given, faults: &mut Faults) -> Option<Value> {
        match given {
            Given::Refused => return None,
            Given::Nothing => {
                let (feature, tier) = self.named();
                let message = format!("feature `{feature}` has nothing for tier `{tier}`");
                faults.add(FaultKind::Empty, self.at, message, remedy(kind));
                return None;
            }
            Given::Plain(_)
            | Given::Quoted(_)
            | Given::Boolean(_)
            | Given::Limit(_)
            | Given::Word(_) => {}
        }
        match (kind, given) {
            (FeatureKind::Boolean, Given::Boolean(on)) => Some(Value::Boolean(*on)),
            (FeatureKind::Boolean, Given::Plain(text)) if matches!(&**text, ON | "true") => {
                Some(Value::Boolean(true))
            }
            (FeatureKind::Boolean, Given::Plain(text)) if matches!(&**text, OFF | "false") => {
                Some(Value::Boolean(false))
            }
            (FeatureKind::Boolean, Given::Quoted(text)) if &**text == ON => {
                Some(Value::Boolean(true))
            }
            (FeatureKind::Boolean, Given::Quoted(text)) if &**text == OFF => {
                Some(Value::Boolean(false))
            }
            (FeatureKind::Limit { .. }, Given::Limit(limit)) => Some(Value::Limit(*limit)),
            (FeatureKind::Limit { .. }, Given::Plain(text) | Given::Quoted(text))
                if &**text == UNLIMITED =>
            {
                Some(Value::Limit(Limit::Unlimited))
            }
            (FeatureKind::Limit { .. }, Given::Plain(text)) => self.limit(text, faults),
            (FeatureKind::Level { .. }, Given::Word(word) | Given::Quoted(word)) => {
                self.level(kind, word, faults)
            }
            (FeatureKind::Level { .. }, Given::Plain(word))
                if plain_meaning(word) == Meaning::Text =>
            {
                self.level(kind, word, faults)
            }
            _ => {
                self.add_wrong(kind, given, faults);
                None
            }
        }
    }

    fn limit(&self, text: &str, faults: &mut Faults) -> Option<Value> {
        let refusal = match number::whole(text) {
            Ok(units) => return Some(Value::Limit(Limit::AtMost(units))),
            Err(Refusal::NotANumber) => {
                let given = Given::Plain(text.into());
                let kind = FeatureKind::Limit {
                    metric: None,
                    meter: None,
                };
                self.add_wrong(&kind, &given, faults);
                return None;
            }
            Err(refusal) => refusal,
        };
        let help = match (refusal, refusal.rewritten(text)) {
            (Refusal::Negative, _) => {
                format!("write `{UNLIMITED}` for as much as wanted, or `0` for nothing at all")
            }
            (Refusal::TooLarge, _) => {
                format!("write `{UNLIMITED}`, or a number up to {}", u64::MAX)
            }
            (_, Some(number)) => format!("write `{number}`"),
            (_, None) => format!("write a whole number in plain digits, or `{UNLIMITED}`"),
        };
        let (feature, tier) = self.named();
        let reason = refusal.reason();
        let text = echo(text);
        faults.add(
            refusal.kind(),
            self.at,
            format!("the limit of feature `{feature}` for tier `{tier}` is `{text}`, {reason}"),
            help,
        );
        None
    }

    fn level(&self, kind: &FeatureKind, word: &str, faults: &mut Faults) -> Option<Value> {
        if let Some(level) = kind.level(word) {
            return Some(Value::Level(level.rank()));
        }
        let FeatureKind::Level { levels } = kind else {
            return None;
        };
        let names: Vec<_> = levels.iter().map(Level::name).collect();
        let help = faults.suggest(word, "levels", &names);
        let (feature, tier) = self.named();
        let word = echo(word);
        faults.add(
            FaultKind::UnknownLevel,
            self.at,
            format!(
                "feature `{feature}` has `{word}` for tier `{tier}`, which is not one of its levels"
            ),
            help,
        );
        None
    }

    fn add_wrong(&self, kind: &FeatureKind, given: &Given, faults: &mut Faults) {
        let (feature, tier) = self.named();
        let value = match given {
            Given::Plain(text) => format!("`{}`", echo(text)),
            Given::Quoted(text) => format!("the text `{}`", echo(text)),
            Given::Boolean(true) => format!("`{ON}`"),
            Given::Boolean(false) => format!("`{OFF}`"),
            Given::Limit(limit) => format!("`{limit}`"),
            Given::Word(word) => format!("the word `{}`", echo(word)),
            Given::Refused | Given::Nothing => "nothing".into(),
        };
        let meant = match given {
            Given::Plain(text) | Given::Quoted(text) => meant(kind, text),
            _ => None,
        };
        let help = meant.map_or_else(|| remedy(kind), |meant| format!("write `{meant}`"));
        faults.add(
            FaultKind::WrongValue,
            self.at,
            format!("feature `{feature}` is a {kind}, but has {value} for tier `{tier}`"),
            help,
        );
    }
}

/// What was probably meant by a text that is not a value of that kind.
fn meant(kind: &FeatureKind, text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    match kind {
        FeatureKind::Boolean => match &*lower {
            "on" | "true" | "yes" | "y" | "enabled" | "1" => Some(ON.into()),
            "off" | "false" | "no" | "n" | "disabled" | "none" | "0" => Some(OFF.into()),
            _ => None,
        },
        FeatureKind::Limit { .. } => match &*lower {
            "unlimited" | "infinite" | "infinity" | ".inf" | "inf" | "∞" | "max" => {
                Some(UNLIMITED.into())
            }
            "off" | "none" | "no" | "false" | "zero" => Some("0".into()),
            _ => number::whole(text).ok().map(|number| number.to_string()),
        },
        FeatureKind::Level { .. } => Some(text)
            .filter(|text| kind.level(text).is_some())
            .map(|text| format!("\"{text}\"")),
    }
}

fn remedy(kind: &FeatureKind) -> String {
    match kind {
        FeatureKind::Boolean => format!("write `{ON}` or `{OFF}`"),
        FeatureKind::Limit { .. } => format!(
            "write a whole number like `50`, `{UNLIMITED}` for as much as wanted, or `0` for nothing at all"
        ),
        FeatureKind::Level { levels } => {
            let names: Vec<_> = levels.iter().map(Level::name).collect();
            format!("write {}", listing(&names, "or"))
        }
    }
}
