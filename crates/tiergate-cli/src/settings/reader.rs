//! Finds the value that holds for each setting, and collects what is wrong.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;

use secrecy::{ExposeSecret as _, SecretString};

use super::fault::{ConfigError, Faults, Problem, Refused};
use super::file::{MAX_BYTES, SettingsFile};
use super::origin::Origin;
use super::sources::Sources;
use super::table::{self, Fallback, Mounted, Setting};
use super::text::echo;

/// A value as somebody wrote it, and where.
pub(crate) struct Given {
    pub(crate) text: SecretString,
    pub(crate) origin: Origin,
}

/// What was read, and what whoever started the program should know of it.
#[derive(Debug)]
pub(crate) struct Loaded<T> {
    pub(crate) settings: T,
    /// One line each.
    pub(crate) notices: Vec<String>,
}

/// Reads settings.
pub(crate) struct Reader<'a> {
    pub(super) sources: &'a Sources,
    pub(super) file: SettingsFile,
    faults: Faults,
    notices: Vec<String>,
}

/// Reads what `read` reads, and gives it if nothing was wrong with it. Nothing outside this program is
/// changed.
pub(crate) fn load<T>(
    sources: &Sources,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, Refused>,
) -> Result<Loaded<T>, ConfigError> {
    let mut reader = Reader {
        sources,
        file: SettingsFile::default(),
        faults: Faults::default(),
        notices: Vec::new(),
    };
    reader.open_file();
    for (name, near) in sources.environment.misspelled() {
        reader.notices.push(format!(
            "the environment variable {} is not read; did you mean TIERGATE_{near}?",
            echo(name)
        ));
    }
    let read = read(&mut reader);
    let Reader {
        faults, notices, ..
    } = reader;
    Ok(Loaded {
        settings: faults.give(read)?,
        notices,
    })
}

