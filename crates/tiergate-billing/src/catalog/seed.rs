//! Writing the catalog down when the service starts, or when its file has changed.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};
use tiergate_core::catalog::Availability;
use tiergate_core::{Catalog, Feature, FeatureId, FeatureKind};

use crate::change::{Begun, Change, Reply};
use crate::context::Context;
use crate::record::Time;
use crate::table::catalog::{self, Flag, Version};
use crate::table::outbox::Message;
use crate::{Billing, BillingError};

/// Keeps processes that start at once from writing two catalogs down at once.
const SEEDING: &str = "catalog";

/// What became of a catalog that was to be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeding {
    /// It was there already: nothing was changed.
    Unchanged,
    /// It took the place of another, or is the first.
    Written,
}

impl Billing {
    /// Writes the catalog in force down, with a row for each of its features, unless it is what was
    /// written down last. Then the audit log has it, and all who follow are told its revision.
    ///
    /// Processes may do so at once.
    ///
    /// # Errors
    ///
    /// When the database fails. Nothing is changed then.
    pub async fn seed_catalog(&self, context: &Context) -> Result<Seeding, BillingError> {
        let catalog = self.catalog();
        let yaml = catalog.to_yaml();
        let digest = digest(&yaml);
        let mut read = self.database().read().await?;
        if is_current(catalog::current(&mut read).await?.as_ref(), &digest) {
            return Ok(Seeding::Unchanged);
        }
        drop(read);

        let mut change = match Change::begin_for_all(self, context).await? {
            Begun::Fresh(change) => change,
            Begun::Answered(_) => return Ok(Seeding::Unchanged),
        };
        change.write().lock(SEEDING).await?;
        let before = catalog::current(change.write()).await?;
        if is_current(before.as_ref(), &digest) {
            return Ok(Seeding::Unchanged);
        }
        let now = Time::from(context.now);
        let version = Version {
            digest: digest.clone(),
            // Always later than the one before, whatever the clocks of two machines say.
            seeded_at: before.as_ref().map_or(now, |before| {
                let next = before.seeded_at.0.saturating_add(Duration::from_micros(1));
                now.max(next.into())
            }),
        };
        let flags: Vec<_> = catalog
            .features()
            .map(|(id, feature)| flag(&catalog, id, feature))
            .collect();
        catalog::insert(change.write(), &version, &yaml, &flags).await?;
        let before = before.map(|before| json!({ "revision": before.digest }));
        let after = json!({ "revision": digest });
        change
            .audit(
                "catalog.changed",
                ("catalog", digest),
                before.as_ref(),
                Some(&after),
                None,
            )
            .await?;
        change.tell(Message {
            kind: "catalog",
            subject: None,
            version: None,
            payload: after.clone(),
            dedupe_key: None,
        });
        change.finish(Reply::done(&after)).await?;
        Ok(Seeding::Written)
    }
}

fn is_current(version: Option<&Version>, digest: &str) -> bool {
    version.is_some_and(|version| version.digest == digest)
}

