use std::collections::HashSet;
use std::fmt;

use super::Importer;
use super::json::Json;
use crate::Limit;
use crate::catalog::CatalogError;
use crate::catalog::collect::Faults;
use crate::catalog::fault::FaultKind;
use crate::catalog::feature::{Availability, Category};
use crate::catalog::fields::MAX_BYTES;
use crate::catalog::source::Source;
use crate::catalog::spec::{FeatureSpec, ValueSpec};
use crate::catalog::words::{echo, listing};

const NAME: &str = "the older feature flags";
/// What this shape means by unlimited.
const UNLIMITED: i64 = -1;

const FIELDS: [&str; 6] = [
    "featureKey",
    "featureName",
    "category",
    "description",
    "enabled",
    "tiers",
];

pub(super) fn read(importer: &Importer, text: &str) -> Result<Vec<FeatureSpec>, CatalogError> {
    let too_large = text.len() > MAX_BYTES;
    let source = Source::new(NAME, if too_large { "" } else { text });
    let mut faults = Faults::of(source.clone());
    if too_large {
        faults.add(
            FaultKind::TooMuch,
            None,
            "the text is larger than 1 MiB",
            "read it in parts, and give each to the builder",
        );
        return Err(faults.into_error());
    }
    let features = match serde_json::from_str::<Json>(text) {
        Ok(Json::List(flags)) => flags_of(importer, &flags, &mut faults),
        Ok(_) => {
            faults.add(
                FaultKind::WrongShape,
                Some(source.point(1, 1)),
                "this is not a list of feature flags",
                "put the flags in brackets: `[{ \"featureKey\": … }, …]`",
            );
            Vec::new()
        }
        Err(error) => {
            faults.add(
                FaultKind::Syntax,
                Some(source.point(error.line(), error.column())),
                "this is not JSON",
                "check the commas, quotes and brackets of this line and the one before it",
            );
            Vec::new()
        }
    };
    faults.finish().map(|()| features)
}

fn flags_of(importer: &Importer, flags: &[Json], faults: &mut Faults) -> Vec<FeatureSpec> {
    let mut features = Vec::with_capacity(flags.len());
    let mut keys: HashSet<String> = HashSet::new();
    for (index, flag) in flags.iter().enumerate() {
        if faults.is_full() {
            break;
        }
        let place = Place::Index(index + 1);
        let Json::Object(entries) = flag else {
            let help = "write an object with `featureKey`, `featureName`, `category` and `tiers`";
            let message = format!("{place} is not an object");
            faults.add(FaultKind::WrongShape, None, message, help);
            continue;
        };
        if let Some(feature) = feature(importer, entries, place, faults) {
            keys.insert(feature.key().to_owned());
            features.push(feature);
        }
    }
    check_declared(importer, &keys, faults);
    features
}

/// Which flag a fault is about.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// Counted from one.
    Index(usize),
    Key(&'a str),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(number) => write!(f, "flag number {number}"),
            Self::Key(key) => write!(f, "feature `{}`", echo(key)),
        }
    }
}

fn feature(
    importer: &Importer,
    entries: &[(String, Json)],
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<FeatureSpec> {
    let key = text(entries, "featureKey", place, faults);
    let place = key.map_or(place, Place::Key);
    check_fields(entries, place, faults);
    let name = text(entries, "featureName", place, faults);
    let category = category(entries, place, faults);
    let description = description(entries, place, faults);
    let enabled = enabled(entries, place, faults);
    let values = values(entries, place, faults);
    // Only now may one that is missing end it: all that is wrong has been told.
    let feature = spec(importer, key?, &values?, faults)?;
    let feature = feature
        .name(name?)
        .category(category?)
        .availability(enabled?);
    Some(match description? {
        Description::Text(text) => feature.description(text),
        Description::None => feature,
    })
}

enum Description<'a> {
    Text(&'a str),
    None,
}

fn description<'a>(
    entries: &'a [(String, Json)],
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<Description<'a>> {
    match find(entries, "description") {
        None | Some(Json::Null) => Some(Description::None),
        Some(Json::Text(text)) if text.is_empty() => Some(Description::None),
        Some(Json::Text(text)) => Some(Description::Text(text)),
        Some(_) => {
            let message = format!("`description` of {place} is not a text");
            faults.add(FaultKind::WrongShape, None, message, "put it in quotes");
            None
        }
    }
}

