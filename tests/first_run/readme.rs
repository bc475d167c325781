//! The lines that the README shows.
//!
//! What this relies on in `README.md`:
//!
//! * The section is headed `## The billing service`, and the next `## ` ends it.
//! * In its blocks fenced as `console`, a line that begins with `$ ` is a command. The lines below it, up
//!   to the next such line or the end of the block, are its output; one that begins with a space goes on
//!   with the line above it.
//! * A command is one of those of [`Line`], or sets `DATABASE_URL` or `TIERGATE_JWT_SECRET`, which is what
//!   makes the difference between the tests.

const README: &str = include_str!("../../README.md");
const PROGRAM: &str = "-p tiergate-cli -- ";

/// One command.
#[derive(Debug)]
pub(crate) enum Line {
    /// The service is started, with these arguments.
    Serve(Vec<String>),
    /// What the program prints is put into a variable.
    Variable {
        name: String,
        arguments: Vec<String>,
    },
    /// A guarded service is started, which asks the billing service at this address.
    Guard { billing: String },
    /// Something is asked, and answered like this.
    Curl { command: String, output: String },
}

pub(crate) fn lines() -> Vec<Line> {
    let (_, section) = README
        .split_once("\n## The billing service\n")
        .expect("the README has a section on the service");
    let section = section.split("\n## ").next().unwrap_or(section);
    let blocks = section
        .split("```console\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(|block| {
            format!("\n{block}")
                .split("\n$ ")
                .skip(1)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter_map(|entry| line(&entry))
        .collect()
}

fn line(entry: &str) -> Option<Line> {
    let (command, output) = entry.split_once('\n').unwrap_or((entry, ""));
    let output = output.trim().replace("\n ", "");
    if command.starts_with("curl ") {
        let command = command.to_owned();
        return Some(Line::Curl { command, output });
    }
    let command = command.strip_prefix("export ").unwrap_or(command);
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    if let Some((name, value)) = command.split_once("=$(cargo run -q ") {
        let arguments = value
            .strip_suffix(')')
            .and_then(|it| it.strip_prefix(PROGRAM));
        return Some(Line::Variable {
            name: name.to_owned(),
            arguments: words(arguments.expect("it runs the program")),
        });
    }
    let guard = "cargo run -p tiergate-examples --example quickstart -- --billing ";
    if let Some(billing) = command.strip_prefix(guard) {
        let billing = billing.to_owned();
        return Some(Line::Guard { billing });
    }
    if let Some(arguments) = command.strip_prefix("cargo run ") {
        let arguments = arguments.strip_prefix(PROGRAM);
        return Some(Line::Serve(words(arguments.expect("it runs the program"))));
    }
    let is_setting = ["DATABASE_URL=", "TIERGATE_JWT_SECRET="]
        .iter()
        .any(|name| command.starts_with(name));
    assert!(is_setting, "nothing is known of {command:?}");
    None
}
