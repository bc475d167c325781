//! Starts the log.

use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::settings::{LogFormat, LogSettings};

/// Sends the log to standard error from now on: standard output is for results.
///
/// # Errors
///
/// When the process has a log already.
pub(crate) fn start(settings: LogSettings) -> Result<(), TryInitError> {
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(settings.filter);
    match settings.format {
        LogFormat::Text => {
            // Colours are for people who look on.
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(colours).finish().try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    }
}
