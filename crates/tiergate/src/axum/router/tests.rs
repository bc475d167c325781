use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, StatusCode};
use tower::ServiceExt;

use super::*;
use crate::Principal;
use crate::axum::{RouteMethod, guarded};
use crate::layer::{CheckUsageLimitLayer, RequireFeatureLayer, RequireMinTierLayer};
use crate::testing::TestGate;

struct Guards {
    feature: RequireFeatureLayer,
    tier: RequireMinTierLayer,
    limit: CheckUsageLimitLayer,
}

fn guards() -> Guards {
    let gate = TestGate::platform().into_gate();
    Guards {
        feature: gate.require_feature("crm_enabled").unwrap(),
        tier: gate.require_min_tier("premium").unwrap(),
        limit: gate.check_usage_limit("sms_messages").unwrap(),
    }
}

const FEATURE: &str = "feature `crm_enabled`";
const TIER: &str = "tier `premium` or one that includes it";
const LIMIT: &str = "1 of limit `sms_messages`";

async fn ok() -> &'static str {
    "ok"
}

fn list<S>(router: &GuardedRouter<S>) -> Vec<String> {
    router
        .routes()
        .iter()
        .map(|route| format!("{} {} {}", route.method(), route.path(), route.guard()))
        .collect()
}

async fn ask(app: &Router, method: &Method, path: &str) -> StatusCode {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method.clone();
    *request.uri_mut() = path.parse().unwrap();
    app.clone().oneshot(request).await.unwrap().status()
}

/// Asks for every listed route as a user of the free tier, and holds the answer against the list.
async fn assert_list_is_true(routes: GuardedRouter) {
    let entries = routes.routes().to_vec();
    assert!(!entries.is_empty());
    let app = routes
        .layer(Extension(Principal::user("bob")))
        .into_router();
    for entry in entries {
        let named: Vec<_> = match entry.method() {
            RouteMethod::Only(method) => vec![method.clone()],
            RouteMethod::Any => [Method::PUT, Method::PATCH, Method::TRACE]
                .into_iter()
                .chain([Method::from_bytes(b"PURGE").unwrap()])
                .collect(),
        };
        let path = entry
            .path()
            .replace("{id}", "7")
            .replace("{*rest}", "any/where");
        for method in named {
            let status = ask(&app, &method, &path).await;
            match entry.guard() {
                RouteGuard::Guarded(guards) => {
                    assert!(!guards.is_empty());
                    assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
                }
                RouteGuard::Public { .. } | RouteGuard::Unguarded => {
                    assert_eq!(status, StatusCode::OK, "{method} {path}");
                }
            }
        }
    }
}

/// A router with every way to add a route.
fn everything() -> GuardedRouter {
    let Guards {
        feature,
        tier,
        limit,
    } = guards();
    let nested = GuardedRouter::new()
        .route("/", guarded::get(ok).require(feature.clone()))
        .route("/{id}", guarded::delete(ok).require(tier.clone()))
        .route("/{id}", guarded::patch(ok))
        .route("/open", guarded::get(ok).public("a test says so"));
    let merged = GuardedRouter::new()
        .route("/m", guarded::get(ok).merge(guarded::post(ok)))
        .require(tier.clone())
        .route("/m", guarded::put(ok));
    GuardedRouter::new()
        .route(
            "/one",
            guarded::get(ok)
                .require(limit.clone())
                .merge(guarded::post(ok))
                .require(feature.clone()),
        )
        .route("/one", guarded::put(ok))
        .route("/any", guarded::any(ok).require(tier.clone()))
        .route("/any", guarded::get(ok))
        .route(
            "/mixed",
            guarded::get(ok).merge(guarded::any(ok)).require(limit),
        )
        .route("/head", guarded::get(ok))
        .route("/head", guarded::head(ok).require(tier))
        .route("/health", guarded::get(ok).public("health check"))
        .route(
            "/odd",
            guarded::options(ok)
                .merge(guarded::trace(ok))
                .require(feature.clone()),
        )
        .nest("/n", nested.clone())
        .nest("/deep/er/", nested)
        .merge(merged)
        .route("/{*rest}", guarded::any(ok).require(feature))
}

#[tokio::test]
async fn what_is_listed_is_what_is_enforced() {
    assert_list_is_true(everything()).await;
}

