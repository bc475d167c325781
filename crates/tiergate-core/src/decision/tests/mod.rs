//! What the decisions promise, one promise a test.

mod effective_tier;
mod explanations;
mod features;
mod inactive;
mod min_tier;
mod overrides;
mod unavailable;
mod units;
mod unlock;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use super::{
    Admission, Allowance, Basis, Decision, Denial, DenialKind, Explanation, InactiveAccess,
    Knowledge, Policy, Requirement, Standing, UnavailableAccess, Used, ValueSource, admit, decide,
    exceeded, explain,
};
use crate::subscription::{Override, OverrideValue};
use crate::time::Timestamp;
use crate::{Catalog, Limit, LimitId, Subject, Subscription, SubscriptionStatus};

const NOW: &str = "2026-03-15T12:00:00Z";

const HOUSE: &str = r"
version: 1
currency: USD
default_tier: free
tiers:
  free:       { name: Free,       track: individual,   price: free }
  pro:        { name: Pro,        track: individual,   includes: [free],          price: { monthly: 12.00, annual: 115.00 } }
  max:        { name: Max,        track: individual,   includes: [pro],           price: { monthly: 29.00, annual: 278.00 } }
  premium:    { name: Premium,    track: individual,   includes: [max],           price: { monthly: 59.00, annual: 566.00 } }
  enterprise: { name: Enterprise, track: organization, includes: [premium, crew], price: by contract }
  crew:       { name: Crew,       track: organization, includes: [team],          price: { monthly: 15.00, annual: 150.00, per: seat, minimum_seats: 5 } }
  team:       { name: Team,       track: organization, includes: [pro],           price: { monthly: 8.00, annual: 77.00, per: seat, minimum_seats: 5 } }
metrics:
  storage: { name: Storage, unit: GB }
features:
  timeline: { name: Timeline, category: service, kind: boolean, tiers: { free: on,  pro: on,  max: on,  premium: on,  team: on,  crew: on,  enterprise: on } }
  crm:      { name: CRM,      category: service, kind: boolean, tiers: { free: off, pro: on,  max: on,  premium: on,  team: on,  crew: on,  enterprise: on } }
  payments: { name: Payments, category: service, kind: boolean, tiers: { free: off, pro: off, max: on,  premium: on,  team: off, crew: on,  enterprise: on } }
  branding: { name: Branding, category: service, kind: boolean, tiers: { free: off, pro: off, max: off, premium: on,  team: off, crew: off, enterprise: on } }
  beta:     { name: Beta,     category: service, kind: boolean, tiers: { free: off, pro: off, max: off, premium: off, team: off, crew: off, enterprise: off } }
  retired:  { name: Retired,  category: service, kind: boolean, enabled: off, tiers: { free: on, pro: on, max: on, premium: on, team: on, crew: on, enterprise: on } }
  storage:  { name: File storage,  category: storage, kind: limit, metric: storage, counted: gauge,  tiers: { free: 5, pro: 50, max: 500, premium: unlimited, team: 100, crew: 1000, enterprise: unlimited } }
  sms:      { name: SMS messages,  category: service, kind: limit, counted: quota per billing_period, tiers: { free: 0, pro: 100, max: 500, premium: 2000, team: 500, crew: 10000, enterprise: unlimited } }
  exports:  { name: Exports,       category: service, kind: limit, counted: quota per day,            tiers: { free: 1, pro: 10, max: 10, premium: 10, team: 10, crew: 10, enterprise: 10 } }
  calls:    { name: API calls,     category: compute, kind: limit, counted: rate per minute,          tiers: { free: 60, pro: 120, max: 300, premium: 600, team: 180, crew: 720, enterprise: 1200 } }
  faxes:    { name: Faxes,         category: service, kind: limit, enabled: off, counted: gauge,      tiers: { free: 9, pro: 9, max: 9, premium: 9, team: 9, crew: 9, enterprise: 9 } }
  support:  { name: Support level, category: support, kind: level, levels: [community, email, priority, dedicated], tiers: { free: community, pro: email, max: priority, premium: dedicated, team: email, crew: priority, enterprise: dedicated } }
  advice:   { name: Advice,        category: support, kind: level, enabled: off, levels: [some, more], tiers: { free: some, pro: more, max: more, premium: more, team: more, crew: more, enterprise: more } }
";

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    moment(NOW)
}

/// A catalog, and what is known of the one who asks.
struct Scene {
    catalog: Catalog,
    subject: Subject,
    subscription: Option<Subscription>,
    is_known: bool,
    policy: Policy,
    now: Timestamp,
}

impl Scene {
    fn nobody() -> Self {
        Self {
            catalog: Catalog::from_yaml(HOUSE).unwrap_or_else(|error| panic!("{error}")),
            subject: Subject::user("ada"),
            subscription: None,
            is_known: true,
            policy: Policy::DEFAULT,
            now: now(),
        }
    }

