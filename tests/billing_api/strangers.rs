//! Requests that nobody of the project thought of: Schemathesis makes them from the document.

use tiergate_tests::{Check, Effort, Token, schemathesis_with};

use crate::service::Service;
use crate::subscribing::{invoices, subscribe_without_trial, wants};

/// What the answers are held against. Not among them: that what the document allows is never refused as
/// malformed, for it cannot say which tiers, features and metrics a catalog has; and that nobody is served
/// without a token, for each request here carries one. `access.rs` tries that.
const CHECKS: [Check; 7] = [
    Check::NotAServerError,
    Check::StatusCode,
    Check::ContentType,
    Check::ResponseHeaders,
    Check::ResponseSchema,
    Check::NegativeData,
    Check::UnsupportedMethod,
];

async fn nothing_breaks(token: impl FnOnce(&Service) -> Token) {
    let service = Service::over_sqlite().await;
    let ada = service.user("ada");
    let pro = subscribe_without_trial(&ada, &wants("pro", "monthly")).await;
    let invoice = &invoices(&ada, &pro).await[0];
    // Without ids that there are, every answer would be 404. What HTTP lets anybody add to a request, such
    // as header fields, is no fault of it.
    let settings = format!(
        "[generation]\n\
         allow-extra-parameters = false\n\
         [parameters]\n\
         \"path.id\" = {}\n\
         \"path.userId\" = \"ada\"\n\
         \"path.featureKey\" = \"storage_limit_gb\"\n\
         [[operations]]\n\
         include-path-regex = \"/invoices/.id.\"\n\
         parameters = {{ \"path.id\" = {} }}\n",
        pro["id"], invoice["id"]
    );
    let bearer = service.mint.bearer(&token(&service));
    let url = format!("http://{}/openapi.json", service.address);
    let effort = Effort {
        examples: 5,
        // Its answer goes on until the client leaves.
        without: &["/api/events"],
        settings: &settings,
    };
    let headers = [("authorization", &*bearer)];
    let Some(report) = schemathesis_with(&url, &headers, &CHECKS, effort).await else {
        return;
    };
    assert!(report.failures.is_empty(), "{}", report.output);
    assert!(report.operations > 30, "{}", report.operations);
}

#[tokio::test]
async fn a_users_requests_break_nothing() {
    nothing_breaks(|service| Token::user("ada", &*service.clock)).await;
}

#[tokio::test]
async fn an_admins_requests_break_nothing() {
    nothing_breaks(|service| Token::admin("ines", &*service.clock)).await;
}
