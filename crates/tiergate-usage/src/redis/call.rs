//! What is asked of a script.

use std::time::Duration;

use tiergate_core::Limit;

use crate::urgency::Urgency;
use crate::{CounterKey, CounterWindow};

use super::name::{self, Prefix, Tag};
use super::script::Script;

/// The last time that scripts know, in microseconds: beyond it their numbers are not exact.
const FAR: i64 = 9_000_000_000_000_000;

/// A script, the subjects it acts on, and its own arguments.
#[derive(Debug)]
pub(super) struct Call {
    script: &'static Script,
    tags: Vec<Tag>,
    arguments: Vec<String>,
    urgency: Urgency,
}

/// How a script is named to the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// By its hash, which the server may not know.
    Hash,
    /// By its text, from which the server learns it.
    Source,
}

/// What each script is told before its own arguments.
#[derive(Debug)]
pub(super) struct Common {
    /// The time and the wall clock in microseconds, where the server's own clock does not count.
    pub(super) time: Option<(Duration, i64)>,
    pub(super) gauge_ttl: Duration,
}

impl Call {
    pub(super) fn new(script: &'static Script, tags: Vec<Tag>) -> Self {
        Self {
            script,
            tags,
            arguments: Vec::new(),
            urgency: Urgency::Begins,
        }
    }

    /// Has it go before those that begin something.
    pub(super) fn that_ends(mut self) -> Self {
        self.urgency = Urgency::Ends;
        self
    }

    pub(super) fn urgency(&self) -> Urgency {
        self.urgency
    }

    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.arguments.push(text.into());
        self
    }

    pub(super) fn number(self, number: usize) -> Self {
        self.text(number.to_string())
    }

    pub(super) fn length(self, length: Duration) -> Self {
        self.text(micros(length).to_string())
    }

    /// Units as scripts take them: the high and the low half.
    pub(super) fn units(self, units: u64) -> Self {
        let (high, low) = (units >> 32, units & u64::from(u32::MAX));
        self.text(high.to_string()).text(low.to_string())
    }

    pub(super) fn limit(self, limit: Limit) -> Self {
        match limit {
            Limit::AtMost(bound) => self.units(bound),
            Limit::Unlimited => self.text("").text(""),
        }
    }

    /// Kind, bound and name of a counter.
    pub(super) fn counter(self, key: &CounterKey) -> Self {
        let (kind, bound) = match key.window() {
            CounterWindow::Level => ("l", 0),
            CounterWindow::Sliding { length } => ("s", micros(length)),
            CounterWindow::Fixed { end, .. } => ("f", end.as_micros().clamp(-FAR, FAR)),
        };
        self.text(kind)
            .text(bound.to_string())
            .text(name::counter(key))
    }

    pub(super) fn command(&self, form: Form, prefix: &Prefix, common: &Common) -> redis::Cmd {
        let mut command = match form {
            Form::Hash => redis::cmd("EVALSHA"),
            Form::Source => redis::cmd("EVAL"),
        };
        command.arg(match form {
            Form::Hash => self.script.hash(),
            Form::Source => self.script.source(),
        });
        command.arg(self.tags.len().saturating_mul(2));
        for tag in &self.tags {
            command.arg(&prefix.keys(*tag)[..]);
        }
        match common.time {
            Some((elapsed, wall)) => command.arg(micros(elapsed)).arg(wall.clamp(-FAR, FAR)),
            None => command.arg("").arg(""),
        };
        command.arg(micros(common.gauge_ttl));
        for argument in &self.arguments {
            command.arg(argument);
        }
        command
    }
}

/// Rounded up, so that nothing ends early.
fn micros(length: Duration) -> i64 {
    let micros = length.as_nanos().div_ceil(1_000);
    i64::try_from(micros).unwrap_or(FAR).min(FAR)
}
