//! What many are denied is worked out and rendered once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Response, StatusCode};

use super::support::{by, ok_app, send, with};
use crate::denial::{PlatformJson, ProblemJson};
use crate::gate::Reloaded;
use crate::testing::{TestGate, platform_catalog};
use crate::{Catalog, Denial, Principal, Subject, Subscription, SubscriptionStatus};

#[tokio::test]
async fn everybody_is_told_what_helps_their_own_kind_however_often() {
    let test = TestGate::platform().user("bob", "pro").user("eve", "max");
    for render in [true, false] {
        let gate = test.gate();
        let layer = gate.require_feature("white_label").unwrap();
        let layer = if render {
            layer.denials(ProblemJson::new())
        } else {
            // Nobody knows what a closure says, so it is asked each time.
            layer.denials(|denial: &Denial| {
                let mut response = Response::new(Bytes::from(denial.detail()));
                *response.status_mut() = StatusCode::FORBIDDEN;
                response
            })
        };
        let kept = ok_app(&layer);
        let organization = || with(Principal::new(Subject::organization("acme")));
        for _ in 0..3 {
            for request in [|| by("nobody"), || by("bob"), || by("eve"), organization] {
                let reply = send(&kept, request()).await;
                // A layer of its own has nothing kept.
                let anew = ok_app(&layer.clone().denials(ProblemJson::new()));
                let fresh = send(&anew, request()).await;
                assert_eq!((reply.status, &reply.denial), (fresh.status, &fresh.denial));
                if render {
                    assert_eq!(reply.body, fresh.body);
                    assert_eq!(reply.headers, fresh.headers);
                } else {
                    assert_eq!(reply.body, fresh.body["detail"]);
                }
            }
        }
        let required = async |request| {
            let reply = send(&kept, request).await;
            reply.denial.unwrap().required_tier().map(str::to_owned)
        };
        assert_ne!(required(by("nobody")).await, required(organization()).await);
    }
}

#[tokio::test]
async fn each_of_them_is_counted() {
    let test = TestGate::platform();
    let app = ok_app(&test.gate().require_feature("crm_enabled").unwrap());
    for count in 1..=5 {
        assert_eq!(send(&app, by("bob")).await.status, StatusCode::FORBIDDEN);
        assert_eq!(test.gate().statistics().denied, count);
    }
}

#[tokio::test]
async fn a_tier_that_the_catalog_does_not_name_is_told_of_each_time() {
    let test = TestGate::platform().user("ada", "gone");
    let app = ok_app(&test.gate().require_feature("crm_enabled").unwrap());
    for count in 1..=5 {
        assert_eq!(send(&app, by("ada")).await.status, StatusCode::FORBIDDEN);
        assert_eq!(test.gate().statistics().unknown_tiers, count);
    }
}

#[tokio::test]
async fn another_catalog_denies_by_itself() {
    let test = TestGate::platform();
    let gate = test.gate();
    let app = ok_app(&gate.require_min_tier("pro").unwrap());
    let old = include_str!("../../../feature-flags.yaml");
    let new = old.replace("name: Pro,", "name: Professional,");
    assert_ne!(old, new);
    for (text, name) in [(old, "Pro"), (&new, "Professional"), (old, "Pro")] {
        let _: Reloaded = gate
            .replace_catalog(Catalog::from_yaml(text).unwrap())
            .unwrap();
        for _ in 0..2 {
            let reply = send(&app, by("bob")).await;
            let detail = reply.body["detail"].as_str().unwrap();
            assert!(detail.starts_with(&format!("This needs the {name} plan")));
        }
    }
}

#[tokio::test]
async fn an_override_has_the_last_word() {
    use tiergate_core::subscription::{Override, OverrideValue};

    let test = TestGate::platform();
    let gate = test.gate();
    let app = ok_app(&gate.require_feature("crm_enabled").unwrap());
    let free =
        |name: &str| Subscription::new(Subject::user(name), "free", SubscriptionStatus::Active);
    gate.lookup().push(free("bob").into());
    for _ in 0..2 {
        assert_eq!(send(&app, by("bob")).await.status, StatusCode::FORBIDDEN);
    }
    let own = Override {
        feature: "crm_enabled".into(),
        value: OverrideValue::Boolean(true),
        expires_at: None,
    };
    gate.lookup().push(free("ada").with_override(own).into());
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_said_in_another_way_was_not_kept() {
    let test = TestGate::configured(platform_catalog(), |gate| gate.denials(PlatformJson::new()));
    let layer = test.gate().require_feature("crm_enabled").unwrap();
    let before = send(&ok_app(&layer), by("bob")).await;
    assert_eq!(before.body["error"], "FEATURE_NOT_AVAILABLE");
    let after = send(&ok_app(&layer.denials(ProblemJson::new())), by("bob")).await;
    assert_eq!(after.code(), "FEATURE_NOT_AVAILABLE");
}

#[tokio::test]
async fn a_closure_is_asked_for_each_response() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let test = TestGate::platform();
    let layer = test.gate().require_feature("crm_enabled").unwrap();
    let app = ok_app(&layer.denials(move |_: &Denial| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        Response::new(Bytes::from(number.to_string()))
    }));
    for number in 0..5 {
        assert_eq!(send(&app, by("bob")).await.body, number);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 5);
}