fn enabled(
    entries: &[(String, Json)],
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<Availability> {
    match find(entries, "enabled") {
        None | Some(Json::Boolean(true)) => Some(Availability::Enabled),
        Some(Json::Boolean(false)) => Some(Availability::Disabled),
        Some(_) => {
            let message = format!("`enabled` of {place} is neither true nor false");
            faults.add(
                FaultKind::WrongValue,
                None,
                message,
                "write `true` or `false`",
            );
            None
        }
    }
}

fn check_fields(entries: &[(String, Json)], place: Place<'_>, faults: &mut Faults) {
    for (index, (name, _)) in entries.iter().enumerate() {
        if !FIELDS.contains(&&**name) {
            let help = faults.suggest(name, "fields", &FIELDS);
            let message = format!("{place} has an unknown field `{}`", echo(name));
            faults.add(FaultKind::UnknownField, None, message, help);
        } else if entries.iter().take(index).any(|(other, _)| other == name) {
            let message = format!("{place} has the field `{name}` twice");
            faults.add(FaultKind::Duplicate, None, message, "keep one of the two");
        }
        if faults.is_full() {
            return;
        }
    }
}

fn find<'a>(entries: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    let mut found = entries.iter().filter(|(field, _)| field == name);
    found.next().map(|(_, value)| value)
}

fn text<'a>(
    entries: &'a [(String, Json)],
    name: &str,
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<&'a str> {
    match find(entries, name) {
        Some(Json::Text(text)) => Some(text),
        Some(_) => {
            let message = format!("`{name}` of {place} is not a text");
            faults.add(FaultKind::WrongShape, None, message, "put it in quotes");
            None
        }
        None => {
            let message = format!("{place} has no `{name}`");
            let help = format!("add `\"{name}\": \"…\"`");
            faults.add(FaultKind::MissingField, None, message, help);
            None
        }
    }
}

fn category(entries: &[(String, Json)], place: Place<'_>, faults: &mut Faults) -> Option<Category> {
    let word = text(entries, "category", place, faults)?;
    let found = Category::ALL.into_iter().find(|one| one.as_str() == word);
    if found.is_none() {
        let help = format!(
            "write {}",
            listing(&Category::ALL.map(Category::as_str), "or")
        );
        let message = format!("`category` of {place} cannot be `{}`", echo(word));
        faults.add(FaultKind::UnknownWord, None, message, help);
    }
    found
}

/// What a tier has, in the terms of this shape.
enum Value<'a> {
    Boolean(bool),
    Limit(Limit),
    Word(&'a str),
}

