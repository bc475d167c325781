use super::fields::{Fields, Owner, add_quoted_number, list, map, scalar, section, text};
use super::tree::{Content, Entry, Scalar, Style};
use crate::catalog::collect::Faults;
use crate::catalog::draft::{MetricDraft, PaidDraft, PerSeat, PriceDraft, Slot, TierDraft};
use crate::catalog::fault::FaultKind;
use crate::catalog::fields::{BY_CONTRACT, FREE, METRIC, PRICE, SEAT, TIER, tracks};
use crate::catalog::scalar::Meaning;
use crate::catalog::source::Located;
use crate::catalog::words::echo;

pub(super) fn tiers(root: &Fields<'_, '_>, faults: &mut Faults) -> Slot<Vec<TierDraft>> {
    let help =
        "write one line for each tier, like `free: { name: Free, track: individual, price: free }`";
    section(root, "tiers", help, faults, tier)
}

fn tier(entry: &Entry<'_>, faults: &mut Faults) -> TierDraft {
    let owner = Owner::Tier(&entry.key);
    let key = Located::new((&*entry.key).into(), entry.key_span);
    let help = "write its fields in braces, like `{ name: Free, track: individual, price: free }`";
    let entries = map(
        &owner.to_string(),
        &entry.value,
        entry.key_span,
        help,
        faults,
    );
    let Some(entries) = entries else {
        return TierDraft {
            key,
            name: Slot::Refused,
            description: Slot::Refused,
            track: Slot::Refused,
            price: Slot::Refused,
            includes: Vec::new(),
        };
    };
    let fields = Fields::open(owner, entries, &[TIER], faults);
    TierDraft {
        key,
        name: fields.text("name", faults),
        description: fields.text("description", faults),
        track: fields.word("track", tracks(), faults),
        price: price(&fields, &entry.key, faults),
        includes: includes(&fields, faults),
    }
}

fn includes(fields: &Fields<'_, '_>, faults: &mut Faults) -> Vec<Located<Box<str>>> {
    let Some(entry) = fields.get("includes") else {
        return Vec::new();
    };
    let what = format!("`includes` of {}", fields.owner);
    let help = "write the keys of tiers in brackets, like `[free]`, or remove the field";
    let items = list(&what, &entry.value, entry.key_span, help, faults).unwrap_or_default();
    let what = format!("a tier in `includes` of {}", fields.owner);
    items
        .iter()
        .filter_map(|item| text(&what, item, item.span, faults))
        .collect()
}

fn price(fields: &Fields<'_, '_>, tier: &str, faults: &mut Faults) -> Slot<PriceDraft> {
    let Some(entry) = fields.get("price") else {
        return Slot::Missing;
    };
    let at = entry.value.span;
    let draft = match &entry.value.content {
        Content::Refused => return Slot::Refused,
        Content::Map(entries) => {
            let fields = Fields::open(Owner::Price(tier), entries, &[PRICE], faults);
            PriceDraft::Paid(PaidDraft {
                monthly: amount(&fields, "monthly", faults),
                annual: amount(&fields, "annual", faults),
                per: fields.word("per", std::iter::once((SEAT.into(), PerSeat)), faults),
                minimum_seats: fields.whole("minimum_seats", faults),
            })
        }
        Content::Scalar(scalar) if scalar.text == FREE => PriceDraft::Free,
        Content::Scalar(scalar) if scalar.text == BY_CONTRACT => PriceDraft::ByContract,
        Content::Scalar(_) | Content::List(_) => {
            faults.add(
                FaultKind::BadPrice,
                Some(if at.start == at.end { entry.key_span } else { at }),
                format!(
                    "the price of tier `{}` is not one that can be read",
                    echo(tier)
                ),
                format!(
                    "write `{FREE}`, `{BY_CONTRACT}`, or amounts like `{{ monthly: 12.00, annual: 115.00 }}`"
                ),
            );
            return Slot::Refused;
        }
    };
    // A fault about an amount that is missing points at the key: the amounts may be many lines.
    Slot::Given(Located::new(draft, entry.key_span))
}

/// An amount of money as decimal text. YAML would take it for a float, which it never becomes here.
fn amount(fields: &Fields<'_, '_>, name: &str, faults: &mut Faults) -> Slot<Box<str>> {
    let Some(entry) = fields.get(name) else {
        return Slot::Missing;
    };
    let what = format!("`{name}` of {}", fields.owner);
    let read = |scalar: &Scalar<'_>| Located::new((&*scalar.text).into(), entry.value.span);
    match scalar(&what, &entry.value, entry.key_span, faults) {
        None => Slot::Refused,
        Some(scalar) if scalar.style == Style::Plain => Slot::Given(read(scalar)),
        Some(scalar) => {
            let unquoted = Scalar {
                text: scalar.text.clone(),
                style: Style::Plain,
            };
            if unquoted.meaning() == Meaning::Number {
                add_quoted_number(&what, &scalar.text, entry.value.span, faults);
                Slot::Refused
            } else {
                Slot::Given(read(scalar))
            }
        }
    }
}

pub(super) fn metrics(root: &Fields<'_, '_>, faults: &mut Faults) -> Slot<Vec<MetricDraft>> {
    let help = "write one line for each metric, like `storage: { name: Storage, unit: GB }`, or remove the field";
    section(root, "metrics", help, faults, metric)
}

fn metric(entry: &Entry<'_>, faults: &mut Faults) -> MetricDraft {
    let owner = Owner::Metric(&entry.key);
    let key = Located::new((&*entry.key).into(), entry.key_span);
    let help = "write its fields in braces, like `{ name: Storage, unit: GB }`";
    match map(
        &owner.to_string(),
        &entry.value,
        entry.key_span,
        help,
        faults,
    ) {
        None => MetricDraft {
            key,
            name: Slot::Refused,
            unit: Slot::Refused,
        },
        Some(entries) => {
            let fields = Fields::open(owner, entries, &[METRIC], faults);
            MetricDraft {
                key,
                name: fields.text("name", faults),
                unit: fields.text("unit", faults),
            }
        }
    }
}
