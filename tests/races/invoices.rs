//! Numbers of invoices have neither gaps nor doubles, however many are made at once.

use std::collections::BTreeMap;

use http::StatusCode;
use tiergate_tests::{Ask, Service, Trial, fresh_key};

use crate::crowd::{at_once, told};
use crate::services;

const MANY: usize = 1_000;

/// How often those who found the service too busy come again.
const TRIES: usize = 60;

/// A request that can be sent again.
pub(crate) type Request<'a> = Box<dyn Fn() -> Ask + 'a>;

/// Sends all requests at once, and those again that found the service too busy, until each is answered.
pub(crate) async fn until_answered(mut requests: Vec<Request<'_>>) {
    for _ in 0..TRIES {
        let sent = requests.iter().map(|request| request()).collect();
        let replies = at_once(sent).await;
        let busy = |status| status == StatusCode::SERVICE_UNAVAILABLE;
        for reply in &replies {
            assert!(
                reply.status == StatusCode::CREATED || busy(reply.status),
                "{:?}",
                told(&replies)
            );
        }
        let answers = replies.iter().map(|reply| busy(reply.status));
        let left = requests.into_iter().zip(answers);
        requests = left
            .filter_map(|(request, again)| again.then_some(request))
            .collect();
        if requests.is_empty() {
            return;
        }
    }
    panic!("{} were never answered", requests.len());
}

/// Looks at all numbers that were given: of each month, all from 1 on.
pub(crate) async fn numbers_are_whole(service: &Service, expected: usize) {
    let rows = service
        .rows("SELECT number, CAST(total AS TEXT) FROM invoices")
        .await;
    assert_eq!(rows.len(), expected);
    let mut months: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in rows {
        let (month, number) = row[0].rsplit_once('-').unwrap();
        assert_eq!(number.len(), 6, "{}", row[0]);
        let number = number.parse().unwrap();
        months.entry(month.to_owned()).or_default().push(number);
        assert_eq!(row[1], "1200");
    }
    for (month, mut numbers) in months {
        numbers.sort_unstable();
        let whole: Vec<_> = (1..=numbers.len()).collect();
        assert_eq!(numbers, whole, "{month}");
    }
}

#[tokio::test]
async fn a_thousand_invoices_at_once_have_a_thousand_numbers() {
    for service in services(Trial::None).await {
        let service = &service;
        let requests = (0..MANY).map(|number| {
            let key = fresh_key();
            let request = move || {
                let request = service.subscribe(&format!("user_{number}"), "pro");
                request.header("idempotency-key", &key)
            };
            Box::new(request) as Request<'_>
        });
        until_answered(requests.collect()).await;
        numbers_are_whole(service, MANY).await;
    }
}

/// Looks at whether each invoice was made by a change that the log tells: there is an entry for each, and
/// none for what is not there.
pub(crate) async fn belongs_to_a_change(service: &Service) {
    let rows = service
        .rows(
            "SELECT CAST((SELECT COUNT(*) FROM invoices) AS TEXT), \
             CAST((SELECT COUNT(DISTINCT object_id) FROM audit_log WHERE action = 'invoice.created') AS TEXT), \
             CAST((SELECT COUNT(*) FROM audit_log WHERE action = 'invoice.created') AS TEXT)",
        )
        .await;
    assert_eq!(rows[0][0], rows[0][1]);
    assert_eq!(rows[0][0], rows[0][2]);
}
