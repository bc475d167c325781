//! Where the database is.

use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::error::PostgresUsageError;

/// What may follow the `?` of a URL. The driver writes what it does not know into the log, value and all,
/// and `passwrd=…` would be one.
const PARAMETERS: &str = "sslmode ssl-mode sslrootcert ssl-root-cert ssl-ca sslcert ssl-cert sslkey \
    ssl-key statement-cache-capacity host hostaddr port dbname user password application_name options";

/// Reads a URL. What it asks for besides is not logged: statements are none of anybody's business.
pub(super) fn parse(url: &str) -> Result<PgConnectOptions, PostgresUsageError> {
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(PostgresUsageError::Address(
            "the scheme is another".to_owned(),
        ));
    }
    let query = url.split('#').next().and_then(|url| url.split_once('?'));
    for parameter in query.map_or("", |(_, query)| query).split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let is_known = name.is_empty()
            || name.starts_with("options[")
            || name.starts_with("options%5B")
            || PARAMETERS.split_whitespace().any(|known| known == name);
        if !is_known {
            let name = name.chars().take(40).collect();
            return Err(PostgresUsageError::UnknownParameter(name));
        }
        if matches!(name, "sslmode" | "ssl-mode") && PgSslMode::from_str(value).is_err() {
            let told =
                "its sslmode is none of disable, allow, prefer, require, verify-ca, verify-full";
            return Err(PostgresUsageError::Address(told.to_owned()));
        }
    }
    PgConnectOptions::from_str(url)
        .map(ConnectOptions::disable_statement_logging)
        // The driver's own words may repeat a part of it.
        .map_err(|_| PostgresUsageError::Address("a part of it cannot be read".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_told_without_repeating_a_password() {
        for bad in [
            "mysql://u:secret@h/d",
            "secret",
            "postgres://u:secret@h:port/d",
            "postgres://u@h/d?passwrd=secret",
            "postgres://u:secret@h/d?sslmode=secret",
            "postgres://u:secret@h/d?port=secret",
        ] {
            let told = parse(bad).unwrap_err().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn a_url_may_say_all_that_the_driver_knows() {
        let url = "postgresql://u:p%40@h:5433/d?sslmode=require&options[synchronous_commit]=off\
                   &application_name=a&options=-c%20geqo%3Doff";
        let options = parse(url).unwrap();
        assert_eq!((options.get_host(), options.get_port()), ("h", 5_433));
        assert!(matches!(options.get_ssl_mode(), PgSslMode::Require));
        assert_eq!(
            options.get_options(),
            Some("-c synchronous_commit=off -c geqo=off")
        );
    }
}
