//! Writing a catalog as YAML.

use std::fmt::{self, Write as _};

use super::fields::{BY_CONTRACT, FREE, OFF, SEAT, VERSION};
use super::scalar::{Meaning, plain_meaning};
use super::words::is_unprintable;
use super::{
    Availability, Catalog, Feature, FeatureId, FeatureKind, Metric, Price, PriceUnit, Tier,
};
use crate::{FeatureValue, Level};

impl Catalog {
    /// Writes the catalog in the format that [`from_yaml`](Self::from_yaml) reads. What is read from
    /// it equals this catalog; comments and spacing of the text it came from are not kept.
    ///
    /// ```
    /// # use tiergate_core::Catalog;
    /// # use tiergate_core::catalog::TierSpec;
    /// let catalog = Catalog::builder()
    ///     .default_tier("free")
    ///     .tier(TierSpec::new("free").name("Free: for all"))
    ///     .build()?;
    /// let text = catalog.to_yaml();
    /// assert!(text.contains(r#"name: "Free: for all""#));
    /// assert_eq!(Catalog::from_yaml(&text)?, catalog);
    /// # Ok::<(), tiergate_core::catalog::CatalogError>(())
    /// ```
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = write_catalog(&mut out, self);
        out
    }
}

fn write_catalog(out: &mut String, catalog: &Catalog) -> fmt::Result {
    writeln!(out, "version: {VERSION}")?;
    writeln!(out, "currency: {}", catalog.currency())?;
    writeln!(out, "time_zone: {}", Text(catalog.time_zone().name()))?;
    if let Some(tier) = catalog.tiers.get(catalog.default_tier) {
        writeln!(out, "default_tier: {}", Text(&tier.key))?;
    }
    writeln!(out, "trial_days: {}", catalog.trial_days())?;
    writeln!(out, "\ntiers:")?;
    for (_, tier) in catalog.tiers() {
        write_tier(out, tier)?;
    }
    if catalog.metrics().len() > 0 {
        writeln!(out, "\nmetrics:")?;
        for metric in catalog.metrics() {
            write_metric(out, metric)?;
        }
    }
    if catalog.features().len() == 0 {
        return writeln!(out, "\nfeatures: {{}}");
    }
    writeln!(out, "\nfeatures:")?;
    for (id, feature) in catalog.features() {
        write_feature(out, catalog, id, feature)?;
    }
    Ok(())
}

fn write_tier(out: &mut String, tier: &Tier) -> fmt::Result {
    write!(
        out,
        "  {}: {{ name: {}, track: {}",
        Text(&tier.key),
        Text(&tier.name),
        tier.track.as_str()
    )?;
    if let Some(description) = &tier.description {
        write!(out, ", description: {}", Text(description))?;
    }
    if !tier.includes.is_empty() {
        write!(out, ", includes: {}", List(&tier.includes))?;
    }
    out.write_str(", price: ")?;
    match &tier.price {
        Price::Free => out.write_str(FREE)?,
        Price::ByContract => out.write_str(BY_CONTRACT)?,
        Price::Paid {
            monthly,
            annual,
            unit,
        } => {
            let (monthly, annual) = (monthly.decimal(), annual.decimal());
            write!(out, "{{ monthly: {monthly}, annual: {annual}")?;
            if let PriceUnit::PerSeat { minimum } = unit {
                write!(out, ", per: {SEAT}, minimum_seats: {minimum}")?;
            }
            out.write_str(" }")?;
        }
    }
    out.write_str(" }\n")
}

fn write_metric(out: &mut String, metric: &Metric) -> fmt::Result {
    let (key, name) = (Text(&metric.key), Text(&metric.name));
    write!(out, "  {key}: {{ name: {name}")?;
    if let Some(unit) = &metric.unit {
        write!(out, ", unit: {}", Text(unit))?;
    }
    out.write_str(" }\n")
}

