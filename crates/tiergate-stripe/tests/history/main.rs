//! Events in any order, repeated at will, mean what they mean in their true order.
//!
//! A simulated Stripe makes true histories, with many things in one second. What this crate makes of
//! them is compared with what the simulated Stripe knows, and, where events are still missing, with
//! an interpreter that reads them one by one in their true order.

#![cfg(test)]
mod interpreter;
mod random;
mod stripe;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use tiergate_core::time::Timestamp;
use tiergate_stripe::event::{Event, EventObject, SubscriptionObject};
use tiergate_stripe::history::{Standing, invoice_standing, newest, standing};
use tiergate_stripe::id::{InvoiceId, ObjectId, SubscriptionId};

use interpreter::Interpreter;
use random::Random;
use stripe::{Action, Start, Stripe, Style};

/// The same cases in every run.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(4242),
        failure_persistence: None,
        ..Config::default()
    }
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let note = || prop::option::of(0_u8..3);
    let which = || prop_oneof![4 => Just(0_u8), 1 => Just(1), 1 => Just(2)];
    let action = prop_oneof![
        6 => (0_u8..3).prop_map(Action::Wait),
        4 => (1_u8..4).prop_map(Action::SetQuantity),
        3 => note().prop_map(Action::SetNote),
        3 => (1_u8..4).prop_map(Action::SetPrice),
        2 => Just(Action::ToggleCancel),
        2 => Just(Action::AddOrRemoveItem),
        4 => Just(Action::Renew),
        1 => which().prop_map(Action::Finalize),
        4 => which().prop_map(Action::Pay),
        5 => which().prop_map(Action::Fail),
        1 => which().prop_map(Action::Void),
        1 => which().prop_map(Action::GiveUp),
        2 => (which(), note()).prop_map(|(which, note)| Action::NoteOnInvoice(which, note)),
        1 => Just(Action::TellTrialEnds),
        1 => (0_u8..8).prop_map(|n| if n == 0 { Action::Expire } else { Action::Wait(1) }),
        1 => (0_u8..4).prop_map(|n| if n == 0 { Action::Delete } else { Action::Wait(1) }),
    ];
    prop::collection::vec(action, 0..40)
}

fn start() -> impl Strategy<Value = Start> {
    prop_oneof![
        Just(Start::Incomplete),
        Just(Start::Trialing),
        Just(Start::Active)
    ]
}

fn history(start: Start, style: Style, actions: &[Action], seed: u64) -> (Stripe, Vec<Event>) {
    let mut stripe = Stripe::begin(start, style, Random(seed));
    for action in actions {
        stripe.act(action);
    }
    let parse = |event: &serde_json::Value| Event::parse(event.to_string().as_bytes()).unwrap();
    let events = stripe.events.iter().map(parse).collect();
    (stripe, events)
}

fn id() -> SubscriptionId {
    SubscriptionId::new("sub_1").unwrap()
}

fn standing_of<'a>(events: &[&'a Event]) -> Option<Standing<'a>> {
    standing(&id(), events.iter().copied())
}

fn subscription(event: &Event) -> Option<&SubscriptionObject> {
    match &event.object {
        EventObject::Subscription(subscription) => Some(subscription),
        _ => None,
    }
}

/// What the events mean is what they mean in their true order.
fn assert_as_interpreted(arrived: &[&Event], in_order: &[&Event]) -> Result<(), TestCaseError> {
    let truth = Interpreter::read(in_order);
    let found = standing_of(arrived);
    prop_assert_eq!(
        found.as_ref().map(|it| it.subscription),
        truth.last.and_then(subscription)
    );
    prop_assert_eq!(found.map(|it| it.status), truth.status);
    Ok(())
}

fn assert_same(one: &[&Event], other: &[&Event]) -> Result<(), TestCaseError> {
    prop_assert_eq!(standing_of(one), standing_of(other));
    Ok(())
}

