//! What is allowed and what is refused, over real sockets, against tables that were written by hand
//! from the price list and the feature list, not from the code.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a scenario that cannot be set up has to fail"
)]

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::json;
use tiergate::decision::{InactiveAccess, Policy};
use tiergate::{Access, Subject, Subscription, SubscriptionStatus, TierGate};
use tiergate_clock::ManualClock;
use tiergate_core::subscription::{Override, OverrideValue};
use tiergate_tests::{Billing, Reply, Server, active, authenticate, gate_on, http_gate, signed_in};
use tower::{ServiceBuilder, service_fn};

const TIERS: [&str; 8] = [
    "free",
    "pro",
    "max",
    "premium",
    "team_small",
    "team_growing",
    "team_scale",
    "enterprise",
];

/// Who gets through to each route: `+` for yes, in the order of the tiers above.
const ROUTES: [(&str, &str, &str); 3] = [
    ("/api/crm/contacts", "FEATURE_NOT_AVAILABLE", "-+++++++"),
    (
        "/api/workflows/execute",
        "FEATURE_NOT_AVAILABLE",
        "-+++++++",
    ),
    ("/api/branding/white-label", "TIER_REQUIRED", "---+---+"),
];

/// What each tier has, in the order of the tiers above. A limit counts as had when it is above zero,
/// a level always.
const FEATURES: [(&str, &str); 22] = [
    ("timeline_enabled", "++++++++"),
    ("messaging_enabled", "++++++++"),
    ("groups_enabled", "++++++++"),
    ("crm_enabled", "-+++++++"),
    ("workflow_enabled", "-+++++++"),
    ("live_streaming_enabled", "-+++++++"),
    ("payments_enabled", "--++-+++"),
    ("geospatial_enabled", "--++-+++"),
    ("lowcode_enabled", "--++++++"),
    ("storage_limit_gb", "++++++++"),
    ("bandwidth_limit_gb", "++++++++"),
    ("workflow_executions_monthly", "-+++++++"),
    ("api_calls_per_minute", "++++++++"),
    ("sso_enabled", "---+--++"),
    ("advanced_permissions", "--++++++"),
    ("audit_logs", "---+-+++"),
    ("support_level", "++++++++"),
    ("sla_uptime", "++++++++"),
    ("white_label", "---+---+"),
    ("custom_integrations", "--++-+++"),
    ("ai_moderation", "--++++++"),
    ("sms_messages", "-+++++++"),
];

/// Which tiers satisfy each minimum, in the order of the tiers above: a partial order, no ladder.
const MINIMA: [(&str, &str); 8] = [
    ("free", "++++++++"),
    ("pro", "-+++++++"),
    ("max", "--++---+"),
    ("premium", "---+---+"),
    ("team_small", "----++++"),
    ("team_growing", "-----+++"),
    ("team_scale", "------++"),
    ("enterprise", "-------+"),
];

fn three_routes(gate: &TierGate) -> Router {
    Router::new()
        .route(
            "/api/crm/contacts",
            get(async || "contacts").layer(gate.require_feature("crm_enabled").unwrap()),
        )
        .route(
            "/api/workflows/execute",
            post(async || "executed").layer(
                gate.check_usage_limit("workflow_executions_monthly")
                    .unwrap(),
            ),
        )
        .route(
            "/api/branding/white-label",
            post(async || "branded").layer(gate.require_min_tier("premium").unwrap()),
        )
}

fn method_of(path: &str) -> Method {
    if path == "/api/crm/contacts" {
        Method::GET
    } else {
        Method::POST
    }
}

fn rows(table: &str) -> impl Iterator<Item = (&'static str, bool)> {
    TIERS
        .into_iter()
        .zip(table.bytes().map(|sign| sign == b'+'))
}

async fn billing_with_every_tier() -> Billing {
    let billing = Billing::start().await;
    for tier in TIERS {
        billing.subscribe(active(Subject::user(format!("of_{tier}")), tier));
        billing.subscribe(active(Subject::organization(format!("of_{tier}")), tier));
    }
    billing
}

fn assert_problem(reply: &Reply, status: u16, code: &str) {
    let problem = reply.json();
    assert_eq!(reply.status, status, "{problem}");
    assert_eq!(problem["code"], code);
    assert_eq!(problem["status"], status);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(!problem["detail"].as_str().unwrap().is_empty());
}

