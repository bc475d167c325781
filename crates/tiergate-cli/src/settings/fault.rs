//! What is wrong with a configuration: everything, at once.

use std::fmt;

use super::origin::Origin;

/// More faults than this are counted, not listed. A file can be wrong in a thousand places.
const MAX_LISTED: usize = 50;

/// What is wrong with a value, and what to do about it. Neither repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Problem {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The setting, by the name that the table of settings gives it, or as it was written when there
    /// is no such setting.
    setting: String,
    origin: Origin,
    problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            setting,
            origin,
            problem,
        } = self;
        match origin {
            // Where it would have to be set, the remedy says.
            Origin::Default => write!(f, "{setting}: {}", problem.what)?,
            _ => write!(f, "{setting} ({origin}): {}", problem.what)?,
        }
        write!(f, "\n    {}", problem.remedy)
    }
}

/// Something could not be read, and the faults say why. It is told apart from what is not there, so
/// that one mistake is not told as two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// What was found to be wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<Fault>,
    unlisted: usize,
}

impl Faults {
    pub(crate) fn add(&mut self, setting: impl Into<String>, origin: Origin, problem: Problem) {
        if self.list.len() >= MAX_LISTED {
            self.unlisted = self.unlisted.saturating_add(1);
            return;
        }
        let fault = Fault {
            setting: setting.into(),
            origin,
            problem,
        };
        // One cause is told once, although several sections may have come upon it.
        if !self.list.contains(&fault) {
            self.list.push(fault);
        }
    }

    /// What was read, if nothing was wrong with anything.
    pub(crate) fn give<T>(self, read: Result<T, Refused>) -> Result<T, ConfigError> {
        match read {
            Ok(read) if self.list.is_empty() => Ok(read),
            _ => Err(ConfigError(self)),
        }
    }
}

/// A configuration that was refused: everything that is wrong with it.
#[derive(Debug)]
pub(crate) struct ConfigError(Faults);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Faults { list, unlisted } = &self.0;
        let count = list.len().saturating_add(*unlisted);
        let noun = if count == 1 { "fault" } else { "faults" };
        write!(
            f,
            "{count} {noun} in the configuration, nothing was started"
        )?;
        for fault in list {
            write!(f, "\n\n  {fault}")?;
        }
        if *unlisted > 0 {
            write!(f, "\n\n  and {unlisted} more")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(faults: &mut Faults, setting: &str) {
        faults.add(setting, Origin::Flag("x"), Problem::new("wrong", "mend it"));
    }

    #[test]
    fn each_fault_says_where_what_and_how_to_mend_it() {
        let mut faults = Faults::default();
        add(&mut faults, "TIERGATE_LISTEN");
        let error = faults.give(Ok(())).unwrap_err().to_string();
        assert_eq!(
            error,
            "1 fault in the configuration, nothing was started\n\n  \
             TIERGATE_LISTEN (flag --x): wrong\n    mend it"
        );
    }

    #[test]
    fn one_cause_is_told_once() {
        let mut faults = Faults::default();
        add(&mut faults, "A");
        add(&mut faults, "A");
        assert_eq!(faults.list.len(), 1);
    }

    #[test]
    fn the_list_has_an_end_and_says_so() {
        let mut faults = Faults::default();
        for number in 0..MAX_LISTED + 7 {
            add(&mut faults, &format!("S{number}"));
        }
        let error = faults.give(Ok(())).unwrap_err().to_string();
        assert!(error.starts_with("57 faults"), "{error}");
        assert!(error.ends_with("and 7 more"), "{error}");
    }

    #[test]
    fn what_has_no_fault_is_given() {
        assert_eq!(Faults::default().give(Ok(3)).unwrap(), 3);
    }
}
