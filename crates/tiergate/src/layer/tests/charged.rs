//! What is charged is told to who bills it.

use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use tiergate_clock::Clock as _;

use super::support::{
    Act, Body, FLOWS, SMS, STORAGE, ScriptedUsage, app, by, ok_app, send, status,
};
use crate::gate::{Charged, RecordUsage, StoreOutage};
use crate::request::RequestHead;
use crate::testing::TestGate;
use crate::time::Timestamp;
use crate::usage::{IdempotencyKey, StoreErrorKind};
use crate::{Access, Catalog};

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

/// Who bills finds it in the window in which it was counted.
#[tokio::test]
async fn what_ends_in_the_next_window_is_told_as_of_when_it_was_asked_for() {
    let told = Arc::<Mutex<Vec<_>>>::default();
    let times = Arc::clone(&told);
    let record = Times(times);
    let (test, _usage) = ScriptedUsage::gate_with(|builder| builder.record_usage(record));
    let began = test.clock().now();
    let layer = test.gate().check_usage_limit(FLOWS).unwrap();
    let clock = test.clock().clone();
    let slow = app(&layer, move |_| {
        clock.advance(super::support::seconds(40 * 24 * 3_600));
        async { Response::default() }
    });
    send(&slow, by("ada")).await;
    assert_eq!(*told.lock().unwrap(), [began]);
}

/// When everything was charged.
struct Times(Arc<Mutex<Vec<Timestamp>>>);

impl RecordUsage for Times {
    fn record(&self, charged: &Charged<'_>) {
        self.0.lock().unwrap().push(charged.at);
    }
}

/// The catalog that comes with tiergate, with two more limits of one of its metrics.
fn mails() -> Catalog {
    let mut text = include_str!("../../../feature-flags.yaml").to_owned();
    for (key, period) in [("mails_daily", "day"), ("mails_monthly", "month")] {
        text.push_str(&format!(
            "\n  {key}:\n    name: Mails\n    category: service\n    kind: limit\n    \
             metric: email_sends\n    counted: quota per {period}\n    tiers: {{ free: 100, pro: 100, \
             max: 100, premium: 100, team_small: 100, team_growing: 100, team_scale: 100, \
             enterprise: 100 }}\n"
        ));
    }
    Catalog::from_yaml(&text).unwrap()
}

#[tokio::test]
async fn what_several_limits_count_of_one_metric_is_told_once() {
    let told = Told::default();
    let recorder = told.clone();
    let test = TestGate::configured(mails(), |builder| builder.record_usage(recorder));
    let test = test.user("ada", "pro");
    let gate = test.gate();
    let both = || gate.check_usage_limits(["mails_daily", "mails_monthly"]);
    send(&ok_app(&both().unwrap().cost(3)), by("ada")).await;
    assert_eq!(told.quantities(), one("email_sends", 3));

    let monthly = gate.check_usage_limit("mails_monthly").unwrap().cost(2);
    let daily = gate.check_usage_limit("mails_daily").unwrap();
    send(&ok_app(&daily.and(monthly).unwrap()), by("ada")).await;
    assert_eq!(told.quantities(), one("email_sends", 2));

    let key = |_: &RequestHead<'_>| IdempotencyKey::new("once").ok();
    let with_others = gate.check_usage_limits(["mails_monthly", FLOWS, "mails_daily"]);
    let app = ok_app(&with_others.unwrap().idempotency_key(key));
    for _ in 0..2 {
        send(&app, by("ada")).await;
    }
    let once = |metric: &str| (metric.to_owned(), 1, Some("once".to_owned()));
    assert_eq!(
        told.take(),
        ["email_sends", "workflow_executions"].map(once)
    );
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
