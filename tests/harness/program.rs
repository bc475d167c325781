//! Programs as child processes.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use tiergate_tests::{Launch, announced, eventually};

/// A program that says where it would listen, counts its runs in its folder, and ends with 7 when it is
/// asked to stop. It listens nowhere: what is tested here is what is around it.
const POLITE: &str = r#"
echo run >> runs
trap 'echo "goodbye" >&2; exit 7' TERM
echo "this is run $(wc -l < runs)"
echo "listening on http://$LISTEN"
while :; do sleep 0.02; done
"#;

fn shell(text: &str) -> Launch {
    let launch = Launch::new("/bin/sh").arg("-c").arg(text);
    let address = launch.address().to_string();
    launch.env("LISTEN", address)
}

#[tokio::test]
async fn the_program_of_this_workspace_is_built_and_runs() {
    let finished = Launch::tiergate().await.arg("--version").finish().await;
    assert!(finished.status.success(), "{finished:?}");
}

#[tokio::test]
async fn a_program_is_ready_when_it_says_where_it_listens() {
    let launch = shell(POLITE);
    let address = launch.address();
    let program = launch.start().await;
    assert_eq!(program.address(), address);
    assert!(program.stdout().contains("this is run 1"));
}

#[tokio::test]
async fn a_program_that_is_asked_to_stop_ends_as_it_wants() {
    let program = shell(POLITE).start().await;
    let status = program.stop().await;
    assert_eq!(status.code(), Some(7));
    assert_eq!(program.stderr(), "goodbye\n");
    assert_eq!(program.pid(), None);
}

#[tokio::test]
async fn a_killed_program_says_nothing_and_starts_again_where_it_was() {
    let program = shell(POLITE).start().await;
    let (first, address) = (program.pid(), program.address());
    program.kill().await;
    assert_eq!(program.ended().await.signal(), Some(9));
    assert_eq!(program.stderr(), "");

    program.restart().await;
    assert_ne!(program.pid(), first);
    assert_eq!(program.address(), address);
    let line = program.line("its second run", |line| line == "this is run 2");
    line.await;
    let runs = fs::read_to_string(program.folder().join("runs")).unwrap();
    assert_eq!(runs, "run\nrun\n");
}

#[tokio::test]
async fn a_dropped_program_is_gone_with_all_that_it_began() {
    let program = shell("sleep 1000 & echo child $!; echo address=127.0.0.1:1; wait");
    let program = program.start().await;
    let child = program.line("its child", |line| line.starts_with("child "));
    let child: u32 = child.await["child ".len()..].parse().unwrap();
    let (own, folder) = (program.pid().unwrap(), program.folder().to_owned());
    assert!(runs(own) && runs(child) && folder.exists());
    drop(program);
    assert!(!runs(own) && !folder.exists());
    eventually("the end of its child", || !runs(child)).await;
}

#[tokio::test]
#[should_panic(expected = "no catalog here")]
async fn a_program_that_ends_before_it_is_ready_is_told_with_its_words() {
    shell("echo 'no catalog here' >&2; exit 3").start().await;
}

#[tokio::test]
async fn a_program_sees_nothing_of_this_environment() {
    let finished = Launch::new("/usr/bin/env")
        .env("GIVEN", "yes")
        .finish()
        .await;
    let names: Vec<_> = finished
        .stdout
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        // A shell that starts a program sets these.
        .filter(|name| !["_", "PWD", "OLDPWD", "SHLVL"].contains(name))
        .collect();
    let mut names = names;
    names.sort_unstable();
    assert_eq!(names, ["GIVEN", "HOME", "PATH"]);
}

#[test]
fn an_address_is_found_in_text_and_in_json() {
    let found = |line| announced(line).map(|address| address.to_string());
    let plain = Some("127.0.0.1:8080".to_owned());
    assert_eq!(found("listening on http://127.0.0.1:8080"), plain);
    assert_eq!(
        found("INFO listening on http://127.0.0.1:8080, ready"),
        plain
    );
    assert_eq!(found("INFO listening address=127.0.0.1:8080 tls=no"), plain);
    assert_eq!(
        found(r#"{"level":"INFO","address":"127.0.0.1:8080","a":1}"#),
        plain
    );
    assert_eq!(found(r#"{"address": "http://127.0.0.1:8080"}"#), plain);
    assert_eq!(
        found("listening on http://[::1]:80/"),
        Some("[::1]:80".to_owned())
    );
    for other in ["", "listening on http://", "address=nowhere", "port 8080"] {
        assert_eq!(found(other), None, "{other}");
    }
}

/// Whether there is a process of this number. One that has ended and that nobody has asked for yet does
/// not run.
pub(crate) fn runs(pid: u32) -> bool {
    let told = fs::read_to_string(format!("/proc/{pid}/stat"));
    // The state is behind the name, which is in parentheses and may hold anything.
    let state = told.ok().and_then(|told| {
        let (_, rest) = told.rsplit_once(") ")?;
        rest.chars().next()
    });
    !matches!(state, None | Some('Z' | 'X'))
}
