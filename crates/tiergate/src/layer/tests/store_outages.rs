//! What a layer does with requests that the store gives no answer for.

use std::num::NonZeroU64;

use http::StatusCode;

use super::support::{
    Act, CALLS, FLOWS, SMS, STORAGE, ScriptedUsage, by, ok_app, seconds, send, used,
};
use crate::decision::UnavailableAccess;
use crate::gate::StoreOutage;
use crate::usage::StoreErrorKind;

const AWAY: Act = Act::Fail(StoreErrorKind::Unavailable);

fn allowance(units: u64) -> StoreOutage {
    StoreOutage::Allowance(NonZeroU64::new(units).unwrap())
}

#[tokio::test]
async fn each_layer_has_its_own_way() {
    let (test, usage) =
        ScriptedUsage::gate_with(|builder| builder.during_store_outage(StoreOutage::Allow));
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let gate_s_way = ok_app(&layer);
    let denying = ok_app(&layer.clone().during_store_outage(StoreOutage::Deny));
    let denying_all_the_same = ok_app(
        &layer
            .during_store_outage(StoreOutage::Deny)
            .when_unavailable(UnavailableAccess::Allow),
    );
    usage.act(AWAY);
    assert_eq!(send(&gate_s_way, by("ada")).await.status, StatusCode::OK);
    for app in [denying, denying_all_the_same] {
        let reply = send(&app, by("ada")).await;
        assert_eq!(reply.code(), "BILLING_UNAVAILABLE");
    }
}

#[tokio::test]
async fn an_allowance_is_spent_once_however_many_outages_there_are() {
    let (test, usage) = ScriptedUsage::gate();
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let app = ok_app(&layer.during_store_outage(allowance(5)));
    let mut passed = 0;
    for _ in 0..3 {
        usage.act(AWAY);
        for _ in 0..4 {
            let reply = send(&app, by("ada")).await;
            match reply.status {
                StatusCode::OK => passed += 1,
                _ => assert_eq!(reply.code(), "BILLING_UNAVAILABLE", "not for want of units"),
            }
        }
        usage.act(Act::Answer);
        assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    }
    assert_eq!(passed, 5);
    assert_eq!(used(&test, "ada", FLOWS).await, 3);
    // The next window has one of its own.
    test.clock().advance(seconds(40 * 86_400));
    usage.act(AWAY);
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_allowance_is_no_more_than_the_limit_and_gives_back_as_ever() {
    let (test, usage) = ScriptedUsage::gate();
    usage.act(AWAY);
    let layer = test.gate().check_usage_limit(SMS).unwrap();
    let app = ok_app(&layer.clone().cost(60).during_store_outage(allowance(1_000)));
    assert_eq!(send(&app, by("ada")).await.status, StatusCode::OK);
    let reply = send(&app, by("ada")).await;
    assert_eq!(
        reply.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "100 is the limit"
    );

    let layer = layer.during_store_outage(allowance(100));
    let failing = super::support::app(&layer, |_| async { super::support::status(500) });
    for _ in 0..50 {
        let reply = send(&failing, by("ada")).await;
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn all_limits_of_a_request_have_an_allowance_or_none_is_spent() {
    let (test, usage) = ScriptedUsage::gate();
    usage.act(AWAY);
    let layer = |limits: &[&str]| {
        let layer = test.gate().check_usage_limits(limits.iter().copied());
        layer.unwrap().during_store_outage(allowance(2))
    };
    let storage = ok_app(&layer(&[STORAGE]).cost(2));
    assert_eq!(send(&storage, by("ada")).await.status, StatusCode::OK);
    let both = ok_app(&layer(&[CALLS, STORAGE]));
    let reply = send(&both, by("ada")).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    let calls = ok_app(&layer(&[CALLS]).cost(2));
    assert_eq!(send(&calls, by("ada")).await.status, StatusCode::OK);
    // A rate comes back with time, a gauge does not.
    test.clock().advance(seconds(60));
    assert_eq!(send(&calls, by("ada")).await.status, StatusCode::OK);
    let reply = send(&storage, by("ada")).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn what_is_spent_without_the_store_is_marked() {
    let (test, usage) = ScriptedUsage::gate();
    usage.act(AWAY);
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let app = ok_app(&layer.during_store_outage(allowance(5)));
    send(&app, by("ada")).await;
    let statistics = test.gate().statistics();
    assert_eq!((statistics.degraded, statistics.store_failures), (1, 1));
}
