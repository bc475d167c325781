//! Who may do what to whose: every operation of the OpenAPI document with every kind of caller.
//!
//! The operations come from the document and the expectations from the table below. An operation that the
//! table does not have, and one that only the table has, fails the test.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use tiergate_tests::openapi::Operation;
use tiergate_tests::tokens::Role;
use tiergate_tests::{Mint, Reply, Token};

use crate::call::{CONTRACT, Caller};
use crate::service::Service;
use crate::subscribing::{invoices, subscribe_without_trial, wants};

crate::scenarios![
    everybody_gets_what_the_contract_says_of_anothers_objects,
    an_organization_in_a_request_is_one_of_the_callers,
];

/// What an operation is about, and so who may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// Nobody's: it needs no token.
    Public,
    /// Reads what somebody has.
    Read,
    /// Changes what somebody has.
    Change,
    /// Changes what only the operator's people may, of somebody.
    AdminsChange,
    /// For the operator's people, whoever's it is.
    Admin,
    /// For services and the operator's people.
    Service,
    /// The caller's own, whoever they are.
    Own,
}

use About::{Admin, AdminsChange, Change, Own, Public, Read, Service as Services};

/// Every operation. One that is new has to be put here, with whom it is for.
const OPERATIONS: [(&str, About); 36] = [
    ("GET /api/subscriptions/user/{userId}", Read),
    ("GET /api/subscriptions/organization/{organizationId}", Read),
    ("GET /api/subscriptions/{id}", Read),
    ("GET /api/subscriptions/{id}/preview", Read),
    ("GET /api/subscriptions/{id}/usage", Read),
    ("GET /api/subscriptions/{id}/invoices", Read),
    ("GET /api/invoices/{id}", Read),
    ("PATCH /api/subscriptions/{id}", Change),
    ("POST /api/subscriptions/{id}/cancel", Change),
    ("POST /api/subscriptions/{id}/reactivate", Change),
    (
        "PUT /api/subscriptions/{id}/overrides/{featureKey}",
        AdminsChange,
    ),
    (
        "DELETE /api/subscriptions/{id}/overrides/{featureKey}",
        AdminsChange,
    ),
    // These name an organization besides the caller: see the last of the scenarios.
    ("POST /api/subscriptions", Own),
    ("GET /api/features/my", Own),
    ("GET /api/events", Own),
    ("POST /api/usage", Services),
    ("POST /api/usage/totals", Services),
    ("GET /api/admin/subscriptions", Admin),
    ("POST /api/admin/subscriptions/{id}/cancel", Admin),
    ("POST /api/admin/subscriptions/{id}/extend-trial", Admin),
    ("POST /api/admin/subscriptions/{id}/grant-tier", Admin),
    ("POST /api/admin/subscriptions/{id}/adjust", Admin),
    ("POST /api/admin/grants", Admin),
    ("POST /api/admin/invoices/{id}/mark", Admin),
    ("POST /api/admin/invoices/{id}/refund", Admin),
    ("GET /api/admin/revenue", Admin),
    ("GET /api/admin/distribution", Admin),
    ("GET /api/admin/churn", Admin),
    ("GET /api/admin/mrr", Admin),
    ("GET /api/admin/usage", Admin),
    ("GET /api/admin/usage/top", Admin),
    ("GET /api/admin/audit", Admin),
    ("GET /api/admin/webhooks", Admin),
    ("POST /api/admin/webhooks/{id}/retry", Admin),
    ("GET /api/features", Public),
    ("POST /webhooks/stripe", Public),
];

/// What whoever operates the service asks. None of it is about anybody.
const OPERATING: [&str; 4] = [
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /openapi.json",
];

/// Every operation of the document, with what it is about.
fn operations() -> Vec<(&'static Operation, About)> {
    let mut left: BTreeSet<_> = OPERATIONS.iter().map(|(line, _)| *line).collect();
    left.extend(OPERATING);
    let all: Vec<_> = CONTRACT
        .operations()
        .map(|operation| {
            let line = format!("{} {}", operation.method, operation.path);
            assert!(
                left.remove(&*line),
                "{line} is new: say in OPERATIONS whom it is for"
            );
            let mut known = OPERATIONS.iter();
            let about = known.find(|(known, _)| *known == line);
            (operation, about.map_or(Public, |(_, about)| *about))
        })
        .collect();
    assert!(left.is_empty(), "these are no more: {left:?}");
    all
}

/// What is there: something of ada's, and the same of the organization eagle.
struct World {
    owners: [Owned; 2],
}

