//! The settings of the log.

use tracing_subscriber::EnvFilter;

use super::fault::{Problem, Refused};
use super::nearest::nearest;
use super::reader::Reader;
use super::table;
use super::text::echo;
use super::value::{Choice, choice};

/// What is logged, and how.
#[derive(Debug)]
pub(crate) struct LogSettings {
    pub(crate) filter: EnvFilter,
    pub(crate) format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: an object a line.
    Json,
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl LogSettings {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Refused> {
        let filter = reader.required(&table::LOG, filter);
        let format = reader.required(&table::LOG_FORMAT, choice);
        Ok(Self {
            filter: filter?,
            format: format?,
        })
    }
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

fn filter(text: &str) -> Result<EnvFilter, Problem> {
    const REMEDY: &str = "write a level (error, warn, info, debug, trace, off), or parts of the \
                          program with one each, like `warn,tiergate_billing=debug`";
    // A word that is no level is taken for a part of the program whose every event is wanted. Of a
    // misspelled level that makes silence.
    for word in text.split(',').map(str::trim) {
        let is_level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
        if let (false, Some(near)) = (is_level, nearest(word, LEVELS)) {
            return Err(Problem::new(
                format!("`{}` is not a level", echo(word)),
                format!("did you mean `{near}`?"),
            ));
        }
    }
    EnvFilter::try_new(text).map_err(|error| {
        let what = format!("`{}` is not a filter: {error}", echo(text));
        Problem::new(what, REMEDY)
    })
}
