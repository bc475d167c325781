//! Which settings there are: one table, from which flags, variables, keys of the file and help are made.

/// One setting, and every name it goes by.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The environment variable. Messages call the setting by this name, wherever it came from.
    pub(crate) variable: &'static str,
    /// The key in the file of settings.
    pub(crate) key: &'static str,
    /// The flag, without its dashes.
    pub(crate) flag: &'static str,
    /// What stands for the value in help.
    pub(crate) placeholder: &'static str,
    /// What it is for.
    pub(crate) purpose: &'static str,
    /// What holds when nobody sets it. It is read like any other value, so that help cannot say
    /// anything else than what holds.
    pub(crate) default: Fallback,
    /// A value as one may look.
    pub(crate) example: &'static str,
    /// Where else the value may be read from.
    pub(crate) mounted: Option<Mounted>,
    /// Under which heading help shows it.
    pub(crate) heading: &'static str,
}

/// What holds when a setting is not set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fallback {
    /// This value.
    Value(&'static str),
    /// No value; the words say what that means.
    Without(&'static str),
}

/// The names under which the path of a file with the value is given, as container platforms mount
/// secrets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mounted {
    pub(crate) variable: &'static str,
    pub(crate) key: &'static str,
    pub(crate) flag: &'static str,
}

const GENERAL: &str = "General";
const DATABASE: &str = "Database";
const CALLERS: &str = "Callers";
const LIMITS: &str = "Limits";
const STRIPE: &str = "Stripe";
const LOGGING: &str = "Logging";

/// The file of settings itself.
pub(crate) static CONFIG: Setting = Setting {
    variable: "TIERGATE_CONFIG",
    key: "config",
    flag: "config",
    placeholder: "FILE",
    purpose: "A file of settings in YAML. Flags win over the environment, which wins over the file",
    default: Fallback::Without("no file is read"),
    example: "/etc/tiergate/settings.yaml",
    mounted: None,
    heading: GENERAL,
};

pub(crate) static CATALOG: Setting = Setting {
    variable: "TIERGATE_CATALOG",
    key: "catalog",
    flag: "catalog",
    placeholder: "FILE",
    purpose: "The catalog of tiers and features. When nobody names one and there is no \
              `feature-flags.yaml` in the working directory, the catalog that comes with the \
              program is used",
    default: Fallback::Value("feature-flags.yaml"),
    example: "/etc/tiergate/feature-flags.yaml",
    mounted: None,
    heading: GENERAL,
};

pub(crate) static LISTEN: Setting = Setting {
    variable: "TIERGATE_LISTEN",
    key: "listen",
    flag: "listen",
    placeholder: "ADDRESS:PORT",
    purpose: "Where the service answers. Port 0 takes a free one",
    default: Fallback::Value("127.0.0.1:3001"),
    example: "0.0.0.0:3001",
    mounted: None,
    heading: GENERAL,
};

pub(crate) static GRACE_DAYS: Setting = Setting {
    variable: "TIERGATE_GRACE_DAYS",
    key: "grace_days",
    flag: "grace-days",
    placeholder: "DAYS",
    purpose: "How many days a subscription that is past due keeps its tier, from 0 to 365",
    default: Fallback::Value("7"),
    example: "14",
    mounted: None,
    heading: GENERAL,
};

pub(crate) static USAGE_THRESHOLDS: Setting = Setting {
    variable: "TIERGATE_USAGE_THRESHOLDS",
    key: "usage_thresholds",
    flag: "usage-thresholds",
    placeholder: "PERCENTAGES",
    purpose: "Which shares of a limit are told by an event when recorded usage reaches them, in \
              percent, separated by commas; `none` for no such events",
    default: Fallback::Value("50,80,90,100"),
    example: "80,100",
    mounted: None,
    heading: GENERAL,
};

pub(crate) static DATABASE_URL: Setting = Setting {
    variable: "DATABASE_URL",
    key: "database_url",
    flag: "database-url",
    placeholder: "URL",
    purpose: "Where records are kept: a SQLite file or a PostgreSQL database. With a password in \
              it, prefer the environment or a mounted file: flags are seen in the list of processes",
    default: Fallback::Value("sqlite://tiergate.db"),
    example: "postgres://tiergate@db.internal/tiergate",
    mounted: Some(Mounted {
        variable: "DATABASE_URL_FILE",
        key: "database_url_file",
        flag: "database-url-file",
    }),
    heading: DATABASE,
};

