//! The settings of the HTTP service: where it answers, and what it bounds.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use super::fault::{Problem, Refused};
use super::reader::Reader;
use super::table::{self, Setting};
use super::text::echo;
use super::value::{duration, number};

/// Where the service answers, and what it bounds.
#[derive(Clone, Debug)]
pub(crate) struct HttpSettings {
    pub(crate) listen: SocketAddr,
    /// How many connections are held at once.
    pub(crate) max_connections: NonZeroU32,
    pub(crate) timeouts: Timeouts,
    pub(crate) rate_limits: RateLimits,
}

/// How long each part of a request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) header_read: Duration,
    pub(crate) body_read: Duration,
    pub(crate) request: Duration,
    /// For requests under way when the service is told to end.
    pub(crate) shutdown_grace: Duration,
}

/// How much one caller may ask, by what it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimits {
    pub(crate) users: RateLimit,
    pub(crate) services: RateLimit,
}

/// How many requests one caller may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RateLimit {
    PerMinute(NonZeroU32),
    Unlimited,
}

impl HttpSettings {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Refused> {
        let listen = reader.required(&table::LISTEN, address);
        let connections =
            reader.required(&table::MAX_CONNECTIONS, |text| positive(1_000_000, text));
        let timeouts = Timeouts::read(reader);
        let users = reader.required(&table::RATE_LIMIT_USERS, rate_limit);
        let services = reader.required(&table::RATE_LIMIT_SERVICES, rate_limit);
        Ok(Self {
            listen: listen?,
            max_connections: connections?,
            timeouts: timeouts?,
            rate_limits: RateLimits {
                users: users?,
                services: services?,
            },
        })
    }
}

impl Timeouts {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Refused> {
        let mut read = |setting: &'static Setting, least: u64, most: u64| {
            let range = Duration::from_secs(least)..=Duration::from_secs(most);
            reader.required(setting, duration(range))
        };
        let header = read(&table::HEADER_READ_TIMEOUT, 1, 300);
        let body = read(&table::BODY_READ_TIMEOUT, 1, 300);
        let request = read(&table::REQUEST_TIMEOUT, 1, 600);
        let grace = read(&table::SHUTDOWN_GRACE, 0, 600);
        Ok(Self {
            header_read: header?,
            body_read: body?,
            request: request?,
            shutdown_grace: grace?,
        })
    }
}

fn address(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        let remedy = match text.split_once(':') {
            // Names are not looked up: which of several addresses would it be?
            Some(("localhost", port)) if port.parse::<u16>().is_ok() => {
                format!("write `127.0.0.1:{port}`")
            }
            Some(("" | "*", port)) if port.parse::<u16>().is_ok() => {
                format!("write `0.0.0.0:{port}` to answer on every interface")
            }
            _ => "write an IP address and a port, like `127.0.0.1:3001` or `[::1]:3001`".to_owned(),
        };
        Problem::new(
            format!("`{}` is not an address with a port", echo(text)),
            remedy,
        )
    })
}

fn positive(most: u32, text: &str) -> Result<NonZeroU32, Problem> {
    let number = number(1..=most)(text)?;
    // One at least is in the range.
    Ok(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
}

fn rate_limit(text: &str) -> Result<RateLimit, Problem> {
    if text == "unlimited" {
        return Ok(RateLimit::Unlimited);
    }
    match positive(1_000_000, text) {
        Ok(number) => Ok(RateLimit::PerMinute(number)),
        Err(problem) => Err(Problem::new(
            problem.what,
            format!("{}, or `unlimited`", problem.remedy),
        )),
    }
}
