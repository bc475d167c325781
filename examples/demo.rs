//! What every server among the examples needs around the part that it shows: its arguments, its
//! listener, its end.

use std::cell::OnceCell;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::net::TcpListener;

const HELP: &str = "\
--port N        listen on this port of 127.0.0.1, and on the next where two are needed;
                0 takes any that are free
--catalog PATH  read this catalog in place of feature-flags.yaml
--help          print this";

/// An option that only one example has: its name, a line of help, and where its value is put.
pub(crate) type Extra<'a> = (&'static str, &'static str, &'a OnceCell<String>);

/// What the command line asks for.
pub(crate) struct Arguments {
    pub(crate) port: u16,
    pub(crate) catalog: PathBuf,
}

/// Reads the command line and runs `serve` with it. The exit code is 2 for arguments that make no
/// sense, and 1 for anything that goes wrong later.
pub(crate) async fn run<F>(default_port: u16, extras: &[Extra<'_>], serve: F) -> ExitCode
where
    F: AsyncFnOnce(Arguments) -> Result<(), Box<dyn Error>>,
{
    let help = extras.iter().fold(HELP.to_owned(), |help, (_, line, _)| {
        format!("{help}\n{line}")
    });
    let arguments = match read(default_port, extras, std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{help}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("error: {mistake}\n\n{help}");
            return ExitCode::from(2);
        }
    };
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Binds a port of this machine, out of reach of any other.
pub(crate) async fn listen(port: u16) -> Result<TcpListener, Box<dyn Error>> {
    TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| {
            format!("port {port} cannot be listened on, choose another with `--port`: {error}")
                .into()
        })
}

/// Waits for Ctrl-C, and says so.
pub(crate) async fn interrupted() {
    // The signal is listened for from its first poll on, and only then is it true what is said.
    let (signal, ()) = tokio::join! {
        biased;
        tokio::signal::ctrl_c(),
        async { println!("\nCtrl-C ends it.") },
    };
    // Where it can't be listened for, it ends the program without asking.
    if signal.is_err() {
        std::future::pending::<()>().await;
    }
}

fn read(
    default_port: u16,
    extras: &[Extra<'_>],
    mut words: impl Iterator<Item = String>,
) -> Result<Option<Arguments>, String> {
    let mut arguments = Arguments {
        port: default_port,
        catalog: Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("feature-flags.yaml"),
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" => return Ok(None),
            "--port" => arguments.port = number(&value(&word, words.next())?)?,
            "--catalog" => arguments.catalog = value(&word, words.next())?.into(),
            other => match extras.iter().find(|(name, ..)| *name == other) {
                Some((name, _, place)) => {
                    if place.set(value(name, words.next())?).is_err() {
                        return Err(format!("`{name}` is there twice"));
                    }
                }
                None => return Err(format!("`{other}` is no argument of this program")),
            },
        }
    }
    Ok(Some(arguments))
}

fn value(name: &str, value: Option<String>) -> Result<String, String> {
    value.ok_or_else(|| format!("`{name}` needs a value"))
}

fn number(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no port, expected a number from 0 to 65535"))
}

/// One thing to try: why, what to expect of it, and the arguments for curl.
pub(crate) type Step<'a> = (&'a str, &'a str, String);

/// Prints what to try, in order.
pub(crate) fn print_guide(steps: &[Step<'_>]) {
    for (why, expect, curl) in steps {
        println!("\n{why} Expect {expect}.\n  curl {curl}");
    }
}
