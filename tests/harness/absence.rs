//! A program that is not there.

use tiergate_tests::{Absence, Installation};

#[test]
fn no_installation_is_found_where_none_is() {
    let empty = tempfile::tempdir().unwrap();
    assert!(Installation::find_in([empty.path().to_owned()]).is_none());
}

#[test]
fn half_an_installation_is_none() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("initdb"), "#!/bin/sh\n").unwrap();
    std::fs::write(folder.path().join("postgres"), "not a program").unwrap();
    assert!(Installation::find_in([folder.path().to_owned()]).is_none());
}

#[test]
fn elsewhere_what_is_not_there_is_skipped() {
    Absence::Skips.tell("Nothing is missing: this is how it would read", "no remedy");
}

#[test]
#[should_panic(
    expected = "X is not installed, and CI=true makes that a failure (apt-get install x)"
)]
fn in_ci_what_is_not_there_is_a_failure() {
    Absence::Fails.tell("X is not installed", "apt-get install x");
}

#[test]
fn ci_is_told_by_the_environment() {
    let expected = match std::env::var("CI").as_deref() {
        Ok("true") => Absence::Fails,
        _ => Absence::Skips,
    };
    assert_eq!(Absence::here(), expected);
}