/// Asks as the user of a tier and as the organization of it.
async fn assert_row(server: &Server, method: &Method, path: &str, table: &str, code: &str) {
    let client = server.client();
    for (tier, allowed) in rows(table) {
        let id = format!("of_{tier}");
        let user = client.ask(method.clone(), path).user(&id).send().await;
        let ask = client.ask(method.clone(), path).organization(&id);
        for reply in [user, ask.send().await] {
            if allowed {
                assert_eq!(reply.status, StatusCode::OK, "{path} for {tier}");
            } else {
                assert_problem(&reply, 403, code);
                assert_eq!(reply.json()["currentTier"], tier);
                assert_eq!(reply.header("retry-after"), None, "waiting does not help");
            }
        }
    }
}

#[tokio::test]
async fn the_three_routes_let_through_whom_the_price_list_does() {
    let billing = billing_with_every_tier().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let server = Server::start(signed_in(three_routes(&gate))).await;
    for (path, code, table) in ROUTES {
        assert_row(&server, &method_of(path), path, table, code).await;
    }
    // One lookup for each subject, however many routes it asked for.
    assert_eq!(billing.calls(), 16);
}

#[tokio::test]
async fn every_feature_and_every_minimum_follows_its_table() {
    let billing = billing_with_every_tier().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let mut app = Router::new();
    for (feature, _) in FEATURES {
        let guard = gate.require_feature(feature).unwrap();
        app = app.route(
            &format!("/feature/{feature}"),
            get(async || "").layer(guard),
        );
    }
    for (minimum, _) in MINIMA {
        let guard = gate.require_min_tier(minimum).unwrap();
        app = app.route(
            &format!("/minimum/{minimum}"),
            get(async || "").layer(guard),
        );
    }
    let server = Server::start(signed_in(app)).await;
    for (feature, table) in FEATURES {
        let path = format!("/feature/{feature}");
        assert_row(&server, &Method::GET, &path, table, "FEATURE_NOT_AVAILABLE").await;
    }
    for (minimum, table) in MINIMA {
        let path = format!("/minimum/{minimum}");
        assert_row(&server, &Method::GET, &path, table, "TIER_REQUIRED").await;
    }
}

#[tokio::test]
async fn a_denial_proposes_the_cheapest_tier_on_the_callers_own_track() {
    let billing = billing_with_every_tier().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let server = Server::start(signed_in(three_routes(&gate))).await;
    let client = server.client();
    let (crm, brand) = ("/api/crm/contacts", "/api/branding/white-label");
    // Team tiers have a minimum of five seats: 5 x $6.00 is the least that an organization pays.
    let proposals = [
        (client.get(crm).user("of_free"), "pro"),
        (client.get(crm).user("nobody"), "pro"),
        (client.get(crm).organization("of_free"), "team_scale"),
        (client.get(crm).organization("nobody"), "team_scale"),
        (client.post(brand).user("of_max"), "premium"),
        (
            client.post(brand).organization("of_team_scale"),
            "enterprise",
        ),
        (client.post(brand).organization("nobody"), "enterprise"),
    ];
    for (ask, proposed) in proposals {
        let reply = ask.send().await;
        assert_eq!(reply.json()["requiredTier"], proposed, "{}", reply.text());
    }
    let reply = client.get(crm).user("of_free").send().await;
    let others: Vec<_> = TIERS.into_iter().filter(|tier| *tier != "free").collect();
    assert_eq!(reply.json()["availableIn"], json!(others));
    assert_eq!(reply.json()["feature"], "crm_enabled");
}

#[tokio::test]
async fn who_is_not_signed_in_is_answered_401() {
    let billing = Billing::start().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let server = Server::start(three_routes(&gate)).await;
    for (path, ..) in ROUTES {
        let ask = server.client().ask(method_of(path), path);
        // Without authentication in front, a header of the caller's own grants nothing.
        assert_problem(&ask.user("of_enterprise").send().await, 401, "UNAUTHORIZED");
    }
    assert_eq!(billing.calls(), 0);
}

/// A subscription of the tier pro, at the first moment of 2026.
struct Case {
    id: &'static str,
    subscription: Subscription,
    crm: Option<&'static str>,
}

