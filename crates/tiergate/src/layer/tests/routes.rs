//! The table of the module's documentation, row by row.

use axum::Router;
use axum::body::Body;
use axum::routing::{any, delete, get, post};
use http::{Method, Request};
use tower::ServiceExt;

use crate::Principal;
use crate::layer::RequireFeatureLayer;
use crate::testing::TestGate;

const OK: u16 = 200;
const DENIED: u16 = 403;
const NOT_FOUND: u16 = 404;
const NO_SUCH_METHOD: u16 = 405;

fn guard() -> RequireFeatureLayer {
    TestGate::platform()
        .gate()
        .require_feature("crm_enabled")
        .unwrap()
}

/// What a user of the free tier is answered.
async fn ask(app: &Router, method: Method, path: &str) -> u16 {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    request.extensions_mut().insert(Principal::user("bob"));
    app.clone()
        .oneshot(request)
        .await
        .unwrap()
        .status()
        .as_u16()
}

async fn assert_answers(app: &Router, expected: &[(Method, &str, u16)]) {
    for (method, path, status) in expected {
        let answered = ask(app, method.clone(), path).await;
        assert_eq!(answered, *status, "{method} {path}");
    }
}

#[tokio::test]
async fn a_layer_on_a_method_guards_that_method_and_its_head() {
    let app = Router::new()
        .route("/a", get(async || "a").layer(guard()).post(async || "a"))
        .route("/a", delete(async || "a"))
        .route("/b", get(async || "b"));
    assert_answers(
        &app,
        &[
            (Method::GET, "/a", DENIED),
            (Method::HEAD, "/a", DENIED),
            (Method::POST, "/a", OK),
            (Method::DELETE, "/a", OK),
            (Method::GET, "/b", OK),
            (Method::GET, "/c", NOT_FOUND),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_route_layer_guards_the_routes_before_it_and_leaves_404_alone() {
    let app = Router::new()
        .route("/a", get(async || "a").post(async || "a"))
        .route_layer(guard())
        .route("/b", get(async || "b"))
        .route("/a", delete(async || "a"));
    assert_answers(
        &app,
        &[
            (Method::GET, "/a", DENIED),
            (Method::HEAD, "/a", DENIED),
            (Method::POST, "/a", DENIED),
            (Method::DELETE, "/a", OK),
            (Method::GET, "/b", OK),
            (Method::GET, "/c", NOT_FOUND),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_guard_is_asked_before_405() {
    let app = Router::new()
        .route("/a", get(async || "a"))
        .route_layer(guard());
    assert_answers(&app, &[(Method::POST, "/a", DENIED)]).await;
    let app = Router::new().route("/a", get(async || "a").layer(guard()));
    assert_answers(&app, &[(Method::POST, "/a", DENIED)]).await;
    // Only where it is around the handlers alone, it is not.
    let app = Router::new().route("/a", get(async || "a").route_layer(guard()));
    assert_answers(
        &app,
        &[
            (Method::GET, "/a", DENIED),
            (Method::POST, "/a", NO_SUCH_METHOD),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_layer_on_the_router_guards_unknown_paths_too() {
    let app = Router::new()
        .route("/a", get(async || "a"))
        .fallback(async || "anything")
        .layer(guard())
        .route("/b", get(async || "b"));
    assert_answers(
        &app,
        &[
            (Method::GET, "/a", DENIED),
            (Method::POST, "/a", DENIED),
            (Method::GET, "/c", DENIED),
            (Method::GET, "/b", OK),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_merged_or_nested_after_the_layer_is_open() {
    let other = || {
        Router::new()
            .route("/b", get(async || "b"))
            .route("/a", post(async || "a"))
    };
    for guarded in [
        Router::new().route("/a", get(async || "a")).layer(guard()),
        Router::new()
            .route("/a", get(async || "a"))
            .route_layer(guard()),
    ] {
        let app = guarded.merge(other()).nest("/x", other());
        assert_answers(
            &app,
            &[
                (Method::GET, "/a", DENIED),
                (Method::POST, "/a", OK),
                (Method::GET, "/b", OK),
                (Method::GET, "/x/b", OK),
                (Method::POST, "/x/a", OK),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn what_is_merged_or_nested_before_the_layer_is_guarded() {
    let other = || Router::new().route("/b", get(async || "b"));
    let app = Router::new()
        .merge(other())
        .nest("/x", other())
        .route_layer(guard());
    assert_answers(
        &app,
        &[(Method::GET, "/b", DENIED), (Method::GET, "/x/b", DENIED)],
    )
    .await;
}

#[tokio::test]
async fn other_spellings_are_other_paths() {
    let variants = [
        "/A", "/a/", "//a", "/%61", "/a%2F", "/./a", "/b/../a", "/a;x=1", "/a%20", "/%2561", "/a.",
    ];
    let app = Router::new()
        .route("/a", get(async || "paid"))
        .route_layer(guard());
    for path in variants {
        assert_eq!(ask(&app, Method::GET, path).await, NOT_FOUND, "{path}");
    }
    assert_eq!(ask(&app, Method::GET, "/a?x=1").await, DENIED);

    // Where a catch-all serves them, they are as open as it is.
    let open = app.clone().route("/{*rest}", any(async || "rest"));
    let shut = app.merge(
        Router::new()
            .route("/{*rest}", any(async || "rest"))
            .route_layer(guard()),
    );
    for path in variants {
        assert_eq!(ask(&open, Method::GET, path).await, OK, "{path}");
        assert_eq!(ask(&shut, Method::GET, path).await, DENIED, "{path}");
    }
}

#[tokio::test]
async fn a_guard_outside_of_authentication_refuses_all() {
    let test = TestGate::platform().user("ada", "pro");
    let guard = test.gate().require_feature("crm_enabled").unwrap();
    let authentication = axum::Extension(Principal::user("ada"));
    let routes = || Router::new().route("/a", get(async || "a"));
    let request = || {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = "/a".parse().unwrap();
        request
    };
    let right = routes()
        .route_layer(guard.clone())
        .layer(authentication.clone());
    assert_eq!(right.oneshot(request()).await.unwrap().status(), 200);
    let wrong = routes().layer(authentication).route_layer(guard);
    assert_eq!(wrong.oneshot(request()).await.unwrap().status(), 401);
}

#[tokio::test]
async fn each_layer_refuses_before_the_handler_runs() {
    let test = TestGate::platform();
    let gate = test.gate();
    let handler = async || -> &'static str { panic!("the handler ran") };
    let app = Router::new()
        .route(
            "/feature",
            get(handler).layer(gate.require_feature("crm_enabled").unwrap()),
        )
        .route(
            "/tier",
            get(handler).layer(gate.require_min_tier("pro").unwrap()),
        )
        .route(
            "/limit",
            get(handler).layer(gate.check_usage_limit("sms_messages").unwrap()),
        );
    for path in ["/feature", "/tier", "/limit"] {
        assert_eq!(ask(&app, Method::GET, path).await, DENIED, "{path}");
    }
}
