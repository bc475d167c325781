//! Checks a catalog.

use tiergate_core::Catalog;
use tiergate_core::catalog::CatalogError;

use crate::settings::{CatalogSource, LoadedCatalog};

/// What is in a catalog, in one line.
///
/// # Errors
///
/// When anything is wrong with it: then everything that is.
pub(crate) fn run(source: CatalogSource) -> Result<String, CatalogError> {
    let LoadedCatalog { catalog, source } = LoadedCatalog::load(source)?;
    Ok(format!("OK: {} in {source}", counts(&catalog)))
}

pub(crate) fn counts(catalog: &Catalog) -> String {
    let count = |count: usize, one: &str, many: &str| {
        let noun = if count == 1 { one } else { many };
        format!("{count} {noun}")
    };
    format!(
        "{}, {}, {}",
        count(catalog.tiers().len(), "tier", "tiers"),
        count(catalog.features().len(), "feature", "features"),
        count(catalog.metrics().len(), "metric", "metrics"),
    )
}
