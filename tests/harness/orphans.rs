//! Nothing outlives a test program, however that ends.
//!
//! The scenario starts this test program again, lets it start what a scenario starts, and ends it. The
//! second program runs only the test that plays it.

use std::env;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use tiergate_tests::{Launch, Postgres, eventually, eventually_in};

use crate::program::runs;

/// Where the second program writes what it has started. Without it, there is nothing to play.
const REPORT: &str = "TIERGATE_ORPHANS_REPORT";

/// How the second program ends.
const END: &str = "TIERGATE_ORPHANS_END";

#[tokio::test]
async fn the_program_that_starts_and_leaves() {
    let Some(report) = env::var_os(REPORT) else {
        return;
    };
    let program = Launch::new("/bin/sh")
        .arg("-c")
        // What a program starts has to go too.
        .arg("sleep 1000 & echo \"address=127.0.0.1:1\"; wait")
        .start()
        .await;
    let mut text = format!(
        "{}\n{}\n",
        program.pid().unwrap(),
        program.folder().display()
    );
    if let Some(server) = Postgres::shared().await {
        let pid = server.pid().unwrap();
        text += &format!("{pid}\n{}\n", server.folder().display());
    }
    // Written whole, so that what reads it never sees a half.
    let mut file =
        tempfile::NamedTempFile::new_in(PathBuf::from(&report).parent().unwrap()).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.persist(report).unwrap();
    match env::var(END).as_deref() {
        Ok("exit") => leave(),
        _ => tokio::time::sleep(Duration::from_secs(600)).await,
    }
}

/// Ends as a test program does that has something in a `static`: destructors do not run.
#[expect(clippy::exit, reason = "it is what is tested")]
fn leave() {
    std::process::exit(0);
}

/// Plays the other program to its end, and tells what it had started: processes and folders.
async fn play(end: &str) -> (ExitStatus, Vec<u32>, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let mut second = Command::new(env::current_exe().unwrap())
        .args(["--exact", "orphans::the_program_that_starts_and_leaves"])
        .env(REPORT, &report)
        .env(END, end)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let wait = Duration::from_secs(120);
    eventually_in(wait, "the report", || report.exists()).await;
    let text = fs::read_to_string(&report).unwrap();
    let (pids, folders): (Vec<_>, Vec<_>) = text.lines().partition(|line| !line.contains('/'));
    let pids: Vec<u32> = pids.into_iter().map(|pid| pid.parse().unwrap()).collect();
    if end == "kill" {
        assert!(pids.iter().all(|pid| runs(*pid)), "{text}");
        // `SIGKILL`: nothing of the program runs any more.
        second.kill().unwrap();
    }
    let mut status = None;
    eventually("the end of the second program", || {
        status = second.try_wait().unwrap();
        status.is_some()
    })
    .await;
    let folders = folders.into_iter().map(PathBuf::from).collect();
    (status.unwrap(), pids, folders)
}

async fn nothing_is_left(pids: Vec<u32>, folders: Vec<PathBuf>) {
    assert!(!pids.is_empty() && pids.len() == folders.len());
    eventually("the end of all processes", || {
        pids.iter().all(|pid| !runs(*pid))
    })
    .await;
    eventually("the end of all folders", || {
        folders.iter().all(|folder| !folder.exists())
    })
    .await;
}

#[tokio::test]
async fn nothing_outlives_tests_that_are_killed() {
    let (status, pids, folders) = play("kill").await;
    assert_eq!(status.code(), None, "it was killed");
    nothing_is_left(pids, folders).await;
}

#[tokio::test]
async fn nothing_outlives_tests_that_end_without_destructors() {
    let (status, pids, folders) = play("exit").await;
    assert_eq!(status.code(), Some(0));
    nothing_is_left(pids, folders).await;
}
