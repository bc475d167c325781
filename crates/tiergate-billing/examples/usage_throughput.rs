//! How many usage records a second the service makes durable, and whether their totals are exact.
//!
//! ```text
//! DATABASE_URL=postgres://postgres@127.0.0.1/usage cargo run --release -p tiergate-billing \
//!     --example usage_throughput -- 1000000 4
//! ```
//!
//! The arguments are how many different records there are, and how many clients send them at once.
//! Each batch has 1,000 records, of which every tenth was sent before. A client is a task that calls the
//! service's routes in the same process, so everything but the sockets is measured, what the clients do
//! included. The database has to be one that nobody else uses: it is migrated, and filled.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::BodyExt as _;
use jsonwebtoken::{EncodingKey, Header};
use secrecy::SecretString;
use serde_json::{Value, json};
use tiergate_billing::Billing;
use tiergate_billing::api::Api;
use tiergate_billing::auth::Verifier;
use tiergate_billing::database::{Database, DatabaseOptions};
use tiergate_core::Catalog;
use tower::ServiceExt as _;

type Fault = Box<dyn Error + Send + Sync>;

const SECRET: &str = "a secret that only this measurement knows";
const METRICS: [&str; 5] = [
    "storage",
    "bandwidth",
    "sms_messages",
    "email_sends",
    "workflow_executions",
];
const OWNERS: u64 = 500;
/// What is new in a batch; the rest of it was sent before.
const NEW: u64 = 900;
const AGAIN: u64 = 100;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args().skip(1);
    let records: u64 = arguments.next().as_deref().unwrap_or("1000000").parse()?;
    let clients: u64 = arguments.next().as_deref().unwrap_or("4").parse()?;
    let address = std::env::var("DATABASE_URL")?.parse()?;

    let database = Database::connect(&DatabaseOptions::new(address)).await?;
    database.migrate().await?;
    let catalog = Catalog::from_yaml(include_str!("../feature-flags.yaml"))?;
    let billing = Billing::new(database, catalog);
    let clock = Arc::clone(billing.clock());
    let verifier = Verifier::shared_secret(&SecretString::from(SECRET), billing.clock().clone())?;
    let service = Service {
        router: Api::new(billing, verifier).router(),
        authorization: token(clock.now().as_micros() / 1_000_000 + 86_400)?,
        // Keys of an earlier run in the same database are never met again.
        run: clock.now().as_micros(),
    };

    let before = service.totals().await?;
    let batches = records.div_ceil(NEW);
    let started = clock.now();
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..clients {
        let service = service.clone();
        tasks.spawn(async move {
            let (mut accepted, mut duplicates) = (0, 0);
            let mut sent_last = None;
            for batch in (client..batches).step_by(usize::try_from(clients)?) {
                let numbers = batch * NEW..((batch + 1) * NEW).min(records);
                let again = sent_last.map_or(0..0, |start| start..start + AGAIN);
                let counts = service.send(numbers.clone().chain(again)).await?;
                accepted += counts.0;
                duplicates += counts.1;
                sent_last = Some(numbers.start);
            }
            Ok::<_, Fault>((accepted, duplicates))
        });
    }
    let (mut accepted, mut duplicates) = (0, 0);
    while let Some(counts) = tasks.join_next().await {
        let counts = counts??;
        accepted += counts.0;
        duplicates += counts.1;
    }
    let took = clock.now().duration_since(started);
    println!("{accepted} accepted and {duplicates} duplicates in {took:?}");
    println!(
        "{} durable records a second, {} records sent a second",
        u128::from(accepted) * 1_000_000 / took.as_micros().max(1),
        u128::from(accepted + duplicates) * 1_000_000 / took.as_micros().max(1),
    );

    if accepted != records {
        return Err(format!("expected {records} accepted").into());
    }
    let mut expected = before;
    for number in 0..records {
        let place = (owner(number), metric(number)?.to_owned());
        *expected.entry(place).or_default() += quantity(number);
    }
    if service.totals().await? != expected {
        return Err("the totals are not exact".into());
    }
    println!("every total is exact");
    Ok(())
}

type Totals = BTreeMap<(u64, String), u64>;

#[derive(Clone)]
struct Service {
    router: Router,
    authorization: String,
    run: i64,
}

impl Service {
    /// Sends the records of those numbers, and returns how many were accepted and how many duplicates.
    async fn send(&self, numbers: impl Iterator<Item = u64>) -> Result<(u64, u64), Fault> {
        let run = self.run;
        let mut body = String::from(r#"{"records":["#);
        for (place, number) in numbers.enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let (owner, metric, quantity) = (owner(number), metric(number)?, quantity(number));
            write!(
                body,
                r#"{comma}{{"idempotencyKey":"{run}-{number}","organizationId":"o{owner}","#
            )?;
            write!(
                body,
                r#""userId":"u{}","metric":"{metric}","quantity":{quantity}}}"#,
                number % 1_000
            )?;
        }
        body.push_str("]}");
        let request = Request::post("/api/usage");
        let answer = self.call(request, body.into()).await?;
        let count = |name: &str| {
            let count = answer.pointer(&format!("/data/{name}"));
            count
                .and_then(Value::as_u64)
                .ok_or("an answer without counts")
        };
        if count("rejected")? > 0 {
            return Err(format!("rejected: {answer}").into());
        }
        Ok((count("accepted")?, count("duplicates")?))
    }

    /// What every owner has used of every metric, as the service tells it.
    async fn totals(&self) -> Result<Totals, Fault> {
        let mut totals = Totals::new();
        for owner in 0..OWNERS {
            let path = format!("/api/subscriptions/organization/o{owner}");
            let answer = self.call(Request::get(path), Body::empty()).await?;
            let Some(id) = answer.pointer("/data/id").and_then(Value::as_str) else {
                continue;
            };
            let path = format!("/api/subscriptions/{id}/usage");
            let answer = self.call(Request::get(path), Body::empty()).await?;
            let lines = answer.pointer("/data/metrics").and_then(Value::as_array);
            for line in lines.into_iter().flatten() {
                let metric = line
                    .get("metric")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let used = line.get("used").and_then(Value::as_u64).unwrap_or(0);
                if METRICS.contains(&metric) && used > 0 {
                    totals.insert((owner, metric.to_owned()), used);
                }
            }
        }
        Ok(totals)
    }

    async fn call(&self, request: http::request::Builder, body: Body) -> Result<Value, Fault> {
        let request = request
            .header(AUTHORIZATION, &self.authorization)
            .body(body)?;
        let response = self.router.clone().oneshot(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

fn token(expires: i64) -> Result<String, Fault> {
    let claims = json!({ "sub": "meter", "roles": ["service"], "exp": expires });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&Header::default(), &claims, &key)?;
    Ok(format!("Bearer {token}"))
}

/// Whose usage a record is: spread as if at random, and always the same.
fn owner(number: u64) -> u64 {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % OWNERS
}

fn metric(number: u64) -> Result<&'static str, Fault> {
    let place = usize::try_from(number / 3)? % METRICS.len();
    METRICS
        .get(place)
        .copied()
        .ok_or_else(|| "no metric".into())
}

fn quantity(number: u64) -> u64 {
    number % 97 + 1
}
