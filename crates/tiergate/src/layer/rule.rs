use std::fmt;
use std::pin::Pin;

use http::{Extensions, HeaderMap, StatusCode};
use tiergate_core::decision::Grant;
use tiergate_core::{Catalog, Denial};
use tiergate_lookup::TierWord;
use tiergate_usage::{Admission, Admitting, StoreError};

use super::glimpse::Glimpse;
use super::guard::Guard;
use crate::denial::RateLimitFields;
use crate::gate::Inquiry;
use crate::request::{Access, RequestHead};

/// What a layer holds a request against. Sealed: the three layers of this crate are all there are.
pub trait Rule: Clone + fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// What the request asks for, read before the request moves on.
    type Asked: Send + Sync + 'static;
    /// What has to be kept while a store of usage is asked.
    type Pending: Send + 'static;
    /// What an allowed request holds until it is answered.
    type Pass: Pass;

    /// Whether those whose tier alone decides are denied alike, each time.
    const DENIES_A_TIER_ALIKE: bool = false;

    /// Reads what the request asks for, beyond what layers before have seen to.
    fn ask(&self, head: &RequestHead<'_>, access: Option<&Access>) -> Self::Asked;

    /// Lets a request through that the tier of its principal alone allows, before anything else is done.
    fn glimpse(_guard: &Guard<Self>, _extensions: &mut Extensions) -> Glimpse<Self::Pass> {
        Glimpse::NotLooked
    }

    /// Lets a request through whose subject is allowed by its tier alone. `None` says nothing.
    fn allow_by_tier(
        _guard: &Guard<Self>,
        _catalog: &Catalog,
        _tier: TierWord,
    ) -> Option<Self::Pass> {
        None
    }

    /// Decides, or finds that a store of usage must be asked and does not answer at once. Nothing has
    /// begun then, so it may as well be asked anew.
    fn judge(guard: &Guard<Self>, inquiry: &Inquiry, asked: &Self::Asked) -> Step<Self>;

    /// Decides with the store's answer.
    fn conclude(
        guard: &Guard<Self>,
        inquiry: &Inquiry,
        pending: Self::Pending,
        answer: Result<Admission, StoreError>,
    ) -> Verdict<Self::Pass>;

    /// The word for it in metrics and events.
    fn kind(&self) -> &'static str;
}

#[expect(
    missing_debug_implementations,
    reason = "it lives between two calls inside of this crate"
)]
/// A decision, or the question to a store that it hangs on.
pub enum Step<R: Rule> {
    /// Decided.
    Done(Verdict<R::Pass>),
    /// A store of usage has to be waited for.
    Ask(Box<Admitting>, R::Pending),
}

/// What a layer decided. What is refused is behind a pointer, so that the many that are allowed need not
/// carry its size along.
pub(crate) type Verdict<P> = Result<Allowed<P>, Box<Refused>>;

/// A request may go on.
#[derive(Debug)]
pub struct Allowed<P> {
    pub(crate) grant: Grant,
    pub(crate) pass: P,
}

/// A request may not go on.
#[derive(Debug)]
pub struct Refused {
    pub(crate) denial: Denial,
    pub(crate) fields: RateLimitFields,
}

impl From<Denial> for Box<Refused> {
    fn from(denial: Denial) -> Self {
        Self::new(Refused {
            denial,
            fields: RateLimitFields::default(),
        })
    }
}

/// What an allowed request holds until it is answered. Dropping it gives everything back.
pub trait Pass: Send + 'static {
    /// Tells the handler what was taken for the request.
    fn enter(&self, access: &mut Access);

    /// The service answered. The answer goes out once the result, if there is one, is ready.
    fn settle(self, status: StatusCode, headers: &mut HeaderMap) -> Option<Settled>;
}

/// Ready once what was answered is counted, or has been waited for long enough.
pub(crate) type Settled = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Pass for () {
    fn enter(&self, _access: &mut Access) {}

    fn settle(self, _status: StatusCode, _headers: &mut HeaderMap) -> Option<Settled> {
        None
    }
}
