//! What somebody has of a limit, and how much of it is used.

use std::collections::HashMap;

use tiergate_core::decision::Standing;
use tiergate_core::{Catalog, FeatureId, FeatureKind, Limit, Meter, QuotaPeriod, Window};

use super::period::months;
use crate::SubscriptionId;
use crate::database::{DatabaseError, Session};
use crate::table::usage;

/// In which time something is summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Span {
    /// Since the subscription began.
    Ever,
    /// In a window.
    Within(Window),
}

/// Reads how much of what somebody has is used, each sum once.
pub(crate) struct Meters<'a> {
    catalog: &'a Catalog,
    standing: Standing<'a>,
    subscription: Option<SubscriptionId>,
    sums: HashMap<(&'a str, Span), i64>,
}

/// How a limit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// How many units fit: none where the feature is off.
    pub(crate) limit: Limit,
    /// How many are used; none for a rate, or for a number that is only shown.
    pub(crate) used: Option<i64>,
    /// The window of a quota.
    pub(crate) window: Option<Window>,
}

impl Reading {
    /// How many units are left, where they are counted and bounded.
    pub(crate) fn remaining(&self) -> Option<Limit> {
        // A level that was told to be below zero leaves no more than an empty one.
        let used = u64::try_from(self.used?).unwrap_or(0);
        Some(match self.limit.remaining(used) {
            Some(units) => Limit::AtMost(units),
            None => Limit::Unlimited,
        })
    }
}

impl<'a> Meters<'a> {
    /// The meters of the owner that `standing` is about. Without a stored subscription nothing was used.
    pub(crate) fn new(
        catalog: &'a Catalog,
        standing: Standing<'a>,
        subscription: Option<SubscriptionId>,
    ) -> Self {
        Self {
            catalog,
            standing,
            subscription,
            sums: HashMap::new(),
        }
    }

    /// The billing period that holds this moment.
    pub(crate) fn billing_period(&self) -> Window {
        self.window(QuotaPeriod::BillingPeriod)
    }

    /// How a feature stands; none if it is no limit.
    pub(crate) async fn read(
        &mut self,
        session: &mut impl Session,
        id: FeatureId,
    ) -> Result<Option<Reading>, DatabaseError> {
        let catalog = self.catalog;
        let Ok(feature) = catalog.feature(id) else {
            return Ok(None);
        };
        let FeatureKind::Limit { metric, meter } = &feature.kind else {
            return Ok(None);
        };
        let (used, window) = match (metric, meter) {
            (Some(metric), Some(Meter::Gauge)) => {
                (Some(self.sum(session, metric, Span::Ever).await?), None)
            }
            (Some(metric), Some(Meter::Quota(period))) => {
                let window = self.window(*period);
                let used = self.sum(session, metric, Span::Within(window)).await?;
                (Some(used), Some(window))
            }
            (None, Some(Meter::Quota(period))) => (None, Some(self.window(*period))),
            (None, Some(Meter::Gauge)) | (_, Some(Meter::Rate(_)) | None) => (None, None),
        };
        Ok(Some(Reading {
            limit: limit_of(catalog, &self.standing, id),
            used,
            window,
        }))
    }

    /// How much of a metric is used in a span.
    pub(crate) async fn sum(
        &mut self,
        session: &mut impl Session,
        metric: &'a str,
        span: Span,
    ) -> Result<i64, DatabaseError> {
        let Some(subscription) = self.subscription else {
            return Ok(0);
        };
        if let Some(sum) = self.sums.get(&(metric, span)) {
            return Ok(*sum);
        }
        let sum = match span {
            Span::Ever => usage::used_ever(session, subscription, metric).await?,
            Span::Within(window) => {
                let months = months(window, self.catalog.time_zone());
                usage::used_within(session, subscription, metric, window, months).await?
            }
        };
        self.sums.insert((metric, span), sum);
        Ok(sum)
    }

    fn window(&self, period: QuotaPeriod) -> Window {
        let anchor = self.standing.billing_anchor();
        Window::of(
            period,
            self.standing.now(),
            anchor,
            self.catalog.time_zone(),
        )
    }
}

/// How many units of a limit fit: none where the feature is off.
pub(super) fn limit_of(catalog: &Catalog, standing: &Standing<'_>, feature: FeatureId) -> Limit {
    // The catalog gave the id.
    let granted = standing.is_granted(catalog, feature);
    if !granted.unwrap_or(false) {
        return Limit::ZERO;
    }
    let value = standing.value(catalog, feature).ok();
    value
        .and_then(|effective| effective.value.as_limit())
        .unwrap_or(Limit::ZERO)
}
