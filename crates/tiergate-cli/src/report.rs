//! Compares the counters of a store with the usage records, and puts them right if that is asked for.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;
use tiergate_billing::database::{Database, DatabaseError, Schema};
use tiergate_billing::reports::{
    CounterRow, CountersError, CountersReport, Metrics, Rebuild, Rebuilt, counters,
};
use tiergate_billing::{Billing, Context};
use tiergate_usage::SharedStore;
use tracing_subscriber::util::TryInitError;

use crate::cli::CountersRequest;
use crate::migrate::REMEDY;
use crate::settings::ReportSettings;
use crate::store::{self, OpenError};
use crate::{logging, say};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    #[error("the log could not be started: {0}")]
    Log(#[from] TryInitError),
    #[error("the threads of the program could not be started: {0}")]
    Threads(#[from] io::Error),
    #[error("{address} cannot be used: {source}\n    {REMEDY}")]
    Database {
        address: String,
        source: DatabaseError,
    },
    #[error("{0} is not there\n    name the database of the billing service, by DATABASE_URL")]
    NoRecords(String),
    #[error(
        "the schema of {0} is not the one of this program\n    run `tiergate migrate` first, or the \
         version of tiergate that made it"
    )]
    Schema(String),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("{}", with_remedy(.0))]
    Counters(#[from] CountersError),
    #[error("the report could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

fn with_remedy(error: &CountersError) -> String {
    let remedy = match error {
        CountersError::Store(_) | CountersError::StoreTimedOut => store::REMEDY,
        CountersError::Billing(_) => REMEDY,
        _ => return error.to_string(),
    };
    format!("{error}\n    {remedy}")
}

/// How a report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For machines.
    Json,
}

/// Whether anything is left that is not in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    InStep,
    Differences,
}

impl From<Found> for ExitCode {
    fn from(found: Found) -> Self {
        match found {
            Found::InStep => Self::SUCCESS,
            Found::Differences => Self::from(1),
        }
    }
}

/// The report, and what became of each counter in it.
#[derive(Serialize)]
struct Told<'r> {
    #[serde(flatten)]
    report: &'r CountersReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuilt: Option<Vec<Rebuilt>>,
}

/// Compares, and puts right if that is asked for. Gives the report as text.
///
/// # Errors
///
/// When the database or the store fails. Counters that were put right by then stay so; the audit log
/// says which.
pub(crate) fn run(
    settings: ReportSettings,
    request: &CountersRequest,
) -> Result<(String, Found), ReportError> {
    let ReportSettings {
        catalog,
        database,
        log,
    } = settings;
    logging::start(log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let address = database.address.to_string();
        // To connect would make the file, and an empty one has no records of anything.
        let is_absent = |file: &Path| !file.is_file();
        if database.address.file().is_some_and(is_absent) {
            return Err(ReportError::NoRecords(address));
        }
        let failed = |source| ReportError::Database {
            address: address.clone(),
            source,
        };
        let records = Database::connect(&database.options())
            .await
            .map_err(failed)?;
        if records.schema().await.map_err(failed)? != Schema::Current {
            return Err(ReportError::Schema(address));
        }
        let billing = Billing::new(records.clone(), catalog.catalog);
        let store = request.store.open(request.namespace.as_deref()).await?;
        let told = report(&billing, &*store, request).await;
        records.close().await;
        told
    })
}

async fn report(
    billing: &Billing,
    store: &dyn SharedStore,
    request: &CountersRequest,
) -> Result<(String, Found), ReportError> {
    let settling = request.settled_before;
    let metrics = if request.metrics.is_empty() {
        Metrics::All
    } else {
        Metrics::Only(request.metrics.iter().cloned().collect())
    };
    let (report, rebuilt) = if request.rebuild {
        let rebuild = Rebuild::begin(billing, store).await?;
        let report = counters(billing, store, &metrics, settling).await?;
        tell_of_an_empty_store(&report);
        let rebuilt = rebuild_all(&rebuild, billing, &report, settling).await;
        // Whoever comes next waits for a minute if this fails.
        let ended = rebuild.end().await;
        let rebuilt = rebuilt?;
        ended?;
        (report, Some(rebuilt))
    } else {
        let report = counters(billing, store, &metrics, settling).await?;
        tell_of_an_empty_store(&report);
        (report, None)
    };
    let settled = match &rebuilt {
        Some(rebuilt) => rebuilt.iter().all(|outcome| outcome.is_settled()),
        None => report.counters.is_empty(),
    };
    let found = if settled && report.left_out == 0 {
        Found::InStep
    } else {
        Found::Differences
    };
    let text = match request.format {
        Format::Table => table(&report, rebuilt.as_deref()),
        Format::Json => serde_json::to_string_pretty(&Told {
            report: &report,
            rebuilt,
        })?,
    };
    Ok((text, found))
}

