//! What the program takes on its command line.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use tiergate_core::Subject;

use crate::report::Format;
use crate::settings::{
    CheckFlags, Flags, MigrateFlags, ReportFlags, ServeFlags, TokenFlags, duration, echo,
};
use crate::store::{StoreAddress, StoreAddressParser};

/// Subscriptions, tiers and usage: the billing service, and the tools around it.
///
/// Settings are taken from flags, from the environment and from a file, in that order. `tiergate serve
/// --help` explains each.
#[derive(Parser)]
#[command(name = "tiergate", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Runs the billing service.
    ///
    /// Without any setting it answers on 127.0.0.1:3001 and keeps its records in `tiergate.db`.
    /// Relative paths start at the working directory.
    Serve(Flags<ServeFlags>),
    /// Brings the schema of the database up to date.
    Migrate(Flags<MigrateFlags>),
    /// Prints a signed token (JWT, HS256) that the service takes, for first steps and for services.
    Token(TokenArgs),
    /// Checks a catalog: prints what is in it, or everything that is wrong with it.
    Check(Flags<CheckFlags>),
    /// Compares what is kept in different places.
    Report(ReportArgs),
}

#[derive(Args)]
pub(crate) struct ReportArgs {
    #[command(subcommand)]
    pub(crate) report: Report,
}

#[derive(Subcommand)]
pub(crate) enum Report {
    /// Compares the counters of quotas and gauges in a store with the usage records.
    ///
    /// A counter is in step if the records have no less than is committed, and no more than open
    /// reservations could add to that. Only metrics can be compared whose usage is recorded with the
    /// billing service. Ends with 0 if all are in step, with 1 if not, and with 2 if that could not be
    /// found out.
    Counters(CountersArgs),
}

#[derive(Args)]
pub(crate) struct CountersArgs {
    #[command(flatten)]
    pub(crate) request: CountersRequest,
    #[command(flatten)]
    pub(crate) settings: Flags<ReportFlags>,
}

/// Which counters are compared, and what is done about them.
#[derive(Args, Clone, Debug)]
pub(crate) struct CountersRequest {
    /// The store that the guarded services count in, like `sqlite:usage.db`, `postgres://host/database` or
    /// `redis://host`.
    #[arg(long, value_name = "URL", value_parser = StoreAddressParser)]
    pub(crate) store: StoreAddress,
    /// The schema in PostgreSQL, or what keys begin with in Redis, if the guarded services name another
    /// one than is usual.
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Compares the counters of this metric only. Can be given many times.
    #[arg(long = "metric", value_name = "KEY")]
    pub(crate) metrics: Vec<String>,
    /// Puts counters right. Quotas that lack units get them at once. Quotas that have too many, and
    /// gauges, are looked at again after the time of --settled-before: a quota loses what it had then
    /// and is not recorded by now; a gauge is set if nothing moved. Services may go on counting meanwhile.
    /// One of these at a time runs on a store.
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// How long usage may be on its way to the records, from 0s to 1d. A counter that has more than the
    /// records, or a gauge that differs, is no difference if something was recorded for it within that
    /// time. Longer than usage was ever kept back, because billing was away: what is taken off too early
    /// is used twice. 0s is for when nothing is being used.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = settling)]
    pub(crate) settled_before: Duration,
    /// How the report looks.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: Format,
}

#[derive(Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    pub(crate) request: TokenRequest,
    #[command(flatten)]
    pub(crate) settings: Flags<TokenFlags>,
}

/// Whom a token is for, and what it says of them.
#[derive(Args, Clone, Debug)]
pub(crate) struct TokenRequest {
    /// Whom the token is for: the id of a user, or the name of a service.
    #[arg(long, value_name = "ID", value_parser = subject_id)]
    pub(crate) user: String,
    /// An organization that the user belongs to, and as what: owner, admin or member. Can be given
    /// many times.
    #[arg(long = "organization", value_name = "ID:ROLE")]
    pub(crate) organizations: Vec<Membership>,
    /// What the caller may do beyond what is theirs. Can be given many times.
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<Role>,
    /// The user's e-mail address.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Option<String>,
    /// The user's name.
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// How long the token can be used, from 1s to 366d.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = ttl)]
    pub(crate) ttl: Duration,
}

/// What a caller may do beyond what is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Reads any subscription and writes usage.
    Service,
    /// Does everything.
    Admin,
}

/// That a user belongs to an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Membership {
    pub(crate) id: String,
    pub(crate) role: OrganizationRole,
}

/// What a user is in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrganizationRole {
    Owner,
    Admin,
    Member,
}

impl FromStr for Membership {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The role is what follows the last colon: ids may have colons in them.
        let parts = text.rsplit_once(':');
        let (id, role) = parts.ok_or("write it as `ID:ROLE`, like `eagle:owner`")?;
        let role = match role {
            "owner" => OrganizationRole::Owner,
            "admin" => OrganizationRole::Admin,
            "member" => OrganizationRole::Member,
            other => {
                let other = echo(other);
                return Err(format!(
                    "`{other}` is not a role in an organization: write `owner`, `admin` or `member`"
                ));
            }
        };
        Ok(Self {
            id: subject_id(id)?,
            role,
        })
    }
}

fn subject_id(text: &str) -> Result<String, String> {
    if !Subject::user(text).is_valid() {
        let most = Subject::MAX_ID_BYTES;
        return Err(format!("an id has 1 to {most} bytes"));
    }
    Ok(text.to_owned())
}

fn settling(text: &str) -> Result<Duration, String> {
    ranged(text, Duration::ZERO..=Duration::from_secs(86_400))
}

fn ranged(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    duration(range)(text).map_err(|problem| format!("{}: {}", problem.what, problem.remedy))
}

fn ttl(text: &str) -> Result<Duration, String> {
    ranged(
        text,
        Duration::from_secs(1)..=Duration::from_secs(366 * 86_400),
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_membership_is_an_id_and_a_role() {
        let read: Membership = "eagle:owner".parse().unwrap();
        assert_eq!(read.id, "eagle");
        assert_eq!(read.role, OrganizationRole::Owner);
        let read: Membership = "urn:org:7:member".parse().unwrap();
        assert_eq!(read.id, "urn:org:7");
    }

    #[test]
    fn other_memberships_are_refused_with_a_remedy() {
        for text in ["eagle", "eagle:", "eagle:boss", ":owner", ""] {
            assert!(text.parse::<Membership>().is_err(), "{text:?}");
        }
        let long = format!("{}:owner", "x".repeat(Subject::MAX_ID_BYTES + 1));
        assert!(long.parse::<Membership>().is_err());
    }

    #[test]
    fn a_token_lives_at_least_a_second_and_at_most_a_year() {
        assert_eq!(ttl("1h").unwrap(), Duration::from_secs(3_600));
        assert!(ttl("999ms").is_err());
        assert!(ttl("367d").is_err());
    }
}
