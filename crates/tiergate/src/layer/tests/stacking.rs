use http::{Request, Response, StatusCode};

use super::support::{Body, FLOWS, SMS, app, by, ok_app, send, used, with};
use crate::gate::Reloaded;
use crate::testing::TestGate;
use crate::{
    Access, Catalog, Limit, Principal, Subject, Subscription, SubscriptionStatus, TierGate,
};

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

/// Does something to the gate while a request is on its way from one layer to the next.
fn meanwhile(
    gate: TierGate,
    change: fn(&TierGate),
) -> tower::util::MapRequestLayer<impl Fn(Request<Body>) -> Request<Body> + Clone> {
    tower::util::MapRequestLayer::new(move |request: Request<Body>| {
        change(&gate);
        request
    })
}

/// What happens to what is cached of `ada`, who was on `pro`, while a request of theirs is under way.
fn changes() -> [fn(&TierGate); 4] {
    fn ada() -> Subject {
        Subject::user("ada")
    }
    [
        |gate| {
            let free = Subscription::new(ada(), "free", SubscriptionStatus::Active);
            gate.lookup().push(free.into());
        },
        |gate| {
            gate.lookup().push_missing(&ada());
        },
        |gate| {
            let gone = Subscription::new(ada(), "pro", SubscriptionStatus::Suspended);
            gate.lookup().push(gone.into());
        },
        |gate| gate.clear_caches(),
    ]
}

#[tokio::test]
async fn a_change_between_two_layers_is_for_the_next_request() {
    for change in changes() {
        let test = TestGate::platform().user("ada", "pro");
        let gate = test.gate();
        let pro = Subscription::new(Subject::user("ada"), "pro", SubscriptionStatus::Active)
            .with_id("sub_1");
        gate.lookup().push(pro.clone().into());
        let layers = (
            gate.require_feature("crm_enabled").unwrap(),
            meanwhile(gate.clone(), change),
            gate.require_min_tier("pro").unwrap(),
            gate.check_usage_limit(FLOWS).unwrap(),
        );
        let app = app(&layers, move |request: Request<Body>| {
            let access = Access::of(request.extensions()).unwrap();
            // Read after the change, and of the moment before.
            assert_eq!(access.subscription(), Some(&pro));
            assert_eq!(access.tier(), "pro");
            assert_eq!(access.limit(FLOWS).unwrap().limit, Limit::AtMost(1_000));
            async { Response::default() }
        });
        let before = test.lookup().calls();
        assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
        assert_eq!(test.lookup().calls(), before, "one lookup for all layers");
    }
}

#[tokio::test]
async fn what_a_handler_reads_is_what_its_layer_saw() {
    for change in changes() {
        let test = TestGate::platform().user("ada", "pro");
        let gate = test.gate().clone();
        let pro = Subscription::new(Subject::user("ada"), "pro", SubscriptionStatus::Active)
            .with_id("sub_1")
            .with_seats(3);
        gate.lookup().push(pro.clone().into());
        let layer = gate.require_feature("crm_enabled").unwrap();
        let app = app(&layer, move |request: Request<Body>| {
            let access = Access::of(request.extensions()).unwrap().clone();
            change(&gate);
            assert_eq!(access.subscription(), Some(&pro));
            assert_eq!(access.clone().subscription(), Some(&pro));
            let catalog = access.catalog();
            assert_eq!(Some(access.grant().tier), catalog.tier_id("pro"));
            assert_eq!((access.tier(), access.is_degraded()), ("pro", false));
            async { Response::default() }
        });
        assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn who_has_no_subscription_is_told_of_as_the_default_tier() {
    let test = TestGate::platform();
    let gate = test.gate();
    gate.lookup().push_missing(&Subject::user("ada"));
    let layer = gate.require_feature("timeline_enabled").unwrap();
    let app = app(&layer, |request: Request<Body>| {
        let access = Access::of(request.extensions()).unwrap();
        assert_eq!(access.subscription(), None);
        assert_eq!(access.tier(), "free");
        assert_eq!(access.grant().tier, access.catalog().default_tier());
        async { Response::default() }
    });
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(test.lookup().calls(), 0);
}

#[tokio::test]
async fn a_handler_reads_the_catalog_that_its_layer_decided_by() {
    let test = TestGate::platform().user("ada", "pro");
    let gate = test.gate().clone();
    let pro = Subscription::new(Subject::user("ada"), "pro", SubscriptionStatus::Active);
    gate.lookup().push(pro.into());
    let before = gate.catalog();
    let layer = gate.require_feature("crm_enabled").unwrap();
    let off = include_str!("../../../feature-flags.yaml").replacen(
        "  crm_enabled:\n",
        "  crm_enabled:\n    enabled: off\n",
        1,
    );
    let app = app(&layer, move |request: Request<Body>| {
        let access = Access::of(request.extensions()).unwrap();
        let _: Reloaded = gate
            .replace_catalog(Catalog::from_yaml(&off).unwrap())
            .unwrap();
        assert_ne!(gate.catalog(), before);
        assert_eq!(access.catalog(), &*before);
        async { Response::default() }
    });
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_one_layer_did_not_know_stays_unknown() {
    use super::support::{Act, ScriptedUsage};
    use crate::gate::StoreOutage;
    use tiergate_usage::StoreErrorKind;

    let (test, usage) = ScriptedUsage::gate();
    usage.act(Act::Fail(StoreErrorKind::Unavailable));
    let gate = test.gate();
    let limited = gate.check_usage_limit(FLOWS).unwrap();
    let layers = (
        limited.during_store_outage(StoreOutage::Allow),
        gate.require_feature("crm_enabled").unwrap(),
        gate.require_feature("support_level")
            .unwrap()
            .at_least("email")
            .unwrap(),
    );
    let app = app(&layers, |request: Request<Body>| {
        assert!(Access::of(request.extensions()).unwrap().is_degraded());
        async { Response::default() }
    });
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
}
