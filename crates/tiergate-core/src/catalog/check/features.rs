use std::sync::Arc;

use super::covers;
use super::keys::Keys;
use super::tiers::Tiers;
use super::values;
use super::{Lines, name, optional_text, require, text};
use crate::Level;
use crate::catalog::Catalog;
use crate::catalog::collect::Faults;
use crate::catalog::compile::Row;
use crate::catalog::draft::{FeatureDraft, KindDraft, MetricDraft, Slot, Stray};
use crate::catalog::fault::FaultKind;
use crate::catalog::feature::{Availability, Category, Feature, FeatureKind, Metric};
use crate::catalog::fields::{MAX_DESCRIPTION, MAX_LEVELS, MAX_METRICS, MAX_WORD};
use crate::catalog::source::{Located, Span};
use crate::catalog::words::{echo, listing};

#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) list: Vec<Metric>,
    keys: Keys,
}

pub(super) fn check_metrics(
    drafts: Vec<MetricDraft>,
    at: Option<Span>,
    faults: &mut Faults,
) -> Metrics {
    let mut metrics = Metrics::default();
    if drafts.len() > MAX_METRICS {
        faults.add(
            FaultKind::TooMuch,
            at,
            format!("the catalog has more than {MAX_METRICS} metrics"),
            "remove those that nothing counts any more",
        );
        return metrics;
    }
    for draft in drafts {
        if metrics.keys.note("metric", &draft.key, faults).is_none() {
            continue;
        }
        let owner = format!("metric `{}`", echo(&draft.key.value));
        let name = name(draft.name, &owner, "Storage", &draft.key, faults);
        let what = format!("the unit of {owner}");
        metrics.list.push(Metric {
            key: draft.key.value,
            name,
            unit: optional_text(&what, draft.unit, MAX_WORD, Lines::One, faults),
        });
    }
    metrics
}

pub(super) fn check(
    drafts: Vec<FeatureDraft>,
    at: Option<Span>,
    tiers: &Tiers,
    metrics: &Metrics,
    faults: &mut Faults,
) -> Vec<(Feature, Row)> {
    if drafts.len() > Catalog::MAX_FEATURES {
        let most = Catalog::MAX_FEATURES;
        faults.add(
            FaultKind::TooMuch,
            at,
            format!("the catalog has more than {most} features"),
            "remove those that nothing asks for any more",
        );
        return Vec::new();
    }
    let mut keys = Keys::default();
    let mut features = Vec::with_capacity(drafts.len());
    for draft in drafts {
        if faults.is_full() {
            break;
        }
        if keys.note("feature", &draft.key, faults).is_some() {
            features.push(feature(draft, tiers, metrics, faults));
        }
    }
    features
}

fn feature(
    draft: FeatureDraft,
    tiers: &Tiers,
    metrics: &Metrics,
    faults: &mut Faults,
) -> (Feature, Row) {
    let key = echo(&draft.key.value);
    let owner = format!("feature `{key}`");
    let at = draft.key.span;
    let name = name(draft.name, &owner, "File storage", &draft.key, faults);
    let what = format!("the description of {owner}");
    let description = optional_text(
        &what,
        draft.description,
        MAX_DESCRIPTION,
        Lines::Many,
        faults,
    );
    let words = Category::ALL.map(Category::as_str);
    let help = format!("write `category: ` and then {}", listing(&words, "or"));
    let category = require(draft.category, &owner, "category", &help, at, faults);
    let help = "write `kind: boolean`, `kind: limit` or `kind: level`";
    let given = require(draft.kind, &owner, "kind", help, at, faults);
    if let Some(given) = &given {
        check_strays(&owner, &given.value, &draft.strays, faults);
    }
    let kind = given.and_then(|given| kind(&owner, given, at, metrics, faults));
    let help = "write what each tier gives of it, like `tiers: { free: off, pro: on }`";
    let values = require(draft.values, &owner, "tiers", help, at, faults);
    let row = values.map(|given| values::check(&key, given, kind.as_ref(), tiers, faults));
    if let (Some(kind), Some(row)) = (&kind, &row) {
        covers::check(&key, kind, row, tiers, faults);
    }
    let kind = kind.unwrap_or(FeatureKind::Boolean);
    let row = values::lay_out(&kind, row.unwrap_or_default());
    let feature = Feature {
        key: draft.key.value.into(),
        name,
        description,
        category: category.map_or(Category::Service, |category| category.value),
        availability: match draft.availability {
            Slot::Given(given) => given.value,
            Slot::Missing | Slot::Refused => Availability::Enabled,
        },
        kind,
    };
    (feature, row)
}

