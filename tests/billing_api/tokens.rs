//! Which tokens are believed, and what they let their bearers do.

use serde_json::json;
use tiergate_clock::Clock;
use tiergate_tests::tokens::Role;
use tiergate_tests::{Mint, Token};

use crate::service::Service;
use crate::subscribing::{path, subscribe, wants};

crate::scenarios![
    a_token_that_does_not_hold_is_refused,
    a_token_holds_until_it_expires,
    a_credential_of_another_form_is_refused,
    a_token_to_read_does_not_change,
    a_service_reads_everybodys_and_changes_nothing,
];

const MINE: &str = "/api/subscriptions/user/ada";

async fn a_token_that_does_not_hold_is_refused(service: Service) {
    let ada = |clock: &dyn Clock| Token::user("ada", clock);
    let clock = &*service.clock;
    let forged = Mint::new("another secret that is long enough too").bearer(&ada(clock));
    let good = service.mint.sign(&ada(clock));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = service.mint.sign(&ada(clock).with("sub", json!("eve")));
    let swapped = format!("Bearer {}.{signature}", other.rsplit_once('.').unwrap().0);
    for (what, bearer) in [
        ("expired", service.mint.bearer(&ada(clock).expired(clock))),
        ("another key", forged),
        ("unsigned", service.mint.bearer(&ada(clock).unsigned())),
        ("no signature", format!("Bearer {signed}.")),
        ("another's signature", swapped),
        (
            "another algorithm",
            service.mint.bearer(&ada(clock).of_another_algorithm()),
        ),
        ("of nobody", service.mint.bearer(&ada(clock).without("sub"))),
        ("for ever", service.mint.bearer(&ada(clock).without("exp"))),
        (
            "not yet",
            service
                .mint
                .bearer(&ada(clock).with("nbf", json!(1_767_229_200))),
        ),
        (
            "of an empty name",
            service.mint.bearer(&ada(clock).with("sub", json!(""))),
        ),
        ("not a token", "Bearer secret".to_owned()),
    ] {
        let refused = service
            .bearer(&bearer)
            .get(MINE)
            .refused(401, "UNAUTHORIZED")
            .await;
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"), "{what}");
        let said = refused.text();
        assert!(!said.contains(signature), "{what}: {said}");
    }
    service
        .bearer(&format!("Bearer {good}"))
        .get(MINE)
        .gets(200)
        .await;
}

async fn a_token_holds_until_it_expires(service: Service) {
    let ada = service.user("ada");
    ada.get(MINE).gets(200).await;
    service.pass(std::time::Duration::from_secs(3_590));
    ada.get(MINE).gets(200).await;
    service.pass(std::time::Duration::from_secs(20));
    ada.get(MINE).refused(401, "UNAUTHORIZED").await;
}

async fn a_credential_of_another_form_is_refused(service: Service) {
    let good = service.mint.bearer(&Token::user("ada", &*service.clock));
    let token = good.strip_prefix("Bearer ").unwrap();
    for authorization in ["Basic YWRhOnNlY3JldA==", "Bearer", token] {
        let refused = service.bearer(authorization).get(MINE);
        refused.refused(401, "UNAUTHORIZED").await;
    }
    let twice = service
        .bearer(&good)
        .get(MINE)
        .header("authorization", &good);
    twice.refused(401, "UNAUTHORIZED").await;
    service
        .nobody()
        .get(MINE)
        .refused(401, "UNAUTHORIZED")
        .await;
    // The scheme is a word in any case (RFC 9110, section 11.1).
    service
        .bearer(&format!("bearer {token}"))
        .get(MINE)
        .gets(200)
        .await;
}

async fn a_token_to_read_does_not_change(service: Service) {
    let pro = subscribe(&service.user("ada"), &wants("pro", "monthly")).await;
    let reads = service.caller(|clock| Token::user("ada", clock).read_only());
    assert_eq!(reads.read(path(&pro)).await, pro);
    let refused = reads.patch(path(&pro), &json!({ "tier": "max" }));
    refused.refused(403, "FORBIDDEN").await;
    for action in ["cancel", "reactivate"] {
        let refused = reads.post(format!("{}/{action}", path(&pro)), &json!({}));
        refused.refused(403, "FORBIDDEN").await;
    }
    let new = service.caller(|clock| Token::user("new", clock).read_only());
    let refused = new.post("/api/subscriptions", &wants("pro", "monthly"));
    refused.refused(403, "FORBIDDEN").await;
    let owner = service.caller(|clock| {
        Token::user("ole", clock)
            .in_organization("eagle", Role::Owner)
            .read_only()
    });
    let mut wanted = wants("team_small", "monthly");
    wanted["organizationId"] = json!("eagle");
    let refused = owner.post("/api/subscriptions", &wanted);
    refused.refused(403, "FORBIDDEN").await;
    // A token that may do nothing sees nothing.
    let blind = service.caller(|clock| Token::user("ada", clock).with("permissions", json!([])));
    blind.get(path(&pro)).refused(404, "NOT_FOUND").await;
    assert_eq!(service.user("ada").read(path(&pro)).await, pro);
}

async fn a_service_reads_everybodys_and_changes_nothing(service: Service) {
    let pro = subscribe(&service.user("ada"), &wants("pro", "monthly")).await;
    let meter = service.meter();
    assert_eq!(meter.read(path(&pro)).await, pro);
    assert_eq!(meter.read(MINE).await, pro);
    meter.get(format!("{}/usage", path(&pro))).gets(200).await;
    meter
        .get(format!("{}/invoices", path(&pro)))
        .gets(200)
        .await;
    let refused = meter.patch(path(&pro), &json!({ "tier": "max" }));
    refused.refused(403, "FORBIDDEN").await;
    let refused = meter.post("/api/subscriptions", &wants("pro", "monthly"));
    refused.refused(403, "FORBIDDEN").await;
    meter.get("/api/admin/mrr").refused(403, "FORBIDDEN").await;
}