#[derive(Clone)]
struct Owned {
    /// `userId` or `organizationId`.
    kind: &'static str,
    owner: &'static str,
    subscription: String,
    invoice: String,
}

impl World {
    async fn make(service: &Service) -> Self {
        let ada = service.user("ada");
        let ole = service.member("ole", "eagle", Role::Owner);
        let mut team = wants("team_small", "monthly");
        team["organizationId"] = json!("eagle");
        let user = owned(&ada, "userId", "ada", &wants("pro", "monthly")).await;
        let organization = owned(&ole, "organizationId", "eagle", &team).await;
        Self {
            owners: [user, organization],
        }
    }
}

async fn owned(
    caller: &Caller<'_>,
    kind: &'static str,
    owner: &'static str,
    wanted: &Value,
) -> Owned {
    let subscription = subscribe_without_trial(caller, wanted).await;
    let invoice = &invoices(caller, &subscription).await[0];
    Owned {
        kind,
        owner,
        subscription: subscription["id"].as_str().unwrap().to_owned(),
        invoice: invoice["id"].as_str().unwrap().to_owned(),
    }
}

/// Where an operation is for somebody's object; none if it is about owners of the other kind.
fn place(operation: &Operation, owned: &Owned) -> Option<String> {
    let id = if operation.path.contains("/invoices/{id}") {
        &owned.invoice
    } else {
        &owned.subscription
    };
    let path = operation.path.replace("{id}", id);
    let path = path.replace("{featureKey}", "sso_enabled");
    let path = path.replace(&format!("{{{}}}", owned.kind), owned.owner);
    let query = match &*operation.path {
        "/api/subscriptions/{id}/preview" => "?tier=free",
        "/api/admin/usage/top" => "?metric=storage",
        _ => "",
    };
    let left: Vec<_> = path
        .split('/')
        .filter(|part| part.starts_with('{'))
        .collect();
    (left.is_empty()).then(|| format!("{path}{query}"))
}

/// A body that is right.
fn body(operation: &Operation, owned: &Owned) -> Value {
    let line = format!("{} {}", operation.method, operation.path);
    match &*line {
        "POST /api/subscriptions" => wants("pro", "monthly"),
        "PATCH /api/subscriptions/{id}" => json!({ "billingCycle": "annual" }),
        "PUT /api/subscriptions/{id}/overrides/{featureKey}" => {
            json!({ "value": true, "reason": "a gift" })
        }
        "POST /api/usage" => json!({ "records": [
            { "idempotencyKey": "a", owned.kind: owned.owner, "metric": "storage", "quantity": 1 },
        ] }),
        "POST /api/usage/totals" => json!({ "questions": [
            {
                owned.kind: owned.owner, "metric": "storage",
                "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z",
            },
        ] }),
        "POST /api/admin/subscriptions/{id}/extend-trial" => {
            json!({ "until": "2026-02-01T00:00:00Z", "reason": "asked" })
        }
        "POST /api/admin/subscriptions/{id}/grant-tier" => {
            json!({ "tier": "max", "reason": "a prize" })
        }
        "POST /api/admin/grants" => {
            json!({ owned.kind: owned.owner, "tier": "max", "reason": "a prize" })
        }
        "POST /api/admin/subscriptions/{id}/adjust" => {
            json!({ "discountBasisPoints": 1, "reason": "a nonprofit" })
        }
        "POST /api/admin/invoices/{id}/mark" => json!({ "status": "void", "reason": "a slip" }),
        line if line.starts_with("POST /api/admin/webhooks") => json!({}),
        line if line.starts_with("POST /api/admin/") => json!({ "reason": "asked" }),
        _ => Value::Null,
    }
}

async fn call(caller: &Caller<'_>, operation: &Operation, path: &str, body: &Value) -> Reply {
    caller
        .ask(operation.method.clone(), path)
        .json(body)
        .send()
        .await
}

/// What somebody is to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is theirs, or they run the organization that it is of.
    Runs,
    /// They may see it.
    Sees,
    /// It is nothing to them.
    Stranger,
    /// They are one of the operator's services.
    Service,
}

/// The status of a refusal; none if it is not refused. The operator's people are refused nothing.
fn refusal(about: About, standing: Standing) -> Option<u16> {
    match (about, standing) {
        (Public | Own, _) => None,
        (Read, Standing::Stranger) => Some(404),
        (Read, _) => None,
        (Change, Standing::Runs) => None,
        (Change | AdminsChange, Standing::Stranger) => Some(404),
        (Change | AdminsChange, _) => Some(403),
        (Services, Standing::Service) => None,
        (Admin | Services, _) => Some(403),
    }
}

