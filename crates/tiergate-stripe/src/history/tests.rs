use serde_json::{Value, json};
use tiergate_core::SubscriptionStatus;
use tiergate_core::time::Timestamp;

use super::*;
use crate::event::{Event, InvoiceStatus};
use crate::id::{InvoiceId, ObjectId, SubscriptionId};

fn event(id: &str, created: i64, kind: &str, object: &Value, previous: &Value) -> Event {
    let body = json!({
        "id": id, "object": "event", "type": kind, "created": created, "livemode": false,
        "data": {"object": object, "previous_attributes": previous}
    });
    Event::parse(body.to_string().as_bytes()).unwrap()
}

fn object(fields: &Value, more: &Value) -> Value {
    let mut object = fields.clone();
    let more = more.as_object().unwrap().clone();
    object.as_object_mut().unwrap().extend(more);
    object
}

fn subscription(fields: &Value) -> Value {
    object(&json!({"id": "sub_1", "object": "subscription"}), fields)
}

fn updated(id: &str, created: i64, fields: &Value, previous: &Value) -> Event {
    let object = subscription(fields);
    event(
        id,
        created,
        "customer.subscription.updated",
        &object,
        previous,
    )
}

fn of_status(id: &str, created: i64, status: &str) -> Event {
    updated(id, created, &json!({"status": status}), &json!(null))
}

fn invoice(id: &str, created: i64, kind: &str, fields: &Value) -> Event {
    let fixed = json!({
        "id": "in_1", "object": "invoice", "currency": "usd", "created": 90,
        "parent": {"subscription_details": {"subscription": "sub_1"}}
    });
    event(id, created, kind, &object(&fixed, fields), &json!(null))
}

fn failed(id: &str, created: i64) -> Event {
    let fields = json!({"status": "open", "attempt_count": 1});
    invoice(id, created, "invoice.payment_failed", &fields)
}

fn paid(id: &str, created: i64) -> Event {
    invoice(
        id,
        created,
        "invoice.paid",
        &json!({"status": "paid", "attempt_count": 1}),
    )
}

fn sub_1() -> SubscriptionId {
    SubscriptionId::new("sub_1").unwrap()
}

/// The same in every order, or it fails.
fn in_every_order<T: PartialEq + std::fmt::Debug>(
    events: &[Event],
    read: impl Fn(&[&Event]) -> T,
) -> T {
    fn permute<'a>(
        rest: &mut Vec<&'a Event>,
        done: &mut Vec<&'a Event>,
        each: &mut dyn FnMut(&[&'a Event]),
    ) {
        if rest.is_empty() {
            each(done);
        }
        for at in 0..rest.len() {
            done.push(rest.remove(at));
            permute(rest, done, each);
            rest.insert(at, done.pop().unwrap());
        }
    }
    let mut found: Option<T> = None;
    permute(
        &mut events.iter().collect(),
        &mut Vec::new(),
        &mut |events| {
            let now = read(events);
            assert_eq!(*found.get_or_insert_with(|| read(events)), now);
        },
    );
    found.unwrap()
}

fn status(events: &[Event]) -> SubscriptionStatus {
    in_every_order(events, |events| {
        standing(&sub_1(), events.iter().copied()).unwrap().status
    })
}

fn newest_id(events: &[Event]) -> String {
    let id = ObjectId::from(&sub_1());
    in_every_order(events, |events| {
        newest(&id, events.iter().copied()).unwrap().id.to_string()
    })
}

#[test]
fn of_no_events_nothing_is_known() {
    assert_eq!(standing(&sub_1(), []), None);
    assert_eq!(newest(&ObjectId::from(&sub_1()), []), None);
    let invoices = [failed("evt_1", 100), paid("evt_2", 101)];
    assert_eq!(standing(&sub_1(), &invoices), None);
}

#[test]
fn events_of_other_objects_are_passed_over() {
    let other = json!({"id": "sub_2", "object": "subscription", "status": "canceled"});
    let events = [
        of_status("evt_1", 100, "active"),
        event(
            "evt_2",
            200,
            "customer.subscription.deleted",
            &other,
            &json!(null),
        ),
        invoice(
            "evt_3",
            200,
            "invoice.payment_failed",
            &json!({"status": "open", "parent": null}),
        ),
    ];
    assert_eq!(status(&events), SubscriptionStatus::Active);
    assert_eq!(newest_id(&events), "evt_1");
}

#[test]
fn thin_events_say_nothing_about_a_state() {
    let thin = Event::parse(
        br#"{"id": "evt_9", "object": "v2.core.event", "created": "2026-11-22T10:00:00Z",
            "type": "v1.customer.subscription.deleted", "livemode": false,
            "related_object": {"id": "sub_1", "type": "subscription"}}"#,
    )
    .unwrap();
    assert_eq!(standing(&sub_1(), [&thin]), None);
    let known = of_status("evt_1", 100, "active");
    assert_eq!(newest_id(&[known, thin]), "evt_1");
}

