use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::*;
use crate::Subject;
use crate::axum::MissingLayer;
use crate::testing::TestGate;

async fn ask(app: &Router, path: &str) -> (StatusCode, String) {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// What a handler that takes each of the arguments says of them.
fn routes() -> Router {
    Router::new()
        .route(
            "/access",
            get(async |access: Access| access.tier().to_owned()),
        )
        .route(
            "/principal",
            get(async |principal: Principal| principal.subject().to_string()),
        )
        .route(
            "/ticket",
            get(async |ticket: Ticket| ticket.quantity().to_string()),
        )
        .route(
            "/optional",
            get(
                async |access: Option<Access>,
                       principal: Option<Principal>,
                       ticket: Option<Ticket>| {
                    let has = [access.is_some(), principal.is_some(), ticket.is_some()];
                    format!("{has:?}")
                },
            ),
        )
        .route(
            "/result",
            get(async |access: Result<Access, MissingLayer>| match access {
                Ok(_) => "there".to_owned(),
                Err(missing) => missing.to_string(),
            }),
        )
}

fn signed_in(routes: Router) -> Router {
    routes.layer(Extension(Principal::user("ada").member_of("acme")))
}

#[tokio::test]
async fn a_handler_is_given_what_the_layers_found_out() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit("sms_messages").unwrap();
    let app = signed_in(routes().route_layer(layer.cost(7)));
    for (path, text) in [
        ("/access", "pro"),
        ("/principal", "user:ada"),
        ("/ticket", "7"),
        ("/optional", "[true, true, true]"),
        ("/result", "there"),
    ] {
        assert_eq!(ask(&app, path).await, (StatusCode::OK, text.to_owned()));
    }
}

#[tokio::test]
async fn an_optional_argument_is_none_without_its_layer() {
    let (status, text) = ask(&routes(), "/optional").await;
    assert_eq!(
        (status, text.as_str()),
        (StatusCode::OK, "[false, false, false]")
    );
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().require_feature("crm_enabled").unwrap();
    let app = signed_in(routes().route_layer(layer));
    assert_eq!(ask(&app, "/optional").await.1, "[true, true, false]");
}

#[tokio::test]
async fn a_ticket_sets_what_is_charged() {
    let test = TestGate::platform().user("ada", "pro");
    let upload = async |ticket: Ticket| {
        ticket.set_quantity(12).unwrap();
    };
    let app = signed_in(
        Router::new()
            .route("/", post(upload))
            .route_layer(test.gate().check_usage_limit("storage_limit_gb").unwrap()),
    );
    let request = Request::post("/").body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::OK);
    let ada = Subject::user("ada");
    let usage = test.gate().usage(&ada, "storage_limit_gb").await.unwrap();
    assert_eq!(usage.used, 12);
}

#[tokio::test]
async fn a_request_that_passes_uncounted_has_a_ticket_too() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit("sms_messages").unwrap();
    let app = signed_in(routes().route_layer(layer.cost(0)));
    assert_eq!(ask(&app, "/ticket").await, (StatusCode::OK, "0".to_owned()));
}

#[tokio::test]
async fn an_extracted_principal_says_nothing_about_another_request() {
    let test = TestGate::platform().user("ada", "pro");
    let (keep, kept) = std::sync::mpsc::channel();
    let handler = async move |principal: Principal| {
        keep.send(principal).unwrap();
    };
    let app = signed_in(
        Router::new()
            .route("/", get(handler))
            .route_layer(test.gate().check_usage_limit("sms_messages").unwrap()),
    );
    ask(&app, "/").await;
    let principal = kept.recv().unwrap();
    assert!(principal.organization("acme").is_some());
    let mut request = Request::new(());
    request.extensions_mut().insert(principal);
    assert!(Access::of(request.extensions()).is_none());
}

/// Keeps the fields of the errors that this crate's events tell.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Errors {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() == tracing::Level::ERROR && metadata.target() == "tiergate" {
            let mut text = String::new();
            event.record(
                &mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                    text.push_str(&format!("{field}={value:?};"));
                },
            );
            self.0.lock().unwrap().push(text);
        }
    }
}

#[tokio::test]
async fn a_missing_layer_is_told_to_the_log_and_not_to_the_caller() {
    let errors = Errors::default();
    let subscriber = tracing_subscriber::registry().with(errors.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    for (path, missing) in [
        (
            "/access",
            "`require_feature`, `require_min_tier` or `check_usage_limit`",
        ),
        (
            "/principal",
            "authentication that puts a principal into the extensions",
        ),
        ("/ticket", "`check_usage_limit`"),
    ] {
        let (status, body) = ask(&routes(), path).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body, "internal server error");
        let told = std::mem::take(&mut *errors.0.lock().unwrap());
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("event=\"missing_layer\""), "{told:?}");
        assert!(
            told[0].contains(&format!("missing={missing:?}")),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn a_handler_can_deal_with_a_missing_layer_itself() {
    let (status, text) = ask(&routes(), "/result").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        text,
        "the handler wants the access of a request, and no layer has left one on it: add \
         `require_feature`, `require_min_tier` or `check_usage_limit`"
    );
}
