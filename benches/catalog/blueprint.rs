//! Catalogs of any size, as YAML and as code.

use std::fmt::Write;

use tiergate::catalog::{CatalogBuilder, FeatureSpec, TierSpec};
use tiergate::{Catalog, Limit};

/// So many tiers and features. Each tier includes the one before it. Of ten features six are on or off,
/// three are limits, and one is a level.
#[derive(Clone, Copy)]
pub(crate) struct Blueprint {
    pub(crate) tiers: usize,
    pub(crate) features: usize,
}

const LEVELS: [&str; 3] = ["basic", "advanced", "dedicated"];

enum Value {
    Boolean(bool),
    Limit(u64),
    Level(&'static str),
}

impl Blueprint {
    pub(crate) fn tier(self, tier: usize) -> String {
        format!("tier_{tier}")
    }

    pub(crate) fn feature(self, feature: usize) -> String {
        format!("feature_{feature}_enabled")
    }

    /// What a tier gives of a feature; never less than the tier before it.
    fn value(self, tier: usize, feature: usize) -> Value {
        match feature % 10 {
            0..6 => Value::Boolean(tier * 7 >= feature % 7 * self.tiers / 2),
            6..9 => Value::Limit(tier as u64 * 10),
            _ => Value::Level(LEVELS[tier * LEVELS.len() / self.tiers]),
        }
    }

    /// Whether a tier has a feature.
    pub(crate) fn has(self, tier: usize, feature: usize) -> bool {
        match self.value(tier, feature) {
            Value::Boolean(on) => on,
            Value::Limit(units) => units > 0,
            Value::Level(_) => true,
        }
    }

    pub(crate) fn yaml(self) -> String {
        let mut text = "version: 1\ncurrency: USD\ndefault_tier: tier_0\ntiers:\n".to_owned();
        let write = |text: &mut String, line: std::fmt::Arguments<'_>| {
            text.write_fmt(line).expect("a string takes everything");
        };
        for tier in 0..self.tiers {
            let includes = match tier.checked_sub(1) {
                Some(below) => format!("includes: [{}], ", self.tier(below)),
                None => String::new(),
            };
            let (key, units) = (self.tier(tier), tier + 1);
            let line = format_args!(
                "  {key}: {{ name: Tier {tier}, track: individual, {includes}price: {{ monthly: {units}.50, annual: {units}0.00 }} }}\n"
            );
            write(&mut text, line);
        }
        text.push_str("metrics:\n  calls: { name: Calls }\nfeatures:\n");
        for feature in 0..self.features {
            let key = self.feature(feature);
            let kind = match feature % 10 {
                0..6 => "kind: boolean",
                6..9 => "kind: limit\n    metric: calls\n    counted: quota per month",
                _ => "kind: level\n    levels: [basic, advanced, dedicated]",
            };
            let head = format_args!(
                "  {key}:\n    name: Feature {feature}\n    category: service\n    {kind}\n    tiers: {{ "
            );
            write(&mut text, head);
            for tier in 0..self.tiers {
                let comma = if tier == 0 { "" } else { ", " };
                let key = self.tier(tier);
                match self.value(tier, feature) {
                    Value::Boolean(true) => write(&mut text, format_args!("{comma}{key}: on")),
                    Value::Boolean(false) => write(&mut text, format_args!("{comma}{key}: off")),
                    Value::Limit(units) => write(&mut text, format_args!("{comma}{key}: {units}")),
                    Value::Level(word) => write(&mut text, format_args!("{comma}{key}: {word}")),
                }
            }
            text.push_str(" }\n");
        }
        text
    }

    pub(crate) fn builder(self) -> CatalogBuilder {
        let tiers = (0..self.tiers).map(|tier| {
            let spec = TierSpec::new(&self.tier(tier));
            match tier.checked_sub(1) {
                Some(below) => spec.includes(&self.tier(below)),
                None => spec,
            }
        });
        let features = (0..self.features).map(|feature| {
            let key = self.feature(feature);
            let spec = match feature % 10 {
                0..6 => FeatureSpec::boolean(&key),
                6..9 => FeatureSpec::limit(&key),
                _ => FeatureSpec::level(&key, LEVELS),
            };
            (0..self.tiers).fold(spec, |spec, tier| {
                let key = self.tier(tier);
                match self.value(tier, feature) {
                    Value::Boolean(on) => spec.value(&key, on),
                    Value::Limit(units) => spec.value(&key, Limit::AtMost(units)),
                    Value::Level(word) => spec.value(&key, word),
                }
            })
        });
        let builder = Catalog::builder().default_tier("tier_0");
        tiers.fold(builder, CatalogBuilder::tier).features(features)
    }
}
