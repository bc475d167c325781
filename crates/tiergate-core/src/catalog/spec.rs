use super::draft::{
    FeatureDraft, Given, KindDraft, MetricDraft, PaidDraft, PerSeat, PriceDraft, Slot, Stray,
    TierDraft, ValueDraft,
};
use super::feature::{Availability, Category};
use super::source::Located;
use super::tier::Track;
use crate::{FeatureValue, Limit, Meter};

/// A tier for a [`CatalogBuilder`](super::CatalogBuilder).
#[derive(Clone, Debug)]
#[must_use]
pub struct TierSpec {
    draft: TierDraft,
}

impl TierSpec {
    /// A free tier for individuals that includes no other and is named like its key.
    pub fn new(key: &str) -> Self {
        Self {
            draft: TierDraft {
                key: Located::in_code(key.into()),
                name: Slot::in_code(key.into()),
                description: Slot::Missing,
                track: Slot::in_code(Track::Individual),
                price: Slot::in_code(PriceDraft::Free),
                includes: Vec::new(),
            },
        }
    }

    /// The name that people read.
    pub fn name(mut self, name: &str) -> Self {
        self.draft.name = Slot::in_code(name.into());
        self
    }

    /// A sentence about it.
    pub fn description(mut self, description: &str) -> Self {
        self.draft.description = Slot::in_code(description.into());
        self
    }

    /// Whom it is sold to.
    pub fn track(mut self, track: Track) -> Self {
        self.draft.track = Slot::in_code(track);
        self
    }

    /// Adds a tier that it includes.
    pub fn includes(mut self, tier: &str) -> Self {
        self.draft.includes.push(Located::in_code(tier.into()));
        self
    }

    /// What it costs.
    pub fn price(mut self, price: PriceSpec) -> Self {
        self.draft.price = Slot::in_code(price.draft);
        self
    }

    pub(super) fn into_draft(self) -> TierDraft {
        self.draft
    }
}

/// What a tier costs, for a [`CatalogBuilder`](super::CatalogBuilder).
#[derive(Clone, Debug)]
#[must_use]
pub struct PriceSpec {
    draft: PriceDraft,
}

impl PriceSpec {
    /// Nothing.
    pub fn free() -> Self {
        Self {
            draft: PriceDraft::Free,
        }
    }

    /// What a contract says.
    pub fn by_contract() -> Self {
        Self {
            draft: PriceDraft::ByContract,
        }
    }

    /// So much for a month, and so much for a year, each as decimal text in the currency of the
    /// catalog: `12.00`.
    pub fn amounts(monthly: &str, annual: &str) -> Self {
        Self {
            draft: PriceDraft::Paid(PaidDraft {
                monthly: Slot::in_code(monthly.into()),
                annual: Slot::in_code(annual.into()),
                per: Slot::Missing,
                minimum_seats: Slot::Missing,
            }),
        }
    }

    /// So much for each seat, of which at least `minimum_seats` are paid. The amounts are as for
    /// [`amounts`](Self::amounts).
    pub fn per_seat(monthly: &str, annual: &str, minimum_seats: u32) -> Self {
        Self {
            draft: PriceDraft::Paid(PaidDraft {
                monthly: Slot::in_code(monthly.into()),
                annual: Slot::in_code(annual.into()),
                per: Slot::in_code(PerSeat),
                minimum_seats: Slot::in_code(u64::from(minimum_seats)),
            }),
        }
    }
}

/// Something that is counted, for a [`CatalogBuilder`](super::CatalogBuilder).
#[derive(Clone, Debug)]
#[must_use]
pub struct MetricSpec {
    draft: MetricDraft,
}

impl MetricSpec {
    /// A plain count that is named like its key.
    pub fn new(key: &str) -> Self {
        Self {
            draft: MetricDraft {
                key: Located::in_code(key.into()),
                name: Slot::in_code(key.into()),
                unit: Slot::Missing,
            },
        }
    }

    /// The name that people read.
    pub fn name(mut self, name: &str) -> Self {
        self.draft.name = Slot::in_code(name.into());
        self
    }

    /// The unit, where it is not a plain count.
    pub fn unit(mut self, unit: &str) -> Self {
        self.draft.unit = Slot::in_code(unit.into());
        self
    }

    pub(super) fn into_draft(self) -> MetricDraft {
        self.draft
    }
}

/// A feature for a [`CatalogBuilder`](super::CatalogBuilder).
#[derive(Clone, Debug)]
#[must_use]
pub struct FeatureSpec {
    draft: FeatureDraft,
}