impl Reader<'_> {
    /// A setting that always has a value: what somebody gave, or its default.
    pub(crate) fn required<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Result<T, Refused> {
        self.located(setting, parse).map(|(value, _)| value)
    }

    /// As [`required`](Self::required), with where the value came from.
    pub(crate) fn located<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Result<(T, Origin), Refused> {
        let given = match (self.find(setting)?, setting.default) {
            (Some(given), _) => given,
            (None, Fallback::Value(text)) => Given {
                text: SecretString::from(text),
                origin: Origin::Default,
            },
            (None, Fallback::Without(_)) => {
                let problem =
                    Problem::new("is not set", format!("set it, like {}", setting.example));
                return Err(self.refuse(setting, Origin::Default, problem));
            }
        };
        match parse(given.text.expose_secret()) {
            Ok(value) => Ok((value, given.origin)),
            Err(problem) => Err(self.refuse(setting, given.origin, problem)),
        }
    }

    /// A setting that need not be there.
    pub(crate) fn optional<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Result<Option<T>, Refused> {
        let Some(given) = self.find(setting)? else {
            return Ok(None);
        };
        match parse(given.text.expose_secret()) {
            Ok(value) => Ok(Some(value)),
            Err(problem) => Err(self.refuse(setting, given.origin, problem)),
        }
    }

    /// Where a setting was set, if it was.
    pub(crate) fn origin(&mut self, setting: &'static Setting) -> Result<Option<Origin>, Refused> {
        Ok(self.find(setting)?.map(|given| given.origin))
    }

    /// Tells of something wrong.
    pub(crate) fn refuse(
        &mut self,
        setting: &Setting,
        origin: Origin,
        problem: Problem,
    ) -> Refused {
        self.refuse_named(setting.variable, origin, problem)
    }

    /// Tells of something wrong with a setting that is not in the table.
    pub(crate) fn refuse_named(
        &mut self,
        name: impl Into<String>,
        origin: Origin,
        problem: Problem,
    ) -> Refused {
        self.faults.add(name, origin, problem);
        Refused
    }

    /// The value that holds: the first of flag, environment and file.
    fn find(&mut self, setting: &'static Setting) -> Result<Option<Given>, Refused> {
        let levels = [Self::flag, Self::variable, Self::key];
        for level in levels {
            let own = names(setting);
            let direct = level(self, &own);
            let mounted = setting
                .mounted
                .and_then(|mounted| level(self, &Names::from(mounted)));
            let found = match (direct, mounted) {
                (None, None) => continue,
                (Some(given), None) => given,
                (None, Some(path)) => path.and_then(|path| self.read_mounted(setting, &path)),
                (Some(_), Some(path)) => {
                    let problem = Problem::new(
                        "is set as a value and as a file at once",
                        "keep one of the two",
                    );
                    let origin = path?.origin;
                    Err(self.refuse(setting, origin, problem))
                }
            }?;
            if found.text.expose_secret().is_empty() {
                let problem = Problem::new("is empty", "give it a value, or do not set it");
                return Err(self.refuse(setting, found.origin, problem));
            }
            return Ok(Some(found));
        }
        if self.file.is_cut {
            // It may stand where the file could not be read, and that is told already.
            return Err(Refused);
        }
        Ok(None)
    }

    fn flag(&mut self, names: &Names) -> Option<Result<Given, Refused>> {
        let text = self.sources.flags.values.get(names.flag)?.clone();
        let origin = Origin::Flag(names.flag);
        Some(Ok(Given { text, origin }))
    }

    fn variable(&mut self, names: &Names) -> Option<Result<Given, Refused>> {
        let value = self.sources.environment.get(names.variable)?;
        Some(self.decode(names.variable, value))
    }

    fn key(&mut self, names: &Names) -> Option<Result<Given, Refused>> {
        let value = self.file.get(names.key)?;
        Some(Ok(Given {
            text: value.text.clone(),
            origin: Origin::File(value.place.clone()),
        }))
    }

    /// A variable as text.
    pub(crate) fn decode(&mut self, variable: &str, value: &OsStr) -> Result<Given, Refused> {
        let origin = Origin::Environment(variable.into());
        match value.to_str() {
            Some(text) => Ok(Given {
                text: SecretString::from(text),
                origin,
            }),
            None => {
                let problem = Problem::new("is not UTF-8", "set it again, as plain text");
                Err(self.refuse_named(variable, origin, problem))
            }
        }
    }

    /// The value in the file that `path` names, without the line break at its end.
    fn read_mounted(&mut self, setting: &Setting, path: &Given) -> Result<Given, Refused> {
        let name = path.text.expose_secret();
        if name.is_empty() {
            let problem = Problem::new("is empty", "name a file, or do not set it");
            return Err(self.refuse(setting, path.origin.clone(), problem));
        }
        let origin = Origin::Mounted(name.into(), Box::new(path.origin.clone()));
        match self.read_text(name) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                Ok(Given {
                    text: SecretString::from(text),
                    origin,
                })
            }
            Err(problem) => Err(self.refuse(setting, origin, problem)),
        }
    }

    fn open_file(&mut self) {
        let path = match self.find(&table::CONFIG) {
            Ok(Some(path)) => path,
            Ok(None) => return,
            Err(Refused) => {
                self.file.is_cut = true;
                return;
            }
        };
        let name = path.text.expose_secret();
        match self.read_text(name) {
            Ok(text) => self.file = SettingsFile::parse(name, &text, &mut self.faults),
            Err(problem) => {
                self.file.is_cut = true;
                self.refuse(&table::CONFIG, path.origin.clone(), problem);
            }
        }
    }

    fn read_text(&self, path: &str) -> Result<String, Problem> {
        let path = self.sources.path(path);
        let shown = echo(&path.display().to_string());
        // One byte more than allowed tells a file that is too large from one that just fits.
        let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
            .map_err(|error| {
                Problem::new(
                    format!("the file {shown} cannot be read: {error}"),
                    "check the path, and that this program may read it",
                )
            })?;
        if bytes.len() > MAX_BYTES {
            return Err(Problem::new(
                format!("the file {shown} has more than {MAX_BYTES} bytes"),
                "check the path: this is not a file of settings or secrets",
            ));
        }
        String::from_utf8(bytes).map_err(|_| {
            Problem::new(
                format!("the file {shown} is not UTF-8"),
                "write it as plain text in UTF-8",
            )
        })
    }
}

/// The names of a value at each level.
struct Names {
    flag: &'static str,
    variable: &'static str,
    key: &'static str,
}

fn names(setting: &'static Setting) -> Names {
    Names {
        flag: setting.flag,
        variable: setting.variable,
        key: setting.key,
    }
}

impl From<Mounted> for Names {
    fn from(mounted: Mounted) -> Self {
        Self {
            flag: mounted.flag,
            variable: mounted.variable,
            key: mounted.key,
        }
    }
}