fn values<'a>(
    entries: &'a [(String, Json)],
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<Vec<(&'a str, Value<'a>)>> {
    let tiers = match find(entries, "tiers") {
        Some(Json::Object(tiers)) => tiers,
        Some(_) => {
            let message = format!("`tiers` of {place} is not an object");
            let help = "write what each tier has, like `{ \"free\": false, \"pro\": true }`";
            faults.add(FaultKind::WrongShape, None, message, help);
            return None;
        }
        None => {
            let message = format!("{place} has no `tiers`");
            let help =
                "write what each tier has, like `\"tiers\": { \"free\": false, \"pro\": true }`";
            faults.add(FaultKind::MissingField, None, message, help);
            return None;
        }
    };
    let before = faults.len();
    let mut values: Vec<(&str, Value<'_>)> = Vec::with_capacity(tiers.len());
    let mut seen = HashSet::with_capacity(tiers.len());
    for (tier, json) in tiers {
        if !seen.insert(tier) {
            let message = format!("{place} has two values for tier `{}`", echo(tier));
            faults.add(FaultKind::Duplicate, None, message, "keep one of the two");
        }
        let value = match json {
            Json::Boolean(on) => Value::Boolean(*on),
            Json::Whole(units) => Value::Limit(Limit::AtMost(*units)),
            Json::Negative(UNLIMITED) => Value::Limit(Limit::Unlimited),
            Json::Text(word) => Value::Word(word),
            Json::Negative(_) | Json::Other | Json::Null | Json::List(_) | Json::Object(_) => {
                let (kind, found) = match json {
                    Json::Negative(number) => (FaultKind::NegativeNumber, format!("`{number}`")),
                    Json::Other => (
                        FaultKind::BadNumber,
                        "a number that is too large or not whole".to_owned(),
                    ),
                    Json::Null => (FaultKind::Empty, "`null`".to_owned()),
                    _ => (FaultKind::WrongShape, "a list or an object".to_owned()),
                };
                let message = format!("{place} has {found} for tier `{}`", echo(tier));
                let help = "write true, false, a whole number, -1 for unlimited, or a word";
                faults.add(kind, None, message, help);
                continue;
            }
        };
        values.push((tier, value));
    }
    if values.is_empty() && faults.len() == before {
        let message = format!("{place} has no value for any tier");
        let help = "write what each tier has, like `{ \"free\": false, \"pro\": true }`";
        faults.add(FaultKind::Empty, None, message, help);
    }
    (faults.len() == before).then_some(values)
}

fn spec(
    importer: &Importer,
    key: &str,
    values: &[(&str, Value<'_>)],
    faults: &mut Faults,
) -> Option<FeatureSpec> {
    let (first_tier, first) = values.first()?;
    let mut spec = match first {
        Value::Boolean(_) => FeatureSpec::boolean(key),
        Value::Limit(_) => FeatureSpec::limit(key),
        Value::Word(_) => {
            let Some(levels) = importer.levels.get(key) else {
                faults.add(
                    FaultKind::UnknownLevel,
                    None,
                    format!(
                        "feature `{}` has words, and nothing says which is more than another",
                        echo(key)
                    ),
                    "declare its levels, weakest first, with `Importer::levels`",
                );
                return None;
            };
            FeatureSpec::level(key, levels.iter().map(|level| &**level))
        }
    };
    if let Some((metric, meter)) = importer.counted.get(key) {
        spec = spec.metric(metric).counted(*meter);
    }
    let before = faults.len();
    for (tier, value) in values {
        if std::mem::discriminant(value) != std::mem::discriminant(first) {
            faults.add(
                FaultKind::WrongValue,
                None,
                format!(
                    "feature `{}` has {} for tier `{}`, but {} for tier `{}`",
                    echo(key),
                    sort(value),
                    echo(tier),
                    sort(first),
                    echo(first_tier)
                ),
                "give every tier a value of the same kind",
            );
        }
        spec = spec.value(tier, ValueSpec::from(value));
    }
    (faults.len() == before).then_some(spec)
}

fn sort(value: &Value<'_>) -> &'static str {
    match value {
        Value::Boolean(_) => "true or false",
        Value::Limit(_) => "a number",
        Value::Word(_) => "a word",
    }
}

impl From<&Value<'_>> for ValueSpec {
    fn from(value: &Value<'_>) -> Self {
        match value {
            Value::Boolean(on) => (*on).into(),
            Value::Limit(limit) => (*limit).into(),
            Value::Word(word) => (*word).into(),
        }
    }
}

/// Tells of what was declared about features that are not there.
fn check_declared(importer: &Importer, keys: &HashSet<String>, faults: &mut Faults) {
    if faults.len() > 0 {
        // A feature may be missing because of what is wrong with it.
        return;
    }
    let levels = importer.levels.keys();
    let declared = levels.chain(importer.counted.keys());
    let mut missing: Vec<&str> = declared.map(|key| &**key).collect();
    missing.retain(|key| !keys.contains(*key));
    missing.sort_unstable();
    missing.dedup();
    for key in missing {
        let mut known: Vec<&str> = keys.iter().map(String::as_str).collect();
        known.sort_unstable();
        let help = faults.suggest(key, "features", &known);
        faults.add(
            FaultKind::UnknownField,
            None,
            format!(
                "the importer was told of feature `{}`, which is not among the flags",
                echo(key)
            ),
            help,
        );
    }
}