#[test]
fn what_has_ended_never_comes_back() {
    for ended in ["canceled", "incomplete_expired"] {
        let events = [
            of_status("evt_1", 100, ended),
            of_status("evt_2", 200, "active"),
            invoice("evt_3", 300, "invoice.paid", &json!({"status": "paid"})),
            failed("evt_4", 300),
        ];
        assert_eq!(status(&events).as_str(), ended);
        assert_eq!(newest_id(&events), "evt_1");
    }
}

#[test]
fn an_incomplete_snapshot_is_older_than_any_other() {
    let events = [
        of_status("evt_1", 100, "active"),
        of_status("evt_2", 100, "incomplete"),
        of_status("evt_3", 101, "incomplete"),
    ];
    assert_eq!(status(&events), SubscriptionStatus::Active);
}

#[test]
fn within_a_second_what_was_otherwise_before_says_which_was_first() {
    let at = |id: &str, now: &str, before: &str| {
        let fields = json!({"status": "active", "metadata": {"step": now}});
        updated(id, 100, &fields, &json!({"metadata": {"step": before}}))
    };
    // The ids are against the order, so that they can't be what decides.
    let events = [
        at("evt_d", "2", "1"),
        at("evt_c", "3", "2"),
        at("evt_b", "4", "3"),
        at("evt_a", "5", "4"),
    ];
    assert_eq!(newest_id(&events), "evt_a");
}

#[test]
fn a_change_that_is_undone_in_the_same_second_is_undone() {
    let quantity = |id: &str, created: i64, now: u8, before: &Value| {
        let items = |quantity: u8| json!({"data": [{"id": "si_1", "quantity": quantity}]});
        let fields = json!({"status": "active", "items": items(now)});
        let previous = before
            .as_u64()
            .map(|before| json!({"items": items(before.try_into().unwrap())}));
        updated(id, created, &fields, &json!(previous))
    };
    let events = [
        quantity("evt_1", 99, 5, &json!(null)),
        quantity("evt_3", 100, 9, &json!(5)),
        quantity("evt_2", 100, 5, &json!(9)),
    ];
    assert_eq!(newest_id(&events), "evt_2");
    // And done again.
    let [first, second, third] = events;
    let again = [first, second, third, quantity("evt_0", 100, 9, &json!(5))];
    let newest = newest_id(&again);
    assert!(newest == "evt_0" || newest == "evt_3", "{newest}");
}

#[test]
fn what_was_not_there_before_is_null() {
    let events = [
        updated(
            "evt_2",
            100,
            &json!({"status": "active", "metadata": {}}),
            &json!({"cancel_at": 500}),
        ),
        updated(
            "evt_1",
            100,
            &json!({"status": "active", "metadata": {"a": "b"}, "cancel_at": null}),
            &json!({"metadata": {"a": null}}),
        ),
    ];
    assert_eq!(newest_id(&events), "evt_1");
}

#[test]
fn beyond_a_gap_comes_what_cannot_be_reached_from_before() {
    let at = |id: &str, created: i64, now: u8, before: &Value| {
        let fields = json!({"status": "active", "metadata": {"step": now.to_string()}});
        updated(id, created, &fields, &json!({"metadata": {"step": before}}))
    };
    // From 2 to 3 is missing.
    let events = [
        at("evt_1", 99, 1, &json!(null)),
        at("evt_3", 100, 2, &json!("1")),
        at("evt_2", 100, 4, &json!("3")),
    ];
    assert_eq!(newest_id(&events), "evt_2");
}