fn cases() -> Vec<Case> {
    use SubscriptionStatus::{Active, Canceled, PastDue, Suspended, Trialing, Unpaid};

    let date = |text: &str| text.parse().unwrap();
    let of = |id: &str, status| Subscription::new(Subject::user(id), "pro", status);
    let period = |subscription: Subscription, start: &str, end: &str| {
        subscription.with_period(date(start), date(end))
    };
    let case = |id, subscription, crm| Case {
        id,
        subscription,
        crm,
    };
    let inactive = Some("SUBSCRIPTION_INACTIVE");
    let not_part = Some("FEATURE_NOT_AVAILABLE");
    let (day, month_end) = ("2025-12-28T00:00:00Z", "2026-01-28T00:00:00Z");
    let (old, over) = ("2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z");
    let granted = |expires_at| Override {
        feature: "crm_enabled".into(),
        value: OverrideValue::Boolean(true),
        expires_at,
    };
    let revoked = Override {
        feature: "crm_enabled".into(),
        value: OverrideValue::Boolean(false),
        expires_at: None,
    };
    let free = |id: &str| active(Subject::user(id), "free");
    vec![
        case("active", of("active", Active), None),
        case(
            "trial",
            of("trial", Trialing).with_trial_end(date(month_end)),
            None,
        ),
        case("grace", period(of("grace", PastDue), day, month_end), None),
        // Seven days after the period's start, at that very moment.
        case(
            "grace over",
            period(of("grace over", PastDue), "2025-12-25T00:00:00Z", month_end),
            inactive,
        ),
        case(
            "paid until",
            period(of("paid until", Canceled), day, month_end).ending_with_period(),
            None,
        ),
        case(
            "ended",
            period(of("ended", Canceled), old, over).ending_with_period(),
            not_part,
        ),
        case("suspended", of("suspended", Suspended), inactive),
        case("unpaid", of("unpaid", Unpaid), inactive),
        case("novel", of("novel", "frozen".into()), inactive),
        case(
            "unknown tier",
            active(Subject::user("unknown tier"), "platinum"),
            not_part,
        ),
        case(
            "granted",
            free("granted").with_override(granted(None)),
            None,
        ),
        case(
            "granted until now",
            free("granted until now").with_override(granted(Some(date(over)))),
            not_part,
        ),
        case(
            "revoked",
            of("revoked", Active).with_override(revoked),
            not_part,
        ),
    ]
}