pub(crate) static MIGRATE: Setting = Setting {
    variable: "TIERGATE_MIGRATE",
    key: "migrate",
    flag: "migrate",
    placeholder: "WHEN",
    purpose: "`auto` brings the database's schema up to date at start; `manual` refuses to start \
              when it is behind, until `tiergate migrate` was run",
    default: Fallback::Value("auto"),
    example: "manual",
    mounted: None,
    heading: DATABASE,
};

pub(crate) static SQLITE_SYNCHRONOUS: Setting = Setting {
    variable: "TIERGATE_SQLITE_SYNCHRONOUS",
    key: "sqlite_synchronous",
    flag: "sqlite-synchronous",
    placeholder: "MODE",
    purpose: "When SQLite waits for the disk. `full`: an answered change survives a power cut; \
              `normal`: faster, and the last changes before a power cut may be lost",
    default: Fallback::Value("full"),
    example: "normal",
    mounted: None,
    heading: DATABASE,
};

pub(crate) static DATABASE_MAX_CONNECTIONS: Setting = Setting {
    variable: "TIERGATE_DATABASE_MAX_CONNECTIONS",
    key: "database_max_connections",
    flag: "database-max-connections",
    placeholder: "COUNT",
    purpose: "How many connections to the database are open at most, from 1 to 1000",
    default: Fallback::Value("10"),
    example: "30",
    mounted: None,
    heading: DATABASE,
};

pub(crate) static DATABASE_MIN_CONNECTIONS: Setting = Setting {
    variable: "TIERGATE_DATABASE_MIN_CONNECTIONS",
    key: "database_min_connections",
    flag: "database-min-connections",
    placeholder: "COUNT",
    purpose: "How many connections to the database are kept open when there is nothing to do, \
              from 0 to 1000",
    default: Fallback::Value("0"),
    example: "2",
    mounted: None,
    heading: DATABASE,
};

pub(crate) static DATABASE_ACQUIRE_TIMEOUT: Setting = Setting {
    variable: "TIERGATE_DATABASE_ACQUIRE_TIMEOUT",
    key: "database_acquire_timeout",
    flag: "database-acquire-timeout",
    placeholder: "DURATION",
    purpose: "How long a request waits for a free connection to the database, from 100ms to 1m",
    default: Fallback::Value("5s"),
    example: "2s",
    mounted: None,
    heading: DATABASE,
};

pub(crate) static JWT_SECRET: Setting = Setting {
    variable: "TIERGATE_JWT_SECRET",
    key: "jwt_secret",
    flag: "jwt-secret",
    placeholder: "SECRET",
    purpose: "The secret that callers' tokens are signed with (HS256), at least 32 bytes. Prefer \
              the environment or a mounted file: flags are seen in the list of processes",
    default: Fallback::Without(
        "with SQLite and no TIERGATE_JWKS_URL, a development secret is generated in \
         `tiergate-dev.secret` beside the database; with PostgreSQL one of the two must be set",
    ),
    example: "the output of `openssl rand -base64 32`",
    mounted: Some(Mounted {
        variable: "TIERGATE_JWT_SECRET_FILE",
        key: "jwt_secret_file",
        flag: "jwt-secret-file",
    }),
    heading: CALLERS,
};

pub(crate) static JWKS_URL: Setting = Setting {
    variable: "TIERGATE_JWKS_URL",
    key: "jwks_url",
    flag: "jwks-url",
    placeholder: "URL",
    purpose: "Where the identity provider publishes the keys of callers' tokens (RS256, ES256, \
              EdDSA), instead of a secret",
    default: Fallback::Without("tokens are checked with a secret"),
    example: "https://id.example.com/.well-known/jwks.json",
    mounted: None,
    heading: CALLERS,
};

pub(crate) static JWT_ISSUER: Setting = Setting {
    variable: "TIERGATE_JWT_ISSUER",
    key: "jwt_issuer",
    flag: "jwt-issuer",
    placeholder: "TEXT",
    purpose: "The issuer (`iss`) that callers' tokens must name",
    default: Fallback::Without("any issuer is taken"),
    example: "https://id.example.com/",
    mounted: None,
    heading: CALLERS,
};

pub(crate) static JWT_AUDIENCE: Setting = Setting {
    variable: "TIERGATE_JWT_AUDIENCE",
    key: "jwt_audience",
    flag: "jwt-audience",
    placeholder: "TEXT",
    purpose: "The audience (`aud`) that callers' tokens must name",
    default: Fallback::Without("any audience is taken"),
    example: "tiergate",
    mounted: None,
    heading: CALLERS,
};

