use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, StatusCode};
use smallvec::SmallVec;
use tiergate_core::{Denial, LimitId};
use tiergate_usage::{Admission, Asked, IdempotencyKey, MAX_CLAIMS, StoreError};

use super::define::define_layer;
use super::glimpse::Glimpse;
use super::guard::Guard;
use super::rule::{Allowed, Pass, Refused, Rule, Settled, Step, Verdict};
use crate::denial::RateLimitFields;
use crate::gate::{
    Asking, CheckError, Count, CountError, Counting, Inquiry, StoreOutage, TierGate,
};
use crate::request::{Access, RequestHead};

define_layer! {
    /// Lets requests through as long as units of a limit are left, and counts them.
    ///
    /// Made by [`TierGate::check_usage_limit`]. The units are reserved before the service behind is
    /// called, so that of any number of concurrent requests exactly as many get through as the limit
    /// has room for. They are charged when the service answers with a status below 400, and given
    /// back when it answers with another, panics, or the client goes away first;
    /// [`charge_when`](Self::charge_when) takes another rule.
    ///
    /// An answer waits until its units are counted, so that what a client has seen is never given to
    /// somebody else, wherever this process stops. A store in memory, and leased units, do that at
    /// once; for others it is a round trip, and
    /// [`answer_wait`](crate::TierGateBuilder::answer_wait) bounds it. What goes out uncounted all the same
    /// is in [`answered_uncounted`](crate::gate::GateStatistics::answered_uncounted).
    ///
    /// ```
    /// use axum::{Extension, Router, routing::post};
    /// use tiergate::{Access, TierGate};
    ///
    /// async fn execute() -> &'static str {
    ///     "executed"
    /// }
    ///
    /// fn routes(gate: &TierGate) -> Result<Router, tiergate::CheckError> {
    ///     Ok(Router::new()
    ///         .route("/execute", post(execute))
    ///         .route_layer(gate.check_usage_limit("workflow_executions_monthly")?))
    /// }
    /// # use tiergate::testing::TestGate;
    /// # routes(&TestGate::platform().into_gate()).unwrap();
    /// ```
    layer CheckUsageLimitLayer;
    /// The service of a [`CheckUsageLimitLayer`].
    service CheckUsageLimit;
    rule LimitRule;
}

/// Whether a request that was answered is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// Its units are used.
    Commit,
    /// Its units are given back, except for those of rates.
    Release,
}

impl TierGate {
    /// A layer that takes one unit of the limit `key` for each request.
    ///
    /// # Errors
    ///
    /// When the catalog has no such feature, or it is not a limit whose units are counted.
    pub fn check_usage_limit(&self, key: &str) -> Result<CheckUsageLimitLayer, CheckError> {
        self.check_usage_limits([key])
    }

    /// A layer that takes one unit of each of several limits for each request: of all of them, or of
    /// none, in one operation.
    ///
    /// # Errors
    ///
    /// When the catalog has one of the features not, or it is not a limit whose units are counted,
    /// or one is named twice, or there are none or more than four.
    pub fn check_usage_limits<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a str>,
    ) -> Result<CheckUsageLimitLayer, CheckError> {
        let limits = keys.into_iter().map(|key| {
            Ok(Limited {
                limit: self.catalog().limit_id(self.feature_id(key)?)?,
                key: key.into(),
                cost: Cost::Fixed(1),
            })
        });
        let limits = limits.collect::<Result<Vec<_>, CheckError>>()?;
        Ok(CheckUsageLimitLayer::new(
            self.clone(),
            LimitRule {
                limits: checked(limits)?,
                idempotency_key: None,
                charge: Arc::new(below_400),
                fields: Fields::Sent,
                outage: None,
            },
        ))
    }
}

impl<M> CheckUsageLimitLayer<M> {
    /// Takes the units of `other` too: those of all limits, or of none, in one operation. Each limit
    /// keeps its own cost; everything else is as this layer has it.
    ///
    /// ```
    /// # use tiergate::{CheckError, TierGate, layer::CheckUsageLimitLayer};
    /// fn upload(gate: &TierGate) -> Result<CheckUsageLimitLayer, CheckError> {
    ///     gate.check_usage_limit("api_calls_per_minute")?
    ///         .and(gate.check_usage_limit("storage_limit_gb")?.cost(2))
    /// }
    /// # upload(&tiergate::testing::TestGate::platform().into_gate()).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// When one limit is in both, when there are more than four together, or when `other` is of
    /// another gate.
    pub fn and(mut self, other: CheckUsageLimitLayer) -> Result<Self, CheckError> {
        let catalog = self.guard.gate.catalog();
        let CheckUsageLimitLayer { guard: others, .. } = other;
        let others = &others.rule.limits;
        for limited in others.iter() {
            catalog.meter(limited.limit)?;
        }
        let both = self.guard.rule.limits.iter().chain(others.iter());
        self.guard.settings_mut().rule.limits = checked(both.cloned().collect())?;
        Ok(self)
    }