fn digest(yaml: &str) -> String {
    let digest = Sha256::digest(yaml.as_bytes());
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn flag(catalog: &Catalog, id: FeatureId, feature: &Feature) -> Flag {
    let tiers = catalog.tiers().filter_map(|(tier, described)| {
        // The catalog gave both ids.
        let value = catalog.value(tier, id).ok()?;
        Some((described.key.to_string(), (&value).into()))
    });
    let kind = feature.kind.to_string();
    Flag {
        key: feature.key.to_string(),
        name: feature.name.to_string(),
        description: feature
            .description
            .as_deref()
            .unwrap_or_default()
            .to_owned(),
        category: feature.category.as_str(),
        tiers: tiers.collect(),
        enabled: feature.availability == Availability::Enabled,
        metadata: match &feature.kind {
            FeatureKind::Boolean => json!({ "kind": kind }),
            FeatureKind::Limit { metric, meter } => json!({
                "kind": kind,
                "metric": metric,
                "counted": meter.map(|meter| meter.to_string()),
            }),
            FeatureKind::Level { levels } => {
                let words: Vec<_> = levels.iter().map(tiergate_core::Level::name).collect();
                json!({ "kind": kind, "levels": words })
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use sqlx::types::Json;
    use tiergate_core::catalog::{FeatureSpec, TierSpec};

    use super::*;
    use crate::database::on;
    use crate::payment::ManualProvider;
    use crate::testing::Office;

    fn other_catalog() -> Catalog {
        Catalog::builder()
            .default_tier("free")
            .tier(TierSpec::new("free"))
            .feature(FeatureSpec::limit("mails").value("free", tiergate_core::Limit::Unlimited))
            .build()
            .unwrap()
    }

    /// The same office, with another catalog.
    fn with(office: &Office, catalog: Catalog) -> Billing {
        Billing::assemble(
            office.billing.database().clone(),
            catalog,
            std::sync::Arc::new(ManualProvider),
            office.clock.clone(),
        )
    }

    async fn counts(office: &Office) -> [i64; 4] {
        let mut counts = [0; 4];
        let mut read = office.billing.database().read().await.unwrap();
        let tables = ["catalog_versions", "feature_flags", "audit_log", "outbox"];
        for (count, table) in counts.iter_mut().zip(tables) {
            let statement = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
            *count = on!(&mut read, connection => sqlx::query_scalar(statement)
                .fetch_one(connection)
                .await
                .unwrap());
        }
        counts
    }

    #[tokio::test]
    async fn a_catalog_is_written_down_once_and_told_when_it_changes() {
        for office in Office::each().await {
            let context = Context::system("start", office.billing.now());
            let first = office.billing.clone();
            let second = with(&office, other_catalog());
            let features = i64::try_from(first.catalog().features().len()).unwrap();

            assert_eq!(
                first.seed_catalog(&context).await.unwrap(),
                Seeding::Written
            );
            assert_eq!(counts(&office).await, [1, features, 1, 1]);
            assert_eq!(
                first.seed_catalog(&context).await.unwrap(),
                Seeding::Unchanged
            );
            assert_eq!(counts(&office).await, [1, features, 1, 1]);

            assert_eq!(
                second.seed_catalog(&context).await.unwrap(),
                Seeding::Written
            );
            assert_eq!(counts(&office).await, [2, 1, 2, 2]);
            let mut read = office.billing.database().read().await.unwrap();
            let tiers: Json<Value> = on!(&mut read, connection => sqlx::query_scalar(
                "SELECT tiers FROM feature_flags WHERE key = 'mails'"
            ).fetch_one(connection).await.unwrap());
            assert_eq!(tiers.0, json!({ "free": "unlimited" }));
            drop(read);

            // Back to the first, which was written down before, at the same moment.
            assert_eq!(
                first.seed_catalog(&context).await.unwrap(),
                Seeding::Written
            );
            assert_eq!(
                first.seed_catalog(&context).await.unwrap(),
                Seeding::Unchanged
            );
            assert_eq!(counts(&office).await, [2, features, 3, 3]);
            let mut read = office.billing.database().read().await.unwrap();
            let current = catalog::current(&mut read).await.unwrap().unwrap();
            let (yaml, told): (String, Json<Value>) = on!(&mut read, connection => sqlx::query_as(
                "SELECT yaml, payload FROM catalog_versions, outbox \
                 WHERE digest = $1 AND sequence = (SELECT MAX(sequence) FROM outbox)"
            ).bind(&current.digest).fetch_one(connection).await.unwrap());
            assert_eq!(told.0, json!({ "revision": current.digest }));
            assert_eq!(Catalog::from_yaml(&yaml).unwrap(), *first.catalog());
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_those_who_start_at_once_one_writes_and_none_fails() {
        for office in Office::each().await {
            let context = Context::system("start", office.billing.now());
            let starts = (0..6).map(|_| office.billing.seed_catalog(&context));
            let outcomes = futures_util::future::join_all(starts).await;
            let written = outcomes.into_iter().map(Result::unwrap);
            let written = written.filter(|outcome| *outcome == Seeding::Written);
            assert_eq!(written.count(), 1);
            assert_eq!(counts(&office).await[2..], [1, 1]);
        }
    }
}
