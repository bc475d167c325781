//! The program, run beside the service, and what it says.

use std::collections::BTreeMap;

use serde_json::Value;
use tiergate_tests::Finished;

use crate::shop::Shop;

/// What a report says.
#[derive(Debug)]
pub(crate) struct Report {
    /// What the program ended with.
    pub(crate) code: i32,
    /// How many counters were looked at, how many have units, and how many may come into step.
    pub(crate) counts: [u64; 3],
    /// By how much each counter that is not in step has to change.
    pub(crate) differences: Differences,
    /// What became of them.
    pub(crate) rebuilt: Vec<(String, Option<u64>)>,
    /// What was told beside it.
    pub(crate) notes: String,
}

/// Differences by owner and feature.
pub(crate) type Differences = BTreeMap<(String, String), i64>;

/// Differences as a test writes them.
pub(crate) fn differences<const N: usize>(of: [(&str, &str, i64); N]) -> Differences {
    let of = of.map(|(owner, feature, units)| ((owner.to_owned(), feature.to_owned()), units));
    of.into()
}

impl Shop {
    /// Runs the program.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Finished {
        let mut all = vec!["report", "counters", "--store", self.address.as_str()];
        all.extend(arguments);
        self.billing.program().run_beside(&all).await
    }

    /// What it reports, of usage that has settled.
    pub(crate) async fn report(&self, arguments: &[&str]) -> Report {
        let mut all = vec!["--settled-before", "0s"];
        all.extend(arguments);
        self.report_unsettled(&all).await
    }

    /// What it reports.
    pub(crate) async fn report_unsettled(&self, arguments: &[&str]) -> Report {
        let mut all = vec!["--format", "json"];
        all.extend(arguments);
        read(&self.run(&all).await)
    }

    /// Whether everything is in step.
    pub(crate) async fn is_in_step(&self) {
        let report = self.report(&[]).await;
        assert_eq!(report.code, 0, "{report:?}");
        assert_eq!(report.differences, Differences::new());
    }
}

pub(crate) fn read(finished: &Finished) -> Report {
    let told = serde_json::from_str(&finished.stdout);
    let told: Value = told.unwrap_or_else(|_| panic!("{finished:?}"));
    let owner = |row: &Value| match row["userId"].as_str() {
        Some(user) => format!("user:{user}"),
        None => format!("organization:{}", row["organizationId"].as_str().unwrap()),
    };
    let rows = told["counters"].as_array().unwrap().iter();
    let rebuilt = told["rebuilt"].as_array().into_iter().flatten();
    Report {
        code: finished.status.code().unwrap(),
        counts: ["checked", "counting", "settling"].map(|name| told[name].as_u64().unwrap()),
        differences: rows
            .map(|row| {
                let feature = row["feature"].as_str().unwrap().to_owned();
                ((owner(row), feature), row["difference"].as_i64().unwrap())
            })
            .collect(),
        rebuilt: rebuilt
            .map(|rebuilt| {
                let outcome = rebuilt["outcome"].as_str().unwrap().to_owned();
                (outcome, rebuilt["units"].as_u64())
            })
            .collect(),
        notes: finished.stderr.clone(),
    }
}
