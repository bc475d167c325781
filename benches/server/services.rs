//! The servers that are measured, written in Rust.

use std::collections::HashMap;
use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderName, StatusCode};
use moka::sync::Cache;
use tiergate::request::FromTrustedHeader;
use tiergate::{
    CacheConfig, Catalog, StaticLookup, Subject, Subscription, SubscriptionStatus, TierGate,
};
use tokio::net::TcpListener;

use crate::{Guarding, USERS, user_id};

/// Where a gateway puts the id of the user.
const USER_HEADER: HeaderName = HeaderName::from_static("x-user-id");
/// The feature that is asked for, which `free` does not have.
const FEATURE: &str = "crm_enabled";
/// The limit that is asked for.
const LIMIT: &str = "workflow_executions_monthly";

/// What guards a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bare,
    Feature,
    FeatureAndLimit,
    FromFn,
    #[cfg(feature = "peers")]
    Governor,
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[
        Self::Bare,
        Self::Feature,
        Self::FeatureAndLimit,
        Self::FromFn,
        #[cfg(feature = "peers")]
        Self::Governor,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "axum, bare",
            Self::Feature => "axum, tiergate: feature",
            Self::FeatureAndLimit => "axum, tiergate: feature and usage limit",
            Self::FromFn => "axum, from_fn and moka (peer)",
            #[cfg(feature = "peers")]
            Self::Governor => "axum, tower_governor (peer)",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whom it keeps out.
    pub(crate) fn guard(self) -> Guarding {
        match self {
            Self::Bare => Guarding::Nobody,
            Self::Feature | Self::FeatureAndLimit | Self::FromFn => Guarding::WhoDoesNotPay,
            // It limits, and knows of no tiers.
            #[cfg(feature = "peers")]
            Self::Governor => Guarding::Nobody,
        }
    }

    fn router(self) -> Router {
        let bare = Router::new().route("/", get(async || "ok"));
        match self {
            Self::Bare => bare,
            Self::Feature => bare.route_layer(gate().require_feature(FEATURE).expect("it exists")),
            Self::FeatureAndLimit => {
                let gate = gate();
                bare.route_layer(gate.check_usage_limit(LIMIT).expect("it exists"))
                    .route_layer(gate.require_feature(FEATURE).expect("it exists"))
            }
            Self::FromFn => bare.route_layer(from_fn_with_state(ByHand::new(), by_hand)),
            #[cfg(feature = "peers")]
            Self::Governor => governor::guarded(bare),
        }
    }
}

/// Serves until whoever started it is gone.
pub(crate) fn serve(kind: Kind) {
    // A server must not outlive the benchmark, however that ends: then this pipe is closed.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        #[expect(clippy::exit, reason = "nobody is left to be told anything")]
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let serving = async {
        let router = kind.router();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port of loopback");
        println!("{}", listener.local_addr().expect("it listens").port());
        axum::serve(listener, router).await
    };
    let ended = runtime.expect("a runtime").block_on(serving);
    ended.expect("it serves without end");
}

/// Everybody, with a subscription.
fn subscribers() -> impl Iterator<Item = (String, &'static str)> {
    let users = (0..USERS).map(|number| (user_id(number), "enterprise"));
    users.chain([("free".to_owned(), "free")])
}

fn gate() -> TierGate {
    let text = include_str!("../../feature-flags.yaml");
    // Fields are sent of limits alone, and nobody may reach them.
    let catalog = Catalog::from_yaml(&text.replace("unlimited", "900000000000000"));
    let subscriptions = subscribers()
        .map(|(id, tier)| Subscription::new(Subject::user(id), tier, SubscriptionStatus::Active));
    let cache = CacheConfig::builder()
        .fresh_for(Duration::from_secs(24 * 60 * 60))
        .build();
    TierGate::builder(catalog.expect("only numbers were changed"))
        .lookup(StaticLookup::new(subscriptions))
        .cache(cache.expect("it is sound"))
        .subject(FromTrustedHeader::danger_trust_user_header(USER_HEADER))
        .build()
        .expect("it has a lookup")
}

/// What is written by hand where there is no crate for it: subscriptions in moka, and what tiers have in
/// a table. What is not in the cache is looked up.
#[derive(Clone)]
struct ByHand {
    tiers: Cache<String, &'static str>,
    source: Arc<HashMap<String, &'static str>>,
}

impl ByHand {
    fn new() -> Self {
        Self {
            tiers: Cache::builder()
                .max_capacity(USERS as u64 * 2)
                .time_to_live(Duration::from_secs(300))
                .build(),
            source: Arc::new(subscribers().collect()),
        }
    }

    fn allows(&self, request: &Request) -> Option<bool> {
        let id = request.headers().get(USER_HEADER)?.to_str().ok()?;
        let tier = self
            .tiers
            .optionally_get_with_by_ref(id, || self.source.get(id).copied())?;
        Some(tier != "free")
    }
}

async fn by_hand(State(guard): State<ByHand>, request: Request, next: Next) -> Response {
    match guard.allows(&request) {
        Some(true) => next.run(request).await,
        Some(false) | None => StatusCode::FORBIDDEN.into_response(),
    }
}

#[cfg(feature = "peers")]
mod governor {
    use axum::Router;
    use http::Request;
    use tower_governor::GovernorLayer;
    use tower_governor::errors::GovernorError;
    use tower_governor::governor::GovernorConfigBuilder;
    use tower_governor::key_extractor::KeyExtractor;

    use super::USER_HEADER;

    /// It limits everybody to more than anybody sends.
    pub(super) fn guarded(router: Router) -> Router {
        let config = GovernorConfigBuilder::default()
            .per_nanosecond(1)
            .burst_size(1_000_000_000)
            .key_extractor(ByHeader)
            .finish();
        let config = config.expect("neither the period nor the burst is zero");
        router.route_layer(GovernorLayer::new(config))
    }

    #[derive(Clone)]
    struct ByHeader;

    impl KeyExtractor for ByHeader {
        type Key = String;

        fn extract<T>(&self, request: &Request<T>) -> Result<String, GovernorError> {
            request
                .headers()
                .get(USER_HEADER)
                .and_then(|id| id.to_str().ok())
                .map(str::to_owned)
                .ok_or(GovernorError::UnableToExtractKey)
        }
    }
}
