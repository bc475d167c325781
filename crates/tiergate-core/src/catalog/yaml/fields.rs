//! Reading mappings whose fields are known, and the plain values in them.

use std::fmt;

use super::tree::{Content, Entry, Node, Scalar, Style};
use crate::catalog::collect::Faults;
use crate::catalog::draft::{Given, Slot};
use crate::catalog::fault::FaultKind;
use crate::catalog::fields::Field;
use crate::catalog::number;
use crate::catalog::scalar::Meaning;
use crate::catalog::source::{Located, Span};
use crate::catalog::words::{echo, listing};

/// Whose fields are read, for messages.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    Catalog,
    Tier(&'a str),
    Price(&'a str),
    Metric(&'a str),
    Feature(&'a str),
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalog => f.write_str("the catalog"),
            Self::Tier(key) => write!(f, "tier `{}`", echo(key)),
            Self::Price(key) => write!(f, "the price of tier `{}`", echo(key)),
            Self::Metric(key) => write!(f, "metric `{}`", echo(key)),
            Self::Feature(key) => write!(f, "feature `{}`", echo(key)),
        }
    }
}

/// The fields of one mapping, each at most once.
pub(super) struct Fields<'n, 't> {
    pub(super) owner: Owner<'n>,
    found: Vec<(&'static str, &'n Entry<'t>)>,
}

impl<'n, 't> Fields<'n, 't> {
    /// Sorts the entries of a mapping into the fields of the tables. Tells of what is there twice,
    /// and of what is in none of the tables.
    pub(super) fn open(
        owner: Owner<'n>,
        entries: &'n [Entry<'t>],
        tables: &[&'static [Field]],
        faults: &mut Faults,
    ) -> Self {
        let known = tables.iter().flat_map(|table| table.iter());
        let mut found: Vec<(&'static str, &'n Entry<'t>)> = Vec::new();
        for entry in entries {
            if faults.is_full() {
                break;
            }
            let Some(field) = known.clone().find(|field| field.name == entry.key) else {
                let known: Vec<_> = known.clone().map(|field| field.name).collect();
                add_unknown(owner, entry, &known, faults);
                continue;
            };
            if let Some((_, first)) = found.iter().find(|(name, _)| *name == field.name) {
                faults.add_second(
                    FaultKind::Duplicate,
                    Some(entry.key_span),
                    Some(first.key_span),
                    format!("{owner} has the field `{}` twice", field.name),
                    "keep one of the two",
                );
                continue;
            }
            found.push((field.name, entry));
        }
        Self { owner, found }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'n Entry<'t>> {
        self.found
            .iter()
            .find(|(found, _)| *found == name)
            .map(|(_, entry)| *entry)
    }

    /// A text, read as it stands.
    pub(super) fn text(&self, name: &str, faults: &mut Faults) -> Slot<Box<str>> {
        let Some(entry) = self.get(name) else {
            return Slot::Missing;
        };
        let what = format!("`{name}` of {}", self.owner);
        match text(&what, &entry.value, entry.key_span, faults) {
            Some(text) => Slot::Given(text),
            None => Slot::Refused,
        }
    }

    /// A whole number.
    pub(super) fn whole(&self, name: &str, faults: &mut Faults) -> Slot<u64> {
        let Some(entry) = self.get(name) else {
            return Slot::Missing;
        };
        let what = format!("`{name}` of {}", self.owner);
        let Some(scalar) = scalar(&what, &entry.value, entry.key_span, faults) else {
            return Slot::Refused;
        };
        let at = entry.value.span;
        if scalar.style == Style::Quoted {
            add_quoted_number(&what, &scalar.text, at, faults);
            return Slot::Refused;
        }
        match number::whole(&scalar.text) {
            Ok(number) => Slot::Given(Located::new(number, at)),
            Err(refusal) => {
                let help = match refusal.rewritten(&scalar.text) {
                    Some(number) => format!("write `{number}`"),
                    None => "write a whole number in plain digits, like `14`".into(),
                };
                let text = echo(&scalar.text);
                let message = format!("{what} is `{text}`, {}", refusal.reason());
                faults.add(refusal.kind(), Some(at), message, help);
                Slot::Refused
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T>(
        &self,
        name: &str,
        choices: impl Iterator<Item = (String, T)>,
        faults: &mut Faults,
    ) -> Slot<T> {
        let given = match self.text(name, faults) {
            Slot::Given(given) => given,
            Slot::Missing => return Slot::Missing,
            Slot::Refused => return Slot::Refused,
        };
        let mut words = Vec::new();
        for (word, choice) in choices {
            if *word == *given.value {
                return Slot::Given(Located {
                    value: choice,
                    span: given.span,
                });
            }
            words.push(word);
        }
        self.add_unknown_word(name, &given, &words, faults);
        Slot::Refused
    }

    fn add_unknown_word(
        &self,
        name: &str,
        given: &Located<Box<str>>,
        words: &[String],
        faults: &mut Faults,
    ) {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let message = format!(
            "`{name}` of {} cannot be `{}`",
            self.owner,
            echo(&given.value)
        );
        let choices = format!("write {}", listing(&words, "or"));
        let help = match faults.nearest(&given.value, &words) {
            Some(near) => format!("did you mean `{near}`? {choices}"),
            None => choices,
        };
        faults.add(FaultKind::UnknownWord, given.span, message, help);
    }
}

fn add_unknown(owner: Owner<'_>, entry: &Entry<'_>, known: &[&str], faults: &mut Faults) {
    let help = faults.suggest(&entry.key, "fields", known);
    faults.add(
        FaultKind::UnknownField,
        Some(entry.key_span),
        format!("{owner} has an unknown field `{}`", echo(&entry.key)),
        help,
    );
}

/// What a field of the catalog holds that is a mapping from keys to things of one sort.
pub(super) fn section<T>(
    root: &Fields<'_, '_>,
    field: &str,
    help: &str,
    faults: &mut Faults,
    mut read: impl FnMut(&Entry<'_>, &mut Faults) -> T,
) -> Slot<Vec<T>> {
    let Some(entry) = root.get(field) else {
        return Slot::Missing;
    };
    let what = format!("`{field}` of the catalog");
    let Some(entries) = map(&what, &entry.value, entry.key_span, help, faults) else {
        return Slot::Refused;
    };
    let mut read_so_far = Vec::with_capacity(entries.len());
    for entry in entries {
        if faults.is_full() {
            break;
        }
        read_so_far.push(read(entry, faults));
    }
    Slot::Given(Located::new(read_so_far, entry.key_span))
}

/// The entries of a mapping.
pub(super) fn map<'n, 't>(
    what: &str,
    node: &'n Node<'t>,
    key_span: Span,
    help: &str,
    faults: &mut Faults,
) -> Option<&'n [Entry<'t>]> {
    let found = match &node.content {
        Content::Map(entries) => return Some(entries),
        Content::Refused => return None,
        Content::List(_) => "a list",
        Content::Scalar(scalar) if scalar.meaning() == Meaning::Nothing => {
            add_nothing(what, key_span, help, faults);
            return None;
        }
        Content::Scalar(_) => "a single value",
    };
    let message = format!("{what} is {found}, not a mapping");
    faults.add(FaultKind::WrongShape, Some(node.span), message, help);
    None
}

/// The items of a list.
pub(super) fn list<'n, 't>(
    what: &str,
    node: &'n Node<'t>,
    key_span: Span,
    help: &str,
    faults: &mut Faults,
) -> Option<&'n [Node<'t>]> {
    let found = match &node.content {
        Content::List(items) => return Some(items),
        Content::Refused => return None,
        Content::Map(_) => "a mapping",
        Content::Scalar(scalar) if scalar.meaning() == Meaning::Nothing => {
            add_nothing(what, key_span, help, faults);
            return None;
        }
        Content::Scalar(_) => "a single value",
    };
    let message = format!("{what} is {found}, not a list");
    faults.add(FaultKind::WrongShape, Some(node.span), message, help);
    None
}

/// A single value that is not nothing.
pub(super) fn scalar<'n, 't>(
    what: &str,
    node: &'n Node<'t>,
    key_span: Span,
    faults: &mut Faults,
) -> Option<&'n Scalar<'t>> {
    let found = match &node.content {
        Content::Scalar(scalar) if scalar.meaning() == Meaning::Nothing => {
            add_nothing(what, key_span, "write a value, or remove the line", faults);
            return None;
        }
        Content::Scalar(scalar) => return Some(scalar),
        Content::Refused => return None,
        Content::List(_) => "a list",
        Content::Map(_) => "a mapping",
    };
    faults.add(
        FaultKind::WrongShape,
        Some(node.span),
        format!("{what} is {found}, not a single value"),
        "write one value; a text that starts with `[` or `{` needs quotes",
    );
    None
}

/// A text. What other readers of YAML would take for a number or a boolean is not one.
pub(super) fn text(
    what: &str,
    node: &Node<'_>,
    key_span: Span,
    faults: &mut Faults,
) -> Option<Located<Box<str>>> {
    let scalar = scalar(what, node, key_span, faults)?;
    let found = match scalar.meaning() {
        Meaning::Text => return Some(Located::new((&*scalar.text).into(), node.span)),
        Meaning::Number => "a number",
        Meaning::Boolean | Meaning::Nothing => "a boolean",
    };
    let text = echo(&scalar.text);
    faults.add(
        FaultKind::WrongShape,
        Some(node.span),
        format!("{what} is `{text}`, which YAML takes for {found}, not for a text"),
        format!("put it in quotes: `\"{text}\"`"),
    );
    None
}

/// Anything that may be a value of a feature. What it means is found out later.
pub(super) fn given(feature: &str, entry: &Entry<'_>, faults: &mut Faults) -> Located<Given> {
    let value = match &entry.value.content {
        Content::Scalar(scalar) if scalar.meaning() == Meaning::Nothing => {
            return Located::new(Given::Nothing, entry.key_span);
        }
        Content::Scalar(scalar) => match scalar.style {
            Style::Plain => Given::Plain((&*scalar.text).into()),
            Style::Quoted => Given::Quoted((&*scalar.text).into()),
        },
        Content::Refused => Given::Refused,
        Content::List(_) | Content::Map(_) => {
            let (feature, tier) = (echo(feature), echo(&entry.key));
            let what = format!("the value of feature `{feature}` for tier `{tier}`");
            scalar(&what, &entry.value, entry.key_span, faults);
            Given::Refused
        }
    };
    Located::new(value, entry.value.span)
}

pub(super) fn add_quoted_number(what: &str, text: &str, at: Span, faults: &mut Faults) {
    let text = echo(text);
    faults.add(
        FaultKind::WrongShape,
        Some(at),
        format!("{what} is the text `{text}`, not a number"),
        "write the number without quotes",
    );
}

fn add_nothing(what: &str, key_span: Span, help: &str, faults: &mut Faults) {
    faults.add(
        FaultKind::Empty,
        Some(key_span),
        format!("{what} has nothing after the colon"),
        help,
    );
}
