//! A platform in one process: billing, and a service that asks it. Walks through every way in which what
//! somebody may do can change, and says how long each step took.
//!
//! ```console
//! $ cargo run -p tiergate-examples --example platform
//! ```
//!
//! It ends with 0 when every step went as it says, and with 1 otherwise. The servers and the sockets
//! between them are real; the database is a SQLite file that ends with the program.

mod billing_client;
mod own_billing;
mod platform_service;
mod sign_in;
mod tokens;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tiergate::lookup::StaticToken;
use tiergate::{Catalog, HttpLookup, TierGate};
use tiergate_clock::{Clock, SystemClock};
use tiergate_stripe::WebhookSecrets;

use billing_client::BillingClient;
use own_billing::OwnBilling;
use platform_service::Service;
use tokens::IdentityProvider;

const CATALOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../feature-flags.yaml");

#[tokio::main]
async fn main() -> ExitCode {
    match walk().await {
        Ok(()) => {
            println!("\nEverything went as it should.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn walk() -> Result<(), Box<dyn Error>> {
    let platform = Platform::start().await?;
    platform.upgrade().await?;
    platform.use_up().await?;
    platform.pay_at_stripe().await?;
    platform.cancel().await?;
    platform.outage().await?;
    platform.billing.stop().await;
    Ok(())
}

/// Everything that runs.
struct Platform {
    billing: OwnBilling,
    client: BillingClient,
    identity: IdentityProvider,
    /// What Stripe would sign its webhooks with.
    stripe: WebhookSecrets,
    service: Service,
}

impl Platform {
    async fn start() -> Result<Self, Box<dyn Error>> {
        let begun = Stopwatch::start();
        let catalog = Catalog::from_path(CATALOG)?;
        let identity = IdentityProvider::new();
        let secret = format!("whsec_{}", uuid::Uuid::new_v4().simple());
        let stripe = WebhookSecrets::parse(&secret)?;
        let billing =
            OwnBilling::start(catalog.clone(), 0, identity.secret(), stripe.clone()).await?;

        let lookup = HttpLookup::builder(&format!("http://{}", billing.address()))
            .token(StaticToken::new(identity.token("crm", &["service"])?))
            .build()?;
        let gate = TierGate::builder(catalog).live_lookup(lookup).build()?;
        let service = Service::start(&gate).await?;
        told(&begun, "billing and the service it guards are up");
        Ok(Self {
            client: BillingClient::new(billing.address())?,
            billing,
            identity,
            stripe,
            service,
        })
    }

    /// Ada has nothing, and subscribes.
    async fn upgrade(&self) -> Result<(), Box<dyn Error>> {
        self.refused("ada", "Ada is on Free: the CRM is refused")
            .await?;
        let begun = Stopwatch::start();
        let wanted = json!({ "tier": "pro", "billingCycle": "monthly" });
        self.ask(Method::POST, "/api/subscriptions", "ada", Some(&wanted))
            .await?;
        told(&begun, "Ada subscribes to Pro, at the billing service");
        self.allowed("ada", "the CRM lets her in").await
    }

    /// What Ada does is counted here, and billing hears of it.
    async fn use_up(&self) -> Result<(), Box<dyn Error>> {
        let begun = Stopwatch::start();
        for _ in 0..3 {
            let status = self.service.execute("ada").await?;
            expect(status == 200, &format!("a workflow was answered {status}"))?;
        }
        told(&begun, "Ada executes three workflows");

        let begun = Stopwatch::start();
        let service = self.identity.token("workflows", &["service"])?;
        let record = json!({ "records": [{
            "idempotencyKey": "batch-1", "userId": "ada", "metric": "workflow_executions",
            "quantity": 3,
        }]});
        // Whoever doubts that it arrived sends it again: a key counts once.
        for outcome in ["accepted", "duplicate"] {
            let path = "/api/usage";
            let data = self
                .client
                .send(Method::POST, path, &service, Some(&record))
                .await?;
            expect(
                data.to_string().contains(&format!("\"{outcome}\"")),
                &format!("the record should be {outcome}: {data}"),
            )?;
        }
        let id = self.subscription_of("ada").await?;
        let path = format!("/api/subscriptions/{id}/usage");
        let usage = self.ask(Method::GET, &path, "ada", None).await?;
        let metrics = usage.get("metrics").and_then(Value::as_array);
        let used = metrics
            .and_then(|metrics| {
                metrics
                    .iter()
                    .find(|one| one.get("metric") == Some(&json!("workflow_executions")))
            })
            .and_then(|one| one.get("used")?.as_i64());
        expect(used == Some(3), &format!("three should be used: {usage}"))?;
        told(&begun, "they are recorded, sent twice and counted once");
        Ok(())
    }

    /// Bob pays on a page of Stripe's, which tells billing by a webhook.
    async fn pay_at_stripe(&self) -> Result<(), Box<dyn Error>> {
        self.refused("bob", "Bob is on Free: the CRM is refused")
            .await?;
        let begun = Stopwatch::start();
        let body = paid_at_stripe("bob").to_string();
        let signature = self.stripe.sign(body.as_bytes(), SystemClock::new().now());
        self.service
            .webhook(self.billing.address(), &signature, body)
            .await?;
        told(&begun, "Bob pays at Stripe, whose webhook is taken in");
        self.allowed("bob", "the CRM lets him in").await
    }

    /// Billing dies, and comes back.
    async fn outage(&self) -> Result<(), Box<dyn Error>> {
        self.billing.stop().await;
        let begun = Stopwatch::start();
        let status = self.service.contacts("bob").await?;
        expect(
            status == 200,
            &format!("while billing is down, Bob was answered {status}"),
        )?;
        told(&begun, "billing is down: Bob is remembered, and let in");
        let status = self.service.contacts("cem").await?;
        expect(
            status == 503,
            &format!("while billing is down, a stranger was answered {status}"),
        )?;
        told(&begun, "of Cem nothing is known: try again, says the CRM");
        let begun = Stopwatch::start();
        self.billing.resume().await?;
        told(&begun, "billing is up again");
        Ok(())
    }

    async fn cancel(&self) -> Result<(), Box<dyn Error>> {
        let id = self.subscription_of("ada").await?;
        let path = format!("/api/subscriptions/{id}/cancel");
        let begun = Stopwatch::start();
        let now = json!({ "immediately": true });
        self.ask(Method::POST, &path, "ada", Some(&now)).await?;
        told(&begun, "Ada cancels, at once");
        self.refused("ada", "the CRM is refused").await
    }

    async fn subscription_of(&self, user: &str) -> Result<String, Box<dyn Error>> {
        let path = format!("/api/subscriptions/user/{user}");
        let found = self.ask(Method::GET, &path, user, None).await?;
        let id = found.get("id").and_then(Value::as_str);
        Ok(id.ok_or("a subscription has an id")?.to_owned())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        user: &str,
        body: Option<&Value>,
    ) -> Result<Value, Box<dyn Error>> {
        let token = self.identity.token(user, &[])?;
        self.client.send(method, path, &token, body).await
    }

    async fn allowed(&self, user: &str, what: &str) -> Result<(), Box<dyn Error>> {
        self.becomes(200, user, what).await
    }

    async fn refused(&self, user: &str, what: &str) -> Result<(), Box<dyn Error>> {
        self.becomes(403, user, what).await
    }

    /// Asks until the service answers so. How often it took shows how soon a change holds.
    async fn becomes(&self, status: u16, user: &str, what: &str) -> Result<(), Box<dyn Error>> {
        /// A change that takes longer has got lost.
        const PATIENCE: Duration = Duration::from_secs(20);

        let begun = Stopwatch::start();
        for tries in 1_u32.. {
            let got = self.service.contacts(user).await?;
            if got == status {
                told(&begun, &format!("{what} ({status}, request {tries})"));
                break;
            }
            let late = format!("{what}: expected {status}, and it is still {got}");
            expect(begun.elapsed() < PATIENCE, &late)?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

/// What Stripe sends when somebody has subscribed to Max on one of its pages. The price says by its
/// lookup key what it is for, and the metadata who has it.
fn paid_at_stripe(user: &str) -> Value {
    let now = SystemClock::new().now().as_micros() / 1_000_000;
    json!({
        "id": "evt_platform_1", "object": "event", "type": "customer.subscription.created",
        "created": now, "livemode": false,
        "data": { "object": {
            "id": "sub_platform_1", "object": "subscription", "customer": "cus_platform_1",
            "status": "active", "created": now, "metadata": { "userId": user },
            "items": { "object": "list", "data": [{
                "id": "si_platform_1", "quantity": 1,
                "current_period_start": now, "current_period_end": now + 30 * 86_400,
                "price": {
                    "id": "price_platform_1", "lookup_key": "max_monthly", "unit_amount": 2_900,
                    "currency": "usd",
                    "recurring": { "interval": "month", "interval_count": 1, "usage_type": "licensed" },
                },
            }]},
        }},
    })
}

/// Measures how long a step takes.
struct Stopwatch {
    clock: SystemClock,
    begun: Duration,
}

impl Stopwatch {
    fn start() -> Self {
        let clock = SystemClock::new();
        let begun = clock.elapsed();
        Self { clock, begun }
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed().saturating_sub(self.begun)
    }
}

fn told(begun: &Stopwatch, what: &str) {
    let took = begun.elapsed().as_secs_f64() * 1_000.0;
    println!("{took:>8.1} ms  {what}");
}

fn expect(is_so: bool, otherwise: &str) -> Result<(), Box<dyn Error>> {
    if is_so { Ok(()) } else { Err(otherwise.into()) }
}
