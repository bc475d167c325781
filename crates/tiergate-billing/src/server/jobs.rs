//! What is done now and then, beside answering requests.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::BillingError;
use crate::api::Api;
use crate::subscriptions;
use crate::table::{idempotency, outbox, upkeep, usage_running};
use crate::telemetry;
use crate::webhook::StripeWebhooks;

/// How long one run may take.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// For how long changes can be told again to who was away.
const EVENTS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// For how long webhooks are kept that changed nothing.
const IGNORED_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// For how long running totals are kept after their window: well beyond the 35 days in which usage can be
/// recorded for it.
const TOTALS_KEPT: Duration = Duration::from_secs(70 * 24 * 60 * 60);

const MINUTE: Duration = Duration::from_secs(60);

/// Something that is done now and then. Every process does it; it does no harm when two do it at once,
/// and none when it is cut off.
struct Job {
    name: &'static str,
    every: Duration,
    work: fn(Api) -> BoxFuture<'static, Result<(), BillingError>>,
}

/// All of them; another is one more entry.
const JOBS: [Job; 8] = [
    Job {
        name: "advance-due-subscriptions",
        every: Duration::from_secs(30),
        work: |api| Box::pin(advance_due(api)),
    },
    Job {
        name: "refresh-token-keys",
        every: Duration::from_secs(5 * 60),
        work: |api| Box::pin(refresh_token_keys(api)),
    },
    Job {
        name: "forget-idempotency-keys",
        every: Duration::from_secs(10 * 60),
        work: |api| Box::pin(forget_idempotency_keys(api)),
    },
    Job {
        name: "forget-told-events",
        every: Duration::from_secs(60 * 60),
        work: |api| Box::pin(forget_told_events(api)),
    },
    Job {
        name: "forget-ignored-webhooks",
        every: Duration::from_secs(60 * 60),
        work: |api| Box::pin(forget_ignored_webhooks(api)),
    },
    Job {
        name: "forget-closed-usage-totals",
        every: Duration::from_secs(60 * 60),
        work: |api| Box::pin(forget_closed_usage_totals(api)),
    },
    Job {
        name: "measure",
        every: Duration::from_secs(15),
        work: |api| Box::pin(measure(api)),
    },
    Job {
        name: "gather-histograms",
        every: Duration::from_secs(5),
        work: |_| {
            Box::pin(async {
                if let Some(recorder) = telemetry::recorder() {
                    recorder.run_upkeep();
                }
                Ok(())
            })
        },
    },
];

async fn refresh_token_keys(api: Api) -> Result<(), BillingError> {
    api.verifier().refresh_keys().await;
    Ok(())
}

async fn advance_due(api: Api) -> Result<(), BillingError> {
    let billing = api.billing();
    subscriptions::advance_due(billing, billing.now()).await?;
    Ok(())
}

async fn forget_idempotency_keys(api: Api) -> Result<(), BillingError> {
    let mut write = api.billing().database().write().await?;
    idempotency::forget(&mut write, api.billing().now()).await?;
    Ok(write.commit().await?)
}

async fn forget_told_events(api: Api) -> Result<(), BillingError> {
    let before = api.billing().now().saturating_sub(EVENTS_KEPT);
    let mut write = api.billing().database().write().await?;
    outbox::forget(&mut write, before).await?;
    Ok(write.commit().await?)
}

async fn forget_ignored_webhooks(api: Api) -> Result<(), BillingError> {
    let before = api.billing().now().saturating_sub(IGNORED_KEPT);
    let mut write = api.billing().database().write().await?;
    upkeep::forget_ignored(&mut write, before).await?;
    Ok(write.commit().await?)
}

async fn forget_closed_usage_totals(api: Api) -> Result<(), BillingError> {
    let before = api.billing().now().saturating_sub(TOTALS_KEPT);
    let mut write = api.billing().database().write().await?;
    usage_running::forget(&mut write, before).await?;
    Ok(write.commit().await?)
}

