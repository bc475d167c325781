//! Reads the catalog again when the service is told to, by SIGHUP, while it runs.

use std::io;

use tiergate_billing::{Billing, Context, Replaced};
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::settings::{CatalogSource, LoadedCatalog};

/// Starts to listen for SIGHUP. A catalog that cannot be put in force leaves the one that is, and the log
/// says why. Where there is no SIGHUP, this waits for nothing.
///
/// # Errors
///
/// When the signal cannot be listened for.
///
/// # Panics
///
/// Outside a tokio runtime.
#[cfg(unix)]
pub(crate) fn on_signal(billing: Billing, source: CatalogSource) -> io::Result<JoinHandle<()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut hangups = signal(SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            reload(&billing, &source).await;
        }
    }))
}

#[cfg(not(unix))]
pub(crate) fn on_signal(_: Billing, _: CatalogSource) -> io::Result<JoinHandle<()>> {
    Ok(tokio::spawn(std::future::ready(())))
}

#[cfg_attr(not(unix), expect(dead_code, reason = "nothing tells it to"))]
async fn reload(billing: &Billing, source: &CatalogSource) {
    let kept = "the catalog could not be read again; the one in force stays";
    let next = match LoadedCatalog::load(source.clone()) {
        Ok(loaded) => loaded.catalog,
        Err(faults) => return error!(%faults, "{kept}"),
    };
    match billing.replace_catalog(next) {
        Ok(Replaced::Unchanged) => return info!("the catalog was read again and says the same"),
        Ok(Replaced::InForce) => info!("the catalog was read again and is in force"),
        Err(faults) => return error!(%faults, "{kept}"),
    }
    let context = Context::system("reload", billing.clock().now());
    if let Err(error) = billing.seed_catalog(&context).await {
        error!(%error, "the catalog is in force and could not be written down");
    }
}
