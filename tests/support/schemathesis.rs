//! Schemathesis, which makes requests from an OpenAPI document and judges the answers.

use std::fs;

use serde_json::Value;

use crate::Python;

/// Every package that it needs, pinned.
const REQUIREMENTS: &str = include_str!("schemathesis/requirements.txt");

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Effort<'a> {
    /// How many requests are made at random for each operation, besides those that the document's bounds
    /// suggest.
    pub examples: u32,
    /// The paths of operations that are left out: those whose answers have no end.
    pub without: &'a [&'a str],
    /// What else Schemathesis is told, in the form of its `schemathesis.toml`: for instance ids that there
    /// are.
    pub settings: &'a str,
}

impl Default for Effort<'_> {
    /// 30 for each, and none left out.
    fn default() -> Self {
        Self {
            examples: 30,
            without: &[],
            settings: "",
        }
    }
}

/// What the answers of a service are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// No answer is a 5xx.
    NotAServerError,
    /// The status is documented.
    StatusCode,
    /// The type of content is documented.
    ContentType,
    /// The headers are as documented.
    ResponseHeaders,
    /// The body is as documented.
    ResponseSchema,
    /// What the document does not allow is refused.
    NegativeData,
    /// What it allows is not refused as malformed.
    PositiveData,
    /// A request without a header that is needed is refused.
    MissingHeader,
    /// A method that is not documented gets 405.
    UnsupportedMethod,
    /// A request without a credential, or with a wrong one, is refused.
    IgnoredAuth,
}

impl Check {
    /// Every check.
    pub const ALL: [Self; 10] = [
        Self::NotAServerError,
        Self::StatusCode,
        Self::ContentType,
        Self::ResponseHeaders,
        Self::ResponseSchema,
        Self::NegativeData,
        Self::PositiveData,
        Self::MissingHeader,
        Self::UnsupportedMethod,
        Self::IgnoredAuth,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::NotAServerError => "not_a_server_error",
            Self::StatusCode => "status_code_conformance",
            Self::ContentType => "content_type_conformance",
            Self::ResponseHeaders => "response_headers_conformance",
            Self::ResponseSchema => "response_schema_conformance",
            Self::NegativeData => "negative_data_rejection",
            Self::PositiveData => "positive_data_acceptance",
            Self::MissingHeader => "missing_required_header",
            Self::UnsupportedMethod => "unsupported_method",
            Self::IgnoredAuth => "ignored_auth",
        }
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Each kind of failure, with the operations that have it.
    pub failures: Vec<String>,
    /// How many operations were tried.
    pub operations: u64,
    /// How many requests were made.
    pub requests: u64,
    /// Everything that was printed, with a command for each failure that shows it again.
    pub output: String,
}

/// Tries every operation of the document at `url`, each request with these headers. The requests are
/// the same each time. None when Schemathesis cannot be installed, which is told.
///
/// # Panics
///
/// When it does not do its work: for instance when there is no document, or it has no operation.
pub async fn schemathesis(url: &str, headers: &[(&str, &str)], checks: &[Check]) -> Option<Report> {
    schemathesis_with(url, headers, checks, Effort::default()).await
}

/// As [`schemathesis`], with another effort.
///
/// # Panics
///
/// As [`schemathesis`].
pub async fn schemathesis_with(
    url: &str,
    headers: &[(&str, &str)],
    checks: &[Check],
    effort: Effort<'_>,
) -> Option<Report> {
    let python = Python::with(REQUIREMENTS).await?;
    let folder = tempfile::tempdir().expect("a folder for temporary files is needed");
    let report = folder.path().join("report.json");
    fs::write(folder.path().join("schemathesis.toml"), effort.settings)
        .expect("the folder is there");
    let checks: Vec<_> = checks.iter().map(|check| check.name()).collect();
    let mut command = python.program("schemathesis");
    command
        .args(["--no-color", "run", url])
        .args(["--checks", &checks.join(",")])
        .arg("--generation-deterministic")
        .args(["--max-examples", &effort.examples.to_string()])
        .args(["--continue-on-failure", "--request-timeout", "10"])
        .arg("--report-json-path")
        .arg(&report)
        // It keeps notes where it runs, and what it finds must not depend on them.
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .env("COLUMNS", "200");
    for path in effort.without {
        command.args(["--exclude-path", path]);
    }
    for (name, value) in headers {
        command.args(["--header", &format!("{name}: {value}")]);
    }
    let finished = python.run(command).await;
    let output = format!("{}\n{}", finished.stdout, finished.stderr);
    let report = fs::read(&report).ok();
    let report = report.and_then(|report| serde_json::from_slice::<Value>(&report).ok());
    let report = report.unwrap_or_else(|| panic!("there is no report: {output}"));
    Some(read(&report, output))
}

fn read(report: &Value, output: String) -> Report {
    let count = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64);
    let operations = count("/operations/tested").unwrap_or(0);
    let errors = report.pointer("/errors").and_then(Value::as_array);
    assert!(
        operations > 0 && errors.is_some_and(Vec::is_empty),
        "Schemathesis could not do its work: {output}"
    );
    let failures = report.pointer("/failures").and_then(Value::as_array);
    let failures = failures.expect("a report tells the failures").iter();
    let text = |failure: &Value, name: &str| {
        let text = failure.get(name).and_then(Value::as_str);
        text.unwrap_or("?").to_owned()
    };
    Report {
        failures: failures
            .map(|failure| {
                let listed = failure.get("operations").and_then(Value::as_array);
                let listed = listed.into_iter().flatten().filter_map(Value::as_str);
                let listed = listed.collect::<Vec<_>>().join(", ");
                format!("{}: {listed}", text(failure, "title"))
            })
            .collect(),
        operations,
        requests: count("/test_cases/generated").unwrap_or(0),
        output,
    }
}
