//! Runs the billing service.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tiergate_billing::api::{Api, RateLimits, RateLimitsError};
use tiergate_billing::auth::{JwksUrlError, Verifier, WeakSecret};
use tiergate_billing::database::{Database, DatabaseError, Schema};
use tiergate_billing::server::{BindError, Server, ServerOptions, Shutdown};
use tiergate_billing::usage::Thresholds;
use tiergate_billing::webhook::StripeWebhooks;
use tiergate_billing::{Billing, BillingError, Context};
use tiergate_clock::{Clock, SystemClock};
use tiergate_core::{Limit, Policy};
use tracing::info;
use tracing_subscriber::util::TryInitError;

use crate::check::counts;
use crate::dev_secret::DevSecretError;
use crate::keys::{self, CallerKeys};
use crate::migrate::REMEDY;
use crate::settings::{
    CallerSettings, DatabaseSettings, HttpSettings, LoadedCatalog, MigrationPolicy, PublishableKey,
    RateLimit, Settings, StripeSettings,
};
use crate::{logging, reload, say};

/// Why the service did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Keys(#[from] DevSecretError),
    #[error("the log could not be started: {0}")]
    Log(#[from] TryInitError),
    #[error("the threads of the program could not be started: {0}")]
    Threads(io::Error),
    #[error("{address} cannot be used: {source}\n    {REMEDY}")]
    Database {
        address: String,
        source: DatabaseError,
    },
    #[error(
        "the schema of {address} lacks {missing} of this program's migrations, and TIERGATE_MIGRATE is \
         `manual`\n    run `tiergate migrate` first"
    )]
    Behind { address: String, missing: usize },
    #[error(
        "the schema of {address} is not this program's: {difference}\n    run the version of tiergate \
         that made it, or a newer one"
    )]
    Foreign { address: String, difference: String },
    #[error("the catalog could not be written down: {0}")]
    Catalog(BillingError),
    #[error(transparent)]
    Secret(#[from] WeakSecret),
    #[error("TIERGATE_JWKS_URL: {0}")]
    Jwks(#[from] JwksUrlError),
    #[error(transparent)]
    RateLimits(#[from] RateLimitsError),
    #[error("{0}\n    choose another address with TIERGATE_LISTEN")]
    Bind(#[from] BindError),
    #[error("signals cannot be listened for: {0}")]
    Signals(io::Error),
}

/// Runs the service until it is told to end, by SIGTERM or Ctrl-C.
///
/// # Errors
///
/// When it cannot start.
pub(crate) fn run(settings: Settings) -> Result<(), ServeError> {
    let Settings {
        catalog,
        database,
        migrate,
        http,
        callers,
        grace_days,
        usage_thresholds,
        stripe,
        log,
    } = settings;
    logging::start(log)?;
    let CallerSettings {
        keys,
        issuer,
        audience,
    } = callers;
    let keys = keys::open(keys)?;
    tell_of_records(&database, &catalog, migrate, grace_days);
    tell_of_requests(&http, &keys, (&issuer, &audience), &stripe);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let verifier = verifier(&keys, clock, issuer.as_deref(), audience.as_deref())?;
    let rules = Rules {
        grace: Duration::from_secs(u64::from(grace_days) * 86_400),
        thresholds: usage_thresholds,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Threads)?;
    runtime.block_on(async {
        let connections = open(&database, migrate).await?;
        let served = serve(connections.clone(), catalog, rules, verifier, &http, stripe).await;
        connections.close().await;
        served
    })
}

/// Connects, and sees to it that the schema is current.
async fn open(settings: &DatabaseSettings, when: MigrationPolicy) -> Result<Database, ServeError> {
    let address = || settings.address.to_string();
    let failed = |source| ServeError::Database {
        address: address(),
        source,
    };
    let database = Database::connect(&settings.options())
        .await
        .map_err(failed)?;
    match (database.schema().await.map_err(failed)?, when) {
        (Schema::Current, _) => {}
        (Schema::Behind(_), MigrationPolicy::Auto) => database.migrate().await.map_err(failed)?,
        (Schema::Behind(missing), MigrationPolicy::Manual) => {
            let address = address();
            return Err(ServeError::Behind { address, missing });
        }
        (Schema::Foreign(difference), _) => {
            let address = address();
            return Err(ServeError::Foreign {
                address,
                difference,
            });
        }
    }
    Ok(database)
}

/// What the service is told of its own rules.
struct Rules {
    /// How long a subscription that is past due keeps its tier.
    grace: Duration,
    thresholds: Thresholds,
}

async fn serve(
    database: Database,
    catalog: LoadedCatalog,
    rules: Rules,
    verifier: Verifier,
    http: &HttpSettings,
    stripe: StripeSettings,
) -> Result<(), ServeError> {
    let LoadedCatalog { catalog, source } = catalog;
    let mut policy = Policy::DEFAULT;
    policy.grace = rules.grace;
    let billing = Billing::new(database, catalog)
        .with_policy(policy)
        .with_thresholds(rules.thresholds);
    let context = Context::system("start", billing.clock().now());
    billing
        .seed_catalog(&context)
        .await
        .map_err(ServeError::Catalog)?;
    let limits = RateLimits {
        users: limit(http.rate_limits.users),
        operators: limit(http.rate_limits.services),
    };
    let mut api = Api::new(billing.clone(), verifier).with_rate_limits(limits)?;
    let prices = stripe.price_map();
    if let Some(secrets) = stripe.webhook_secrets {
        api = api.with_webhooks(StripeWebhooks::new(billing.clone(), secrets, prices));
    }
    let server = Server::bind(api, options(http)).await?;
    let shutdown = Shutdown::new();
    shutdown.on_signals().map_err(ServeError::Signals)?;
    let reloads = reload::on_signal(billing, source).map_err(ServeError::Signals)?;
    // Clients that connect from here on are served.
    say(&format!("listening on http://{}", server.address()));
    server.run(shutdown).await;
    reloads.abort();
    Ok(())
}

fn verifier(
    keys: &CallerKeys,
    clock: Arc<dyn Clock>,
    issuer: Option<&str>,
    audience: Option<&str>,
) -> Result<Verifier, ServeError> {
    let mut verifier = match keys {
        CallerKeys::Secret(secret) => Verifier::shared_secret(secret, clock)?,
        CallerKeys::Jwks(url) => Verifier::jwks(url.as_str(), clock)?,
    };
    if let Some(issuer) = issuer {
        verifier = verifier.with_issuer(issuer);
    }
    if let Some(audience) = audience {
        verifier = verifier.with_audience(audience);
    }
    Ok(verifier)
}

fn limit(limit: RateLimit) -> Limit {
    match limit {
        RateLimit::PerMinute(requests) => Limit::AtMost(requests.get().into()),
        RateLimit::Unlimited => Limit::Unlimited,
    }
}

fn options(http: &HttpSettings) -> ServerOptions {
    let mut options = ServerOptions::new(http.listen);
    options.header_read_timeout = http.timeouts.header_read;
    options.body_read_timeout = http.timeouts.body_read;
    options.request_timeout = http.timeouts.request;
    options.shutdown_grace = http.timeouts.shutdown_grace;
    // On every platform with sockets, that many fit.
    options.max_connections = usize::try_from(http.max_connections.get()).unwrap_or(usize::MAX);
    options
}

fn tell_of_records(
    database: &DatabaseSettings,
    catalog: &LoadedCatalog,
    migrate: MigrationPolicy,
    grace_days: u16,
) {
    info!(
        database = %database.address,
        synchronous = ?database.synchronous,
        max_connections = database.pool.max_connections,
        min_connections = database.pool.min_connections,
        acquire_timeout = ?database.pool.acquire_timeout,
        migrate = ?migrate,
        catalog = %catalog.source,
        contents = counts(&catalog.catalog),
        grace_days,
        "records"
    );
}

fn tell_of_requests(
    http: &HttpSettings,
    keys: &CallerKeys,
    (issuer, audience): (&Option<String>, &Option<String>),
    stripe: &StripeSettings,
) {
    let keys = match keys {
        CallerKeys::Secret(_) => "a shared secret",
        CallerKeys::Jwks(url) => url.as_str(),
    };
    info!(
        listen = %http.listen,
        keys,
        issuer,
        audience,
        users = ?http.rate_limits.users,
        services = ?http.rate_limits.services,
        max_connections = http.max_connections,
        header_read = ?http.timeouts.header_read,
        body_read = ?http.timeouts.body_read,
        request = ?http.timeouts.request,
        shutdown_grace = ?http.timeouts.shutdown_grace,
        webhooks = stripe.webhook_secrets.is_some(),
        publishable_key = stripe.publishable_key.as_ref().map(PublishableKey::as_str),
        prices = stripe.prices.len(),
        "requests"
    );
}
