use http::{Request, Response, StatusCode};

use super::support::{Body, FLOWS, SMS, app, by, ok_app, send, used, with};
use crate::gate::Reloaded;
use crate::testing::TestGate;
use crate::{Access, Catalog, Principal, Subject};

#[tokio::test]
async fn three_layers_make_one_lookup_and_tell_the_handler_all() {
    let test = TestGate::platform().user("ada", "pro");
    let gate = test.gate();
    let layers = (
        gate.require_min_tier("pro").unwrap(),
        gate.require_feature("crm_enabled").unwrap(),
        gate.check_usage_limit(FLOWS).unwrap().cost(3),
        gate.check_usage_limit(SMS).unwrap(),
    );
    let app = app(&layers, |request: Request<Body>| async move {
        let access = Access::of(request.extensions()).unwrap();
        assert_eq!(access.subject(), &Subject::user("ada"));
        assert_eq!(access.tier(), "pro");
        assert_eq!(&*access.subscription().unwrap().tier, "pro");
        assert!(!access.is_degraded());
        assert_eq!(access.metered().len(), 2);
        let flows = access.limit(FLOWS).unwrap();
        assert_eq!((flows.used, flows.remaining()), (3, Some(997)));
        assert_eq!(access.limit(SMS).unwrap().remaining(), Some(99));
        // The first is that of the layer that is asked first.
        assert_eq!(access.ticket().unwrap().quantity(), 3);
        Response::default()
    });
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(test.lookup().calls(), 1);
    assert_eq!(test.gate().lookup().statistics().fresh_hits, 0);
}

#[tokio::test]
async fn without_a_principal_the_layers_share_what_they_know_all_the_same() {
    let test = TestGate::platform().user("ada", "pro");
    let gate = test.gate();
    let layer = gate.check_usage_limit(FLOWS).unwrap();
    let layers = (layer.clone(), gate.require_min_tier("pro").unwrap(), layer);
    let app = app(&layers, |request: Request<Body>| async move {
        assert_eq!(Access::of(request.extensions()).unwrap().metered().len(), 1);
        Response::default()
    });
    assert_eq!(send(&app, with(Subject::user("ada"))).await.status, 200);
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
    assert_eq!(test.lookup().calls(), 1);
}

#[tokio::test]
async fn a_principal_has_room_for_what_was_found_out() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().require_feature("crm_enabled").unwrap();
    let app = app(&layer, |request: Request<Body>| async move {
        let extensions = request.extensions();
        assert!(extensions.get::<Access>().is_none());
        assert!(Access::of(extensions).is_some());
        Response::default()
    });
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_principal_that_comes_late_hides_nothing() {
    let test = TestGate::platform().user("ada", "pro");
    let gate = test.gate();
    let limited = gate.check_usage_limit(FLOWS).unwrap();
    let authenticate = tower::util::MapRequestLayer::new(|mut request: Request<Body>| {
        request.extensions_mut().insert(Principal::user("ada"));
        request
    });
    let early = limited
        .clone()
        .subject(|_: &crate::request::RequestHead<'_>| Some(Subject::user("ada")));
    let app = app(&(early, authenticate, limited), |request: Request<Body>| {
        let metered = Access::of(request.extensions()).unwrap().metered().len();
        async move {
            assert_eq!(metered, 1);
            Response::default()
        }
    });
    let reply = send(&app, super::support::anonymous()).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(used(&test, "ada", FLOWS).await, 1);
    assert_eq!(test.lookup().calls(), 1);
}

#[tokio::test]
async fn what_a_layer_inside_denies_a_layer_outside_does_not_charge() {
    let test = TestGate::platform().user("ada", "pro");
    let gate = test.gate();
    let layers = (
        gate.check_usage_limit(FLOWS).unwrap(),
        gate.require_min_tier("premium").unwrap(),
    );
    let reply = send(&ok_app(&layers), by("ada")).await;
    assert_eq!(reply.code(), "TIER_REQUIRED");
    assert_eq!(used(&test, "ada", FLOWS).await, 0);
}

#[tokio::test]
async fn every_layer_of_a_request_decides_by_one_catalog() {
    let without_crm = include_str!("../../../feature-flags.yaml").replacen(
        "  crm_enabled:\n",
        "  crm_enabled:\n    enabled: off\n",
        1,
    );
    let without_crm = Catalog::from_yaml(&without_crm).unwrap();
    let test = TestGate::platform().user("ada", "pro");
    let gate = test.gate().clone();
    let guard = gate.require_feature("crm_enabled").unwrap();
    let reload = tower::util::MapRequestLayer::new(move |request: Request<Body>| {
        let _: Reloaded = gate.replace_catalog(without_crm.clone()).unwrap();
        request
    });
    let app = ok_app(&(guard.clone(), reload, guard));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    // The next request is decided by what is in force since.
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_principal_that_is_kept_brings_no_charge_to_the_next_request() {
    let test = TestGate::platform().user("ada", "pro");
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let app = app(&layer, |request: Request<Body>| async move {
        let mut response = Response::<Body>::default();
        response
            .extensions_mut()
            .insert(Principal::of(request.extensions()).cloned());
        // The copy can be read.
        assert_eq!(Access::of(request.extensions()).unwrap().metered().len(), 1);
        response
    });
    let mut principal = Principal::user("ada");
    for charged in 1..=3 {
        let request = with(principal);
        let response = tower::ServiceExt::oneshot(app.clone(), request)
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        principal = response
            .extensions()
            .get::<Option<Principal>>()
            .unwrap()
            .clone()
            .unwrap();
        assert_eq!(used(&test, "ada", FLOWS).await, charged);
    }
}

#[tokio::test]
async fn a_layer_of_another_gate_looks_for_itself() {
    let outer = TestGate::platform().user("ada", "enterprise");
    let inner = TestGate::platform().user("ada", "free");
    let layers = (
        outer.gate().require_feature("crm_enabled").unwrap(),
        inner.gate().require_feature("crm_enabled").unwrap(),
    );
    let reply = send(&ok_app(&layers), by("ada")).await;
    assert_eq!(reply.code(), "FEATURE_NOT_AVAILABLE");
    assert_eq!(inner.lookup().calls(), 1);
}