    fn with(status: SubscriptionStatus, tier: &str) -> Self {
        let scene = Self::nobody();
        let subscription = Subscription::new(scene.subject.clone(), tier, status).with_period(
            moment("2026-03-10T00:00:00Z"),
            moment("2026-04-10T00:00:00Z"),
        );
        scene.subscribed(subscription)
    }

    fn active(tier: &str) -> Self {
        Self::with(SubscriptionStatus::Active, tier)
    }

    fn suspended(tier: &str) -> Self {
        Self::with(SubscriptionStatus::Suspended, tier)
    }

    fn unavailable(access: UnavailableAccess) -> Self {
        let mut scene = Self::nobody();
        scene.is_known = false;
        scene.policy.unavailable = access;
        scene
    }

    fn subscribed(mut self, subscription: Subscription) -> Self {
        self.subscription = Some(subscription);
        self
    }

    fn organization(mut self) -> Self {
        self.subject = Subject::organization("acme");
        self
    }

    fn strict(mut self) -> Self {
        self.policy.inactive = InactiveAccess::Nothing;
        self
    }

    fn overriding(
        mut self,
        feature: &str,
        value: OverrideValue,
        expires_at: Option<Timestamp>,
    ) -> Self {
        self.subscription
            .as_mut()
            .unwrap()
            .overrides
            .push(Override {
                feature: feature.into(),
                value,
                expires_at,
            });
        self
    }

    fn standing(&self) -> Standing<'_> {
        let knowledge = match &self.subscription {
            _ if !self.is_known => Knowledge::Unavailable,
            Some(subscription) => Knowledge::Subscription(subscription),
            None => Knowledge::NoSubscription,
        };
        Standing::of(
            &self.catalog,
            &self.subject,
            knowledge,
            self.policy,
            self.now,
        )
    }

    fn tier(&self) -> &str {
        &self.catalog.tier(self.standing().tier()).unwrap().key
    }

    fn limit(&self, key: &str) -> LimitId {
        let feature = self.catalog.require_feature(key).unwrap();
        self.catalog.limit_id(feature).unwrap()
    }

    fn feature(&self, key: &str) -> Requirement {
        Requirement::Feature(self.catalog.require_feature(key).unwrap())
    }

    fn level(&self, key: &str, at_least: &str) -> Requirement {
        Requirement::Level {
            feature: self.catalog.require_feature(key).unwrap(),
            at_least: at_least.into(),
        }
    }

    fn min_tier(&self, key: &str) -> Requirement {
        Requirement::MinTier(self.catalog.require_tier(key).unwrap())
    }

    fn units(&self, key: &str, units: u64) -> Requirement {
        Requirement::Units {
            limit: self.limit(key),
            units,
        }
    }

    /// One requirement of every sort.
    fn every_sort(&self) -> [Requirement; 4] {
        [
            self.feature("crm"),
            self.level("support", "priority"),
            self.min_tier("premium"),
            self.units("sms", 3),
        ]
    }

    fn value(&self, key: &str) -> (String, ValueSource) {
        let feature = self.catalog.require_feature(key).unwrap();
        let value = self.standing().value(&self.catalog, feature).unwrap();
        (value.value.to_string(), value.source)
    }

    fn decide(&self, requirement: &Requirement) -> Decision {
        self.decide_used(requirement, 0)
    }

    fn decide_used(&self, requirement: &Requirement, used: u64) -> Decision {
        decide(
            &self.catalog,
            &self.standing(),
            requirement,
            Used::units(used),
        )
        .unwrap()
    }

    fn allows(&self, requirement: &Requirement) -> bool {
        self.decide(requirement).is_allowed()
    }

    fn denial(&self, requirement: &Requirement) -> Denial {
        self.decide(requirement).into_result().unwrap_err()
    }

    fn kind(&self, requirement: &Requirement) -> DenialKind {
        self.denial(requirement).kind()
    }

    fn allowance(&self, key: &str, units: u64) -> Allowance {
        match admit(&self.catalog, &self.standing(), self.limit(key), units).unwrap() {
            Admission::Countable(allowance) => allowance,
            Admission::Denied(denial) => panic!("{denial}"),
        }
    }

    fn explain(&self, requirement: &Requirement, used: Used) -> Explanation {
        explain(&self.catalog, &self.standing(), requirement, used).unwrap()
    }
}

fn available_in(denial: &Denial) -> Vec<&str> {
    denial.available_in().iter().map(|key| &**key).collect()
}

fn every_status() -> Vec<SubscriptionStatus> {
    [
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
    ]
    .map(SubscriptionStatus::from)
    .to_vec()
}