impl FeatureSpec {
    /// A feature that is on or off. Like the others it is in the category service, is enabled, is
    /// named like its key, and needs a value for every tier of the catalog.
    pub fn boolean(key: &str) -> Self {
        Self::of_kind(key, KindDraft::Boolean)
    }

    /// A feature that gives so many units. It is only shown until it is
    /// [`counted`](Self::counted).
    pub fn limit(key: &str) -> Self {
        let kind = KindDraft::Limit {
            metric: Slot::Missing,
            meter: Slot::Missing,
        };
        Self::of_kind(key, kind)
    }

    /// A feature that gives one of a list of words, weakest first.
    pub fn level<'a>(key: &str, levels: impl IntoIterator<Item = &'a str>) -> Self {
        let levels = levels.into_iter();
        let levels = levels.map(|level| Located::in_code(level.into())).collect();
        let kind = KindDraft::Level {
            levels: Slot::in_code(levels),
        };
        Self::of_kind(key, kind)
    }

    fn of_kind(key: &str, kind: KindDraft) -> Self {
        Self {
            draft: FeatureDraft {
                key: Located::in_code(key.into()),
                name: Slot::in_code(key.into()),
                description: Slot::Missing,
                category: Slot::in_code(Category::Service),
                availability: Slot::Missing,
                kind: Slot::in_code(kind),
                strays: Vec::new(),
                values: Slot::in_code(Vec::new()),
            },
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.draft.key.value
    }

    /// The name that people read.
    pub fn name(mut self, name: &str) -> Self {
        self.draft.name = Slot::in_code(name.into());
        self
    }

    /// A sentence about it.
    pub fn description(mut self, description: &str) -> Self {
        self.draft.description = Slot::in_code(description.into());
        self
    }

    /// The group it is shown in.
    pub fn category(mut self, category: Category) -> Self {
        self.draft.category = Slot::in_code(category);
        self
    }

    /// Whether it is offered at all.
    pub fn availability(mut self, availability: Availability) -> Self {
        self.draft.availability = Slot::in_code(availability);
        self
    }

    /// The metric whose units a limit counts. For a feature of another kind, a fault when the catalog
    /// is built.
    pub fn metric(mut self, key: &str) -> Self {
        if let Slot::Given(given) = &mut self.draft.kind
            && let KindDraft::Limit { metric, .. } = &mut given.value
        {
            *metric = Slot::in_code(key.into());
            return self;
        }
        self.stray("metric")
    }

    /// How the units of a limit are counted. For a feature of another kind, a fault when the catalog is
    /// built.
    pub fn counted(mut self, how: Meter) -> Self {
        if let Slot::Given(given) = &mut self.draft.kind
            && let KindDraft::Limit { meter, .. } = &mut given.value
        {
            *meter = Slot::in_code(how);
            return self;
        }
        self.stray("counted")
    }

    fn stray(mut self, field: &'static str) -> Self {
        self.draft.strays.push(Located::in_code(Stray {
            field,
            belongs_to: "limit",
        }));
        self
    }

    /// What a tier gives of it.
    pub fn value(mut self, tier: &str, value: impl Into<ValueSpec>) -> Self {
        if let Slot::Given(values) = &mut self.draft.values {
            values.value.push(ValueDraft {
                tier: Located::in_code(tier.into()),
                value: Located::in_code(value.into().given),
            });
        }
        self
    }

    pub(super) fn into_draft(self) -> FeatureDraft {
        self.draft
    }
}

/// What a tier gives of a feature: made from a `bool`, a number, a [`Limit`], a word of the feature's
/// levels, or a [`FeatureValue`].
#[derive(Clone, Debug)]
pub struct ValueSpec {
    given: Given,
}

impl From<bool> for ValueSpec {
    fn from(on: bool) -> Self {
        Self {
            given: Given::Boolean(on),
        }
    }
}

impl From<Limit> for ValueSpec {
    fn from(limit: Limit) -> Self {
        Self {
            given: Given::Limit(limit),
        }
    }
}

impl From<u64> for ValueSpec {
    fn from(units: u64) -> Self {
        Limit::AtMost(units).into()
    }
}

impl From<&str> for ValueSpec {
    fn from(word: &str) -> Self {
        Self {
            given: Given::Word(word.into()),
        }
    }
}

impl From<FeatureValue> for ValueSpec {
    fn from(value: FeatureValue) -> Self {
        match value {
            FeatureValue::Boolean(on) => on.into(),
            FeatureValue::Limit(limit) => limit.into(),
            FeatureValue::Level(level) => level.name().into(),
        }
    }
}