pub(crate) static RATE_LIMIT_USERS: Setting = Setting {
    variable: "TIERGATE_RATE_LIMIT_USERS",
    key: "rate_limit_users",
    flag: "rate-limit-users",
    placeholder: "LIMIT",
    purpose: "How many requests a minute each user may make: a number, or `unlimited`",
    default: Fallback::Value("300"),
    example: "600",
    mounted: None,
    heading: LIMITS,
};

pub(crate) static RATE_LIMIT_SERVICES: Setting = Setting {
    variable: "TIERGATE_RATE_LIMIT_SERVICES",
    key: "rate_limit_services",
    flag: "rate-limit-services",
    placeholder: "LIMIT",
    purpose: "How many requests a minute each caller with the role `service` may make: a number, \
              or `unlimited`",
    default: Fallback::Value("unlimited"),
    example: "60000",
    mounted: None,
    heading: LIMITS,
};

pub(crate) static MAX_CONNECTIONS: Setting = Setting {
    variable: "TIERGATE_MAX_CONNECTIONS",
    key: "max_connections",
    flag: "max-connections",
    placeholder: "COUNT",
    purpose: "How many connections the service holds at once, from 1 to 1000000. More wait",
    default: Fallback::Value("1024"),
    example: "4096",
    mounted: None,
    heading: LIMITS,
};

pub(crate) static HEADER_READ_TIMEOUT: Setting = Setting {
    variable: "TIERGATE_HEADER_READ_TIMEOUT",
    key: "header_read_timeout",
    flag: "header-read-timeout",
    placeholder: "DURATION",
    purpose: "How long a client may take to send the head of a request, from 1s to 5m",
    default: Fallback::Value("10s"),
    example: "5s",
    mounted: None,
    heading: LIMITS,
};

pub(crate) static BODY_READ_TIMEOUT: Setting = Setting {
    variable: "TIERGATE_BODY_READ_TIMEOUT",
    key: "body_read_timeout",
    flag: "body-read-timeout",
    placeholder: "DURATION",
    purpose: "How long a client may take to send the body of a request, from 1s to 5m",
    default: Fallback::Value("20s"),
    example: "1m",
    mounted: None,
    heading: LIMITS,
};

pub(crate) static REQUEST_TIMEOUT: Setting = Setting {
    variable: "TIERGATE_REQUEST_TIMEOUT",
    key: "request_timeout",
    flag: "request-timeout",
    placeholder: "DURATION",
    purpose: "How long a request may take as a whole, from 1s to 10m",
    default: Fallback::Value("30s"),
    example: "1m",
    mounted: None,
    heading: LIMITS,
};

pub(crate) static SHUTDOWN_GRACE: Setting = Setting {
    variable: "TIERGATE_SHUTDOWN_GRACE",
    key: "shutdown_grace",
    flag: "shutdown-grace",
    placeholder: "DURATION",
    purpose: "How long requests under way may go on after the service was told to end, from 0s \
              to 10m",
    default: Fallback::Value("20s"),
    example: "45s",
    mounted: None,
    heading: LIMITS,
};

pub(crate) static STRIPE_WEBHOOK_SECRET: Setting = Setting {
    variable: "STRIPE_WEBHOOK_SECRET",
    key: "stripe_webhook_secret",
    flag: "stripe-webhook-secret",
    placeholder: "SECRETS",
    purpose: "The signing secret of Stripe's webhook endpoint; several, separated by commas, \
              while one replaces another",
    default: Fallback::Without("webhooks are refused"),
    example: "whsec_… as the endpoint's page in Stripe's dashboard shows it",
    mounted: Some(Mounted {
        variable: "STRIPE_WEBHOOK_SECRET_FILE",
        key: "stripe_webhook_secret_file",
        flag: "stripe-webhook-secret-file",
    }),
    heading: STRIPE,
};

pub(crate) static STRIPE_SECRET_KEY: Setting = Setting {
    variable: "STRIPE_SECRET_KEY",
    key: "stripe_secret_key",
    flag: "stripe-secret-key",
    placeholder: "KEY",
    purpose: "Not used: this version does not call Stripe, and refuses to start when a key is set",
    default: Fallback::Without("changes take effect at once, without a payment provider"),
    example: "none",
    mounted: None,
    heading: STRIPE,
};