fn check_strays(owner: &str, kind: &KindDraft, strays: &[Located<Stray>], faults: &mut Faults) {
    let kind = match kind {
        KindDraft::Boolean => "boolean",
        KindDraft::Limit { .. } => "limit",
        KindDraft::Level { .. } => "level",
    };
    for stray in strays {
        let Stray { field, belongs_to } = stray.value;
        faults.add(
            FaultKind::UnknownField,
            stray.span,
            format!("{owner} is a {kind}, but `{field}` is for features of kind {belongs_to}"),
            format!("remove `{field}`, or make it a {belongs_to}"),
        );
    }
}

/// The kind of a feature; none when its values cannot be read without what is wrong with it.
fn kind(
    owner: &str,
    given: Located<KindDraft>,
    at: Option<Span>,
    metrics: &Metrics,
    faults: &mut Faults,
) -> Option<FeatureKind> {
    match given.value {
        KindDraft::Boolean => Some(FeatureKind::Boolean),
        KindDraft::Limit { metric, meter } => Some(FeatureKind::Limit {
            metric: match metric {
                Slot::Given(metric) => Some(known_metric(owner, metric, metrics, faults)),
                Slot::Missing | Slot::Refused => None,
            },
            meter: match meter {
                Slot::Given(meter) => Some(meter.value),
                Slot::Missing | Slot::Refused => None,
            },
        }),
        KindDraft::Level { levels } => {
            let help =
                "write the words to choose from, weakest first, like `levels: [basic, priority]`";
            let levels = require(levels, owner, "levels", help, given.span.or(at), faults)?;
            check_levels(owner, &levels, faults)
        }
    }
}

fn known_metric(
    owner: &str,
    metric: Located<Box<str>>,
    metrics: &Metrics,
    faults: &mut Faults,
) -> Box<str> {
    if metrics.keys.index(&metric.value).is_none() {
        let known: Vec<_> = metrics.list.iter().map(|metric| &*metric.key).collect();
        let help = faults.suggest(&metric.value, "metrics", &known);
        let message = format!(
            "{owner} counts the unknown metric `{}`",
            echo(&metric.value)
        );
        faults.add(FaultKind::UnknownMetric, metric.span, message, help);
    }
    metric.value
}

fn check_levels(
    owner: &str,
    given: &Located<Vec<Located<Box<str>>>>,
    faults: &mut Faults,
) -> Option<FeatureKind> {
    if given.value.is_empty() || given.value.len() > MAX_LEVELS {
        faults.add(
            if given.value.is_empty() {
                FaultKind::Empty
            } else {
                FaultKind::TooMuch
            },
            given.span,
            match given.value.len() {
                0 => format!("{owner} has no levels"),
                many => format!("{owner} has {many} levels"),
            },
            format!("write from 1 to {MAX_LEVELS} words, weakest first"),
        );
        return None;
    }
    let mut levels: Vec<Level> = Vec::with_capacity(given.value.len());
    let what = format!("a level of {owner}");
    for (place, word) in given.value.iter().enumerate() {
        if levels.iter().any(|level| level.name() == &*word.value) {
            let mut before = given.value.iter().take(place);
            let first = before.find(|one| one.value == word.value);
            faults.add_second(
                FaultKind::Duplicate,
                word.span,
                first.and_then(|first| first.span),
                format!("{owner} has the level `{}` twice", echo(&word.value)),
                "keep one of the two, where it belongs in the order",
            );
            continue;
        }
        let name = text(&what, word, MAX_WORD, Lines::One, faults);
        let rank = u16::try_from(levels.len()).unwrap_or(u16::MAX);
        levels.push(Level::new(Arc::from(name), rank));
    }
    Some(FeatureKind::Level { levels })
}
