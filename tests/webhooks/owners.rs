//! Whose a subscription is: nobody takes over what is somebody's by writing metadata.

use serde_json::json;

use crate::events::{CREATED, THEN, UPDATED, event, subscription};
use crate::office::Office;

const OWNERS: &str = "SELECT stripe_subscription_id, user_id, organization_id FROM subscriptions \
     ORDER BY 1";

async fn owners(office: &Office) -> Vec<String> {
    let lines = office.sql().await.lines(OWNERS).await;
    let text = |line: &Vec<Option<String>>| {
        let columns = line.iter().map(|it| it.as_deref().unwrap_or("-"));
        columns.collect::<Vec<_>>().join(" ")
    };
    lines.iter().map(text).collect()
}

#[tokio::test]
async fn metadata_moves_no_customer_that_is_bound() {
    for office in Office::each().await {
        let of = |owner: &str| json!({ "userId": owner });
        let first = subscription("sub_1", "cus_1", "active", &of("pia"));
        office.deliver(&event("evt_1", CREATED, THEN, &first)).await;
        office.work().await;
        // The same subscription, a new one of the same customer, and one that names an organization.
        let renamed = subscription("sub_1", "cus_1", "active", &of("eve"));
        let ended = subscription("sub_2", "cus_1", "canceled", &of("eve"));
        let other = subscription(
            "sub_3",
            "cus_1",
            "canceled",
            &json!({"organizationId": "evil"}),
        );
        office
            .deliver(&event("evt_2", UPDATED, THEN + 1, &renamed))
            .await;
        office
            .deliver(&event("evt_3", CREATED, THEN + 2, &ended))
            .await;
        office
            .deliver(&event("evt_4", CREATED, THEN + 3, &other))
            .await;
        office.work().await;
        assert_eq!(
            owners(&office).await,
            ["sub_1 pia -", "sub_2 pia -", "sub_3 pia -"]
        );
        let mut sql = office.sql().await;
        let customer = sql.one("SELECT user_id FROM customers").await;
        assert_eq!(customer.as_deref(), Some("pia"));
    }
}

#[tokio::test]
async fn the_first_name_counts_even_if_a_second_came_before_anybody_looked() {
    for office in Office::each().await {
        let of =
            |owner: &str| subscription("sub_1", "cus_1", "active", &json!({ "userId": owner }));
        // In the worse order, too.
        office
            .deliver(&event("evt_2", UPDATED, THEN + 1, &of("eve")))
            .await;
        office
            .deliver(&event("evt_1", CREATED, THEN, &of("pia")))
            .await;
        office.work().await;
        assert_eq!(owners(&office).await, ["sub_1 pia -"]);
    }
}

#[tokio::test]
async fn a_name_that_comes_later_is_better_than_none() {
    for office in Office::each().await {
        let nobody = subscription("sub_1", "cus_1", "active", &json!({"userId": " "}));
        office
            .deliver(&event("evt_1", CREATED, THEN, &nobody))
            .await;
        office.work().await;
        let mut sql = office.sql().await;
        assert_eq!(sql.count("webhook_inbox WHERE state = 'waiting'").await, 1);
        let named = subscription(
            "sub_1",
            "cus_1",
            "active",
            &json!({"organization_id": "acme"}),
        );
        office
            .deliver(&event("evt_2", UPDATED, THEN + 1, &named))
            .await;
        office.work().await;
        assert_eq!(owners(&office).await, ["sub_1 - acme"]);
        assert_eq!(sql.count("webhook_inbox WHERE state = 'done'").await, 2);
    }
}

#[tokio::test]
async fn what_waited_for_its_customer_to_be_known_goes_on_at_once() {
    for office in Office::each().await {
        let nobody = subscription("sub_1", "cus_1", "canceled", &json!({}));
        office
            .deliver(&event("evt_1", CREATED, THEN, &nobody))
            .await;
        office.work().await;
        // Another subscription of the customer says who it is; no time passes.
        let named = subscription("sub_2", "cus_1", "active", &json!({"userId": "pia"}));
        office
            .deliver(&event("evt_2", CREATED, THEN + 1, &named))
            .await;
        office.work().await;
        assert_eq!(owners(&office).await, ["sub_1 pia -", "sub_2 pia -"]);
    }
}
