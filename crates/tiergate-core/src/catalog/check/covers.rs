//! That no tier gives less than a tier it includes.

use super::tiers::Tiers;
use super::values::{Cell, Value};
use crate::catalog::collect::Faults;
use crate::catalog::fault::FaultKind;
use crate::catalog::feature::FeatureKind;
use crate::catalog::words::echo;

/// The most that a tier must give, and the tier it includes that gives it.
type Most = Option<(Value, usize)>;

pub(super) fn check(
    feature: &str,
    kind: &FeatureKind,
    cells: &[Cell],
    tiers: &Tiers,
    faults: &mut Faults,
) {
    let Some(order) = &tiers.order else {
        return;
    };
    // By tier: the most that it or a tier it includes gives.
    let mut most: Vec<Most> = vec![None; tiers.list.len()];
    for tier in order.iter().copied() {
        let included = tiers.includes.get(tier).into_iter().flatten();
        let required = included
            .filter_map(|below| most.get(*below).copied().flatten())
            .reduce(|one, other| if other.0 > one.0 { other } else { one });
        let own = cells.get(tier).and_then(Option::as_ref);
        if let (Some(own), Some((value, below))) = (own, required)
            && own.value < value
        {
            let direct = tiers
                .includes
                .get(tier)
                .is_some_and(|all| all.contains(&below));
            let (key, below) = (tiers.named(tier), tiers.named(below));
            let (less, more) = (show(kind, own.value), show(kind, value));
            let (how, or) = if direct {
                ("", format!("take `{below}` out of what it includes"))
            } else {
                (" through others", "change what it includes".to_owned())
            };
            faults.add(
                FaultKind::GivesLess,
                own.span,
                format!(
                    "feature `{feature}`: tier `{key}` includes tier `{below}`{how}, but gives `{less}` where `{below}` gives `{more}`"
                ),
                format!("give `{key}` at least `{more}`, or {or}"),
            );
        }
        let own = own.map(|cell| (cell.value, tier));
        if let Some(most) = most.get_mut(tier) {
            *most = match (own, required) {
                (Some(own), Some(required)) if required.0 > own.0 => Some(required),
                (Some(own), _) => Some(own),
                (None, required) => required,
            };
        }
    }
}

fn show(kind: &FeatureKind, value: Value) -> String {
    match (kind, value) {
        (_, Value::Boolean(true)) => "on".into(),
        (_, Value::Boolean(false)) => "off".into(),
        (_, Value::Limit(limit)) => limit.to_string(),
        (FeatureKind::Level { levels }, Value::Level(rank)) => levels
            .get(usize::from(rank))
            .map_or_else(String::new, |level| echo(level.name())),
        (FeatureKind::Boolean | FeatureKind::Limit { .. }, Value::Level(_)) => String::new(),
    }
}
