use super::fields::{Fields, Owner, given, list, map, section, text};
use super::tree::{Content, Entry, Style};
use crate::catalog::collect::Faults;
use crate::catalog::draft::{FeatureDraft, KindDraft, Slot, Stray, ValueDraft};
use crate::catalog::fault::FaultKind;
use crate::catalog::feature::Availability;
use crate::catalog::fields::{FEATURE, Field, KINDS, LEVEL, LIMIT, OFF, ON, categories, meters};
use crate::catalog::source::Located;
use crate::catalog::words::echo;

pub(super) fn features(root: &Fields<'_, '_>, faults: &mut Faults) -> Slot<Vec<FeatureDraft>> {
    let help = "write the features below it, or `features: {}` if there are none";
    section(root, "features", help, faults, feature)
}

fn feature(entry: &Entry<'_>, faults: &mut Faults) -> FeatureDraft {
    let owner = Owner::Feature(&entry.key);
    let key = Located::new((&*entry.key).into(), entry.key_span);
    let help = "write its fields below it, each as `field: value`";
    let entries = map(
        &owner.to_string(),
        &entry.value,
        entry.key_span,
        help,
        faults,
    );
    let Some(entries) = entries else {
        return FeatureDraft {
            key,
            name: Slot::Refused,
            description: Slot::Refused,
            category: Slot::Refused,
            availability: Slot::Refused,
            kind: Slot::Refused,
            strays: Vec::new(),
            values: Slot::Refused,
        };
    };
    let fields = Fields::open(owner, entries, &[FEATURE, LIMIT, LEVEL], faults);
    let kind = kind(&fields, faults);
    FeatureDraft {
        key,
        name: fields.text("name", faults),
        description: fields.text("description", faults),
        category: fields.word("category", categories(), faults),
        availability: availability(&fields, faults),
        strays: strays(&fields, &kind),
        kind,
        values: values(&fields, &entry.key, faults),
    }
}

fn availability(fields: &Fields<'_, '_>, faults: &mut Faults) -> Slot<Availability> {
    let Some(entry) = fields.get("enabled") else {
        return Slot::Missing;
    };
    let availability = match &entry.value.content {
        Content::Scalar(scalar) => match (scalar.style, &*scalar.text) {
            (_, ON) | (Style::Plain, "true") => Some(Availability::Enabled),
            (_, OFF) | (Style::Plain, "false") => Some(Availability::Disabled),
            _ => None,
        },
        Content::Refused => return Slot::Refused,
        Content::List(_) | Content::Map(_) => None,
    };
    let Some(availability) = availability else {
        let at = entry.value.span;
        faults.add(
            FaultKind::WrongValue,
            Some(if at.start == at.end {
                entry.key_span
            } else {
                at
            }),
            format!("`enabled` of {} is neither on nor off", fields.owner),
            "write `on` or `off`",
        );
        return Slot::Refused;
    };
    Slot::Given(Located::new(availability, entry.value.span))
}

fn kind(fields: &Fields<'_, '_>, faults: &mut Faults) -> Slot<KindDraft> {
    let kinds = KINDS.into_iter().map(|kind| (kind.to_owned(), kind));
    let kind = match fields.word("kind", kinds, faults) {
        Slot::Given(kind) => kind,
        Slot::Missing => return Slot::Missing,
        Slot::Refused => return Slot::Refused,
    };
    let draft = match kind.value {
        "limit" => KindDraft::Limit {
            metric: fields.text("metric", faults),
            meter: fields.word("counted", meters(), faults),
        },
        "level" => KindDraft::Level {
            levels: levels(fields, faults),
        },
        _ => KindDraft::Boolean,
    };
    Slot::Given(Located {
        value: draft,
        span: kind.span,
    })
}

/// The fields that belong to features of another kind.
fn strays(fields: &Fields<'_, '_>, kind: &Slot<KindDraft>) -> Vec<Located<Stray>> {
    let others: &[(&[Field], &'static str)] = match kind {
        Slot::Missing | Slot::Refused => &[],
        Slot::Given(given) => match given.value {
            KindDraft::Boolean => &[(LIMIT, "limit"), (LEVEL, "level")],
            KindDraft::Limit { .. } => &[(LEVEL, "level")],
            KindDraft::Level { .. } => &[(LIMIT, "limit")],
        },
    };
    let all = others.iter().flat_map(|(table, belongs_to)| {
        table.iter().map(|field| Stray {
            field: field.name,
            belongs_to,
        })
    });
    all.filter_map(|stray| {
        let entry = fields.get(stray.field)?;
        Some(Located::new(stray, entry.key_span))
    })
    .collect()
}

fn levels(fields: &Fields<'_, '_>, faults: &mut Faults) -> Slot<Vec<Located<Box<str>>>> {
    let Some(entry) = fields.get("levels") else {
        return Slot::Missing;
    };
    let what = format!("`levels` of {}", fields.owner);
    let help = "write words in brackets, weakest first, like `[basic, priority]`";
    let Some(items) = list(&what, &entry.value, entry.key_span, help, faults) else {
        return Slot::Refused;
    };
    let what = format!("a level of {}", fields.owner);
    let before = faults.len();
    let levels: Vec<_> = items
        .iter()
        .filter_map(|item| text(&what, item, item.span, faults))
        .collect();
    if faults.len() > before {
        // Values that name the level in question would look wrong, too.
        return Slot::Refused;
    }
    Slot::Given(Located::new(levels, entry.key_span))
}

fn values(fields: &Fields<'_, '_>, feature: &str, faults: &mut Faults) -> Slot<Vec<ValueDraft>> {
    let Some(entry) = fields.get("tiers") else {
        return Slot::Missing;
    };
    let what = format!("`tiers` of feature `{}`", echo(feature));
    let help = "write what each tier gives of it, like `{ free: off, pro: on }`";
    let Some(entries) = map(&what, &entry.value, entry.key_span, help, faults) else {
        return Slot::Refused;
    };
    let values = entries
        .iter()
        .map(|entry| ValueDraft {
            tier: Located::new((&*entry.key).into(), entry.key_span),
            value: given(feature, entry, faults),
        })
        .collect();
    Slot::Given(Located::new(values, entry.key_span))
}