#[test]
fn where_nothing_else_tells_the_kind_does_and_then_the_id() {
    let object = subscription(&json!({"status": "active"}));
    let of = |id: &str, kind: &str| event(id, 100, kind, &object, &json!(null));
    let events = [
        of("evt_d", "customer.subscription.created"),
        of("evt_c", "customer.subscription.trial_will_end"),
        of("evt_a", "customer.subscription.updated"),
        of("evt_b", "customer.subscription.updated"),
    ];
    assert_eq!(newest_id(&events), "evt_b");
}

#[test]
fn very_many_events_of_one_second_are_not_chained() {
    let at = |step: u32| {
        let fields = json!({"status": "active", "metadata": {"step": step.to_string()}});
        let before = json!({"metadata": {"step": (step - 1).to_string()}});
        updated(&format!("evt_{:03}", 999 - step), 100, &fields, &before)
    };
    let id = ObjectId::from(&sub_1());
    let few: Vec<Event> = (1..=64).map(at).collect();
    assert_eq!(newest(&id, &few).unwrap().id.as_str(), "evt_935");
    let many: Vec<Event> = (1..=65).map(at).collect();
    assert_eq!(newest(&id, &many).unwrap().id.as_str(), "evt_998");
}

#[test]
fn one_event_in_two_versions_of_the_api_is_one_event() {
    let version = |version: &str, status: &str| {
        let body = json!({
            "id": "evt_1", "object": "event", "type": "customer.subscription.updated",
            "created": 100, "livemode": false, "api_version": version,
            "data": {"object": subscription(&json!({"status": status}))}
        });
        Event::parse(body.to_string().as_bytes()).unwrap()
    };
    let events = [
        version("2024-06-20", "active"),
        version("2026-09-30.endive", "paused"),
        version("2025-03-31.basil", "active"),
    ];
    assert_eq!(status(&events), SubscriptionStatus::Paused);
}

#[test]
fn a_failure_makes_past_due_from_its_second_on() {
    for (seconds, expected) in [(99, "active"), (100, "past_due"), (101, "past_due")] {
        let events = [of_status("evt_1", 100, "active"), failed("evt_2", seconds)];
        assert_eq!(status(&events).as_str(), expected, "{seconds}");
        let events = [
            of_status("evt_1", 100, "trialing"),
            failed("evt_2", seconds),
        ];
        let trialing = expected.replace("active", "trialing");
        assert_eq!(status(&events).as_str(), trialing, "{seconds}");
    }
}

#[test]
fn past_due_counts_from_the_first_failure() {
    let events = [
        of_status("evt_1", 100, "active"),
        failed("evt_2", 110),
        of_status("evt_3", 112, "past_due"),
        failed("evt_4", 200),
        of_status("evt_5", 300, "past_due"),
    ];
    for count in 2..=events.len() {
        let since = in_every_order(&events[..count], |events| {
            standing(&sub_1(), events.iter().copied())
                .unwrap()
                .past_due_since
        });
        assert_eq!(since, Some(Timestamp::from_seconds(110)), "{count}");
    }
}

#[test]
fn paid_again_is_not_past_due_and_has_no_since() {
    let events = [
        of_status("evt_1", 100, "active"),
        failed("evt_2", 110),
        of_status("evt_3", 110, "past_due"),
        paid("evt_4", 120),
    ];
    let standing = in_every_order(&events, |events| {
        let standing = standing(&sub_1(), events.iter().copied()).unwrap();
        (standing.status, standing.past_due_since)
    });
    assert_eq!(standing, (SubscriptionStatus::Active, None));
}

#[test]
fn a_failure_that_was_made_good_does_not_count() {
    let events = [
        of_status("evt_1", 100, "active"),
        paid("evt_2", 110),
        failed("evt_3", 110),
    ];
    assert_eq!(status(&events), SubscriptionStatus::Active);
}

#[test]
fn a_payment_lifts_past_due_only_if_it_is_newer() {
    for (seconds, expected) in [(99, "past_due"), (100, "past_due"), (101, "active")] {
        let events = [of_status("evt_1", 100, "past_due"), paid("evt_2", seconds)];
        assert_eq!(status(&events).as_str(), expected, "{seconds}");
    }
    // In the same second, if it's what the snapshot was past due for.
    let fields = json!({"status": "past_due", "latest_invoice": "in_1"});
    let events = [
        updated("evt_1", 100, &fields, &json!(null)),
        paid("evt_2", 100),
    ];
    assert_eq!(status(&events), SubscriptionStatus::Active);
}

