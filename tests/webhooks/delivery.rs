//! How events come: in order once, or as badly as they can.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;

use crate::account::Account;
use crate::office::Office;
use crate::random::Random;
use crate::sql::Sql;

/// Each event once, in order, and worked on before `calm` more have come.
pub(crate) async fn in_order(office: &Office, sql: &mut Sql, account: &Account, calm: usize) {
    for (number, event) in account.events.iter().enumerate() {
        deliver(office, &event.to_string(), false).await;
        if number.is_multiple_of(calm + 1) {
            office.webhooks.work().await.unwrap();
        }
    }
    office.settle(sql, &account.customer()).await;
}

/// In some order, some of them several times, some of them lost at first, with the worker and the clock
/// going on in between.
pub(crate) async fn badly(office: &Office, sql: &mut Sql, account: &Account, random: &mut Random) {
    let mut known = BTreeSet::new();
    let (mut arriving, mut lost) = (Vec::new(), Vec::new());
    let careless = random.below(4);
    for number in 0..account.events.len() {
        if careless > 0 && random.once_in(6 - careless) {
            lost.push(number);
        } else {
            arriving.push(number);
        }
        while random.once_in(4) {
            arriving.push(number);
        }
    }
    match random.below(3) {
        0 => arriving.reverse(),
        1 => {}
        _ => random.shuffle(&mut arriving),
    }
    random.shuffle(&mut lost);
    let bodies: Vec<String> = account.events.iter().map(ToString::to_string).collect();
    for number in arriving {
        deliver(office, &bodies[number], !known.insert(number)).await;
        if random.once_in(6) {
            office.webhooks.work().await.unwrap();
        }
        if random.once_in(12) {
            let seconds = 1 + random.next() % 600;
            office.clock.advance(Duration::from_secs(seconds));
        }
    }
    if !lost.is_empty() && random.once_in(2) {
        office.work().await;
        office.clock.advance(Duration::from_secs(60 * 60));
    }
    for number in lost {
        deliver(office, &bodies[number], !known.insert(number)).await;
        if random.once_in(3) {
            office.webhooks.work().await.unwrap();
        }
    }
    office.settle(sql, &account.customer()).await;
}

async fn deliver(office: &Office, body: &str, known: bool) {
    let reply = office.deliver(body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let data = &reply.json()["data"];
    assert_eq!(data["received"], true);
    assert_eq!(data["duplicate"], known);
}
