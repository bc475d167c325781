//! What holds of all records, whoever made them.

use std::collections::BTreeMap;

use tiergate_tests::Service;

pub(crate) async fn add_up(service: &Service) {
    numbers_are_whole(service).await;
    each_version_is_told_once(service).await;
}

/// The invoices of each month are numbered from 1 on, without gap or double.
async fn numbers_are_whole(service: &Service) {
    let mut months: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in service.rows("SELECT number FROM invoices").await {
        let (month, number) = row[0].rsplit_once('-').unwrap();
        let number = number.parse().unwrap();
        months.entry(month.to_owned()).or_default().push(number);
    }
    for (month, mut numbers) in months {
        numbers.sort_unstable();
        let whole: Vec<_> = (1..=numbers.len()).collect();
        assert_eq!(numbers, whole, "{month}");
    }
}

/// The log and those who follow are told of each version of each subscription once.
async fn each_version_is_told_once(service: &Service) {
    let rows = service
        .rows(
            "SELECT CAST((SELECT CAST(SUM(version) AS BIGINT) FROM subscriptions) AS TEXT), \
             CAST((SELECT COUNT(*) FROM audit_log WHERE object_kind = 'subscription') AS TEXT), \
             CAST((SELECT COUNT(*) FROM outbox WHERE kind = 'subscription') AS TEXT)",
        )
        .await;
    let [versions, logged, told] = [0, 1, 2].map(|column| rows[0][column].as_str());
    assert_eq!(versions, logged);
    assert_eq!(versions, told);
}
