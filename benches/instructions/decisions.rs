//! Decisions about subjects that are cached, as plain code asks for them.

use std::collections::HashMap;
use std::hint::black_box;

use foldhash::fast::RandomState;
use gungraun::{library_benchmark, library_benchmark_group};
use side_by_side::{at_once, uuid_of};
use tiergate::decision::Decision;
use tiergate::gate::{FeatureHandle, TierHandle};
use tiergate::{Subject, TierGate};

use crate::TIMES;
use crate::subscribers::{FEATURE, MIN_TIER, gate, subjects};

/// A service that asks.
pub(crate) struct Service {
    gate: TierGate,
    feature: FeatureHandle,
    tier: TierHandle,
    /// Who asks, each with the name of a feature that their tier has.
    asking: Vec<(Subject, String)>,
    /// Whether all of them have what is asked for, or none.
    has: bool,
}

/// All subjects have what is asked for.
fn granted() -> Service {
    Service {
        has: true,
        ..Service::of("pro")
    }
}

/// None of them has it.
fn denied() -> Service {
    Service {
        has: false,
        ..Service::of("free")
    }
}

impl Service {
    fn of(tier: &str) -> Self {
        let subjects = subjects();
        let gate = gate(&subjects, tier);
        let catalog = gate.catalog();
        let of_tier = catalog.tier_id(tier).expect("the catalog has it");
        let names: Vec<String> = catalog
            .features()
            .filter(|(id, _)| catalog.grants(of_tier, *id).expect("both are its own"))
            .map(|(_, feature)| feature.key.to_string())
            .collect();
        Self {
            asking: subjects
                .into_iter()
                .zip(names.into_iter().cycle())
                .collect(),
            feature: gate.feature(FEATURE).expect("the catalog has it"),
            tier: gate.tier(MIN_TIER).expect("the catalog has it"),
            gate,
            has: false,
        }
    }

    /// Asks once for each subject. It is given back, so that dropping it is not counted.
    fn ask(self, answer: impl Fn(&Self, &Subject, &str) -> bool) -> Self {
        for (subject, name) in &self.asking {
            assert_eq!(answer(&self, black_box(subject), black_box(name)), self.has);
        }
        self
    }
}

#[library_benchmark]
#[bench::granted(granted())]
#[bench::denied(denied())]
fn feature_by_handle(service: Service) -> Service {
    service.ask(|own, subject, _| at_once(own.feature.is_allowed(subject)).expect("it is known"))
}

// For different features: what it takes to find one name depends on how names are hashed.
#[library_benchmark]
#[bench::granted(granted())]
fn feature_by_name(service: Service) -> Service {
    service.ask(|own, subject, name| {
        at_once(own.gate.has_feature_access(subject, name)).expect("it is known")
    })
}

// The whole decision, with its reasons.
#[library_benchmark]
#[bench::granted(granted())]
#[bench::denied(denied())]
fn feature_decision(service: Service) -> Service {
    service.ask(|own, subject, _| {
        let decision: Decision = at_once(own.feature.check(subject)).expect("it is known");
        decision.is_allowed()
    })
}

#[library_benchmark]
#[bench::granted(granted())]
#[bench::denied(denied())]
fn tier_by_handle(service: Service) -> Service {
    service.ask(|own, subject, _| at_once(own.tier.is_met(subject)).expect("it is known"))
}

// What is cached, without a decision.
#[library_benchmark]
#[bench::found(granted())]
fn cached_lookup(service: Service) -> Service {
    service.ask(|own, subject, _| black_box(own.gate.lookup().get(subject)).is_some())
}

/// What nothing that finds a subject by its id can be much below: a map that nobody ever writes, in
/// which nothing ages.
pub(crate) struct Floor {
    tiers: HashMap<String, u8, RandomState>,
    ids: Vec<String>,
}

fn floor() -> Floor {
    let ids: Vec<String> = (0..TIMES).map(uuid_of).collect();
    Floor {
        tiers: ids.iter().map(|id| (id.clone(), 1)).collect(),
        ids,
    }
}

#[library_benchmark]
#[bench::map(floor())]
fn floor_of_lookups(floor: Floor) -> Floor {
    for id in &floor.ids {
        assert_eq!(floor.tiers.get(black_box(id)), Some(&1));
    }
    floor
}

library_benchmark_group!(
    name = decisions,
    benchmarks = [
        feature_by_handle,
        feature_by_name,
        feature_decision,
        tier_by_handle,
        cached_lookup,
        floor_of_lookups
    ]
);