    /// Takes `units` of each limit for each request, in place of one.
    pub fn cost(self, units: u64) -> Self {
        self.with_cost(&Cost::Fixed(units))
    }

    /// Takes as many units of each limit as `cost` says for a request. Zero takes nothing.
    ///
    /// It runs before the body is read. A handler that knows better afterwards says so through its
    /// [`Ticket`](crate::request::Ticket).
    pub fn cost_of(self, cost: impl Fn(&RequestHead<'_>) -> u64 + Send + Sync + 'static) -> Self {
        self.with_cost(&Cost::OfRequest(Arc::new(cost)))
    }

    fn with_cost(mut self, cost: &Cost) -> Self {
        let rule = &mut self.guard.settings_mut().rule;
        let limits = rule.limits.iter().map(|limited| Limited {
            cost: cost.clone(),
            ..limited.clone()
        });
        rule.limits = limits.collect();
        self
    }

    /// Counts a request once, however often it is retried, when `key` finds an idempotency key on
    /// it.
    ///
    /// Use it only where the service behind honours the same key. A client that may send any key
    /// with any request otherwise gets unlimited requests for the price of one.
    pub fn idempotency_key(
        mut self,
        key: impl Fn(&RequestHead<'_>) -> Option<IdempotencyKey> + Send + Sync + 'static,
    ) -> Self {
        self.guard.settings_mut().rule.idempotency_key = Some(Arc::new(key));
        self
    }

    /// Charges a request by `rule`, from the status and the headers of its response.
    ///
    /// ```
    /// use tiergate::layer::Charge;
    ///
    /// # fn with(layer: tiergate::layer::CheckUsageLimitLayer) {
    /// // A request that the client got wrong has done its work all the same.
    /// let layer = layer.charge_when(|status, _headers| {
    ///     if status.is_server_error() {
    ///         Charge::Release
    ///     } else {
    ///         Charge::Commit
    ///     }
    /// });
    /// # let _ = layer;
    /// # }
    /// ```
    pub fn charge_when(
        mut self,
        rule: impl Fn(StatusCode, &HeaderMap) -> Charge + Send + Sync + 'static,
    ) -> Self {
        self.guard.settings_mut().rule.charge = Arc::new(rule);
        self
    }

    /// Does so with requests that the store of usage gives no answer for, in place of the gate's way.
    pub fn during_store_outage(mut self, outage: StoreOutage) -> Self {
        self.guard.settings_mut().rule.outage = Some(outage);
        self
    }

    /// Sends no `RateLimit` and `RateLimit-Policy` fields. A request that is allowed from the cache
    /// then allocates nothing.
    pub fn without_rate_limit_fields(mut self) -> Self {
        self.guard.settings_mut().rule.fields = Fields::Omitted;
        self
    }
}

type CostOfRequest = dyn Fn(&RequestHead<'_>) -> u64 + Send + Sync;
type FindIdempotencyKey = dyn Fn(&RequestHead<'_>) -> Option<IdempotencyKey> + Send + Sync;
type ChargeRule = dyn Fn(StatusCode, &HeaderMap) -> Charge + Send + Sync;

/// One limit or several, and what a request costs of each.
#[derive(Clone)]
pub struct LimitRule {
    limits: Arc<[Limited]>,
    idempotency_key: Option<Arc<FindIdempotencyKey>>,
    charge: Arc<ChargeRule>,
    fields: Fields,
    /// Takes the place of the gate's, where it is set.
    outage: Option<StoreOutage>,
}

#[derive(Clone)]
struct Limited {
    limit: LimitId,
    key: Arc<str>,
    cost: Cost,
}

#[derive(Clone)]
enum Cost {
    Fixed(u64),
    OfRequest(Arc<CostOfRequest>),
}

impl Cost {
    fn of(&self, head: &RequestHead<'_>) -> u64 {
        match self {
            Self::Fixed(units) => *units,
            Self::OfRequest(cost) => cost(head),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Fields {
    Sent,
    Omitted,
}

impl LimitRule {
    /// Each limit with its key, and the units that it costs where those are the same for each request.
    #[inline]
    pub(super) fn limits(&self) -> impl Iterator<Item = (LimitId, &str, Option<u64>)> {
        self.limits.iter().map(|limited| {
            let units = match &limited.cost {
                Cost::Fixed(units) => Some(*units),
                Cost::OfRequest(_) => None,
            };
            (limited.limit, &*limited.key, units)
        })
    }

    /// Whether requests may be named by an idempotency key.
    #[inline]
    pub(super) fn reads_keys(&self) -> bool {
        self.idempotency_key.is_some()
    }
}

/// The limits of one operation, if one can take them all.
fn checked(limits: Vec<Limited>) -> Result<Arc<[Limited]>, CheckError> {
    if limits.is_empty() || limits.len() > MAX_CLAIMS {
        return Err(CheckError::LimitCount {
            given: limits.len(),
        });
    }
    let mut seen = HashSet::new();
    match limits.iter().find(|limited| !seen.insert(&limited.key)) {
        Some(twice) => Err(CheckError::LimitTwice {
            limit: (*twice.key).into(),
        }),
        None => Ok(limits.into()),
    }
}

/// Below 400 the work was done; a client pays for nothing else unless the service says so.
fn below_400(status: StatusCode, _headers: &HeaderMap) -> Charge {
    if status.as_u16() < 400 {
        Charge::Commit
    } else {
        Charge::Release
    }
}

/// What a request asks of the limits of a layer.
#[derive(Debug)]
pub struct AskedUnits {
    asking: SmallVec<[Asking; MAX_CLAIMS]>,
    idempotency_key: Option<IdempotencyKey>,
}

impl Rule for LimitRule {
    type Asked = AskedUnits;
    type Pending = Counting;
    type Pass = LimitPass;

    fn ask(&self, head: &RequestHead<'_>, access: Option<&Access>) -> AskedUnits {
        let taken = |key: &str| access.is_some_and(|access| access.limit(key).is_some());
        AskedUnits {
            asking: self
                .limits
                .iter()
                .map(|limited| Asking {
                    limit: limited.limit,
                    // A layer that is mounted twice on the way to a handler charges once.
                    units: (!taken(&limited.key)).then(|| limited.cost.of(head)),
                })
                .collect(),
            idempotency_key: self.idempotency_key.as_ref().and_then(|find| find(head)),
        }
    }

    #[inline]
    fn glimpse(guard: &Guard<Self>, extensions: &mut Extensions) -> Glimpse<LimitPass> {
        guard.count_at_a_glance(extensions)
    }

    fn judge(guard: &Guard<Self>, inquiry: &Inquiry, asked: &AskedUnits) -> Step<Self> {
        let gate = &guard.gate;
        let key = asked.idempotency_key.as_ref();
        let counting = match gate.begin_count(inquiry, &asked.asking, key) {
            Ok(counting) => counting,
            Err(CountError::Denied(denial)) => return Step::Done(Err(denial.into())),
            Err(CountError::ForeignId(error)) => {
                gate.observer().mistake(&error);
                return Step::Done(Err(Denial::billing_unavailable().into()));
            }
        };
        match gate.ask_store(&counting, key) {
            None => Step::Done(Ok(allow(guard, counting.nothing()))),
            Some(Ok(answer)) => Step::Done(end(guard, inquiry, counting, answer)),
            Some(Err(admitting)) => Step::Ask(Box::new(admitting), counting),
        }
    }

    fn conclude(
        guard: &Guard<Self>,
        inquiry: &Inquiry,
        counting: Counting,
        answer: Result<Admission, StoreError>,
    ) -> Verdict<LimitPass> {
        end(guard, inquiry, counting, answer.map(Asked::from))
    }

    fn kind(&self) -> &'static str {
        "limit"
    }
}

pub(super) fn end(
    guard: &Guard<LimitRule>,
    inquiry: &Inquiry,
    counting: Counting,
    answer: Result<Asked, StoreError>,
) -> Verdict<LimitPass> {
    let rule = &guard.rule;
    match guard.gate.end_count(inquiry, counting, answer, rule.outage) {
        Ok(count) => Ok(allow(guard, count)),
        Err((denial, fields)) => Err(Box::new(Refused {
            denial,
            fields: match rule.fields {
                Fields::Sent => fields,
                Fields::Omitted => RateLimitFields::default(),
            },
        })),
    }
}

fn allow(guard: &Guard<LimitRule>, count: Count) -> Allowed<LimitPass> {
    Allowed {
        grant: count.grant(),
        pass: LimitPass::new(guard.clone(), count),
    }
}

/// The units that were taken for a request that is being answered.
pub struct LimitPass {
    guard: Guard<LimitRule>,
    count: Count,
}

impl LimitPass {
    #[inline]
    pub(super) fn new(guard: Guard<LimitRule>, count: Count) -> Self {
        Self { guard, count }
    }
}

impl Pass for LimitPass {
    fn enter(&self, access: &mut Access) {
        self.count.enter(access);
    }

    fn settle(self, status: StatusCode, headers: &mut HeaderMap) -> Option<Settled> {
        let Self { guard, count } = self;
        let charge = (guard.rule.charge)(status, headers);
        if let Fields::Sent = guard.rule.fields {
            count.append_fields(headers);
        }
        count.settle(&guard.gate, charge)
    }
}

impl fmt::Debug for LimitRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitRule")
            .field("limits", &self.to_string())
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LimitPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitPass")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for LimitRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, limited) in self.limits.iter().enumerate() {
            f.write_str(if position == 0 { "" } else { ", " })?;
            match limited.cost {
                Cost::Fixed(units) => write!(f, "{units} of limit `{}`", limited.key)?,
                Cost::OfRequest(_) => write!(f, "units of limit `{}`", limited.key)?,
            }
        }
        Ok(())
    }
}
