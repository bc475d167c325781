//! What the examples say to arguments that make no sense, and to a machine that does not play along.

use std::net::TcpListener;

use crate::process::output;

fn complaint(arguments: &[&str]) -> (Option<i32>, String) {
    let output = output("quickstart", arguments);
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).expect("it prints text");
    (output.status.code(), stderr)
}

#[test]
fn arguments_that_make_no_sense_end_it_with_code_two_and_a_remedy() {
    let table = [
        (
            &["--prot", "80"][..],
            "`--prot` is no argument of this program",
        ),
        (&["--port"], "`--port` needs a value"),
        (
            &["--port", "70000"],
            "`70000` is no port, expected a number from 0 to 65535",
        ),
        (&["--catalog"], "`--catalog` needs a value"),
        (&["8080"], "`8080` is no argument of this program"),
        (&["--billing"], "`--billing` needs a value"),
        (
            &["--billing", "http://a", "--billing", "http://b"],
            "`--billing` is there twice",
        ),
    ];
    for (arguments, message) in table {
        let (code, stderr) = complaint(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(
            stderr.starts_with(&format!("error: {message}\n")),
            "{stderr}"
        );
        assert!(stderr.contains("--port N"), "{stderr}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let (code, stderr) = complaint(&["--port", &port]);
    assert_eq!(code, Some(1));
    let message = format!("error: port {port} cannot be listened on, choose another with `--port`");
    assert!(stderr.starts_with(&message), "{stderr}");
}

#[test]
fn a_catalog_that_is_not_there_is_named() {
    let (code, stderr) = complaint(&["--port", "0", "--catalog", "no/such/file.yaml"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("no/such/file.yaml"), "{stderr}");
}

#[test]
fn help_is_no_mistake() {
    let output = output("hyper", &["--help"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--catalog PATH"));
}
