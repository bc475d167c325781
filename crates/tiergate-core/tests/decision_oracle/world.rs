//! A small world: a catalog, somebody, and what they ask for. It is kept as plain numbers, from
//! which both the real thing is built and the oracle reads.

use std::time::Duration;

use proptest::prelude::*;
use tiergate_core::catalog::{Availability, FeatureSpec, PriceSpec, TierSpec, Track, ValueSpec};
use tiergate_core::decision::{
    Decision, InactiveAccess, Knowledge, Policy, Requirement, Standing, UnavailableAccess, Used,
    decide,
};
use tiergate_core::subscription::{Override, OverrideValue};
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, Limit, Meter, QuotaPeriod, Subject, Subscription};

pub(crate) const STATUSES: [&str; 10] = [
    "active",
    "trialing",
    "past_due",
    "canceled",
    "suspended",
    "incomplete",
    "incomplete_expired",
    "unpaid",
    "paused",
    "on_hold",
];

/// Limits from small to large; what a grade of a limit feature gives.
pub(crate) const LIMITS: [Option<u64>; 6] =
    [Some(0), Some(1), Some(5), Some(10), Some(u64::MAX), None];

const UNITS: [u64; 8] = [0, 1, 2, 4, 5, 6, 10, u64::MAX];

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) tiers: Vec<TierModel>,
    pub(crate) default: usize,
    pub(crate) features: Vec<FeatureModel>,
    pub(crate) is_organization: bool,
    pub(crate) known: Known,
    pub(crate) is_strict: bool,
    pub(crate) unavailable: UnavailableAccess,
    pub(crate) grace: Duration,
    pub(crate) now: Timestamp,
    pub(crate) ask: AskModel,
    pub(crate) used: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct TierModel {
    /// Each before this one in the catalog.
    pub(crate) includes: Vec<usize>,
    pub(crate) is_for_organizations: bool,
    pub(crate) price: PriceModel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PriceModel {
    Free,
    Flat(u32),
    PerSeat { each: u32, seats: u32 },
    ByContract,
}

#[derive(Clone, Debug)]
pub(crate) struct FeatureModel {
    pub(crate) kind: KindModel,
    pub(crate) is_enabled: bool,
    /// What each tier gives, from 0 to 5.
    pub(crate) grades: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KindModel {
    /// On from grade 3.
    Boolean,
    /// By [`LIMITS`].
    Limit(Meter),
    /// That many words; the grade, or the last one.
    Level(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Known {
    Subscription(SubscriptionModel),
    Nothing,
    Unavailable,
}

#[derive(Clone, Debug)]
pub(crate) struct SubscriptionModel {
    /// One past the last names no tier of the catalog.
    pub(crate) tier: usize,
    pub(crate) status: &'static str,
    pub(crate) period_start: Option<Timestamp>,
    pub(crate) period_end: Option<Timestamp>,
    pub(crate) ends_with_period: bool,
    pub(crate) trial_end: Option<Timestamp>,
    pub(crate) overrides: Vec<OverrideModel>,
}

#[derive(Clone, Debug)]
pub(crate) struct OverrideModel {
    /// One past the last names no feature of the catalog.
    pub(crate) feature: usize,
    pub(crate) value: OverrideValue,
    pub(crate) expires_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum AskModel {
    Feature(usize),
    Level { feature: usize, at_least: usize },
    MinTier(usize),
    Units { feature: usize, units: u64 },
}

/// The real thing.
pub(crate) struct Scene {
    pub(crate) catalog: Catalog,
    pub(crate) subject: Subject,
    pub(crate) subscription: Option<Subscription>,
    pub(crate) is_unavailable: bool,
    pub(crate) policy: Policy,
    pub(crate) now: Timestamp,
    pub(crate) requirement: Requirement,
    pub(crate) used: Used,
}

impl Scene {
    pub(crate) fn standing(&self) -> Standing<'_> {
        let known = match &self.subscription {
            _ if self.is_unavailable => Knowledge::Unavailable,
            Some(subscription) => Knowledge::Subscription(subscription),
            None => Knowledge::NoSubscription,
        };
        Standing::of(&self.catalog, &self.subject, known, self.policy, self.now)
    }

    pub(crate) fn decide(&self) -> Decision {
        decide(
            &self.catalog,
            &self.standing(),
            &self.requirement,
            self.used,
        )
        .unwrap()
    }
}

pub(crate) fn tier_key(tier: usize) -> String {
    format!("tier_{tier}")
}

fn feature_key(feature: usize) -> String {
    format!("feature_{feature}")
}

pub(crate) fn word(level: usize) -> String {
    format!("level-{level}")
}

impl World {
    pub(crate) fn build(&self) -> Scene {
        let catalog = self.catalog();
        let subject = if self.is_organization {
            Subject::organization("x")
        } else {
            Subject::user("x")
        };
        let subscription = match &self.known {
            Known::Subscription(model) => Some(model.build(subject.clone())),
            Known::Nothing | Known::Unavailable => None,
        };
        let feature = |feature: usize| catalog.require_feature(&feature_key(feature)).unwrap();
        let requirement = match self.ask {
            AskModel::Feature(one) => Requirement::Feature(feature(one)),
            AskModel::Level {
                feature: one,
                at_least,
            } => Requirement::Level {
                feature: feature(one),
                at_least: word(at_least).into(),
            },
            AskModel::MinTier(tier) => {
                Requirement::MinTier(catalog.require_tier(&tier_key(tier)).unwrap())
            }
            AskModel::Units {
                feature: one,
                units,
            } => Requirement::Units {
                limit: catalog.limit_id(feature(one)).unwrap(),
                units,
            },
        };
        let mut policy = Policy::DEFAULT;
        policy.grace = self.grace;
        policy.unavailable = self.unavailable;
        if self.is_strict {
            policy.inactive = InactiveAccess::Nothing;
        }
        Scene {
            catalog,
            subject,
            subscription,
            is_unavailable: matches!(self.known, Known::Unavailable),
            policy,
            now: self.now,
            requirement,
            used: Used {
                units: self.used,
                wait: None,
            },
        }
    }

    fn catalog(&self) -> Catalog {
        let mut builder = Catalog::builder().default_tier(&tier_key(self.default));
        for (index, tier) in self.tiers.iter().enumerate() {
            let mut spec = TierSpec::new(&tier_key(index)).price(match tier.price {
                PriceModel::Free => PriceSpec::free(),
                PriceModel::Flat(each) => PriceSpec::amounts(&format!("{each}.00"), "99.00"),
                PriceModel::PerSeat { each, seats } => {
                    PriceSpec::per_seat(&format!("{each}.00"), "99.00", seats)
                }
                PriceModel::ByContract => PriceSpec::by_contract(),
            });
            if tier.is_for_organizations {
                spec = spec.track(Track::Organization);
            }
            for below in &tier.includes {
                spec = spec.includes(&tier_key(*below));
            }
            builder = builder.tier(spec);
        }
        for (index, feature) in self.features.iter().enumerate() {
            let key = feature_key(index);
            let mut spec = match feature.kind {
                KindModel::Boolean => FeatureSpec::boolean(&key),
                KindModel::Limit(meter) => FeatureSpec::limit(&key).counted(meter),
                KindModel::Level(words) => {
                    let words: Vec<_> = (0..words).map(word).collect();
                    FeatureSpec::level(&key, words.iter().map(String::as_str))
                }
            };
            if !feature.is_enabled {
                spec = spec.availability(Availability::Disabled);
            }
            for (tier, grade) in feature.grades.iter().enumerate() {
                let value: ValueSpec = match feature.kind {
                    KindModel::Boolean => (*grade >= 3).into(),
                    KindModel::Limit(_) => LIMITS[*grade]
                        .map_or(Limit::Unlimited, Limit::AtMost)
                        .into(),
                    KindModel::Level(words) => word((*grade).min(words - 1)).as_str().into(),
                };
                spec = spec.value(&tier_key(tier), value);
            }
            builder = builder.feature(spec);
        }
        builder.build().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl SubscriptionModel {
    fn build(&self, subject: Subject) -> Subscription {
        let mut subscription = Subscription::new(subject, tier_key(self.tier), self.status.into());
        subscription.period_start = self.period_start;
        subscription.period_end = self.period_end;
        subscription.trial_end = self.trial_end;
        if self.ends_with_period {
            subscription = subscription.ending_with_period();
        }
        subscription.overrides = self
            .overrides
            .iter()
            .map(|set| Override {
                feature: feature_key(set.feature).into(),
                value: set.value.clone(),
                expires_at: set.expires_at,
            })
            .collect();
        subscription
    }
}

fn moment() -> impl Strategy<Value = Timestamp> {
    // Few days and one microsecond around each, so that boundaries meet.
    let day = Duration::from_secs(86_400);
    prop_oneof![
        20 => (0_i64..10, -1_i64..=1).prop_map(move |(days, micros)| {
            let seconds = days * i64::try_from(day.as_secs()).unwrap();
            Timestamp::from_micros(seconds * 1_000_000 + micros)
        }),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
    ]
}

fn grace() -> impl Strategy<Value = Duration> {
    let day = Duration::from_secs(86_400);
    prop_oneof![
        1 => Just(Duration::ZERO),
        4 => (1_u32..4).prop_map(move |days| day * days),
        1 => Just(Duration::MAX),
    ]
}

fn price() -> impl Strategy<Value = PriceModel> {
    prop_oneof![
        Just(PriceModel::Free),
        (1_u32..6).prop_map(PriceModel::Flat),
        (1_u32..4, 1_u32..3).prop_map(|(each, seats)| PriceModel::PerSeat { each, seats }),
        Just(PriceModel::ByContract),
    ]
}

fn tiers() -> impl Strategy<Value = Vec<TierModel>> {
    prop::collection::vec((any::<u8>(), any::<bool>(), price()), 1..6).prop_map(|drawn| {
        drawn
            .into_iter()
            .enumerate()
            .map(|(index, (mask, is_for_organizations, price))| TierModel {
                includes: (0..index).filter(|below| mask >> below & 1 == 1).collect(),
                is_for_organizations,
                price,
            })
            .collect()
    })
}

fn kind() -> impl Strategy<Value = KindModel> {
    let meter = prop_oneof![
        Just(Meter::Gauge),
        Just(Meter::Rate(tiergate_core::RatePeriod::Minute)),
        Just(Meter::Quota(QuotaPeriod::Day)),
        Just(Meter::Quota(QuotaPeriod::Month)),
        Just(Meter::Quota(QuotaPeriod::BillingPeriod)),
    ];
    prop_oneof![
        2 => Just(KindModel::Boolean),
        3 => meter.prop_map(KindModel::Limit),
        2 => (1_usize..5).prop_map(KindModel::Level),
    ]
}

/// Features of which no tier gives less than a tier that it includes.
fn features(tiers: Vec<TierModel>) -> impl Strategy<Value = Vec<FeatureModel>> {
    let count = tiers.len();
    let feature = (
        kind(),
        prop::bool::weighted(0.9),
        prop::collection::vec(0_usize..6, count),
    );
    prop::collection::vec(feature, 1..4).prop_map(move |drawn| {
        drawn
            .into_iter()
            .map(|(kind, is_enabled, mut grades)| {
                for (index, tier) in tiers.iter().enumerate() {
                    for below in &tier.includes {
                        grades[index] = grades[index].max(grades[*below]);
                    }
                }
                FeatureModel {
                    kind,
                    is_enabled,
                    grades,
                }
            })
            .collect()
    })
}

fn override_value() -> impl Strategy<Value = OverrideValue> {
    prop_oneof![
        any::<bool>().prop_map(OverrideValue::Boolean),
        prop::sample::select(&LIMITS[..])
            .prop_map(|limit| OverrideValue::Limit(limit.map_or(Limit::Unlimited, Limit::AtMost))),
        (0_usize..6).prop_map(|level| OverrideValue::Level(word(level).into())),
    ]
}

fn subscription(tiers: usize, features: usize) -> impl Strategy<Value = SubscriptionModel> {
    let overrides = (0..=features, override_value(), prop::option::of(moment())).prop_map(
        |(feature, value, expires_at)| OverrideModel {
            feature,
            value,
            expires_at,
        },
    );
    (
        0..=tiers,
        prop::sample::select(&STATUSES[..]),
        prop::option::weighted(0.8, moment()),
        prop::option::weighted(0.8, moment()),
        any::<bool>(),
        prop::option::weighted(0.8, moment()),
        prop::collection::vec(overrides, 0..4),
    )
        .prop_map(
            |(tier, status, period_start, period_end, ends_with_period, trial_end, overrides)| {
                SubscriptionModel {
                    tier,
                    status,
                    period_start,
                    period_end,
                    ends_with_period,
                    trial_end,
                    overrides,
                }
            },
        )
}

fn ask(tiers: usize, features: &[FeatureModel]) -> impl Strategy<Value = AskModel> + use<> {
    let kinds: Vec<_> = features.iter().map(|feature| feature.kind).collect();
    (
        0..kinds.len(),
        0..tiers,
        0_usize..6,
        prop::sample::select(&UNITS[..]),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.2),
    )
        .prop_map(
            move |(feature, tier, level, units, is_specific, is_for_tier)| match kinds[feature] {
                _ if is_for_tier => AskModel::MinTier(tier),
                KindModel::Limit(_) if is_specific => AskModel::Units { feature, units },
                KindModel::Level(words) if is_specific => AskModel::Level {
                    feature,
                    at_least: level % words,
                },
                _ => AskModel::Feature(feature),
            },
        )
}

pub(crate) fn worlds() -> impl Strategy<Value = World> {
    tiers()
        .prop_flat_map(|tiers| (features(tiers.clone()), Just(tiers)))
        .prop_flat_map(|(features, tiers)| {
            let known = prop_oneof![
                8 => subscription(tiers.len(), features.len()).prop_map(Known::Subscription),
                1 => Just(Known::Nothing),
                1 => Just(Known::Unavailable),
            ];
            let unavailable = prop::sample::select(
                &[
                    UnavailableAccess::DefaultTier,
                    UnavailableAccess::Deny,
                    UnavailableAccess::Allow,
                ][..],
            );
            let used = prop::sample::select(&UNITS[..]);
            let who = (proptest::bool::ANY, known);
            let policy = (proptest::bool::weighted(0.3), unavailable, grace());
            let asked = (ask(tiers.len(), &features), used);
            let drawn = (0..tiers.len(), who, policy, moment(), asked);
            (drawn, Just(tiers), Just(features))
        })
        .prop_map(|(drawn, tiers, features)| {
            let (default, who, policy, now, asked) = drawn;
            let (is_organization, known) = who;
            let (is_strict, unavailable, grace) = policy;
            let (ask, used) = asked;
            World {
                tiers,
                default,
                features,
                is_organization,
                known,
                is_strict,
                unavailable,
                grace,
                now,
                ask,
                used,
            }
        })
}
