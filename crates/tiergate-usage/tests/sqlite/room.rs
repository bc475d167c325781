//! A disk without room, one that fails, and one that can only be read.
//!
//! Neither can be had without a limit that only a process of its own can be under.

use std::env;
use std::path::Path;
use std::process::{Command, Output};

use tiergate_core::Subject;
use tiergate_usage::{
    Claim, CounterKey, CounterWindow, Reserve, ReserveOutcome, SqliteUsage, StoreErrorKind,
    UsageStore,
};

use crate::support::{Folder, PATIENCE, TTL, claim, gauge, used};

/// Tells a process that it is under a limit, on which file, and what it then gets.
const FILE: &str = "TIERGATE_USAGE_FILLED_FILE";
const KIND: &str = "TIERGATE_USAGE_FILLED_KIND";

/// More than any of the limits lets through.
const MOST: u64 = 20_000;

/// The process under a limit.
#[tokio::test]
async fn filler() {
    let (Some(file), Ok(kind)) = (env::var_os(FILE), env::var(KIND)) else {
        // It is a test only for the others in here to start.
        return;
    };
    let file = Path::new(&file);
    let ballast = file.with_file_name("ballast");
    let store = SqliteUsage::builder(file).deadline(PATIENCE).open().await;
    let store = store.unwrap();
    let admitted = crate::support::admitted(&store, &[claim(&gauge(), 3, 100)]).await;
    let mut counted = 0;
    let fault = loop {
        match store.reserve(Reserve::new(&[big(counted)], TTL)).await {
            Ok(ReserveOutcome::Admitted(_)) => counted += 1,
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
        assert!(counted < MOST, "there is no limit");
    };
    assert_eq!(format!("{:?}", fault.kind()), kind, "{fault}");
    assert!(fault.to_string().contains("usage.db"), "{fault}");
    assert!(fault.kind().is_transient());
    // What was answered before is there, and reading goes on.
    assert_eq!(used(&store, &gauge()).await, 3);
    assert_eq!(used(&store, big(counted - 1).key()).await, 1);
    assert_eq!(used(&store, big(counted).key()).await, 0);
    if fault.kind() == StoreErrorKind::Full {
        // With room, everything goes on.
        std::fs::remove_file(ballast).unwrap();
        let settled = store.commit(admitted.id(), &[2]).await.unwrap();
        assert_eq!(settled, tiergate_usage::Settlement::Settled);
        crate::support::admitted(&store, &[big(counted)]).await;
        assert_eq!(used(&store, &gauge()).await, 2);
    }
}

/// A claim of a counter of its own, whose name takes room.
fn big(number: u64) -> Claim {
    let subject = Subject::user(format!("{number:0200}"));
    let key = CounterKey::new(subject, "feature", CounterWindow::Level);
    claim(&key, 1, 1)
}

/// Runs one of the tests in here by a shell that limits it first.
fn run(script: &str, folder: &Folder, test: &str, kind: &str) -> Output {
    Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(folder.path())
        .arg(env::current_exe().unwrap())
        .args(["--exact", &format!("room::{test}"), "--nocapture"])
        .env(FILE, folder.file())
        .env(KIND, kind)
        .output()
        .unwrap()
}

fn succeeded(output: &Output) {
    let (out, err) = (&output.stdout, &output.stderr);
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "{out}");
}

/// A file may not grow beyond a limit of the process, as if its disk failed.
#[cfg(unix)]
#[tokio::test]
async fn a_disk_that_fails_is_told_and_takes_nothing_back() {
    let folder = Folder::new();
    // Without the signal, so that writing fails instead. In blocks of 512 bytes.
    let script = "trap '' XFSZ; ulimit -f 1200; shift; exec \"$@\"";
    succeeded(&run(script, &folder, "filler", "Unavailable"));
    // Without the limit, the same file goes on.
    let store = folder.store().await;
    assert_eq!(used(&store, &gauge()).await, 3);
    crate::support::admitted(&store, &[claim(&gauge(), 97, 100)]).await;
}

/// A file system of a megabyte, of which most is taken until there has to be room again.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_told_and_all_goes_on_when_there_is_room() {
    if !has_own_file_systems() {
        return;
    }
    let folder = Folder::new();
    let script = "exec unshare -rm /bin/sh -c '\
        mount -t tmpfs -o size=2m tmpfs \"$1\" && head -c 1048576 /dev/zero >\"$1/ballast\" && \
        shift && exec \"$@\"' sh \"$@\"";
    succeeded(&run(script, &folder, "filler", "Full"));
}

/// A process that can only read the file.
#[tokio::test]
async fn reader() {
    if env::var(KIND).as_deref() != Ok("read-only") {
        // It is a test only for the other one in here to start.
        return;
    }
    let Some(file) = env::var_os(FILE) else {
        return;
    };
    let error = SqliteUsage::open(&file).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    let told = error.to_string();
    assert!(
        told.contains("usage.db") && told.contains("write"),
        "{told}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_can_only_be_read_is_not_opened() {
    if !has_own_file_systems() {
        return;
    }
    let folder = Folder::new();
    folder.store().await.close().await;
    let script = "exec unshare -rm /bin/sh -c '\
        mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && \
        shift && exec \"$@\"' sh \"$@\"";
    succeeded(&run(script, &folder, "reader", "read-only"));
}

/// Whether this user can have file systems of its own; if not, that is told.
#[cfg(target_os = "linux")]
fn has_own_file_systems() -> bool {
    use std::io::Write;
    let unshare = Command::new("unshare").args(["-rm", "true"]).output();
    if unshare.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let told = "skipped: a file system of one's own needs `unshare -rm`; allow user namespaces\n";
    std::io::stderr().write_all(told.as_bytes()).unwrap();
    assert!(env::var("CI").as_deref() != Ok("true"), "{told}");
    false
}
