use std::sync::Arc;

use http::Extensions;
use smallvec::SmallVec;
use tiergate_core::decision::{Assurance, Grant};
use tiergate_core::time::Timestamp;
use tiergate_core::{Catalog, Limit, Subject, Subscription};

use super::{Principal, Ticket};
use crate::gate::{GateId, Inquiry};

/// What the layers found out about an allowed request, for its handler.
///
/// ```
/// use tiergate::Access;
///
/// async fn handler(request: http::Request<String>) -> String {
///     match Access::of(request.extensions()) {
///         Some(access) => format!("hello, {} of tier {}", access.subject(), access.tier()),
///         None => "no layer looked at this request".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Access {
    inquiry: Inquiry,
    granted: Granted,
    tally: Tally,
    gate: GateId,
    provenance: Provenance,
}

/// What the layers took of their limits for a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    metered: SmallVec<[Metered; 1]>,
    /// There when a limit let the request pass uncounted.
    uncounted: Option<Ticket>,
}

/// What a request was allowed as.
#[derive(Clone, Copy, Debug)]
enum Granted {
    /// As what its subject's tier gives, which is told when somebody asks.
    ByTier,
    As(Grant),
}

/// Whether it was found out about the request that it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provenance {
    ThisRequest,
    /// It came with a copy of a principal, perhaps from another request.
    Copied,
}

/// Units of a limit that were taken for a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metered {
    /// The key of the feature.
    pub feature: Arc<str>,
    /// The limit.
    pub limit: Limit,
    /// How many units are used, those of this request included.
    pub used: u64,
    /// When the window ends that they count in; none for a gauge.
    pub resets_at: Option<Timestamp>,
    /// The handler's say in how many units the request is charged.
    pub ticket: Ticket,
}

impl Metered {
    /// How many units are left; none if there is no bound.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.limit.remaining(self.used)
    }
}

impl Access {
    #[inline]
    pub(crate) fn new(gate: GateId, inquiry: Inquiry, grant: Grant, tally: Tally) -> Self {
        Self {
            inquiry,
            granted: Granted::As(grant),
            tally,
            gate,
            provenance: Provenance::ThisRequest,
        }
    }

    /// What the tier alone allowed.
    #[inline]
    pub(crate) fn by_tier(gate: GateId, inquiry: Inquiry) -> Self {
        Self {
            inquiry,
            granted: Granted::ByTier,
            tally: Tally::default(),
            gate,
            provenance: Provenance::ThisRequest,
        }
    }

    /// What a later layer decides by.
    #[inline]
    pub(crate) fn inquiry(&self) -> &Inquiry {
        &self.inquiry
    }

    /// What a later layer goes on from where it lies.
    #[inline]
    pub(crate) fn inquiry_mut(&mut self) -> &mut Inquiry {
        &mut self.inquiry
    }

    /// What a later layer goes on from that has to wait for somebody.
    pub(crate) fn into_parts(self) -> (Inquiry, Tally) {
        (self.inquiry, self.tally)
    }

    /// A later layer has allowed the request too. What one of them did not know stays unknown.
    #[inline]
    pub(crate) fn allow(&mut self, grant: Grant) {
        let mut grant = grant;
        if self.is_degraded() {
            grant.assurance = Assurance::Degraded;
        }
        self.granted = Granted::As(grant);
    }

    /// The same, for reading only: no layer builds on it.
    pub(super) fn copied(&self) -> Self {
        Self {
            provenance: Provenance::Copied,
            ..self.clone()
        }
    }

    /// Whether a layer of `gate` can build on it when it decides for `subject`: it was found out by
    /// a layer of the same gate, for the same subject, about the same request.
    #[inline]
    pub(crate) fn serves(&self, gate: GateId, subject: &Subject) -> bool {
        self.provenance == Provenance::ThisRequest
            && self.gate == gate
            && self.inquiry.subject == *subject
    }

    /// What the layers found out about a request.
    #[must_use]
    #[inline]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions
            .get::<Principal>()
            .and_then(|principal| principal.access.as_ref())
            // A layer may have run before authentication put the principal there.
            .or_else(|| extensions.get())
    }

    /// Who the request was decided for.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.inquiry.subject
    }

    /// The subscription; none if there is none, or if it is not known.
    #[must_use]
    pub fn subscription(&self) -> Option<&Subscription> {
        self.inquiry.learned.subscription(&self.inquiry.subject)
    }

    /// The key of the effective tier.
    #[must_use]
    pub fn tier(&self) -> &str {
        self.inquiry
            .catalog
            .tier(self.grant().tier)
            .map_or("", |tier| &tier.key)
    }

    /// What the request was allowed as.
    #[must_use]
    pub fn grant(&self) -> Grant {
        match self.granted {
            Granted::ByTier => self.inquiry.grant_by_tier(),
            Granted::As(grant) => grant,
        }
    }

    /// Whether it was allowed without knowing all that decides, because billing or the store of usage
    /// is away and policy lets it pass.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        match self.granted {
            Granted::ByTier => false,
            Granted::As(grant) => grant.assurance == Assurance::Degraded,
        }
    }

    /// The catalog it was decided by.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.inquiry.catalog
    }

    /// Every limit that units were taken of.
    #[must_use]
    pub fn metered(&self) -> &[Metered] {
        &self.tally.metered
    }

    /// The limit of that key, if units of it were taken.
    #[must_use]
    pub fn limit(&self, feature: &str) -> Option<&Metered> {
        self.tally
            .metered
            .iter()
            .find(|metered| *metered.feature == *feature)
    }

    /// The ticket of the first limit that units were taken of. Where a limit let the request pass
    /// uncounted, it is one that takes no units; none where no limit was asked.
    #[must_use]
    pub fn ticket(&self) -> Option<&Ticket> {
        match self.tally.metered.first() {
            Some(metered) => Some(&metered.ticket),
            None => self.tally.uncounted.as_ref(),
        }
    }

    /// Adds units that a layer took of one of its limits.
    #[inline]
    pub(crate) fn add(&mut self, metered: Metered) {
        self.tally.metered.push(metered);
    }

    /// Says that a layer let the request pass uncounted.
    pub(crate) fn pass_uncounted(&mut self, ticket: Ticket) {
        self.tally.uncounted = Some(ticket);
    }

    /// Puts it where [`of`](Self::of) finds it: into the room that a principal has for it, which
    /// costs no memory, or beside it.
    #[inline]
    pub(crate) fn store(self, extensions: &mut Extensions) {
        match extensions.get_mut::<Principal>() {
            Some(principal) => principal.access = Some(self),
            None => {
                extensions.insert(self);
            }
        }
    }

    /// The same as [`of`](Self::of), for adding to it.
    #[inline]
    pub(crate) fn of_mut(extensions: &mut Extensions) -> Option<&mut Self> {
        let is_in_principal = extensions
            .get::<Principal>()
            .is_some_and(|principal| principal.access.is_some());
        if is_in_principal {
            extensions.get_mut::<Principal>()?.access.as_mut()
        } else {
            extensions.get_mut()
        }
    }

    /// Takes it away from a request, to put a newer one there.
    pub(crate) fn take(extensions: &mut Extensions) -> Option<Self> {
        extensions
            .get_mut::<Principal>()
            .and_then(|principal| principal.access.take())
            .or_else(|| extensions.remove())
    }
}
