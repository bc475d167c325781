//! Counts, and what is said of them.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use kept_counts::{Counts, Verdict};
use serde_json::Value;

use crate::TITLE;
use crate::counted::times_of;
use crate::purpose::Purpose;

/// The command that keeps what is counted.
const STORE: &str = "cargo bench -p tiergate-instructions -- --store";

/// Counts everything, and holds it against what is kept, or keeps it.
pub(crate) fn of(purpose: Purpose) -> ExitCode {
    let path = kept_in();
    let now = count();
    let kept = match std::fs::read_to_string(&path) {
        Ok(text) => Counts::from_text(&text).expect("what is kept has a number for each name"),
        // Nothing is kept yet.
        Err(fault) if fault.kind() == ErrorKind::NotFound => Counts::default(),
        Err(fault) => panic!("{}: {fault}", path.display()),
    };
    let changes = now.since(&kept);
    println!("\n### {TITLE}\n");
    println!("{}", changes.markdown());
    if purpose == Purpose::Store {
        std::fs::write(&path, now.to_text()).expect("room for a file");
        println!("kept in {}", path.display());
        return ExitCode::SUCCESS;
    }
    match changes.verdict() {
        Verdict::Alike => ExitCode::SUCCESS,
        Verdict::Lower => {
            println!(
                "Some take less than is kept. So that they do not rise again unseen:\n    {STORE}"
            );
            ExitCode::SUCCESS
        }
        Verdict::Refused => {
            println!(
                "Some take more than is kept, or something is counted that is not kept. If it is worth it:\n    {STORE}"
            );
            ExitCode::FAILURE
        }
    }
}

fn kept_in() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("counts.json")
}

/// Counts everything, by this program, which gungraun starts for each.
fn count() -> Counts {
    let output = Command::new(std::env::current_exe().expect("it runs"))
        .args(["--bench", "--output-format=json", "--nosummary=true"])
        .stderr(Stdio::inherit())
        .output()
        .expect("it starts");
    assert!(output.status.success(), "gungraun: {}", output.status);
    let told = String::from_utf8(output.stdout).expect("gungraun writes text");
    let mut counts = Counts::default();
    for line in told.lines() {
        let summary: Value = serde_json::from_str(line).expect("gungraun writes a summary a line");
        let (name, count) = counted(&summary).expect("gungraun tells what it counted");
        counts.insert(name, count);
    }
    counts
}

/// One of gungraun's summaries: what was counted, and how many instructions it takes for one.
fn counted(summary: &Value) -> Option<(String, f64)> {
    let text = |key: &str| summary.get(key)?.as_str();
    let (group, function, case) = (text("group")?, text("function_name")?, text("id")?);
    let total = summary
        .pointer("/profiles/0/data/total/metrics/Ir/values/new")?
        .as_f64()?;
    Some((
        format!("{group}: {function}, {case}"),
        total / f64::from(times_of(group)),
    ))
}
