//! What is charged is told to who bills it.

use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};

use super::support::{
    Act, Body, FLOWS, SMS, STORAGE, ScriptedUsage, app, by, ok_app, send, status,
};
use crate::Access;
use crate::gate::{Charged, RecordUsage, StoreOutage};
use crate::testing::TestGate;
use crate::usage::{IdempotencyKey, StoreErrorKind};

/// Metric, quantity and key.
type One = (String, i64, Option<String>);

/// Everything that was told.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<One>>>);

impl Told {
    fn take(&self) -> Vec<One> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn quantities(&self) -> Vec<(String, i64)> {
        let told = self.take().into_iter();
        told.map(|(metric, quantity, _)| (metric, quantity))
            .collect()
    }
}

impl RecordUsage for Told {
    fn record(&self, charged: &Charged<'_>) {
        assert_eq!(charged.subject.to_string(), "user:ada");
        let key = charged.idempotency_key.map(ToString::to_string);
        let told = (charged.metric.to_owned(), charged.quantity, key);
        self.0.lock().unwrap().push(told);
    }
}

fn gate() -> (TestGate, ScriptedUsage, Told) {
    let told = Told::default();
    let recorder = told.clone();
    let (test, usage) = ScriptedUsage::gate_with(|builder| builder.record_usage(recorder));
    (test, usage, told)
}

fn one(metric: &str, quantity: i64) -> Vec<(String, i64)> {
    vec![(metric.to_owned(), quantity)]
}

#[tokio::test]
async fn what_is_committed_is_told_and_what_is_given_back_is_not() {
    let (test, _usage, told) = gate();
    let layer = test.gate().check_usage_limit(FLOWS).unwrap().cost(3);
    send(&ok_app(&layer), by("ada")).await;
    assert_eq!(told.quantities(), one("workflow_executions", 3));

    let failing = app(&layer, |_| async { status(500) });
    send(&failing, by("ada")).await;
    assert_eq!(told.quantities(), []);

    let denied = ok_app(&layer.cost(2_000));
    assert_eq!(send(&denied, by("ada")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(told.quantities(), []);
}

#[tokio::test]
async fn the_quantity_is_the_one_that_the_handler_set() {
    let (test, _usage, told) = gate();
    let layer = test.gate().check_usage_limits([SMS, FLOWS]).unwrap();
    let app = app(&layer, |request: Request<Body>| async move {
        let access = Access::of(request.extensions()).unwrap();
        access.limit(SMS).unwrap().ticket.set_quantity(7).unwrap();
        access.limit(FLOWS).unwrap().ticket.set_quantity(0).unwrap();
        Response::default()
    });
    send(&app, by("ada")).await;
    assert_eq!(told.quantities(), one("sms_messages", 7));
}

#[tokio::test]
async fn a_request_that_passes_uncounted_is_billed_all_the_same() {
    let (test, usage, told) = gate();
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let app = app(
        &layer.during_store_outage(StoreOutage::Allow),
        |request: Request<Body>| async move {
            let access = Access::of(request.extensions()).unwrap();
            assert!(access.metered().is_empty());
            access.ticket().unwrap().set_quantity(4).unwrap();
            Response::default()
        },
    );
    usage.act(Act::Fail(StoreErrorKind::Unavailable));
    let reply = send(&app, by("ada")).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.headers.contains_key("ratelimit"));
    assert_eq!(told.quantities(), one("workflow_executions", 4));
}

#[tokio::test]
async fn plain_code_is_told_of_as_well() {
    let (test, _usage, told) = gate();
    let ada = crate::Subject::user("ada");
    let reserve = |limit, units| test.gate().reserve(&ada, limit, units);
    reserve(STORAGE, 5).await.unwrap().commit().await.unwrap();
    assert_eq!(told.quantities(), one("storage", 5));
    let reserved = reserve(STORAGE, 5).await.unwrap();
    reserved.commit_units(2).await.unwrap();
    assert_eq!(told.quantities(), one("storage", 2));
    drop(reserve(STORAGE, 5).await.unwrap());
    assert_eq!(told.quantities(), []);
    // What was freed, and no more than there was.
    test.gate().lower(&ada, STORAGE, 100).await.unwrap();
    assert_eq!(told.quantities(), one("storage", -7));
}

#[tokio::test(start_paused = true)]
async fn what_was_charged_before_is_not_told_again() {
    for act in [Act::Answer, Act::AnswerLate] {
        let (test, usage, told) = gate();
        let layer = test.gate().check_usage_limit(FLOWS).unwrap();
        let layer = layer.idempotency_key(|_| IdempotencyKey::new("once").ok());
        usage.act(act);
        let failing = app(&layer, |_| async { status(500) });
        send(&failing, by("ada")).await;
        tokio::time::sleep(super::support::seconds(5)).await;
        assert_eq!(told.take(), [], "{act:?}");
        for _ in 0..3 {
            send(&ok_app(&layer), by("ada")).await;
        }
        let once = ("workflow_executions".to_owned(), 1, Some("once".to_owned()));
        assert_eq!(told.take(), [once], "{act:?}");
    }
}