/// No database is asked for what is refused so early, so one is enough.
#[tokio::test]
async fn what_needs_a_token_is_refused_without_one() {
    let service = Service::over_sqlite().await;
    let world = World::make(&service).await;
    let clock = &*service.clock;
    let ines = Token::admin("ines", clock);
    let forged = Mint::new("a secret that is not the one of the service").bearer(&ines);
    let shown = [
        None,
        Some(String::new()),
        Some("Bearer ".to_owned()),
        Some(forged),
        Some(service.mint.bearer(&ines.clone().expired(clock))),
        Some(service.mint.bearer(&ines.clone().unsigned())),
        Some(service.mint.bearer(&ines.of_another_algorithm())),
    ];
    for (operation, about) in operations() {
        let line = format!("{} {}", operation.method, operation.path);
        assert_eq!(
            operation.needs_credential(),
            about != Public,
            "what the document says of {line}"
        );
        for owned in &world.owners {
            let Some(path) = place(operation, owned) else {
                continue;
            };
            for authorization in &shown {
                let caller = match authorization {
                    None => service.nobody(),
                    Some(authorization) => service.bearer(authorization),
                };
                // Whatever is sent with it: who may call is asked first.
                let odd = operation.request.as_ref().map(|_| json!({ "odd": true }));
                for body in [Some(body(operation, owned)), odd].into_iter().flatten() {
                    let reply = call(&caller, operation, &path, &body).await;
                    if about == Public {
                        assert_ne!(reply.status, 401, "{line} needs no token");
                        continue;
                    }
                    assert_eq!(reply.status, 401, "{line}: {}", reply.text());
                    assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{line}");
                }
            }
        }
    }
}

async fn everybody_gets_what_the_contract_says_of_anothers_objects(service: Service) {
    let world = World::make(&service).await;
    let nobodys = Owned {
        subscription: "019b0000-0000-7000-8000-000000000000".to_owned(),
        invoice: "019b0000-0000-7000-8000-000000000000".to_owned(),
        ..world.owners[0].clone()
    };
    let admin = service.admin();
    let of_user = |standing| (standing, Standing::Stranger);
    let of_organization = |standing| (Standing::Stranger, standing);
    let read_only = |token: Token| token.read_only();
    let callers = [
        // Each with what they are to ada's, and to the organization's.
        (service.user("ada"), of_user(Standing::Runs)),
        (
            service.caller(|clock| read_only(Token::user("ada", clock))),
            of_user(Standing::Sees),
        ),
        (
            service.member("ole", "eagle", Role::Owner),
            of_organization(Standing::Runs),
        ),
        (
            service.member("ann", "eagle", Role::Admin),
            of_organization(Standing::Runs),
        ),
        (
            service.member("mia", "eagle", Role::Member),
            of_organization(Standing::Sees),
        ),
        (service.user("eve"), of_user(Standing::Stranger)),
        (
            service.member("eve", "hawk", Role::Owner),
            of_user(Standing::Stranger),
        ),
        // The name of one is not the name of the other.
        (service.user("eagle"), of_user(Standing::Stranger)),
        (
            service.member("eve", "ada", Role::Owner),
            of_user(Standing::Stranger),
        ),
        (service.meter(), (Standing::Service, Standing::Service)),
        // A service is no user, though it may have the name of one.
        (
            service.caller(|clock| Token::service("ada", clock)),
            (Standing::Service, Standing::Service),
        ),
    ];
    let mut refused = 0;
    for (operation, about) in operations() {
        let line = format!("{} {}", operation.method, operation.path);
        if about == Public || about == Own {
            continue;
        }
        for (owned, index) in world.owners.iter().zip(0..) {
            let Some(path) = place(operation, owned) else {
                continue;
            };
            let body = body(operation, owned);
            for (caller, standings) in &callers {
                let standing = [standings.0, standings.1][index];
                let said = format!("{line} of {}'s by a {standing:?}", owned.owner);
                let Some(status) = refusal(about, standing) else {
                    if about == Read {
                        let reply = call(caller, operation, &path, &body).await;
                        assert_eq!(reply.status, 200, "{said}: {}", reply.text());
                    }
                    continue;
                };
                let before = record(&admin, owned).await;
                let reply = call(caller, operation, &path, &body).await;
                assert_eq!(reply.status, status, "{said}: {}", reply.text());
                assert_eq!(record(&admin, owned).await, before, "{said}");
                refused += 1;
                // A body that is odd changes nothing of that: nobody probes with it.
                if !body.is_null() && status == 403 && about == Admin {
                    let odd = call(caller, operation, &path, &json!({ "odd": true })).await;
                    assert_eq!(odd.body, reply.body, "{said}");
                }
                // Nobody learns which ids there are.
                if status == 404
                    && let Some(none) = place(operation, &nobodys).filter(|none| *none != path)
                {
                    let none = call(caller, operation, &none, &body).await;
                    assert_eq!(
                        (none.status, &none.body),
                        (reply.status, &reply.body),
                        "{said}"
                    );
                }
            }
        }
    }
    assert!(refused > 250, "{refused}");
    may_do_it(&service, &world).await;
}