/// A store that lost everything looks like one that nobody counts in.
fn tell_of_an_empty_store(report: &CountersReport) {
    if report.counting == 0 && !report.counters.is_empty() {
        say(
            "note: the store has none of these counters; if it is the one that the guarded services use \
             (--store, --namespace), it has lost them, and --rebuild puts them back",
        );
    }
}

async fn rebuild_all(
    rebuild: &Rebuild<'_>,
    billing: &Billing,
    report: &CountersReport,
    settling: Duration,
) -> Result<Vec<Rebuilt>, ReportError> {
    let one = async |row| {
        let context = Context::system("rebuild-counters", billing.clock().now());
        rebuild.counter(&context, report, row, settling).await
    };
    // What is sure is put right before the others are waited for.
    let mut rebuilt = Vec::with_capacity(report.counters.len());
    for row in &report.counters {
        rebuilt.push(one(row).await?);
    }
    if rebuilt.contains(&Rebuilt::TooEarly) {
        let minutes = settling.as_secs().div_ceil(60);
        say(&format!(
            "note: the records of some counters may be on their way; they are looked at again in \
             {minutes} minutes (--settled-before)"
        ));
        rebuild.wait(settling).await?;
        for (row, outcome) in report.counters.iter().zip(&mut rebuilt) {
            if *outcome == Rebuilt::TooEarly {
                *outcome = one(row).await?;
            }
        }
    }
    Ok(rebuilt)
}

const HEAD: [&str; 8] = [
    "owner",
    "feature",
    "window",
    "committed",
    "open",
    "recorded",
    "difference",
    "rebuilt",
];

fn table(report: &CountersReport, rebuilt: Option<&[Rebuilt]>) -> String {
    let outcome = |index: usize| rebuilt.and_then(|rebuilt| rebuilt.get(index)).copied();
    let rows = report.counters.iter().enumerate();
    let rows = rows.map(|(index, row)| cells(row, outcome(index)));
    let columns = if rebuilt.is_some() { 8 } else { 7 };
    let head: Vec<_> = HEAD
        .iter()
        .take(columns)
        .map(|name| (*name).to_owned())
        .collect();
    let mut lines = Vec::new();
    if !report.counters.is_empty() {
        lines.push(head);
        lines.extend(rows.map(|row| row.into_iter().take(columns).collect::<Vec<_>>()));
    }
    let mut widths = vec![0; columns];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for line in lines {
        let padded = line.iter().zip(&widths);
        let padded: Vec<_> = padded
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        let _always_fits = writeln!(out, "{}", padded.join("  ").trim_end());
    }
    let (checked, left_out) = (report.checked, report.left_out);
    let different = u64::try_from(report.counters.len()).unwrap_or(u64::MAX);
    let different = different.saturating_add(left_out);
    let _always_fits = write!(
        out,
        "{checked} counters, {different} not in step ({left_out} not listed), {} settling",
        report.settling
    );
    out
}

fn cells(row: &CounterRow, outcome: Option<Rebuilt>) -> Vec<String> {
    let owner = match (&row.user_id, &row.organization_id) {
        (Some(user), _) => format!("user:{user}"),
        (None, organization) => {
            format!(
                "organization:{}",
                organization.as_deref().unwrap_or_default()
            )
        }
    };
    let window = match (row.window_start, row.window_end) {
        (Some(start), Some(end)) => format!("{start} to {end}"),
        _ => "-".to_owned(),
    };
    let outcome = match outcome {
        None => String::new(),
        Some(Rebuilt::Raised(units)) => format!("raised by {units}"),
        Some(Rebuilt::Lowered(units)) => format!("lowered by {units}"),
        Some(Rebuilt::InStep) => "in step by now".to_owned(),
        Some(Rebuilt::Moved) => "left: it moves".to_owned(),
        Some(Rebuilt::TooEarly) => "left: too early".to_owned(),
    };
    vec![
        // Ids are whatever services call their users.
        owner.escape_debug().to_string(),
        row.feature.clone(),
        window,
        row.committed.to_string(),
        row.open.to_string(),
        row.ledger.to_string(),
        format!("{:+}", row.difference),
        outcome,
    ]
}
