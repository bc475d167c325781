//! How many requests a caller may make.

use std::time::Duration;

use tiergate_billing::api::RateLimits;
use tiergate_core::Limit;

use crate::service::Service;

async fn service() -> Service {
    let limits = RateLimits {
        users: Limit::AtMost(3),
        operators: Limit::Unlimited,
    };
    Service::over_sqlite_with(|api| api.with_rate_limits(limits).unwrap()).await
}

#[tokio::test]
async fn who_asks_too_often_waits_and_others_do_not() {
    let service = service().await;
    let ada = service.user("ada");
    for left in (0..3).rev() {
        let reply = ada.get("/api/features/my").gets(200).await;
        let told = reply.header("ratelimit").unwrap();
        assert!(told.contains(&format!("r={left}")), "{told}");
        assert!(reply.header("ratelimit-policy").unwrap().contains("q=3"));
    }
    let refused = ada
        .get("/api/features/my")
        .refused(429, "LIMIT_EXCEEDED")
        .await;
    let wait = refused.retry_after().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(refused.header("ratelimit").unwrap().contains("r=0"));
    let json = refused.json();
    for member in ["upgradeUrl", "requiredTier", "availableIn", "currentTier"] {
        assert!(
            json.get(member).is_none(),
            "nobody can buy more of it: {json}"
        );
    }
    // It is the caller who waits, on every route, with whichever token.
    service
        .user("ada")
        .get("/api/subscriptions/user/ada")
        .gets(429)
        .await;
    service.user("bob").get("/api/features/my").gets(200).await;
    // Whoever watches the service is not limited.
    ada.get("/healthz").gets(200).await;
    ada.get("/readyz").gets(200).await;
    service.pass(Duration::from_secs(wait));
    service.user("ada").get("/api/features/my").gets(200).await;
}

#[tokio::test]
async fn the_operators_own_and_who_shows_no_token_are_not_counted() {
    let service = service().await;
    for _ in 0..8 {
        service.admin().get("/api/admin/mrr").gets(200).await;
        service
            .meter()
            .get("/api/subscriptions/user/ada")
            .gets(200)
            .await;
        service.nobody().get("/api/features").gets(200).await;
        service.nobody().get("/api/features/my").gets(401).await;
    }
}