/// The subscription and its invoice.
async fn record(admin: &Caller<'_>, owned: &Owned) -> [Value; 2] {
    [
        admin
            .read(format!("/api/subscriptions/{}", owned.subscription))
            .await,
        admin.read(format!("/api/invoices/{}", owned.invoice)).await,
    ]
}

/// Whoever may change something can; or is told that it is not in the state for it.
async fn may_do_it(service: &Service, world: &World) {
    let runs = [
        service.user("ada"),
        service.member("ann", "eagle", Role::Admin),
    ];
    for (operation, about) in operations() {
        for (owned, runs) in world.owners.iter().zip(&runs) {
            let Some(path) = place(operation, owned) else {
                continue;
            };
            let who = match about {
                Change => vec![runs.clone(), service.admin()],
                AdminsChange | Admin => vec![service.admin()],
                Services => vec![service.meter(), service.admin()],
                Public | Read | Own => continue,
            };
            for caller in who {
                let reply = call(&caller, operation, &path, &body(operation, owned)).await;
                let status = reply.status.as_u16();
                let in_no_inbox = status == 404 && operation.path.contains("/webhooks/");
                let of_other_track = status == 400 && operation.path.contains("grant");
                assert!(
                    reply.status.is_success() || status == 409 || in_no_inbox || of_other_track,
                    "{} {path}: {}",
                    operation.method,
                    reply.text()
                );
            }
        }
    }
}

async fn an_organization_in_a_request_is_one_of_the_callers(service: Service) {
    World::make(&service).await;
    let mut body = wants("team_small", "monthly");
    body["organizationId"] = json!("eagle");
    for (who, mine, created) in [
        (service.member("ole", "eagle", Role::Owner), 200, 409),
        (service.member("ann", "eagle", Role::Admin), 200, 409),
        (service.member("mia", "eagle", Role::Member), 200, 403),
        (service.member("eve", "hawk", Role::Owner), 404, 404),
        (service.user("eve"), 404, 404),
        (service.user("eagle"), 404, 404),
        (service.meter(), 200, 403),
        (service.admin(), 200, 409),
        (service.nobody(), 401, 401),
    ] {
        who.get("/api/features/my?organizationId=eagle")
            .gets(mine)
            .await;
        who.ask(Method::POST, "/api/subscriptions")
            .json(&body)
            .gets(created)
            .await;
    }
    // Every operation that names an owner in its query or body is one of these.
    let naming = [
        "/api/features/my",
        "/api/subscriptions",
        "/api/usage",
        "/api/usage/totals",
        "/api/admin/grants",
    ];
    for operation in CONTRACT.operations() {
        let named = operation.parameters.iter().any(|parameter| {
            let place = parameter.place;
            place == tiergate_tests::openapi::Place::Query && names_an_owner(&parameter.name)
        });
        let mut bodies = operation
            .request
            .iter()
            .flat_map(|body| body.content.values());
        let named_in_body = bodies.any(|schema| describes_an_owner(schema, 0));
        assert!(
            !(named || named_in_body) || naming.contains(&&*operation.path),
            "{} {} names an owner: try it here",
            operation.method,
            operation.path
        );
    }
}

fn names_an_owner(name: &str) -> bool {
    ["organizationId", "userId", "subscriptionId"].contains(&name)
}

/// Whether a schema has a property that names an owner, at any depth.
fn describes_an_owner(schema: &Value, depth: usize) -> bool {
    assert!(depth < 32, "a schema within itself: {schema}");
    let schema = CONTRACT.resolve(schema);
    match schema {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| names_an_owner(name) || describes_an_owner(value, depth + 1)),
        Value::Array(items) => items.iter().any(|item| describes_an_owner(item, depth + 1)),
        _ => false,
    }
}
