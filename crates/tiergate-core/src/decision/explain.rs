use std::fmt;

use super::{
    Admission, Decision, Requirement, RequirementError, Standing, UnavailableAccess, Used, admit,
    decide, narrate,
};
use crate::Catalog;

/// A decision with every step that led to it.
///
/// Its `Display` is meant for people: one step a line, from the subject to the verdict. The wording
/// may change with any version; programs read the [`decision`](Self::decision).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    steps: Vec<Step>,
    decision: Decision,
}

/// One step of an [`Explanation`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// What the step settles, as a word or two.
    pub topic: &'static str,
    /// What it settled, and by what rule.
    pub text: String,
}

impl Explanation {
    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The decision they led to.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The same explanation with steps that came before: how the subscription was looked up.
    #[must_use]
    pub fn after(mut self, earlier: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let earlier = earlier
            .into_iter()
            .map(|(topic, text)| Step { topic, text })
            .collect::<Vec<_>>();
        self.steps.splice(0..0, earlier);
        self
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .steps
            .iter()
            .map(|step| step.topic.len())
            .max()
            .unwrap_or(0);
        for step in &self.steps {
            writeln!(f, "{:<width$}  {}", step.topic, step.text)?;
        }
        Ok(())
    }
}

/// Decides as [`decide`] does, and tells how.
///
/// # Errors
///
/// When the requirement names something that is not the catalog's.
///
/// ```
/// use tiergate_core::catalog::{FeatureSpec, TierSpec};
/// use tiergate_core::decision::{Knowledge, Policy, Requirement, Standing, Used, explain};
/// use tiergate_core::{Catalog, Subject};
///
/// let catalog = Catalog::builder()
///     .default_tier("free")
///     .tier(TierSpec::new("free").name("Free"))
///     .feature(FeatureSpec::boolean("crm").name("CRM").value("free", true))
///     .build()?;
/// let crm = Requirement::Feature(catalog.require_feature("crm")?);
/// let ada = Subject::user("ada");
/// let now = "2026-03-01T18:00:00Z".parse()?;
/// let standing = Standing::of(&catalog, &ada, Knowledge::NoSubscription, Policy::DEFAULT, now);
///
/// let explanation = explain(&catalog, &standing, &crm, Used::NOTHING)?;
/// assert_eq!(
///     explanation.to_string(),
///     "\
/// subject         user:ada
/// time            2026-03-01T18:00:00Z
/// subscription    none
/// effective tier  `free`: the default tier, because there is no subscription
/// required        feature `crm`
/// value           on, from tier `free`
/// verdict         allowed
/// "
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain(
    catalog: &Catalog,
    standing: &Standing<'_>,
    requirement: &Requirement,
    used: Used,
) -> Result<Explanation, RequirementError> {
    let decision = decide(catalog, standing, requirement, used)?;
    let mut steps = Steps::default();
    steps.add("subject", standing.subject().to_string());
    steps.add("time", standing.now().to_string());
    steps.add("subscription", narrate::subscription(standing));
    steps.add(
        "effective tier",
        narrate::effective_tier(catalog, standing)?,
    );
    steps.add("required", narrate::required(catalog, requirement)?);
    if let Some(feature) = requirement.feature() {
        if !catalog.is_enabled(feature)? {
            steps.add("enabled", "no: the feature is off for everyone".to_owned());
        }
        for text in narrate::overrides(standing, catalog.feature(feature)?) {
            steps.add("override", text);
        }
        if let None | Some(UnavailableAccess::DefaultTier) = standing.blind_policy() {
            steps.add("value", narrate::value(catalog, standing, feature)?);
        }
    }
    if let Requirement::Units { limit, units } = requirement
        && let Admission::Countable(allowance) = admit(catalog, standing, *limit, *units)?
    {
        steps.add("counted", allowance.meter.to_string());
        if let Some(window) = allowance.window {
            steps.add(
                "window",
                format!("from {} until {}", window.start(), window.end()),
            );
        }
        steps.add("used", format!("{} of {}", used.units, allowance.limit));
    }
    match &decision {
        Decision::Allowed(grant) => steps.add("verdict", narrate::allowed(*grant)),
        Decision::Denied(denial) => {
            steps.add("verdict", format!("denied, {denial}"));
            if !denial.available_in().is_empty() {
                steps.add("unlocked by", denial.available_in().join(", "));
            }
            if let Some(tier) = denial.required_tier() {
                steps.add("proposed", tier.to_owned());
            }
        }
    }
    Ok(Explanation {
        steps: steps.0,
        decision,
    })
}

#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn add(&mut self, topic: &'static str, text: String) {
        self.0.push(Step { topic, text });
    }
}
