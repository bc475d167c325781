use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::collect::Faults;
use super::fault::FaultKind;
use super::fields::MAX_BYTES;
use super::source::{Source, Span};
use super::{Catalog, CatalogError, yaml};

/// What messages call a text that has no name of its own.
const DEFAULT_NAME: &str = "feature-flags.yaml";

impl Catalog {
    /// How many bytes a catalog's text can have.
    pub const MAX_BYTES: usize = MAX_BYTES;

    /// Reads a catalog from a file of YAML, at most [`MAX_BYTES`](Self::MAX_BYTES) long.
    ///
    /// This blocks while the file is read. It is meant for the start of a program; in asynchronous
    /// code, read the bytes first and use [`from_yaml_bytes`](Self::from_yaml_bytes).
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or when anything is wrong with what it says: then everything
    /// that is wrong with it, at once.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, CatalogError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        // One byte more than allowed, to tell a file that is too large from one that just fits.
        let most = u64::try_from(MAX_BYTES)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)) {
            Ok(_) => Self::from_yaml_bytes(&name, &bytes),
            Err(error) => Err(unreadable(&name, &error)),
        }
    }

    /// Reads a catalog from YAML. Messages call the text `feature-flags.yaml`.
    ///
    /// ```
    /// use tiergate_core::Catalog;
    ///
    /// let catalog = Catalog::from_yaml(
    ///     "
    /// version: 1
    /// currency: USD
    /// default_tier: free
    /// tiers:
    ///   free: { name: Free, track: individual, price: free }
    ///   pro: { name: Pro, track: individual, includes: [free], price: { monthly: 12.00, annual: 115.00 } }
    /// features:
    ///   crm_enabled:
    ///     name: CRM
    ///     category: service
    ///     kind: boolean
    ///     tiers: { free: off, pro: on }
    /// ",
    /// )?;
    /// let (free, pro) = (catalog.require_tier("free")?, catalog.require_tier("pro")?);
    /// let crm = catalog.require_feature("crm_enabled")?;
    /// assert!(!catalog.grants(free, crm)?);
    /// assert!(catalog.grants(pro, crm)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When anything is wrong with the text: then everything that is wrong with it, at once.
    pub fn from_yaml(text: &str) -> Result<Self, CatalogError> {
        yaml::load(DEFAULT_NAME, text).map(Self::compile)
    }

    /// Reads a catalog from bytes that should be YAML in UTF-8. Messages call them `name`.
    ///
    /// # Errors
    ///
    /// When they are not, or when anything is wrong with what they say: then everything that is
    /// wrong with it, at once.
    pub fn from_yaml_bytes(name: &str, bytes: &[u8]) -> Result<Self, CatalogError> {
        yaml::load_bytes(name, bytes).map(Self::compile)
    }
}

impl std::str::FromStr for Catalog {
    type Err = CatalogError;

    /// Reads YAML, as [`Catalog::from_yaml`] does.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_yaml(text)
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> CatalogError {
    let mut faults = Faults::of(Source::new(name, ""));
    faults.add(
        FaultKind::Unreadable,
        Some(Span { start: 0, end: 0 }),
        format!("`{}` cannot be read: {error}", super::words::echo(name)),
        "check the path, and that this program may read it",
    );
    faults.into_error()
}