#[tokio::test]
async fn the_state_of_a_subscription_decides_as_documented() {
    let billing = Billing::start().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let app = three_routes(&gate).route(
        "/free",
        get(async || "").layer(gate.require_feature("timeline_enabled").unwrap()),
    );
    let server = Server::start(signed_in(app)).await;
    let client = server.client();
    for Case {
        id,
        subscription,
        crm,
    } in cases()
    {
        billing.subscribe(subscription);
        let reply = client.get("/api/crm/contacts").user(id).send().await;
        match crm {
            None => assert_eq!(reply.status, StatusCode::OK, "{id}: {}", reply.text()),
            Some(code) => {
                assert_problem(&reply, 403, code);
                if code == "SUBSCRIPTION_INACTIVE" {
                    assert_eq!(reply.json().get("requiredTier"), None, "{id}");
                }
            }
        }
        // What is free stays open, whatever became of the subscription.
        assert_eq!(client.get("/free").user(id).status().await, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_strict_policy_leaves_nothing_to_an_inactive_subscription() {
    let billing = Billing::start().await;
    let suspended = Subscription::new(Subject::user("ada"), "pro", SubscriptionStatus::Suspended);
    billing.subscribe(suspended);
    let mut policy = Policy::default();
    policy.inactive = InactiveAccess::Nothing;
    let gate = http_gate(&billing, &ManualClock::default())
        .policy(policy)
        .build()
        .unwrap();
    let app = Router::new().route(
        "/free",
        get(async || "").layer(gate.require_feature("timeline_enabled").unwrap()),
    );
    let server = Server::start(signed_in(app)).await;
    let reply = server.client().get("/free").user("ada").send().await;
    assert_problem(&reply, 403, "SUBSCRIPTION_INACTIVE");
}

#[tokio::test]
async fn who_has_just_paid_is_not_refused_from_a_cache() {
    let billing = Billing::start().await;
    let clock = ManualClock::default();
    let gate = gate_on(&billing, &clock);
    let server = Server::start(signed_in(three_routes(&gate))).await;
    let ask = || server.client().get("/api/crm/contacts").user("ada");
    billing.subscribe(active(Subject::user("ada"), "free"));
    assert_eq!(ask().status().await, StatusCode::FORBIDDEN);
    billing.subscribe(active(Subject::user("ada"), "pro"));
    clock.advance(Duration::from_secs(3));
    assert_eq!(ask().status().await, StatusCode::OK);
    assert_eq!(billing.calls(), 2);
}

async fn inner<B>(body: B) -> Result<Response<B>, Infallible> {
    Ok(Response::new(body))
}

#[tokio::test]
async fn the_same_layers_guard_bare_hyper_with_any_body() {
    let billing = billing_with_every_tier().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let limit = || {
        gate.check_usage_limit("workflow_executions_monthly")
            .unwrap()
    };
    let full = service_fn(|_: Request<Incoming>| inner(Full::new(Bytes::from("done"))));
    let boxed = service_fn(|_: Request<Incoming>| {
        inner::<BoxBody<Bytes, Infallible>>(Full::new(Bytes::from("done")).boxed())
    });
    let into_box = |bytes: Bytes| Full::new(bytes).boxed();
    let authenticated = || ServiceBuilder::new().map_request(authenticate);

    let servers = [
        Server::start_bare(
            authenticated()
                .layer(gate.require_feature("crm_enabled").unwrap())
                .service(full),
        )
        .await,
        Server::start_bare(authenticated().layer(limit()).service(full)).await,
        Server::start_bare(
            authenticated()
                .layer(gate.require_min_tier("premium").unwrap())
                .service(full),
        )
        .await,
        Server::start_bare(
            authenticated()
                .layer(
                    gate.require_feature("crm_enabled")
                        .unwrap()
                        .denial_body(into_box),
                )
                .service(boxed),
        )
        .await,
        Server::start_bare(
            authenticated()
                .layer(limit().denial_body(into_box))
                .service(boxed),
        )
        .await,
        Server::start_bare(
            authenticated()
                .layer(
                    gate.require_min_tier("premium")
                        .unwrap()
                        .denial_body(into_box),
                )
                .service(boxed),
        )
        .await,
    ];
    for (server, (_, code, table)) in servers.iter().zip(ROUTES.iter().cycle()) {
        assert_row(server, &Method::GET, "/", table, code).await;
    }
}

#[tokio::test]
async fn head_is_decided_as_get_is_and_has_no_body() {
    let billing = billing_with_every_tier().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let app = three_routes(&gate).route(
        "/metered",
        get(async || "done").layer(gate.check_usage_limit("sms_messages").unwrap()),
    );
    let server = Server::start(signed_in(app)).await;
    let head = |path: &str, user: &str| server.client().ask(Method::HEAD, path).user(user).send();

    let allowed = head("/api/crm/contacts", "of_pro").await;
    assert_eq!(allowed.status, StatusCode::OK);
    let denied = head("/api/crm/contacts", "of_free").await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    assert_eq!(denied.header("cache-control"), Some("no-store"));
    let metered = head("/metered", "of_pro").await;
    assert_eq!(
        metered
            .header("ratelimit-policy")
            .unwrap()
            .split(';')
            .next(),
        Some("\"sms_messages\"")
    );
    for reply in [allowed, denied, metered] {
        assert!(reply.body.is_empty());
    }
    // It ran the handler, so it is charged.
    let used = gate.usage(&Subject::user("of_pro"), "sms_messages").await;
    assert_eq!(used.unwrap().used, 1);
}

#[tokio::test]
async fn unknown_paths_stay_404_and_wrong_methods_405() {
    let billing = billing_with_every_tier().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let guard = || gate.require_feature("crm_enabled").unwrap();
    let app = Router::new()
        .route("/method", get(async || "").route_layer(guard()))
        .merge(
            Router::new()
                .route("/routes", get(async || ""))
                .route_layer(guard()),
        );
    let server = Server::start(signed_in(app)).await;
    let client = server.client();
    for user in ["of_free", "of_pro"] {
        let unknown = client.get("/unknown").user(user).status().await;
        assert_eq!(unknown, StatusCode::NOT_FOUND);
        let wrong = client.post("/method").user(user).send().await;
        assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(wrong.header("allow"), Some("GET,HEAD"));
    }
    // A guard on all routes of a router also stands before their 405.
    let wrong = |user| client.post("/routes").user(user).status();
    assert_eq!(wrong("of_pro").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong("of_free").await, StatusCode::FORBIDDEN);
    assert_eq!(
        client.get("/method").user("of_free").status().await,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn the_handler_is_told_what_was_found_out() {
    let billing = billing_with_every_tier().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let handler = async |request: axum::extract::Request| {
        let access = Access::of(request.extensions()).unwrap();
        let sms = access.limit("sms_messages").unwrap();
        format!(
            "{} {} {} of {} {}",
            access.subject(),
            access.tier(),
            sms.used,
            sms.limit,
            access.subscription().is_some(),
        )
    };
    let app = Router::new()
        .route("/send", post(handler))
        .route_layer(gate.check_usage_limit("sms_messages").unwrap())
        .route_layer(gate.require_feature("crm_enabled").unwrap());
    let server = Server::start(signed_in(app)).await;
    let ask = || server.client().post("/send").organization("of_team_small");
    assert_eq!(
        ask().send().await.text(),
        "organization:of_team_small team_small 1 of 500 true"
    );
    assert_eq!(
        ask().send().await.text(),
        "organization:of_team_small team_small 2 of 500 true"
    );
}
