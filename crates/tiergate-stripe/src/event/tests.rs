use serde_json::json;

use super::*;

fn parse(event: &Value) -> Result<Event, ParseEventError> {
    Event::parse(event.to_string().as_bytes())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn event_of(kind: &str, object: &Value) -> Value {
    json!({
        "id": "evt_1", "object": "event", "type": kind, "created": 1_790_000_000,
        "livemode": true, "api_version": "2026-09-30.endive", "pending_webhooks": 1,
        "request": {"id": null, "idempotency_key": null}, "data": {"object": object}
    })
}

fn subscription(object: &Value) -> SubscriptionObject {
    match parse(&event_of("customer.subscription.updated", object))
        .unwrap()
        .object
    {
        EventObject::Subscription(subscription) => *subscription,
        other => panic!("{other:?}"),
    }
}

fn invoice(object: &Value) -> InvoiceObject {
    match parse(&event_of("invoice.paid", object)).unwrap().object {
        EventObject::Invoice(invoice) => *invoice,
        other => panic!("{other:?}"),
    }
}

fn fields_at_fault(event: &Value) -> Vec<String> {
    match parse(event).unwrap_err() {
        ParseEventError::NotAnEvent(faults) => faults
            .iter()
            .map(|fault| fault.field().to_owned())
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// As before 2025-03-31: the period is on the subscription.
fn older_subscription() -> Value {
    json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "trialing",
        "cancel_at_period_end": true, "cancel_at": 300, "canceled_at": 120, "created": 100,
        "current_period_start": 100, "current_period_end": 300, "trial_start": 100, "trial_end": 200,
        "latest_invoice": "in_1", "metadata": {"organization": "org_1"},
        "discount": {"id": "di_1", "coupon": {"id": "nonprofit", "percent_off": 50.0}},
        "items": {"object": "list", "data": [{
            "id": "si_1", "quantity": 7,
            "price": {
                "id": "price_1", "lookup_key": "team_small_annual", "unit_amount": 7700,
                "currency": "usd", "recurring": {
                    "interval": "year", "interval_count": 1, "usage_type": "licensed"
                }
            }
        }]}
    })
}

/// As since 2025-03-31: each item has its own period.
fn newer_subscription() -> Value {
    let mut newer = older_subscription();
    let fields = newer.as_object_mut().unwrap();
    fields.remove("current_period_start");
    fields.remove("current_period_end");
    fields.remove("discount");
    fields.insert(
        "discounts".into(),
        json!([{"id": "di_1", "source": {
            "type": "coupon", "coupon": {"id": "nonprofit", "percent_off": 50.0}
        }}]),
    );
    let item = &mut newer["items"]["data"][0];
    item["current_period_start"] = json!(100);
    item["current_period_end"] = json!(300);
    newer
}

#[test]
fn both_shapes_of_a_subscription_say_the_same() {
    let older = subscription(&older_subscription());
    let mut newer = subscription(&newer_subscription());
    assert_eq!(newer.items[0].period.take(), older.period);
    assert_eq!(newer, older);
    assert_eq!(
        older.period,
        Some(Period {
            start: at(100),
            end: at(300)
        })
    );
    assert_eq!(older.status, tiergate_core::SubscriptionStatus::Trialing);
    assert_eq!(older.cancellation, Cancellation::AtPeriodEnd);
    assert_eq!(older.trial_end, Some(at(200)));
    assert_eq!(older.latest_invoice.unwrap().as_str(), "in_1");
    assert_eq!(older.discount.unwrap().parts_per_million(), 500_000);
    assert_eq!(older.metadata.get("organization"), Some("org_1"));
    let price = older.items[0].price.as_ref().unwrap();
    assert_eq!(price.lookup_key.as_deref(), Some("team_small_annual"));
    let interval = Interval {
        unit: IntervalUnit::Year,
        count: 1,
    };
    assert_eq!(price.interval, Some(interval));
}

#[test]
fn the_period_of_several_items_is_from_the_first_start_to_the_last_end() {
    let mut object = newer_subscription();
    object["items"]["data"] = json!([
        {"id": "si_1", "current_period_start": 200, "current_period_end": 300},
        {"id": "si_2"},
        {"id": "si_3", "current_period_start": 100, "current_period_end": 250}
    ]);
    let period = Period {
        start: at(100),
        end: at(300),
    };
    assert_eq!(subscription(&object).period, Some(period));
}

#[test]
fn seats_are_the_quantities_that_are_charged_by_quantity() {
    let metered = json!({"id": "p_2", "recurring": {"interval": "month", "usage_type": "metered"}});
    let licensed = json!({"id": "p_1", "recurring": {"interval": "month"}});
    let mut object = newer_subscription();
    object["items"]["data"] = json!([
        {"id": "si_1", "price": metered, "quantity": 100},
        {"id": "si_2", "price": licensed, "quantity": 5},
        {"id": "si_3", "price": licensed, "quantity": 3},
        {"id": "si_4", "quantity": 50},
        {"id": "si_5", "price": licensed}
    ]);
    let read = subscription(&object);
    assert_eq!(read.seats(), Some(8));
    assert_eq!(read.price().unwrap().id.as_str(), "p_1");

    object["items"]["data"] = json!([{"id": "si_1", "price": metered}]);
    let read = subscription(&object);
    assert_eq!(read.seats(), None);
    assert_eq!(read.price().unwrap().id.as_str(), "p_2");
}

#[test]
fn a_plan_from_before_there_were_prices_is_read_as_one() {
    let plan = json!({
        "id": "gold", "object": "plan", "interval": "month", "interval_count": 3, "amount": 1200,
        "currency": "eur"
    });
    let mut object = older_subscription();
    object["items"]["data"] = json!([{"id": "si_1", "plan": plan, "quantity": 2}]);
    let of_item = subscription(&object);
    object.as_object_mut().unwrap().remove("items");
    object["plan"] = plan;
    object["quantity"] = json!(2);
    let of_subscription = subscription(&object);
    assert_eq!(of_item.price(), of_subscription.price());
    assert_eq!(of_item.seats(), of_subscription.seats());
    assert_eq!(of_item.price().unwrap().interval.as_ref().unwrap().count, 3);
    assert_eq!(of_item.seats(), Some(2));
}

#[test]
fn a_cancellation_is_scheduled_by_either_field() {
    let mut object = newer_subscription();
    for (flag, moment, expected) in [
        (json!(false), json!(null), Cancellation::NotScheduled),
        (json!(null), json!(null), Cancellation::NotScheduled),
        (json!(true), json!(null), Cancellation::AtPeriodEnd),
        (json!(true), json!(300), Cancellation::AtPeriodEnd),
        (json!(false), json!(300), Cancellation::At(at(300))),
    ] {
        object["cancel_at_period_end"] = flag;
        object["cancel_at"] = moment;
        assert_eq!(subscription(&object).cancellation, expected);
        assert_eq!(
            expected.is_scheduled(),
            expected != Cancellation::NotScheduled
        );
    }
}

#[test]
fn percentages_are_found_wherever_they_are_and_others_are_none() {
    let mut object = newer_subscription();
    for (discounts, expected) in [
        (json!([]), None),
        (json!(["di_1"]), None),
        (json!([{"source": {"coupon": "co_1"}}]), None),
        (
            json!([{"coupon": {"id": "c", "amount_off": 500, "percent_off": null}}]),
            None,
        ),
        (json!([{"coupon": {"percent_off": 12.5}}]), Some(125_000)),
        (
            json!([{"source": {"coupon": {"percent_off": 20}}}]),
            Some(200_000),
        ),
        (
            json!(["di_1", {"coupon": {"percent_off": 50}}, {"coupon": {"percent_off": 10}}]),
            Some(550_000),
        ),
    ] {
        object["discounts"] = discounts.clone();
        let percent = subscription(&object).discount;
        assert_eq!(
            percent.map(Percent::parts_per_million),
            expected,
            "{discounts}"
        );
    }
}

fn older_invoice() -> Value {
    json!({
        "id": "in_1", "object": "invoice", "customer": "cus_1", "subscription": "sub_1",
        "status": "paid", "number": "A-1", "billing_reason": "subscription_cycle",
        "currency": "usd", "subtotal": 2000, "total": 1190, "tax": 190, "amount_due": 1190,
        "amount_paid": 1190, "amount_remaining": 0, "attempt_count": 2, "created": 100,
        "period_start": 50, "period_end": 100, "next_payment_attempt": null, "due_date": 400,
        "total_discount_amounts": [{"amount": 1000, "discount": "di_1"}],
        "status_transitions": {"finalized_at": 110, "paid_at": 120},
        "payment_intent": "pi_1",
        "lines": {"object": "list", "has_more": false, "data": [{
            "id": "il_1", "description": "1 × Pro", "amount": 1000, "quantity": 1,
            "period": {"start": 100, "end": 150}, "proration": false, "price": {"id": "price_1"}
        }]}
    })
}

fn newer_invoice() -> Value {
    let mut newer = older_invoice();
    let fields = newer.as_object_mut().unwrap();
    for name in ["subscription", "tax", "payment_intent"] {
        fields.remove(name);
    }
    newer["parent"] = json!({
        "type": "subscription_details", "subscription_details": {"subscription": "sub_1"}
    });
    newer["total_taxes"] = json!([{"amount": 100}, {"amount": 90}]);
    newer["payments"] = json!({"object": "list", "data": [{
        "id": "inpay_1", "payment": {"type": "payment_intent", "payment_intent": "pi_1"}
    }]});
    let line = newer["lines"]["data"][0].as_object_mut().unwrap();
    line.remove("price");
    line.remove("proration");
    line.insert(
        "pricing".into(),
        json!({"price_details": {"price": "price_1"}}),
    );
    line.insert(
        "parent".into(),
        json!({"subscription_item_details": {"proration": false, "subscription": "sub_1"}}),
    );
    newer
}

#[test]
fn both_shapes_of_an_invoice_say_the_same() {
    let older = invoice(&older_invoice());
    assert_eq!(invoice(&newer_invoice()), older);
    assert_eq!(older.subscription.as_ref().unwrap().as_str(), "sub_1");
    assert_eq!(older.status, InvoiceStatus::Paid);
    assert_eq!(
        older.totals,
        InvoiceTotals {
            subtotal: 2000,
            discount: 1000,
            tax: 190,
            total: 1190,
            due: 1190,
            paid: 1190,
            remaining: 0
        }
    );
    let total = older.currency.money(older.totals.total).unwrap();
    assert_eq!(total.to_string(), "11.90 USD");
    assert_eq!(older.paid_at, Some(at(120)));
    assert_eq!(older.payment_intents[0].as_str(), "pi_1");
    assert_eq!(older.lines[0].price.as_ref().unwrap().as_str(), "price_1");
}

#[test]
fn an_invoice_made_by_hand_names_its_subscription_on_a_line() {
    let mut object = newer_invoice();
    object["parent"] = json!(null);
    assert_eq!(invoice(&object).subscription.unwrap().as_str(), "sub_1");
    object["lines"]["data"] = json!([{"id": "il_1", "subscription": "sub_2"}]);
    assert_eq!(invoice(&object).subscription.unwrap().as_str(), "sub_2");
    object["lines"]["data"] = json!([]);
    assert_eq!(invoice(&object).subscription, None);
}

#[test]
fn an_expanded_reference_is_as_good_as_an_id() {
    let mut object = older_subscription();
    object["customer"] = json!({"id": "cus_1", "object": "customer", "email": "a@example.org"});
    object["latest_invoice"] = json!({"id": "in_1", "object": "invoice"});
    assert_eq!(subscription(&object), subscription(&older_subscription()));
}

#[test]
fn a_payment_and_why_it_failed_are_read() {
    let event = event_of(
        "payment_intent.payment_failed",
        &json!({
            "id": "pi_1", "object": "payment_intent", "amount": 1200, "amount_received": 0,
            "currency": "isk", "status": "requires_payment_method", "customer": null,
            "invoice": "in_1", "client_secret": "pi_1_secret_canary",
            "last_payment_error": {
                "type": "card_error", "code": "card_declined",
                "decline_code": "insufficient_funds", "message": "canary"
            }
        }),
    );
    let event = parse(&event).unwrap();
    assert!(!format!("{event:?}").contains("canary"));
    assert!(event.snapshot().object().get("client_secret").is_none());
    let EventObject::PaymentIntent(intent) = event.object else {
        panic!("not a payment");
    };
    assert_eq!(intent.status, PaymentIntentStatus::RequiresPaymentMethod);
    assert_eq!((intent.amount, intent.currency.as_str()), (1200, "ISK"));
    assert_eq!(intent.currency.money(1200), None);
    assert_eq!(intent.invoice.unwrap().as_str(), "in_1");
    let failure = intent.failure.unwrap();
    assert_eq!(failure.decline_code.as_deref(), Some("insufficient_funds"));
}

#[test]
fn unknown_words_are_kept() {
    let mut object = newer_subscription();
    object["status"] = json!("on_hold");
    object["items"]["data"][0]["price"]["recurring"]["interval"] = json!("decade");
    let read = subscription(&object);
    assert_eq!(read.status.as_str(), "on_hold");
    let interval = read.price().unwrap().interval.as_ref().unwrap();
    assert_eq!(interval.unit, IntervalUnit::Other("decade".into()));

    let mut object = newer_invoice();
    object["status"] = json!("disputed");
    let status = invoice(&object).status;
    assert_eq!((status.as_str(), status.is_settled()), ("disputed", false));
}

#[test]
fn fields_that_are_not_read_are_ignored_whatever_is_in_them() {
    let mut object = newer_subscription();
    let plain = subscription(&object);
    object["brand_new"] = json!({"deep": [1, {"er": null}]});
    object["automatic_tax"] = json!(17);
    assert_eq!(subscription(&object), plain);
}

#[test]
fn every_kind_is_read_back_from_its_name() {
    for name in [
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "customer.subscription.trial_will_end",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_failed",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
    ] {
        let kind = EventKind::from(name);
        assert!(!matches!(kind, EventKind::Other(_)), "{name}");
        assert!(kind.object().is_some(), "{name}");
        assert_eq!(kind.as_str(), name);
    }
    assert_eq!(EventKind::from("x.y"), EventKind::Other("x.y".into()));
}

#[test]
fn an_unknown_kind_of_event_is_read_as_far_as_it_goes() {
    let event = parse(&event_of("invoice.voided", &newer_invoice())).unwrap();
    assert!(matches!(event.object, EventObject::Invoice(_)));

    let session = json!({"id": "cs_1", "object": "checkout.session"});
    let event = parse(&event_of("checkout.session.completed", &session)).unwrap();
    assert_eq!(event.object.kind().as_str(), "checkout.session");
    assert_eq!(event.object.id(), Some("cs_1"));

    // A preview has no id. Nobody needs it, so it is no fault of the event.
    let preview = json!({"id": null, "object": "invoice", "status": "draft", "currency": "usd"});
    let event = parse(&event_of("invoice.upcoming", &preview)).unwrap();
    let EventObject::Other(other) = event.object else {
        panic!("it has no id");
    };
    assert_eq!(other.faults.to_string(), "`data.object.id` must be an id");
}

#[test]
fn a_thin_event_names_its_object() {
    let mut thin = json!({
        "id": "evt_1", "object": "v2.core.event", "type": "v1.customer.subscription.updated",
        "created": "2026-11-22T10:00:00.250Z", "livemode": false, "context": null,
        "related_object": {
            "id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"
        },
        "changes": {"before": {}}
    });
    let event = parse(&thin).unwrap();
    assert_eq!(event.kind, EventKind::SubscriptionUpdated);
    assert_eq!(event.mode, Mode::Test);
    assert_eq!(event.created.to_string(), "2026-11-22T10:00:00.25Z");
    assert_eq!(event.object.kind(), ObjectKind::Subscription);
    assert_eq!(event.object.subscription_id().unwrap().as_str(), "sub_1");

    thin["related_object"] = json!(null);
    assert_eq!(parse(&thin).unwrap().object, EventObject::Account);
    thin["created"] = json!(1_790_000_000);
    assert_eq!(fields_at_fault(&thin), ["created"]);
}

#[test]
fn every_fault_is_named_at_once_and_no_value_is_shown() {
    let mut object = newer_subscription();
    object["id"] = json!("canary canary");
    object["status"] = json!(null);
    object["cancel_at_period_end"] = json!("canary");
    object["trial_end"] = json!(-1);
    object["metadata"] = json!("canary");
    object["discounts"] = json!([{"coupon": {"percent_off": 200}}]);
    object["items"]["data"][0]["quantity"] = json!(-5);
    object["items"]["data"][0]["price"]["id"] = json!(["canary"]);
    let mut event = event_of("customer.subscription.updated", &object);
    event["livemode"] = json!("canary");
    event["created"] = json!(i64::MAX);
    assert_eq!(
        fields_at_fault(&event),
        [
            "created",
            "livemode",
            "data.object.id",
            "data.object.status",
            "data.object.items.data[0].price.id",
            "data.object.items.data[0].quantity",
            "data.object.cancel_at_period_end",
            "data.object.trial_end",
            "data.object.discounts[0].coupon.percent_off",
            "data.object.metadata",
        ]
    );
    let error = parse(&event).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[test]
fn the_number_of_faults_is_bounded() {
    let mut object = newer_subscription();
    object["items"]["data"] = json!(vec![json!({"quantity": -1}); 100]);
    let event = event_of("customer.subscription.updated", &object);
    assert_eq!(fields_at_fault(&event).len(), 32);
    assert!(
        parse(&event)
            .unwrap_err()
            .to_string()
            .ends_with("; and 68 more")
    );
}

#[test]
fn lists_are_bounded() {
    let mut object = newer_subscription();
    object["items"]["data"] = json!(vec![json!({}); 251]);
    let event = event_of("customer.subscription.updated", &object);
    assert_eq!(fields_at_fault(&event), ["data.object.items.data"]);
}

#[test]
fn an_event_about_another_object_than_its_kind_says_is_refused() {
    let event = event_of("invoice.paid", &newer_subscription());
    assert_eq!(fields_at_fault(&event), ["data.object.object"]);
}

#[test]
fn what_is_no_event_is_refused() {
    for (body, expected) in [
        ("", "the body is not JSON: line 1, column 0"),
        ("{\"id\": canary}", "the body is not JSON: line 1, column 8"),
        ("\u{feff}{}", "the body is not JSON: line 1, column 1"),
        (
            "[]",
            "the body is no event of Stripe's: `the body` must be an object",
        ),
        (
            "{}",
            "the body is no event of Stripe's: `object` must be `event`",
        ),
        (
            "{\"object\": \"canary\"}",
            "the body is no event of Stripe's: `object` must be `event`",
        ),
    ] {
        let error = Event::parse(body.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let deep = "[".repeat(100_000);
    assert!(Event::parse(deep.as_bytes()).is_err());
    assert!(Event::parse(b"{\"id\": \"\xff\"}").is_err());
    let long = vec![b' '; MAX_EVENT_BYTES + 1];
    assert_eq!(Event::parse(&long), Err(ParseEventError::TooLong));
}

#[test]
fn metadata_is_bounded_and_its_values_are_not_printed() {
    let mut object = newer_subscription();
    let many = (0..150).map(|n| (format!("key{n:03}"), json!("canary")));
    object["metadata"] = Value::Object(many.collect());
    object["metadata"]["long"] = json!("x".repeat(10_000));
    object["metadata"]["number"] = json!(5);
    let metadata = subscription(&object).metadata;
    assert_eq!(metadata.len(), 100);
    assert_eq!((metadata.get("long"), metadata.get("number")), (None, None));
    assert!(!format!("{metadata:?}").contains("canary"));
    object["metadata"] = json!([]);
    assert!(subscription(&object).metadata.is_empty());
}

/// Every value within, the whole first.
fn values_in(value: &Value) -> Vec<String> {
    fn visit(value: &Value, pointer: &str, found: &mut Vec<String>) {
        found.push(pointer.to_owned());
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    visit(value, &format!("{pointer}/{name}"), found);
                }
            }
            Value::Array(elements) => {
                for (index, value) in elements.iter().enumerate() {
                    visit(value, &format!("{pointer}/{index}"), found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    visit(value, "", &mut found);
    found
}

#[test]
fn whatever_stands_anywhere_it_is_read_or_named_but_never_shown() {
    let strange = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!("canary canary"),
        json!([]),
        json!(["canary canary", null, 5]),
        json!({}),
        json!({"id": "canary canary", "data": 5, "object": {}}),
    ];
    let mut refused = 0;
    for (kind, object) in [
        ("customer.subscription.updated", older_subscription()),
        ("customer.subscription.updated", newer_subscription()),
        ("invoice.paid", older_invoice()),
        ("invoice.paid", newer_invoice()),
    ] {
        let event = event_of(kind, &object);
        for place in values_in(&event) {
            for value in &strange {
                let mut event = event.clone();
                *event.pointer_mut(&place).unwrap() = value.clone();
                if let Err(error) = parse(&event) {
                    refused += 1;
                    let told = format!("{error} {error:?}");
                    assert!(!told.contains("canary"), "{place}: {told}");
                    let is_told =
                        matches!(error, ParseEventError::NotAnEvent(faults) if !faults.is_empty());
                    assert!(is_told, "{place} with {value}");
                }
            }
        }
    }
    assert!(refused > 500, "{refused}");
}
