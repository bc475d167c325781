use super::ask::Ask;
use super::{Basis, Standing};
use crate::catalog::{ForeignIdError, Track};
use crate::{Catalog, SubjectKind, Tier, TierId};

/// The tiers that would do instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unlock {
    /// The one to propose: the cheapest on the subject's own track, else the cheapest.
    pub(super) required: TierId,
    /// All of them, in the order of the catalog.
    pub(super) available_in: Vec<TierId>,
}

impl Unlock {
    /// The tiers, other than the subject's effective one, on which it would have what it asks for.
    /// None if there are none.
    pub(super) fn find(
        catalog: &Catalog,
        standing: &Standing<'_>,
        ask: &Ask<'_>,
    ) -> Result<Option<Self>, ForeignIdError> {
        let track = own_track(catalog, standing)?;
        let mut available_in = Vec::new();
        let mut best: Option<(Rank, TierId)> = None;
        for (id, tier) in catalog.tiers() {
            if id == standing.tier() || !ask.is_met(catalog, &standing.on(id))? {
                continue;
            }
            available_in.push(id);
            let rank = Rank::of(tier, track);
            if best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, id));
            }
        }
        Ok(best.map(|(_, required)| Self {
            required,
            available_in,
        }))
    }
}

/// Where a tier stands among those to propose; the least is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    distance: Distance,
    cost: Cost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    OwnTrack,
    OtherTrack,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    /// Of a month at the least number of seats, in minor units.
    Known(i64),
    ByContract,
}

impl Rank {
    fn of(tier: &Tier, track: Track) -> Self {
        Self {
            distance: if tier.track == track {
                Distance::OwnTrack
            } else {
                Distance::OtherTrack
            },
            cost: match tier.price.monthly_minimum() {
                Some(cost) => Cost::Known(cost),
                None => Cost::ByContract,
            },
        }
    }
}

/// Who subscribed to a tier, though it be inactive, is on its track; everybody else is on that of
/// their kind.
fn own_track(catalog: &Catalog, standing: &Standing<'_>) -> Result<Track, ForeignIdError> {
    let tier = match standing.basis() {
        Basis::Inactive { own: Some(own) } => own,
        _ => standing.tier(),
    };
    if tier != catalog.default_tier() {
        return Ok(catalog.tier(tier)?.track);
    }
    Ok(match standing.subject().kind() {
        SubjectKind::User => Track::Individual,
        SubjectKind::Organization => Track::Organization,
    })
}
