//! Where settings come from: flags, the environment and a file, in that order.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::nearest::nearest;
use super::table::{self, price};

/// What was given on the command line. Not shown by `Debug`, because secrets may be among it.
#[derive(Default)]
pub(crate) struct FlagValues {
    pub(super) values: BTreeMap<&'static str, SecretString>,
    /// As they were given: `pro_monthly=price_…`.
    pub(super) prices: Vec<String>,
}

impl FlagValues {
    pub(crate) fn insert(&mut self, flag: &'static str, value: String) {
        self.values.insert(flag, SecretString::from(value));
    }

    pub(crate) fn add_price(&mut self, assignment: String) {
        self.prices.push(assignment);
    }
}

/// The environment, as it was when the program started.
#[derive(Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, OsString>,
}

impl Environment {
    /// The environment of this process.
    pub(crate) fn of_process() -> Self {
        // A name that is not UTF-8 is none of ours.
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect()
    }

    pub(super) fn get(&self, variable: &str) -> Option<&OsString> {
        self.variables.get(variable)
    }

    /// The variables of prices that are set.
    pub(super) fn prices(&self) -> impl Iterator<Item = (&str, &OsString)> {
        self.variables
            .iter()
            .filter(|(name, _)| name.starts_with(price::VARIABLE_PREFIX))
            .map(|(name, value)| (name.as_str(), value))
    }

    /// Variables that are probably meant to be settings, and what they were meant to be. They are no
    /// faults: platforms set variables of their own, such as `TIERGATE_PORT` for a service of that
    /// name on Kubernetes.
    pub(super) fn misspelled(&self) -> impl Iterator<Item = (&str, &'static str)> {
        const PREFIX: &str = "TIERGATE_";
        fn short() -> impl Iterator<Item = &'static str> {
            let mounted = table::ALL.iter().filter_map(|setting| setting.mounted);
            table::ALL
                .iter()
                .map(|setting| setting.variable)
                .chain(mounted.map(|mounted| mounted.variable))
                .filter_map(|variable| variable.strip_prefix(PREFIX))
        }
        self.variables.keys().filter_map(|name| {
            let rest = name.strip_prefix(PREFIX)?;
            if short().any(|known| known == rest) {
                return None;
            }
            nearest(rest, short()).map(|near| (name.as_str(), near))
        })
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }
}

/// Everything that settings are read from.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) flags: FlagValues,
    pub(crate) environment: Environment,
    /// The folder that relative paths start at; empty for the working directory.
    pub(crate) folder: PathBuf,
}

impl Sources {
    /// A path as somebody wrote it.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misspelled(name: &str) -> Option<&'static str> {
        let environment: Environment = [(name, "x")].into_iter().collect();
        environment.misspelled().next().map(|(_, near)| near)
    }

    #[test]
    fn a_misspelled_variable_is_noticed() {
        assert_eq!(misspelled("TIERGATE_LISTN"), Some("LISTEN"));
        assert_eq!(
            misspelled("TIERGATE_JWT_SECRET_FLIE"),
            Some("JWT_SECRET_FILE")
        );
    }

    #[test]
    fn settings_and_what_platforms_set_are_not() {
        for name in [
            "TIERGATE_LISTEN",
            "TIERGATE_JWT_SECRET_FILE",
            "TIERGATE_PORT",
            "TIERGATE_SERVICE_HOST",
            "TIERGATE_PORT_3001_TCP_ADDR",
            "LISTN",
        ] {
            assert_eq!(misspelled(name), None, "{name}");
        }
    }
}