#[test]
fn an_invoice_changes_no_other_status() {
    for word in ["incomplete", "unpaid", "paused", "suspended", "on_hold"] {
        for news in [failed("evt_2", 200), paid("evt_2", 200)] {
            let events = [of_status("evt_1", 100, word), news];
            assert_eq!(status(&events).as_str(), word);
        }
    }
    let events = [of_status("evt_1", 100, "past_due"), failed("evt_2", 200)];
    assert_eq!(status(&events), SubscriptionStatus::PastDue);
    let events = [of_status("evt_1", 100, "active"), paid("evt_2", 200)];
    assert_eq!(status(&events), SubscriptionStatus::Active);
}

#[test]
fn an_older_invoice_is_no_news_for_a_snapshot_that_names_a_later_one() {
    let active = json!({"status": "active", "latest_invoice": "in_2"});
    let events = [
        updated("evt_1", 100, &active, &json!(null)),
        failed("evt_2", 110),
    ];
    assert_eq!(status(&events), SubscriptionStatus::Active);
    let past_due = json!({"status": "past_due", "latest_invoice": "in_2"});
    let events = [
        updated("evt_1", 100, &past_due, &json!(null)),
        paid("evt_2", 110),
    ];
    assert_eq!(status(&events), SubscriptionStatus::PastDue);
    // One that was made since is.
    let since = json!({"id": "in_3", "status": "open", "attempt_count": 1, "created": 105});
    let events = [
        updated("evt_1", 100, &active, &json!(null)),
        invoice("evt_2", 110, "invoice.payment_failed", &since),
    ];
    assert_eq!(status(&events), SubscriptionStatus::PastDue);
}

#[test]
fn of_two_invoices_of_one_second_the_one_that_the_snapshot_names_is_the_later() {
    let active = json!({"status": "active", "latest_invoice": "in_2"});
    let of = |id: &str, created: i64, kind: &str, name: &str, status: &str| {
        let fields = json!({"id": name, "status": status, "created": 100});
        invoice(id, created, kind, &fields)
    };
    let events = [
        of("evt_1", 100, "invoice.created", "in_2", "draft"),
        updated("evt_2", 100, &active, &json!(null)),
        of("evt_3", 110, "invoice.payment_failed", "in_1", "open"),
    ];
    assert_eq!(status(&events), SubscriptionStatus::Active);
}

#[test]
fn a_void_invoice_leaves_the_status_to_the_next_snapshot() {
    let void = || invoice("evt_3", 120, "invoice.voided", &json!({"status": "void"}));
    let events = [
        of_status("evt_1", 100, "active"),
        failed("evt_2", 110),
        void(),
    ];
    assert_eq!(status(&events), SubscriptionStatus::Active);
    let events = [
        of_status("evt_1", 115, "past_due"),
        failed("evt_2", 110),
        void(),
    ];
    assert_eq!(status(&events), SubscriptionStatus::PastDue);
}

#[test]
fn an_invoice_never_goes_back_from_where_nothing_is_owed() {
    let id = InvoiceId::new("in_1").unwrap();
    for settled in ["paid", "void", "uncollectible"] {
        let events = [
            invoice("evt_1", 100, "invoice.created", &json!({"status": "draft"})),
            failed("evt_2", 110),
            invoice("evt_3", 105, "invoice.updated", &json!({"status": settled})),
            invoice("evt_4", 120, "invoice.updated", &json!({"status": "open"})),
        ];
        let found = in_every_order(&events, |events| {
            let found = invoice_standing(&id, events.iter().copied()).unwrap();
            (
                found.status,
                found.attempt_count,
                found.first_failed_at,
                found.settled_at,
            )
        });
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        assert_eq!(found, (settled.into(), 1, at(110), at(105)));
    }
}

#[test]
fn what_was_given_up_may_still_be_paid() {
    let id = InvoiceId::new("in_1").unwrap();
    let events = [
        invoice(
            "evt_2",
            100,
            "invoice.updated",
            &json!({"status": "uncollectible"}),
        ),
        paid("evt_1", 100),
    ];
    let found = in_every_order(&events, |events| {
        let found = invoice_standing(&id, events.iter().copied()).unwrap();
        (found.status, found.paid_at)
    });
    assert_eq!(
        found,
        (InvoiceStatus::Paid, Some(Timestamp::from_seconds(100)))
    );
}