/// All of them in some order, and some of them again.
fn shuffled<'a>(events: &[&'a Event], random: &mut Random) -> Vec<&'a Event> {
    let mut arrived = events.to_vec();
    for _ in 0..events.len() {
        arrived.push(events[random.below(events.len())]);
    }
    random.shuffle(&mut arrived);
    arrived
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn all_events_in_any_order_say_what_stripe_knows(
        start in start(), actions in actions(), seed: u64,
    ) {
        for style in [Style::Crowded, Style::Fresh, Style::Spread] {
            let (stripe, events) = history(start, style, &actions, seed);
            let events: Vec<&Event> = events.iter().collect();
            let mut random = Random(!seed);
            for _ in 0..3 {
                let arrived = shuffled(&events, &mut random);
                let found = standing_of(&arrived).unwrap();
                let last = events.iter().rev().find_map(|it| subscription(it)).unwrap();
                prop_assert_eq!(found.status.as_str(), stripe.status());
                prop_assert_eq!(found.subscription, last);
                let since = stripe.past_due_since.map(Timestamp::from_seconds);
                prop_assert_eq!(found.past_due_since, since);
                let object = ObjectId::from(&id());
                prop_assert_eq!(newest(&object, arrived.iter().copied()), Some(found.event));
                for invoice in &stripe.invoices {
                    let id = InvoiceId::new(invoice.object["id"].as_str().unwrap()).unwrap();
                    let found = invoice_standing(&id, arrived.iter().copied()).unwrap();
                    let moment = |seconds: Option<i64>| seconds.map(Timestamp::from_seconds);
                    prop_assert_eq!(Some(found.status.as_str()), invoice.object["status"].as_str());
                    prop_assert_eq!(Some(found.attempt_count), invoice.object["attempt_count"].as_u64());
                    prop_assert_eq!(found.first_failed_at, moment(invoice.first_failed));
                    prop_assert_eq!(found.settled_at, moment(invoice.settled));
                    let paid = invoice.object["status_transitions"]["paid_at"].as_i64();
                    prop_assert_eq!(found.paid_at, moment(paid));
                    let last = events.iter().rev().find_map(|it| match &it.object {
                        EventObject::Invoice(it) if it.id == id => Some(it),
                        _ => None,
                    });
                    prop_assert_eq!(Some(found.invoice), last.map(|it| &**it));
                }
            }
        }
    }

    #[test]
    fn any_events_mean_the_same_in_any_order(
        start in start(), actions in actions(), seed: u64,
    ) {
        let (_, events) = history(start, Style::Crowded, &actions, seed);
        let mut random = Random(!seed);
        let mut arrival: Vec<usize> = (0..events.len()).collect();
        random.shuffle(&mut arrival);
        for count in 1..=arrival.len() {
            let arrived: Vec<&Event> = arrival[..count].iter().map(|at| &events[*at]).collect();
            let again = shuffled(&arrived, &mut random);
            let mut in_order = arrival[..count].to_vec();
            in_order.sort_unstable();
            let in_order: Vec<&Event> = in_order.iter().map(|at| &events[*at]).collect();
            assert_same(&arrived, &in_order)?;
            assert_same(&again, &in_order)?;
        }
    }

    #[test]
    fn after_each_event_the_ones_so_far_mean_what_they_mean_in_order(
        start in start(), actions in actions(), seed: u64,
    ) {
        let (_, events) = history(start, Style::Crowded, &actions, seed);
        let events: Vec<&Event> = events.iter().collect();
        let mut random = Random(!seed);
        for count in 1..=events.len() {
            let arrived = shuffled(&events[..count], &mut random);
            assert_as_interpreted(&arrived, &events[..count])?;
        }
    }

    #[test]
    fn while_no_two_are_of_one_second_those_that_came_mean_what_they_mean_in_order(
        start in start(), actions in actions(), seed: u64,
    ) {
        let (_, events) = history(start, Style::Spread, &actions, seed);
        let mut random = Random(!seed);
        let mut arrival: Vec<usize> = (0..events.len()).collect();
        random.shuffle(&mut arrival);
        for count in 1..=arrival.len() {
            let arrived: Vec<&Event> = arrival[..count].iter().map(|at| &events[*at]).collect();
            let mut in_order = arrival[..count].to_vec();
            in_order.sort_unstable();
            let in_order: Vec<&Event> = in_order.iter().map(|at| &events[*at]).collect();
            assert_as_interpreted(&arrived, &in_order)?;
        }
    }

    #[test]
    fn with_whole_seconds_missing_the_rest_means_what_it_means_in_order(
        start in start(), actions in actions(), seed: u64,
    ) {
        let (_, events) = history(start, Style::Fresh, &actions, seed);
        let mut random = Random(!seed);
        let seconds: BTreeSet<Timestamp> = events.iter().map(|it| it.created).collect();
        for _ in 0..5 {
            let lost: BTreeSet<Timestamp> =
                seconds.iter().copied().filter(|_| random.coin()).collect();
            let mut in_order: Vec<&Event> =
                events.iter().filter(|it| !lost.contains(&it.created)).collect();
            if in_order.is_empty() {
                continue;
            }
            in_order.truncate(1 + random.below(in_order.len()));
            let arrived = shuffled(&in_order, &mut random);
            assert_as_interpreted(&arrived, &in_order)?;
        }
    }
}
