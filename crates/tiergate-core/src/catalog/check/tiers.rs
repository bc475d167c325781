use super::keys::Keys;
use super::price;
use super::{Lines, TIERS_HELP, name, optional_text, require};
use crate::catalog::Catalog;
use crate::catalog::collect::Faults;
use crate::catalog::draft::TierDraft;
use crate::catalog::fault::FaultKind;
use crate::catalog::fields::{MAX_DESCRIPTION, MAX_INCLUDES};
use crate::catalog::order::{Order, included_first};
use crate::catalog::source::{Located, Span};
use crate::catalog::tier::{Price, Tier, Track};
use crate::catalog::words::echo;
use crate::money::Currency;

/// How many tiers of a cycle are named before it is cut.
const MAX_CYCLE_SHOWN: usize = 8;

/// The tiers, and how they include each other.
#[derive(Debug, Default)]
pub(super) struct Tiers {
    pub(super) list: Vec<Tier>,
    keys: Keys,
    pub(super) includes: Vec<Vec<usize>>,
    /// Every tier after all that it includes; nothing when there is a cycle.
    pub(super) order: Option<Vec<usize>>,
}

impl Tiers {
    pub(super) fn index(&self, key: &str) -> Option<usize> {
        self.keys.index(key)
    }

    pub(super) fn keys(&self) -> Vec<&str> {
        self.list.iter().map(|tier| &*tier.key).collect()
    }

    /// The key of a tier, fit to be repeated in a message: it may be one that is refused.
    pub(super) fn named(&self, index: usize) -> String {
        self.list
            .get(index)
            .map_or_else(String::new, |tier| echo(&tier.key))
    }
}

pub(super) fn check(
    drafts: Vec<TierDraft>,
    at: Option<Span>,
    currency: Currency,
    faults: &mut Faults,
) -> Tiers {
    if drafts.is_empty() {
        faults.add(FaultKind::Empty, at, "the catalog has no tiers", TIERS_HELP);
    }
    let mut tiers = Tiers::default();
    let mut wishes = Vec::new();
    for draft in drafts {
        if faults.is_full() {
            break;
        }
        if tiers.list.len() == Catalog::MAX_TIERS {
            faults.add(
                FaultKind::TooMuch,
                draft.key.span,
                format!("the catalog has more than {} tiers", Catalog::MAX_TIERS),
                "remove those that nobody can buy any more",
            );
            break;
        }
        if tiers.keys.note("tier", &draft.key, faults).is_some() {
            wishes.push((draft.key.span, draft.includes.clone()));
            tiers.list.push(tier(draft, currency, faults));
        }
    }
    resolve(&mut tiers, wishes, faults);
    tiers
}

fn tier(draft: TierDraft, currency: Currency, faults: &mut Faults) -> Tier {
    let owner = format!("tier `{}`", echo(&draft.key.value));
    let at = draft.key.span;
    let name = name(draft.name, &owner, "Team Small", &draft.key, faults);
    let help = "write `track: individual` or `track: organization`";
    let track = require(draft.track, &owner, "track", help, at, faults);
    let help = "write `price: free`, `price: by contract`, or amounts like `price: { monthly: 12.00, annual: 115.00 }`";
    let price = match require(draft.price, &owner, "price", help, at, faults) {
        Some(price) => price::check(&owner, price.value, price.span.or(at), currency, faults),
        None => Price::Free,
    };
    Tier {
        name,
        description: optional_text(
            &format!("the description of {owner}"),
            draft.description,
            MAX_DESCRIPTION,
            Lines::Many,
            faults,
        ),
        track: track.map_or(Track::Individual, |track| track.value),
        price,
        includes: draft.includes.into_iter().map(|key| key.value).collect(),
        key: draft.key.value,
    }
}

type Wish = (Option<Span>, Vec<Located<Box<str>>>);

/// Finds the tiers that tiers include.
fn resolve(tiers: &mut Tiers, wishes: Vec<Wish>, faults: &mut Faults) {
    let mut spans = Vec::with_capacity(wishes.len());
    for (tier, (span, includes)) in wishes.into_iter().enumerate() {
        spans.push(span);
        let known = included(tiers, tier, span, &includes, faults);
        tiers.includes.push(known);
    }
    let Order { order, cycles } = included_first(&tiers.includes);
    for cycle in &cycles {
        let at = cycle.first().and_then(|tier| spans.get(*tier).copied());
        faults.add(
            FaultKind::IncludesCycle,
            at.flatten(),
            format!(
                "tiers include each other in a circle: {}",
                path(tiers, cycle)
            ),
            "remove one of these: the higher tier includes the lower, never the other way around",
        );
    }
    tiers.order = cycles.is_empty().then_some(order);
}

fn included(
    tiers: &Tiers,
    tier: usize,
    at: Option<Span>,
    includes: &[Located<Box<str>>],
    faults: &mut Faults,
) -> Vec<usize> {
    let key = tiers.named(tier);
    if includes.len() > MAX_INCLUDES {
        faults.add(
            FaultKind::TooMuch,
            at,
            format!("tier `{key}` includes more than {MAX_INCLUDES} tiers directly"),
            "leave out those that it includes through others",
        );
        return Vec::new();
    }
    let mut known: Vec<usize> = Vec::with_capacity(includes.len());
    for (place, include) in includes.iter().enumerate() {
        let name = echo(&include.value);
        let Some(index) = tiers.index(&include.value) else {
            let own = tiers.list.get(tier).map(|tier| &*tier.key);
            let mut others = tiers.keys();
            others.retain(|other| Some(*other) != own);
            let help = faults.suggest(&include.value, "other tiers", &others);
            let message = format!("tier `{key}` includes the unknown tier `{name}`");
            faults.add(FaultKind::UnknownTier, include.span, message, help);
            continue;
        };
        if index == tier {
            let message = format!("tier `{key}` includes itself");
            let help = "remove it from its own `includes`";
            faults.add(FaultKind::IncludesCycle, include.span, message, help);
        } else if known.contains(&index) {
            let first = includes.iter().take(place);
            let first = first.into_iter().find(|one| one.value == include.value);
            faults.add_second(
                FaultKind::Duplicate,
                include.span,
                first.and_then(|first| first.span),
                format!("tier `{key}` includes `{name}` twice"),
                "keep one of the two",
            );
        } else {
            known.push(index);
        }
    }
    known
}

/// A cycle as the way around it, back to where it began.
fn path(tiers: &Tiers, cycle: &[usize]) -> String {
    let mut steps: Vec<String> = cycle
        .iter()
        .take(MAX_CYCLE_SHOWN)
        .map(|tier| format!("`{}`", tiers.named(*tier)))
        .collect();
    if cycle.len() > MAX_CYCLE_SHOWN {
        steps.push(format!("{} more", cycle.len() - MAX_CYCLE_SHOWN));
    }
    steps.extend(steps.first().cloned());
    steps.join(" includes ")
}
