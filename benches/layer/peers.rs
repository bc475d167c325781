//! The middleware of others.

use axum::extract::Request;
use axum_casbin::{CasbinAxumLayer, CasbinVals};
use casbin::{DefaultModel, MemoryAdapter, MgmtApi};
use tiergate::{Principal, Subject};
use tower::util::MapRequestLayer;
use tower_governor::GovernorLayer;
use tower_governor::errors::GovernorError;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;
use tower_rate_tier::{Quota, RateTier, TierIdentity, TierLimitLayer};

use crate::by_hand::Guard;
use crate::columns::{Columns, EVERYBODY, WHO_PAYS, app};
use crate::requests::{Signed, USER_HEADER};
use crate::world::ONE_OF_EACH;

/// More than anybody sends.
const PLENTY: u32 = 1_000_000_000;

/// Requests that are let through.
pub(crate) fn allowed(columns: &mut Columns<'_>) {
    let beside = Some("`layer`: does nothing");
    let guard = Guard::of(columns.world);

    // It limits, and knows of no tiers.
    let config = GovernorConfigBuilder::default()
        .per_nanosecond(1)
        .burst_size(PLENTY)
        .key_extractor(BySubject)
        .finish()
        .expect("neither the period nor the burst is zero");
    let guarded = app().layer(GovernorLayer::new(config));
    let name = "`layer`: tower_governor (peer)";
    columns.allowed(name, beside, Signed::Principal, guarded, EVERYBODY);

    let casbin = columns.world.runtime.block_on(casbin());
    let tiers = guard.clone();
    let guarded = app()
        .layer(casbin)
        .layer(MapRequestLayer::new(move |request| named(&tiers, request)));
    let name = "`layer`: axum-casbin, tier from moka (peer)";
    columns.allowed(name, beside, Signed::Principal, guarded, WHO_PAYS);

    // It limits by tiers, and says nothing of features.
    let tiers = ONE_OF_EACH.iter();
    let limits = tiers.fold(RateTier::builder(), |limits, tier| {
        limits.tier(*tier, Quota::per_second(PLENTY))
    });
    let layer = TierLimitLayer::new(limits.build()).identifier_fn(move |headers| {
        let id = headers.get(USER_HEADER)?.to_str().ok()?;
        Some(TierIdentity::new(id, guard.tier_of(id)?))
    });
    let beside = Some("header, `layer`: does nothing");
    let name = "header, `layer`: tower-rate-tier, tier from moka (peer)";
    columns.allowed(name, beside, Signed::Header, app().layer(layer), EVERYBODY);
}

#[derive(Clone)]
struct BySubject;

impl KeyExtractor for BySubject {
    type Key = Subject;

    fn extract<T>(&self, request: &http::Request<T>) -> Result<Subject, GovernorError> {
        Principal::of(request.extensions())
            .map(|principal| principal.subject().clone())
            .ok_or(GovernorError::UnableToExtractKey)
    }
}

/// Everybody who pays may read the page.
async fn casbin() -> CasbinAxumLayer {
    const MODEL: &str = "
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act
";
    let model = DefaultModel::from_str(MODEL).await.expect("a model");
    let layer = CasbinAxumLayer::new(model, MemoryAdapter::default())
        .await
        .expect("they fit together");
    let paying = ONE_OF_EACH.iter().filter(|tier| **tier != "free");
    let policies = paying.map(|tier| [*tier, "/", "GET"].map(str::to_owned).to_vec());
    let added = layer.write().await.add_policies(policies.collect()).await;
    assert!(added.expect("policies"), "all of them are new");
    layer
}

/// What a service has to tell casbin's layer.
fn named(tiers: &Guard, mut request: Request) -> Request {
    let subject = Principal::of(request.extensions())
        .and_then(|principal| tiers.tier_of(principal.subject().id()))
        .unwrap_or_default();
    let values = CasbinVals {
        subject: subject.to_owned(),
        domain: None,
    };
    request.extensions_mut().insert(values);
    request
}
