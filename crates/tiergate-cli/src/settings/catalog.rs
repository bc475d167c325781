//! The setting of the catalog, and the catalog itself.

use std::fmt;
use std::path::PathBuf;

use tiergate_core::Catalog;
use tiergate_core::catalog::CatalogError;

use super::fault::{Problem, Refused};
use super::origin::Origin;
use super::reader::Reader;
use super::table;
use super::text::echo;

/// The catalog that comes with the program.
const BUILT_IN: &str = include_str!("../../feature-flags.yaml");

/// The catalog, and where it came from.
#[derive(Debug)]
pub(crate) struct LoadedCatalog {
    pub(crate) catalog: Catalog,
    pub(crate) source: CatalogSource,
}

/// Where a catalog came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CatalogSource {
    File(PathBuf),
    /// The program itself.
    BuiltIn,
}

impl fmt::Display for CatalogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(&echo(&path.display().to_string())),
            Self::BuiltIn => f.write_str("the catalog that comes with the program"),
        }
    }
}

/// Where the catalog is to be found.
pub(crate) fn source(reader: &mut Reader<'_>) -> Result<CatalogSource, Refused> {
    located(reader).map(|(source, _)| source)
}

fn located(reader: &mut Reader<'_>) -> Result<(CatalogSource, Origin), Refused> {
    let sources = reader.sources;
    let (path, origin) = reader.located(&table::CATALOG, |path| Ok(sources.path(path)))?;
    // A file that somebody named is never silently replaced. One that cannot be looked at is read,
    // which then says why.
    let is_absent = origin == Origin::Default && matches!(path.try_exists(), Ok(false));
    let source = if is_absent {
        CatalogSource::BuiltIn
    } else {
        CatalogSource::File(path)
    };
    Ok((source, origin))
}

impl LoadedCatalog {
    /// Reads a catalog.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or anything is wrong with it: then everything that is.
    pub(crate) fn load(source: CatalogSource) -> Result<Self, CatalogError> {
        let catalog = match &source {
            CatalogSource::File(path) => Catalog::from_path(path)?,
            CatalogSource::BuiltIn => Catalog::from_yaml(BUILT_IN)?,
        };
        Ok(Self { catalog, source })
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Refused> {
        let (source, origin) = located(reader)?;
        Self::load(source).map_err(|error| {
            let told = indented(&error.to_string());
            let problem = Problem::new(
                format!("the catalog was refused\n\n{told}"),
                "mend the catalog; `tiergate check` tells this alone",
            );
            reader.refuse(&table::CATALOG, origin, problem)
        })
    }
}

/// As a part of a fault.
fn indented(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        if !line.is_empty() {
            out.push_str("    ");
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}
