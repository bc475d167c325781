//! Two subjects never share anything: no cache entry, no counter, no address at the billing service,
//! whatever their ids look like.

#![expect(
    clippy::indexing_slicing,
    reason = "a scenario that cannot be set up has to fail"
)]

use std::collections::HashSet;

use axum::Router;
use axum::routing::{get, post};
use http::{HeaderName, StatusCode};
use percent_encoding::percent_decode_str;
use tiergate::request::FromExtensions;
use tiergate::{Principal, Subject};
use tiergate_clock::ManualClock;
use tiergate_core::SubjectKind;
use tiergate_tests::{
    Billing, Server, active, gate_on, http_gate, limited, metered_gate, signed_in,
};

const PAIRS: usize = 2_000;

/// Ids of a few letters that mean something in a path, a key or a text.
fn ids() -> Vec<String> {
    const PIECES: [&str; 22] = [
        ":",
        "/",
        "\\",
        "%",
        "%2F",
        "%2e",
        "..",
        ".",
        "a",
        "b",
        "user",
        "organization",
        "user:",
        "organization:",
        "?",
        "#",
        "&",
        " ",
        "\u{e9}",
        "e\u{301}",
        "\u{1f980}",
        "+",
    ];
    let mut dice = fastrand::Rng::with_seed(2_000);
    let mut ids = HashSet::new();
    while ids.len() < PAIRS {
        let pieces = dice.usize(1..=4);
        let id: String = (0..pieces)
            .map(|_| PIECES[dice.usize(..PIECES.len())])
            .collect();
        // These two cannot be a part of an address, and are refused: see below.
        if id != "." && id != ".." {
            ids.insert(id);
        }
    }
    let mut ids: Vec<_> = ids.into_iter().collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_user_and_an_organization_of_one_id_are_two_subjects() {
    let billing = Billing::start().await;
    billing.subscribe(active(Subject::user("x"), "premium"));
    billing.subscribe(limited(Subject::organization("x"), "sms_messages", 2));
    let (gate, _) = metered_gate(&billing, &ManualClock::default());
    let brand = gate.require_feature("white_label").unwrap();
    let send = gate.check_usage_limit("sms_messages").unwrap();
    let app = Router::new()
        .route("/send", post(async || "sent").layer(send))
        .route("/sso", get(async || "").layer(brand));
    let server = Server::start(signed_in(app)).await;
    let send = || server.client().post("/send");
    for _ in 0..2 {
        assert_eq!(send().organization("x").status().await, StatusCode::OK);
    }
    assert_eq!(
        send().organization("x").status().await,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(send().user("x").status().await, StatusCode::OK);
    let used = async |subject| gate.usage(&subject, "sms_messages").await.unwrap().used;
    assert_eq!(used(Subject::user("x")).await, 1);
    assert_eq!(used(Subject::organization("x")).await, 2);
    assert_eq!(billing.calls(), 2);

    gate.invalidate(&Subject::user("x"));
    assert!(gate.lookup().get(&Subject::user("x")).is_none());
    assert!(gate.lookup().get(&Subject::organization("x")).is_some());
}

#[tokio::test]
async fn ids_with_separators_never_meet_in_a_cache_a_counter_or_an_address() {
    let billing = Billing::start().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let ids = ids();
    // One of each pair has a tier of its own, the other has none.
    for (position, id) in ids.iter().enumerate() {
        let tier = if position % 2 == 0 { "pro" } else { "premium" };
        billing.subscribe(active(Subject::user(&**id), tier));
    }
    for (position, id) in ids.iter().enumerate() {
        let (user, organization) = (Subject::user(&**id), Subject::organization(&**id));
        let premium = gate.meets_tier(&user, "premium").await.unwrap();
        assert_eq!(premium, position % 2 == 1, "{id}");
        assert!(
            !gate
                .has_feature_access(&organization, "crm_enabled")
                .await
                .unwrap()
        );
        assert!(gate.has_feature_access(&user, "crm_enabled").await.unwrap());
        // Each finds its own counter untouched by all before it.
        let reserved = gate.reserve(&user, "sms_messages", 1).await.unwrap();
        assert_eq!(reserved.used(), 1, "{id}");
        let _ = reserved.commit().await.unwrap();
    }
    assert_eq!(gate.lookup().statistics().flights, 2 * PAIRS as u64);

    // Each lookup went to an address that names exactly its subject.
    let mut asked = HashSet::new();
    for received in billing.received() {
        let segments: Vec<_> = received.path.split('/').collect();
        let ["", "api", "subscriptions", kind, id] = segments[..] else {
            panic!("{} has another shape", received.path)
        };
        let id = percent_decode_str(id).decode_utf8().unwrap().into_owned();
        assert!(
            asked.insert((kind.to_owned(), id)),
            "{} twice",
            received.path
        );
    }
    let expected = ids.iter().flat_map(|id| {
        [SubjectKind::User, SubjectKind::Organization]
            .map(|kind| (kind.as_str().to_owned(), id.clone()))
    });
    assert_eq!(asked, expected.collect());
}

#[tokio::test]
async fn an_id_that_names_nobody_is_asked_about_nowhere() {
    let billing = Billing::start().await;
    let gate = gate_on(&billing, &ManualClock::default());
    let guard = gate.require_feature("crm_enabled").unwrap();
    let app = Router::new().route("/", get(async || "").layer(guard));
    let server = Server::start(signed_in(app)).await;
    let ask = |id: &str| server.client().get("/").user(id).send();
    let long = "x".repeat(257);
    for id in ["", &*long] {
        let reply = ask(id).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (StatusCode::UNAUTHORIZED, "UNAUTHORIZED")
        );
    }
    for id in [".", ".."] {
        let reply = ask(id).await;
        assert_eq!(reply.code(), "BILLING_UNAVAILABLE", "{id}");
    }
    assert_eq!(billing.calls(), 0);
    let longest = "y".repeat(256);
    assert_eq!(ask(&longest).await.code(), "FEATURE_NOT_AVAILABLE");
    assert_eq!(billing.calls(), 1);
}

#[tokio::test]
async fn a_header_chooses_an_organization_and_grants_none() {
    let billing = Billing::start().await;
    billing.subscribe(active(Subject::organization("acme"), "enterprise"));
    billing.subscribe(active(Subject::organization("rich"), "enterprise"));
    let header = HeaderName::from_static("x-organization-id");
    let gate = http_gate(&billing, &ManualClock::default())
        .subject(FromExtensions::new().organization_header(header))
        .build()
        .unwrap();
    let guard = gate.require_min_tier("enterprise").unwrap();
    let app = Router::new()
        .route("/", get(async || "done").layer(guard))
        .layer(axum::middleware::map_request(
            async |mut request: axum::extract::Request| {
                request
                    .extensions_mut()
                    .insert(Principal::user("ada").member_of("acme"));
                request
            },
        ));
    let server = Server::start(app).await;
    let ask = || server.client().get("/");
    let chosen = |id| ask().header("x-organization-id", id).send();

    assert_eq!(ask().send().await.code(), "TIER_REQUIRED");
    assert_eq!(chosen("acme").await.status, StatusCode::OK);
    for other in ["rich", "ACME", "acme ", "acme,rich", "", "ada"] {
        let reply = chosen(other).await;
        // White space around a header's value is not part of it (RFC 9110, section 5.5).
        if other.trim() == "acme" {
            assert_eq!(reply.status, StatusCode::OK);
        } else {
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{other}");
        }
    }
    let twice = ask()
        .header("x-organization-id", "acme")
        .header("x-organization-id", "rich");
    assert_eq!(twice.status().await, StatusCode::UNAUTHORIZED);
    let alias = ask().header("x_organization_id", "acme");
    assert_eq!(alias.send().await.code(), "TIER_REQUIRED");
    assert_eq!(billing.calls(), 2, "for the user and for acme");
}