pub(crate) static STRIPE_PUBLISHABLE_KEY: Setting = Setting {
    variable: "STRIPE_PUBLISHABLE_KEY",
    key: "stripe_publishable_key",
    flag: "stripe-publishable-key",
    placeholder: "KEY",
    purpose: "Stripe's publishable key, for clients",
    default: Fallback::Without("clients are given none"),
    example: "pk_live_…",
    mounted: None,
    heading: STRIPE,
};

/// The names of the prices, of which there is one for each tier and billing cycle.
pub(crate) mod price {
    /// What the variables begin with; then the tier and the cycle, `STRIPE_PRICE_PRO_MONTHLY`.
    pub(crate) const VARIABLE_PREFIX: &str = "STRIPE_PRICE_";
    /// What the keys of the file begin with.
    pub(crate) const KEY_PREFIX: &str = "stripe_price_";
    /// The flag, which can be given many times, as `pro_monthly=price_…`.
    pub(crate) const FLAG: &str = "stripe-price";
    /// Under which heading help shows them.
    pub(crate) const HEADING: &str = super::STRIPE;
}

pub(crate) static LOG: Setting = Setting {
    variable: "TIERGATE_LOG",
    key: "log",
    flag: "log",
    placeholder: "FILTER",
    purpose: "What is logged: `error`, `warn`, `info`, `debug`, `trace` or `off`, for all or for \
              parts of the program",
    default: Fallback::Value("info"),
    example: "warn,tiergate_billing=debug",
    mounted: None,
    heading: LOGGING,
};

pub(crate) static LOG_FORMAT: Setting = Setting {
    variable: "TIERGATE_LOG_FORMAT",
    key: "log_format",
    flag: "log-format",
    placeholder: "FORMAT",
    purpose: "How log lines look: `text` for people, `json` for machines",
    default: Fallback::Value("text"),
    example: "json",
    mounted: None,
    heading: LOGGING,
};

/// Every setting, in the order of help, but for the prices.
pub(crate) static ALL: &[&Setting] = &[
    &CONFIG,
    &CATALOG,
    &LISTEN,
    &GRACE_DAYS,
    &USAGE_THRESHOLDS,
    &DATABASE_URL,
    &MIGRATE,
    &SQLITE_SYNCHRONOUS,
    &DATABASE_MAX_CONNECTIONS,
    &DATABASE_MIN_CONNECTIONS,
    &DATABASE_ACQUIRE_TIMEOUT,
    &JWT_SECRET,
    &JWKS_URL,
    &JWT_ISSUER,
    &JWT_AUDIENCE,
    &RATE_LIMIT_USERS,
    &RATE_LIMIT_SERVICES,
    &MAX_CONNECTIONS,
    &HEADER_READ_TIMEOUT,
    &BODY_READ_TIMEOUT,
    &REQUEST_TIMEOUT,
    &SHUTDOWN_GRACE,
    &STRIPE_WEBHOOK_SECRET,
    &STRIPE_SECRET_KEY,
    &STRIPE_PUBLISHABLE_KEY,
    &LOG,
    &LOG_FORMAT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_can_be_told_from_another() {
        for setting in ALL {
            let short = setting
                .variable
                .strip_prefix("TIERGATE_")
                .unwrap_or(setting.variable);
            assert_eq!(setting.key, short.to_lowercase());
            assert_eq!(setting.flag, setting.key.replace('_', "-"));
            if let Some(mounted) = setting.mounted {
                assert_eq!(mounted.variable, format!("{}_FILE", setting.variable));
                assert_eq!(mounted.key, format!("{}_file", setting.key));
                assert_eq!(mounted.flag, format!("{}-file", setting.flag));
            }
        }
    }

    #[test]
    fn the_readme_lists_each_setting_with_its_default() {
        let readme = include_str!("../../README.md");
        for setting in ALL {
            let row = format!("| `{}` | ", setting.variable);
            let (_, row) = readme
                .split_once(&row)
                .unwrap_or_else(|| panic!("no row for {}", setting.variable));
            let (shown, _) = row.split_once(" | ").unwrap();
            match setting.default {
                Fallback::Value(value) => assert_eq!(shown, format!("`{value}`")),
                Fallback::Without(_) => assert!(!shown.contains('`'), "{shown}"),
            }
        }
    }

    #[test]
    fn no_name_is_there_twice() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|setting| setting.key).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