/// Sets the gauges that only the database can tell. Whoever reads the metrics waits for no database.
#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floats, and these numbers are small"
)]
async fn measure(api: Api) -> Result<(), BillingError> {
    let billing = api.billing();
    for (pool, used, idle) in billing.database().pools() {
        for (state, connections) in [("used", used), ("idle", idle)] {
            let gauge = metrics::gauge!(
                "tiergate_billing_database_connections", "pool" => pool, "state" => state
            );
            gauge.set(f64::from(connections));
        }
    }
    let lag = api.follower().lag().await?;
    metrics::gauge!("tiergate_billing_outbox_lag").set(lag as f64);
    let mut read = billing.database().read().await?;
    let backlog = upkeep::inbox_backlog(&mut read).await?;
    let dead = upkeep::dead_in_inbox(&mut read).await?;
    metrics::gauge!("tiergate_billing_inbox_waiting").set(backlog.waiting as f64);
    metrics::gauge!("tiergate_billing_inbox_dead").set(dead as f64);
    let now = billing.now().as_micros();
    let oldest = backlog
        .oldest
        .map_or(0, |oldest| now.saturating_sub(oldest));
    metrics::gauge!("tiergate_billing_inbox_oldest_seconds").set(oldest as f64 / 1e6);
    Ok(())
}

/// Starts what runs beside the requests. It ends when the service stops, a run that has begun not
/// before its end, unless it is cut off.
pub(super) fn start(
    api: &Api,
    tasks: &TaskTracker,
    stop: &CancellationToken,
    cut: &CancellationToken,
) {
    let until_cut = |work: BoxFuture<'static, ()>| {
        let cut = cut.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                () = cut.cancelled() => {}
            }
        });
    };
    until_cut(Box::pin(follow(api.clone(), stop.clone())));
    if let Some(webhooks) = api.webhooks() {
        until_cut(Box::pin(work(webhooks.clone(), stop.clone())));
    }
    for job in &JOBS {
        until_cut(Box::pin(repeat(job, api.clone(), stop.clone())));
    }
}

/// Reads the outbox. A panic, which would be a fault of this program, ends no more than one round.
async fn follow(api: Api, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let round = AssertUnwindSafe(api.follower().run(stop.clone()));
        if round.catch_unwind().await.is_err() {
            tracing::error!(target: "tiergate_billing", "following the outbox panicked");
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Works through the inbox. Events that panic are put off one by one; this is for what is around them.
async fn work(webhooks: StripeWebhooks, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let round = AssertUnwindSafe(webhooks.clone().run(stop.clone()));
        if round.catch_unwind().await.is_err() {
            tracing::error!(target: "tiergate_billing", "working through the inbox panicked");
            sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn repeat(job: &'static Job, api: Api, stop: CancellationToken) {
    // Soon after the start, and not all at once.
    let mut wait = job.every.min(MINUTE / 12).mul_f64(fastrand::f64());
    loop {
        tokio::select! {
            () = sleep(wait) => {}
            () = stop.cancelled() => return,
        }
        run(job, api.clone()).await;
        // A tenth more or less, so that processes that were started together do not stay in step.
        wait = job.every.mul_f64(0.9 + 0.2 * fastrand::f64());
    }
}

async fn run(job: &Job, api: Api) {
    let clock = api.billing().clock().clone();
    let began = clock.elapsed();
    let work = AssertUnwindSafe((job.work)(api)).catch_unwind();
    let fault = match timeout(PATIENCE, work).await {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(error))) => Some(error.to_string()),
        Ok(Err(_)) => Some("it panicked".to_owned()),
        Err(_) => Some("it took too long".to_owned()),
    };
    let took = clock.elapsed().saturating_sub(began);
    let outcome = if fault.is_none() { "done" } else { "failed" };
    metrics::counter!(
        "tiergate_billing_job_runs_total", "job" => job.name, "outcome" => outcome
    )
    .increment(1);
    metrics::histogram!("tiergate_billing_job_seconds", "job" => job.name).record(took);
    if let Some(fault) = fault {
        tracing::error!(target: "tiergate_billing", job = job.name, %fault, "a job failed");
    }
}