#[test]
fn every_route_is_listed_where_it_is_served() {
    assert_eq!(
        list(&everything()),
        [
            format!("GET /one {FEATURE} + {LIMIT}"),
            format!("HEAD /one {FEATURE} + {LIMIT}"),
            format!("POST /one {FEATURE}"),
            "PUT /one UNGUARDED".to_owned(),
            format!("ANY /any {TIER}"),
            "GET /any UNGUARDED".to_owned(),
            "HEAD /any UNGUARDED".to_owned(),
            format!("GET /mixed {LIMIT}"),
            format!("HEAD /mixed {LIMIT}"),
            format!("ANY /mixed {LIMIT}"),
            "GET /head UNGUARDED".to_owned(),
            format!("HEAD /head {TIER}"),
            "GET /health public: health check".to_owned(),
            "HEAD /health public: health check".to_owned(),
            format!("OPTIONS /odd {FEATURE}"),
            format!("TRACE /odd {FEATURE}"),
            format!("GET /n {FEATURE}"),
            format!("HEAD /n {FEATURE}"),
            format!("DELETE /n/{{id}} {TIER}"),
            "PATCH /n/{id} UNGUARDED".to_owned(),
            "GET /n/open public: a test says so".to_owned(),
            "HEAD /n/open public: a test says so".to_owned(),
            format!("GET /deep/er/ {FEATURE}"),
            format!("HEAD /deep/er/ {FEATURE}"),
            format!("DELETE /deep/er/{{id}} {TIER}"),
            "PATCH /deep/er/{id} UNGUARDED".to_owned(),
            "GET /deep/er/open public: a test says so".to_owned(),
            "HEAD /deep/er/open public: a test says so".to_owned(),
            format!("GET /m {TIER}"),
            format!("HEAD /m {TIER}"),
            format!("POST /m {TIER}"),
            "PUT /m UNGUARDED".to_owned(),
            format!("ANY /{{*rest}} {FEATURE}"),
        ]
    );
}

#[test]
fn a_route_that_nobody_guarded_is_found() {
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/a", guarded::get(ok).require(guards().feature))
        .route("/b", guarded::post(ok))
        .route("/c", guarded::get(ok).public("everybody may"));
    let found: Vec<_> = routes
        .unguarded()
        .map(|route| (route.method().clone(), route.path()))
        .collect();
    assert_eq!(found, [(RouteMethod::Only(Method::POST), "/b")]);
}

#[test]
fn a_guard_for_the_whole_router_is_listed_first_on_every_route_before_it() {
    let Guards { feature, tier, .. } = guards();
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/a", guarded::get(ok).require(feature))
        .route("/b", guarded::post(ok).public("not for long"))
        .require(tier)
        .route("/c", guarded::post(ok));
    assert_eq!(
        list(&routes),
        [
            format!("GET /a {TIER} + {FEATURE}"),
            format!("HEAD /a {TIER} + {FEATURE}"),
            format!("POST /b {TIER}"),
            "POST /c UNGUARDED".to_owned(),
        ]
    );
}

#[test]
fn to_call_a_guarded_route_public_changes_nothing() {
    let routes: GuardedRouter = GuardedRouter::new().route(
        "/a",
        guarded::post(ok)
            .require(guards().feature)
            .public("somebody is mistaken"),
    );
    assert_eq!(list(&routes), [format!("POST /a {FEATURE}")]);
}

#[test]
fn a_head_of_its_own_takes_the_place_of_the_one_that_get_brings() {
    let tier = || guards().tier;
    let expected = ["GET /a UNGUARDED".to_owned(), format!("HEAD /a {TIER}")];
    let before: GuardedRouter = GuardedRouter::new()
        .route("/a", guarded::get(ok))
        .route("/a", guarded::head(ok).require(tier()));
    assert_eq!(list(&before), expected);
    let together: GuardedRouter = GuardedRouter::new().route(
        "/a",
        guarded::head(ok).require(tier()).merge(guarded::get(ok)),
    );
    let mut listed = list(&together);
    listed.sort();
    assert_eq!(listed, expected);
    let merged = GuardedRouter::new()
        .route("/a", guarded::get(ok))
        .merge(GuardedRouter::<()>::new().route("/a", guarded::head(ok).require(tier())));
    assert_eq!(list(&merged), expected);
}

#[tokio::test]
async fn a_method_that_a_path_lacks_is_405_and_an_unknown_path_404() {
    let app = GuardedRouter::<()>::new()
        .route("/a", guarded::get(ok).require(guards().feature))
        .layer(Extension(Principal::user("bob")))
        .into_router();
    assert_eq!(
        ask(&app, &Method::POST, "/a").await,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(ask(&app, &Method::GET, "/b").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn handlers_have_a_state_and_layers_are_not_listed() {
    #[derive(Clone)]
    struct Greeting(&'static str);

    let routes = GuardedRouter::new()
        .route("/a", guarded::get(async |State(Greeting(text))| text))
        .route_layer(Extension(1))
        .layer(Extension(2))
        .with_state(Greeting("hello"));
    assert_eq!(list(&routes), ["GET /a UNGUARDED", "HEAD /a UNGUARDED"]);
    let app: Router = routes.into_router();
    assert_eq!(ask(&app, &Method::GET, "/a").await, StatusCode::OK);
}

#[test]
fn the_table_is_aligned() {
    let routes: GuardedRouter = GuardedRouter::new()
        .route("/überall", guarded::connect(ok).require(guards().feature))
        .route("/b", guarded::post(ok));
    assert_eq!(
        routes.to_string(),
        "METHOD   PATH      GUARD\n\
         CONNECT  /überall  feature `crm_enabled`\n\
         POST     /b        UNGUARDED"
    );
    assert_eq!(
        GuardedRouter::<()>::new().to_string(),
        "METHOD  PATH  GUARD"
    );
}