fn write_feature(
    out: &mut String,
    catalog: &Catalog,
    id: FeatureId,
    feature: &Feature,
) -> fmt::Result {
    writeln!(out, "  {}:", Text(&feature.key))?;
    writeln!(out, "    name: {}", Text(&feature.name))?;
    if let Some(description) = &feature.description {
        writeln!(out, "    description: {}", Text(description))?;
    }
    writeln!(out, "    category: {}", feature.category)?;
    if feature.availability == Availability::Disabled {
        writeln!(out, "    enabled: {OFF}")?;
    }
    writeln!(out, "    kind: {}", feature.kind)?;
    match &feature.kind {
        FeatureKind::Boolean => {}
        FeatureKind::Limit { metric, meter } => {
            if let Some(metric) = metric {
                writeln!(out, "    metric: {}", Text(metric))?;
            }
            if let Some(meter) = meter {
                writeln!(out, "    counted: {meter}")?;
            }
        }
        FeatureKind::Level { levels } => {
            let names: Vec<_> = levels.iter().map(Level::name).collect();
            writeln!(out, "    levels: {}", List(&names))?;
        }
    }
    out.write_str("    tiers: {")?;
    let mut separator = " ";
    for (tier, described) in catalog.tiers() {
        let Ok(value) = catalog.value(tier, id) else {
            continue;
        };
        write!(out, "{separator}{}: ", Text(&described.key))?;
        match value {
            FeatureValue::Level(level) => write!(out, "{}", Text(level.name()))?,
            FeatureValue::Boolean(_) | FeatureValue::Limit(_) => write!(out, "{value}")?,
        }
        separator = ", ";
    }
    out.write_str(" }\n")
}

struct List<'a, T>(&'a [T]);

impl<T: AsRef<str>> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('[')?;
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}", Text(item.as_ref()))?;
        }
        f.write_char(']')
    }
}

/// A text as YAML, in quotes unless every reader would take it for the same text without.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) {
            return f.write_str(self.0);
        }
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                // Not printable by section 5.1 of YAML 1.2, or not safe to print.
                '\u{fffe}' | '\u{ffff}' => write!(f, "\\u{:04x}", u32::from(character))?,
                _ if is_unprintable(character) => write!(f, "\\u{:04x}", u32::from(character))?,
                _ => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}

/// Whether a text can do without quotes, in YAML 1.1 as well as 1.2, inside of brackets or not.
fn is_plain(text: &str) -> bool {
    let inner =
        |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | '%' | '&' | '+');
    text.starts_with(char::is_alphanumeric)
        && !text.ends_with(' ')
        && text.chars().all(inner)
        && plain_meaning(text) == Meaning::Text
        && !is_yaml_1_1(text)
}

/// Whether YAML 1.1 takes a text for something else: a boolean, a number with underscores or in base
/// 60, or a date.
fn is_yaml_1_1(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let word = matches!(
        &*lower,
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
    );
    let digits = text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_hexdigit() || matches!(c, '_' | '.' | '-' | '+' | 'x' | 'o' | 'b'));
    word || digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_stand_where_a_reader_could_be_mistaken() {
        for text in [
            "Timeline & social feed",
            "99.5%",
            "SSO / SAML",
            "best-effort",
            "Größe",
        ] {
            assert_eq!(Text(text).to_string(), text);
        }
        for text in [
            "",
            "on",
            "No",
            "null",
            "5",
            "1_000",
            "1e3",
            "0x1f",
            "2026-01-01",
            "1:30",
            "a: b",
            "a #b",
            "- a",
            "a,b",
            "{a}",
            "a ",
            " a",
            "&a",
            "*a",
            "!a",
            "%a",
            "@a",
            "`a`",
            "'a'",
            "?",
        ] {
            let written = Text(text).to_string();
            assert_eq!(written, format!("\"{text}\""), "{text}");
        }
        assert_eq!(Text("a\"b\\c").to_string(), r#""a\"b\\c""#);
        assert_eq!(Text("a\nb\u{85}").to_string(), r#""a\nb\u0085""#);
    }
}
