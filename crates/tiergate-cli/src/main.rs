//! The program `tiergate`: serves billing, migrates its database, issues tokens, checks catalogs.
//!
//! Results go to standard output, everything else to standard error. It ends with 0 when all is well, 1
//! when something failed while it ran, and 2 when it was called or configured wrongly; then it has
//! changed nothing. A report ends with 1 when it found differences, and with 2 when anything failed.

mod check;
mod cli;
mod dev_secret;
mod keys;
mod logging;
mod migrate;
mod reload;
mod report;
mod serve;
mod settings;
mod store;
mod token;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use tiergate_billing::auth::{CryptoFault, install_crypto};
use tiergate_clock::SystemClock;
use tiergate_core::catalog::CatalogError;

use cli::{Cli, Command, CountersArgs, Report, TokenArgs};
use keys::CallerKeys;
use settings::{
    CallerSettings, CatalogSource, ConfigError, Environment, Flags, Loaded, MigrateSettings,
    ReportSettings, Scope, Settings, Sources,
};
use token::Parties;

/// Why the program did not do what it was called for.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(
        "TIERGATE_JWKS_URL is set: tokens are signed by the identity provider, and this program does \
         not have its private keys\n    get a token from the identity provider; to issue tokens here, \
         set TIERGATE_JWT_SECRET instead, here and for the service"
    )]
    NoSecret,
    #[error(transparent)]
    Crypto(#[from] CryptoFault),
    #[error(transparent)]
    Keys(#[from] dev_secret::DevSecretError),
    #[error("the token could not be signed: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    #[error(transparent)]
    Migrate(#[from] migrate::MigrateError),
    #[error(transparent)]
    Report(#[from] report::ReportError),
    #[error("the result could not be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            // 1 says that there are differences.
            Self::Config(_) | Self::Catalog(_) | Self::NoSecret | Self::Report(_) => {
                ExitCode::from(2)
            }
            Self::Crypto(_)
            | Self::Keys(_)
            | Self::Token(_)
            | Self::Serve(_)
            | Self::Migrate(_)
            | Self::Output(_) => ExitCode::FAILURE,
        }
    }
}

fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => {
            // Help and the version are results; what is wrong with a call is told on standard error.
            let code = if error.use_stderr() { 2 } else { 0 };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::FAILURE,
            };
        }
    };
    match run(command) {
        Ok(code) => code,
        Err(failure) => {
            say(&format!("error: {failure}"));
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    install_crypto()?;
    match command {
        Command::Serve(flags) => {
            let settings = Settings::read(&sources(flags))?;
            serve::run(told(settings))?;
        }
        Command::Migrate(flags) => {
            let settings = MigrateSettings::read(&sources(flags))?;
            print(&migrate::run(told(settings))?)?;
        }
        Command::Token(args) => issue_token(args)?,
        Command::Check(flags) => {
            let source = CatalogSource::load(&sources(flags))?;
            print(&check::run(told(source))?)?;
        }
        Command::Report(args) => {
            let Report::Counters(CountersArgs { request, settings }) = args.report;
            let settings = ReportSettings::read(&sources(settings))?;
            let (text, found) = report::run(told(settings), &request)?;
            print(&text)?;
            return Ok(found.into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn issue_token(args: TokenArgs) -> Result<(), Failure> {
    let TokenArgs { request, settings } = args;
    let CallerSettings {
        keys,
        issuer,
        audience,
    } = told(CallerSettings::load(&sources(settings))?);
    let CallerKeys::Secret(secret) = keys::open(keys)? else {
        return Err(Failure::NoSecret);
    };
    let parties = Parties { issuer, audience };
    print(&token::issue(
        &request,
        &secret,
        &parties,
        &SystemClock::new(),
    )?)
}

fn sources<S: Scope>(flags: Flags<S>) -> Sources {
    Sources {
        flags: flags.into_values(),
        environment: Environment::of_process(),
        folder: std::path::PathBuf::new(),
    }
}

/// What was read, after whoever started the program was told what they should know of it.
fn told<T>(loaded: Loaded<T>) -> T {
    for notice in &loaded.notices {
        say(&format!("note: {notice}"));
    }
    loaded.settings
}

fn say(text: &str) {
    // When nobody listens on standard error, there is nowhere to tell it.
    let _ = writeln!(io::stderr(), "{text}");
}

fn print(result: &str) -> Result<(), Failure> {
    let mut out = io::stdout();
    writeln!(out, "{result}")?;
    out.flush()?;
    Ok(())
}
