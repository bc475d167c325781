use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tiergate_billing::database::Durability;
use tiergate_billing::record::BillingCycle;
use tiergate_core::time::Timestamp;
use tiergate_stripe::WebhookSecrets;

use super::callers::KeySource;
use super::database::MigrationPolicy;
use super::http::RateLimit;
use super::log::LogFormat;
use super::sources::{Environment, FlagValues, Sources};
use super::stripe::PriceName;
use super::table::{self, Fallback};
use super::{CallerSettings, CatalogSource, MigrateSettings, Settings};

const SECRET: &str = "a-secret-of-thirty-two-bytes-or-more";
const OTHER_SECRET: &str = "another-secret-of-thirty-two-bytes";
const WEBHOOK: &str = "whsec_0123456789abcdefghijklmnop";
const OTHER_WEBHOOK: &str = "whsec_ponmlkjihgfedcba9876543210";

/// An empty folder, and what somebody sets there.
struct Place {
    folder: TempDir,
    environment: Vec<(String, String)>,
    flags: Vec<(&'static str, String)>,
    prices: Vec<String>,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            environment: Vec::new(),
            flags: Vec::new(),
            prices: Vec::new(),
        }
    }

    fn with(variable: &str, value: &str) -> Self {
        Self::new().env(variable, value)
    }

    fn env(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.into(), value.into()));
        self
    }

    fn flag(mut self, flag: &'static str, value: &str) -> Self {
        self.flags.push((flag, value.into()));
        self
    }

    fn price(mut self, assignment: &str) -> Self {
        self.prices.push(assignment.into());
        self
    }

    /// Writes a file of settings and names it.
    fn settings(self, text: &str) -> Self {
        self.file("settings.yaml", text)
            .env("TIERGATE_CONFIG", "settings.yaml")
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn sources(&self) -> Sources {
        let mut flags = FlagValues::default();
        for (flag, value) in &self.flags {
            flags.insert(flag, value.clone());
        }
        for price in &self.prices {
            flags.add_price(price.clone());
        }
        Sources {
            flags,
            environment: self.environment.iter().cloned().collect(),
            folder: self.folder.path().to_owned(),
        }
    }

    fn read(&self) -> Settings {
        Settings::read(&self.sources()).unwrap().settings
    }

    /// What is told when nothing may be started.
    fn refused(&self) -> String {
        let before = names(self.folder.path());
        let error = Settings::read(&self.sources()).unwrap_err();
        assert_eq!(names(self.folder.path()), before, "something was created");
        error.to_string()
    }

    fn notices(&self) -> Vec<String> {
        Settings::read(&self.sources()).unwrap().notices
    }
}

fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[track_caller]
fn assert_tells(told: &str, parts: &[&str]) {
    for part in parts {
        assert!(told.contains(part), "no {part:?} in:\n{told}");
    }
}

/// One fault, which says these things.
#[track_caller]
fn assert_one(told: &str, parts: &[&str]) {
    assert!(told.starts_with("1 fault in"), "{told}");
    assert_tells(told, parts);
}

fn price(tier: &str, cycle: BillingCycle) -> PriceName {
    PriceName {
        tier: tier.into(),
        cycle,
    }
}

#[test]
fn without_any_setting_the_defaults_hold_and_nothing_is_created() {
    let place = Place::new();
    let settings = place.read();
    assert_eq!(settings.catalog.source, CatalogSource::BuiltIn);
    assert_eq!(settings.catalog.catalog.tiers().len(), 8);
    assert_eq!(
        settings.database.address.to_string(),
        "sqlite://tiergate.db"
    );
    assert_eq!(settings.database.synchronous, Durability::Full);
    assert_eq!(settings.database.pool.max_connections.get(), 10);
    assert_eq!(settings.database.pool.min_connections, 0);
    assert_eq!(
        settings.database.pool.acquire_timeout,
        Duration::from_secs(5)
    );
    assert_eq!(settings.migrate, MigrationPolicy::Auto);
    assert_eq!(
        settings.http.listen,
        SocketAddr::from(([127, 0, 0, 1], 3001))
    );
    assert_eq!(settings.http.max_connections.get(), 1_024);
    let timeouts = settings.http.timeouts;
    assert_eq!(timeouts.header_read, Duration::from_secs(10));
    assert_eq!(timeouts.body_read, Duration::from_secs(20));
    assert_eq!(timeouts.request, Duration::from_secs(30));
    assert_eq!(timeouts.shutdown_grace, Duration::from_secs(20));
    let limits = settings.http.rate_limits;
    assert_eq!(limits.users, RateLimit::PerMinute(300.try_into().unwrap()));
    assert_eq!(limits.services, RateLimit::Unlimited);
    assert_eq!(settings.grace_days, 7);
    assert!(settings.stripe.webhook_secrets.is_none());
    assert!(settings.stripe.prices.is_empty());
    assert!(settings.stripe.publishable_key.is_none());
    assert_eq!(settings.log.format, LogFormat::Text);
    assert_eq!(settings.log.filter.to_string(), "info");
    let KeySource::Development(secret) = settings.callers.keys else {
        panic!("{:?}", settings.callers);
    };
    assert_eq!(secret.path, place.path("tiergate-dev.secret"));
    assert!(secret.found.is_none());
    assert!(names(place.folder.path()).is_empty());
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let place = Place::new().settings("listen: 127.0.0.1:1\n");
    assert_eq!(place.read().http.listen.port(), 1);
    let place = place.env("TIERGATE_LISTEN", "127.0.0.1:2");
    assert_eq!(place.read().http.listen.port(), 2);
    let place = place.flag("listen", "127.0.0.1:3");
    assert_eq!(place.read().http.listen.port(), 3);
}

#[test]
fn what_a_stronger_source_sets_is_not_judged_in_a_weaker_one() {
    let place = Place::new()
        .settings("listen: nonsense\n")
        .env("TIERGATE_LISTEN", "127.0.0.1:2");
    assert_eq!(place.read().http.listen.port(), 2);
}

#[test]
fn a_flag_names_the_file_rather_than_the_environment() {
    let place = Place::new()
        .settings("listen: 127.0.0.1:1\n")
        .file("other.yaml", "listen: 127.0.0.1:2\n")
        .flag("config", "other.yaml");
    assert_eq!(place.read().http.listen.port(), 2);
}

#[test]
fn every_setting_can_come_from_each_source() {
    // A valid value that is not the default.
    let values = [
        ("catalog", "mine.yaml"),
        ("listen", "127.0.0.1:9"),
        ("grace_days", "3"),
        ("usage_thresholds", "80,100"),
        ("database_url", "sqlite://mine.db"),
        ("migrate", "manual"),
        ("sqlite_synchronous", "normal"),
        ("database_max_connections", "30"),
        ("database_min_connections", "2"),
        ("database_acquire_timeout", "2s"),
        ("jwt_secret", SECRET),
        ("jwks_url", "https://id.example.com/jwks.json"),
        ("jwt_issuer", "issuer"),
        ("jwt_audience", "audience"),
        ("rate_limit_users", "5"),
        ("rate_limit_services", "6"),
        ("max_connections", "7"),
        ("header_read_timeout", "8s"),
        ("body_read_timeout", "9s"),
        ("request_timeout", "11s"),
        ("shutdown_grace", "0s"),
        ("stripe_webhook_secret", WEBHOOK),
        ("stripe_publishable_key", "pk_test_1"),
        ("log", "debug"),
        ("log_format", "json"),
    ];
    let untested: Vec<_> = table::ALL
        .iter()
        .map(|setting| setting.key)
        .filter(|key| !values.iter().any(|(tested, _)| tested == key))
        .collect();
    assert_eq!(untested, ["config", "stripe_secret_key"]);
    let shown = |place: &Place| {
        // Where the folder is differs; whether secrets are the same, `Debug` does not show.
        let settings = place.read();
        let secret = match &settings.callers.keys {
            KeySource::Secret(secret) => secret.expose_secret().to_owned(),
            KeySource::Jwks(_) | KeySource::Development(_) => String::new(),
        };
        let hooks = settings.stripe.webhook_secrets.is_some();
        let folder = place.folder.path().display().to_string();
        let Settings { catalog, .. } = &settings;
        let rest = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            settings.database,
            settings.migrate,
            settings.http,
            settings.callers,
            (settings.grace_days, &settings.usage_thresholds),
            settings.stripe,
            settings.log,
        );
        format!("{:?} {rest} {secret} {hooks}", catalog.source).replace(&folder, "")
    };
    let catalog = include_str!("../../feature-flags.yaml");
    let new = || Place::new().file("mine.yaml", catalog);
    let default = shown(&new());
    for (key, value) in values {
        let setting = table::ALL
            .iter()
            .find(|setting| setting.key == key)
            .unwrap();
        let flag = shown(&new().flag(setting.flag, value));
        let environment = shown(&new().env(setting.variable, value));
        let file = shown(&new().settings(&format!("{key}: '{value}'\n")));
        assert_ne!(flag, default, "{key}");
        assert_eq!(flag, environment, "{key}");
        assert_eq!(flag, file, "{key}");
        if let Some(mounted) = setting.mounted {
            let new = || new().file("value", &format!("{value}\n"));
            let by_flag = shown(&new().flag(mounted.flag, "value"));
            let by_variable = shown(&new().env(mounted.variable, "value"));
            let by_key = shown(&new().settings(&format!("{}: value\n", mounted.key)));
            assert_eq!(by_flag, flag, "{key}");
            assert_eq!(by_variable, flag, "{key}");
            assert_eq!(by_key, flag, "{key}");
        }
    }
}

#[test]
fn the_defaults_of_the_table_are_valid_and_in_effect() {
    // Setting each to its default changes nothing.
    for setting in table::ALL {
        if let Fallback::Value(value) = setting.default
            && setting.key != "catalog"
        {
            Place::with(setting.variable, value).read();
        }
    }
}

#[test]
fn every_fault_is_told_at_once_with_name_origin_and_remedy() {
    let place = Place::new()
        .settings(
            "listen: localhost:3001\nlsten: x\nlog_format: jsn\nlog_format: json\n\
             database_min_connections: 20\n",
        )
        .env("TIERGATE_MIGRATE", "never")
        .env("DATABASE_URL", "mysql://pia:hush@db/x")
        .env("STRIPE_SECRET_KEY", "sk_live_hush")
        .env("STRIPE_PRICE_PRX_MONTHLY", "price_1")
        .env("TIERGATE_JWT_SECRET", "hush")
        .flag("request-timeout", "30")
        .flag("catalog", "absent.yaml")
        .flag("grace-days", "366");
    let told = place.refused();
    assert_tells(
        &told,
        &[
            "12 faults in the configuration, nothing was started",
            "lsten (settings.yaml:2): there is no such setting\n    did you mean `listen`?",
            "log_format (settings.yaml:4): is set twice, first in line 3",
            "TIERGATE_LISTEN (settings.yaml:1): `localhost:3001` is not an address with a port\n    write `127.0.0.1:3001`",
            "TIERGATE_LOG_FORMAT (settings.yaml:3): `jsn` is not one of its words\n    did you mean `json`?",
            "TIERGATE_DATABASE_MIN_CONNECTIONS (settings.yaml:5): is 20, more than the 10 of",
            "TIERGATE_MIGRATE (environment variable TIERGATE_MIGRATE): `never`",
            "DATABASE_URL (environment variable DATABASE_URL): names a database of the kind `mysql`",
            "STRIPE_SECRET_KEY (environment variable STRIPE_SECRET_KEY): is set, but this version does not call Stripe",
            "TIERGATE_JWT_SECRET (environment variable TIERGATE_JWT_SECRET): is shorter than 32 bytes\n    make one",
            "TIERGATE_REQUEST_TIMEOUT (flag --request-timeout): `30` has no unit",
            "TIERGATE_CATALOG (flag --catalog): the catalog was refused",
            "absent.yaml` cannot be read",
            "TIERGATE_GRACE_DAYS (flag --grace-days): `366` is out of range",
        ],
    );
    assert!(!told.contains("hush"), "{told}");
}

#[test]
fn a_file_of_settings_that_cannot_be_read_is_one_fault() {
    // With PostgreSQL a secret is needed; it may be in the file, so that is no second fault.
    let place =
        Place::with("TIERGATE_CONFIG", "absent.yaml").env("DATABASE_URL", "postgres://db/x");
    assert_one(
        &place.refused(),
        &[
            "TIERGATE_CONFIG (environment variable TIERGATE_CONFIG): the file",
            "absent.yaml cannot be read",
        ],
    );
    let place = Place::new()
        .settings("jwt_issuer: \"a\nlisten: x\n")
        .env("DATABASE_URL", "postgres://db/x");
    assert_one(
        &place.refused(),
        &["TIERGATE_CONFIG (settings.yaml:", "is not YAML"],
    );
    let place = Place::new().settings(&"# long\n".repeat(20_000));
    assert_one(&place.refused(), &["has more than 65536 bytes"]);
}

#[test]
fn an_empty_value_is_a_fault_wherever_it_is() {
    let told = Place::with("TIERGATE_JWT_SECRET", "")
        .env("TIERGATE_JWKS_URL", "")
        .env("TIERGATE_LISTEN", "")
        .flag("log", "")
        .settings("migrate: ''\n")
        .refused();
    assert!(told.starts_with("5 faults"), "{told}");
    assert_eq!(told.matches("is empty").count(), 5, "{told}");
}

#[cfg(unix)]
#[test]
fn what_is_not_text_is_a_fault() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    let place = Place::new();
    let mut sources = place.sources();
    sources.environment = [
        ("TIERGATE_LISTEN", OsString::from_vec(vec![0xff])),
        ("STRIPE_PRICE_PRO_MONTHLY", OsString::from_vec(vec![0xff])),
    ]
    .into_iter()
    .collect::<Environment>();
    let told = Settings::read(&sources).unwrap_err().to_string();
    assert!(told.starts_with("2 faults"), "{told}");
    assert_eq!(told.matches("is not UTF-8").count(), 2, "{told}");
}

mod catalogs {
    use super::*;

    #[test]
    fn the_file_in_the_working_directory_is_read_when_it_is_there() {
        let place = Place::new().file(
            "feature-flags.yaml",
            include_str!("../../feature-flags.yaml"),
        );
        let source = place.read().catalog.source;
        assert_eq!(
            source,
            CatalogSource::File(place.path("feature-flags.yaml"))
        );
    }

    #[test]
    fn a_file_in_the_working_directory_that_is_wrong_is_not_passed_over() {
        let place = Place::new().file("feature-flags.yaml", "version: 1\n");
        assert_one(
            &place.refused(),
            &[
                "TIERGATE_CATALOG: the catalog was refused",
                "nothing was loaded",
            ],
        );
    }

    #[test]
    fn a_file_that_was_named_and_is_not_there_is_not_replaced() {
        for place in [
            Place::with("TIERGATE_CATALOG", "feature-flags.yaml"),
            Place::new().flag("catalog", "feature-flags.yaml"),
            Place::new().settings("catalog: feature-flags.yaml\n"),
        ] {
            assert_one(&place.refused(), &["TIERGATE_CATALOG (", "cannot be read"]);
        }
    }
}

mod databases {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_told_before_anything_is_tried() {
        let place = Place::with("DATABASE_URL", "sqlite://no/such/tiergate.db");
        assert_one(&place.refused(), &["DATABASE_URL (", "there is no folder"]);
        let place = Place::new();
        std::fs::create_dir(place.path("data")).unwrap();
        let place = place.env("DATABASE_URL", "sqlite://data");
        assert_one(&place.refused(), &["is a folder"]);
    }

    #[test]
    fn the_pool_is_bounded_and_consistent() {
        for (variable, value) in [
            ("TIERGATE_DATABASE_MAX_CONNECTIONS", "0"),
            ("TIERGATE_DATABASE_MAX_CONNECTIONS", "1001"),
            ("TIERGATE_DATABASE_MIN_CONNECTIONS", "11"),
            ("TIERGATE_DATABASE_ACQUIRE_TIMEOUT", "99ms"),
            ("TIERGATE_DATABASE_ACQUIRE_TIMEOUT", "61s"),
        ] {
            assert_one(&Place::with(variable, value).refused(), &[variable]);
        }
    }

    #[test]
    fn migrating_needs_the_database_only() {
        let place = Place::with("DATABASE_URL", "postgres://pia:hush@db/x")
            .env("TIERGATE_LISTEN", "nonsense");
        let settings = MigrateSettings::read(&place.sources()).unwrap().settings;
        assert_eq!(
            settings.database.address.to_string(),
            "postgres://pia@db:5432/x"
        );
        let place = Place::with("DATABASE_URL", "x").env("TIERGATE_LOG_FORMAT", "x");
        let told = MigrateSettings::read(&place.sources())
            .unwrap_err()
            .to_string();
        assert!(told.starts_with("2 faults"), "{told}");
    }
}

mod callers {
    use super::*;

    #[test]
    fn with_postgres_how_callers_are_known_must_be_chosen() {
        let place = Place::with("DATABASE_URL", "postgres://db/x");
        assert_one(
            &place.refused(),
            &[
                "TIERGATE_JWT_SECRET: neither this nor TIERGATE_JWKS_URL is set",
                "openssl rand",
            ],
        );
        let keys = place.env("TIERGATE_JWT_SECRET", SECRET).read().callers.keys;
        assert!(matches!(keys, KeySource::Secret(_)));
    }

    #[test]
    fn a_database_that_was_refused_brings_no_second_fault() {
        assert_one(
            &Place::with("DATABASE_URL", "x").refused(),
            &["DATABASE_URL"],
        );
    }

    #[test]
    fn a_secret_and_published_keys_exclude_each_other_wherever_they_are_set() {
        let told = Place::new()
            .settings(&format!("jwt_secret: {SECRET}\n"))
            .env("TIERGATE_JWKS_URL", "https://id.example.com/jwks.json")
            .refused();
        assert_one(
            &told,
            &[
                "TIERGATE_JWT_SECRET (settings.yaml:1): is set, and TIERGATE_JWKS_URL is too (environment",
                "keep one",
            ],
        );
        assert!(!told.contains(SECRET));
    }

    #[test]
    fn a_secret_is_taken_from_the_strongest_source_in_either_form() {
        let secret = |place: &Place| match place.read().callers.keys {
            KeySource::Secret(secret) => secret.expose_secret().to_owned(),
            other => panic!("{other:?}"),
        };
        let place = Place::with("TIERGATE_JWT_SECRET", SECRET)
            .file("mounted", &format!("{OTHER_SECRET}\r\n"))
            .flag("jwt-secret-file", "mounted");
        assert_eq!(secret(&place), OTHER_SECRET);
        let place = Place::new()
            .settings("jwt_secret_file: mounted\n")
            .file("mounted", OTHER_SECRET)
            .env("TIERGATE_JWT_SECRET", SECRET);
        assert_eq!(secret(&place), SECRET);
    }

    #[test]
    fn a_value_and_a_file_at_once_are_refused() {
        let told = Place::with("TIERGATE_JWT_SECRET", SECRET)
            .file("mounted", OTHER_SECRET)
            .env("TIERGATE_JWT_SECRET_FILE", "mounted")
            .refused();
        assert_one(
            &told,
            &[
                "TIERGATE_JWT_SECRET (environment variable TIERGATE_JWT_SECRET_FILE): is set as a value and as a file at once",
            ],
        );
    }

    #[test]
    fn a_mounted_file_that_holds_no_secret_is_refused_by_name() {
        for (text, why) in [
            ("", "is empty"),
            ("\n", "is empty"),
            ("short\n", "is shorter than 32 bytes"),
            ("a-secret-of-thirty-two-bytes-or-more\n\n", "white space"),
        ] {
            let told = Place::with("TIERGATE_JWT_SECRET_FILE", "mounted")
                .file("mounted", text)
                .refused();
            assert_one(
                &told,
                &[
                    "TIERGATE_JWT_SECRET (file mounted, named by environment variable TIERGATE_JWT_SECRET_FILE):",
                    why,
                ],
            );
        }
        let told = Place::with("TIERGATE_JWT_SECRET_FILE", "absent").refused();
        assert_one(&told, &["absent cannot be read"]);
        let told = Place::with("TIERGATE_JWT_SECRET_FILE", "").refused();
        assert_one(
            &told,
            &["environment variable TIERGATE_JWT_SECRET_FILE): is empty"],
        );
        let place = Place::with("TIERGATE_JWT_SECRET_FILE", "mounted");
        std::fs::write(place.path("mounted"), [0xff; 40]).unwrap();
        assert_one(&place.refused(), &["mounted is not UTF-8"]);
    }

    #[test]
    fn the_url_of_keys_is_one_of_the_web_without_a_password() {
        for url in [
            "id.example.com",
            "ftp://id/x",
            "file:///jwks.json",
            "https://pia:hush@id/x",
        ] {
            let told = Place::with("TIERGATE_JWKS_URL", url).refused();
            assert_one(&told, &["TIERGATE_JWKS_URL ("]);
            assert!(!told.contains("hush"), "{told}");
        }
    }

    #[test]
    fn keys_over_plain_http_are_refused_unless_they_are_local() {
        let told = Place::with("TIERGATE_JWKS_URL", "http://id.example.com/jwks.json").refused();
        assert_one(
            &told,
            &["TIERGATE_JWKS_URL (", "plain http", "write `https`"],
        );
        for url in [
            "https://id.example.com/jwks.json",
            "http://localhost:8080/jwks.json",
            "http://127.0.0.1/jwks.json",
            "http://[::1]/jwks.json",
        ] {
            let keys = Place::with("TIERGATE_JWKS_URL", url).read().callers.keys;
            assert!(matches!(keys, KeySource::Jwks(_)), "{url}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_development_secret_beside_the_database_is_used_again_if_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let place = Place::new();
        std::fs::create_dir(place.path("data")).unwrap();
        let place = place
            .env("DATABASE_URL", "sqlite://data/mine.db")
            .file("data/tiergate-dev.secret", &format!("{SECRET}\n"));
        let chmod = |mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(place.path("data/tiergate-dev.secret"), mode).unwrap();
        };
        chmod(0o600);
        let KeySource::Development(secret) = place.read().callers.keys else {
            panic!("not a development secret");
        };
        assert_eq!(secret.found.unwrap().expose_secret(), SECRET);
        chmod(0o644);
        let told = place.refused();
        assert_one(
            &told,
            &["TIERGATE_JWT_SECRET: the development secret", "chmod 600"],
        );
        assert!(!told.contains(SECRET));
    }

    #[test]
    fn tokens_need_the_database_and_the_keys_only() {
        let place = Place::with("TIERGATE_LISTEN", "nonsense").env("TIERGATE_JWT_ISSUER", "us");
        let callers = CallerSettings::load(&place.sources()).unwrap().settings;
        assert_eq!(callers.issuer.unwrap(), "us");
    }
}

mod limits {
    use super::*;

    #[test]
    fn addresses_have_a_port() {
        for (text, remedy) in [
            ("localhost:80", "write `127.0.0.1:80`"),
            (":80", "write `0.0.0.0:80`"),
            ("*:80", "write `0.0.0.0:80`"),
            ("127.0.0.1", "like `127.0.0.1:3001`"),
            ("127.0.0.1:99999", "like `127.0.0.1:3001`"),
            ("example.com:80", "like `127.0.0.1:3001`"),
        ] {
            assert_one(&Place::with("TIERGATE_LISTEN", text).refused(), &[remedy]);
        }
        let listen = Place::with("TIERGATE_LISTEN", "[::1]:0").read().http.listen;
        assert_eq!(listen.to_string(), "[::1]:0");
    }

    #[test]
    fn rates_are_numbers_or_unlimited() {
        let users = |text| {
            Place::with("TIERGATE_RATE_LIMIT_USERS", text)
                .read()
                .http
                .rate_limits
                .users
        };
        assert_eq!(users("unlimited"), RateLimit::Unlimited);
        assert_eq!(users("1"), RateLimit::PerMinute(1.try_into().unwrap()));
        for text in ["0", "-1", "none", "1000001"] {
            let told = Place::with("TIERGATE_RATE_LIMIT_SERVICES", text).refused();
            assert_one(&told, &["TIERGATE_RATE_LIMIT_SERVICES (", "or `unlimited`"]);
        }
    }

    #[test]
    fn what_bounds_is_bounded() {
        for (variable, value) in [
            ("TIERGATE_MAX_CONNECTIONS", "0"),
            ("TIERGATE_MAX_CONNECTIONS", "1000001"),
            ("TIERGATE_HEADER_READ_TIMEOUT", "0s"),
            ("TIERGATE_BODY_READ_TIMEOUT", "6m"),
            ("TIERGATE_REQUEST_TIMEOUT", "11m"),
            ("TIERGATE_SHUTDOWN_GRACE", "11m"),
            ("TIERGATE_GRACE_DAYS", "-1"),
        ] {
            assert_one(&Place::with(variable, value).refused(), &[variable]);
        }
        Place::with("TIERGATE_GRACE_DAYS", "0").read();
    }
}

mod logs {
    use super::*;

    #[test]
    fn a_misspelled_level_is_refused() {
        for (text, near) in [
            ("inof", "info"),
            ("warm", "warn"),
            ("debug,ero=info,eror", "error"),
        ] {
            let told = Place::with("TIERGATE_LOG", text).refused();
            assert_one(
                &told,
                &["TIERGATE_LOG (", &format!("did you mean `{near}`?")],
            );
        }
        assert_one(
            &Place::with("TIERGATE_LOG", "a=b=c").refused(),
            &["is not a filter"],
        );
    }

    #[test]
    fn levels_and_parts_are_taken() {
        for text in [
            "off",
            "WARN",
            "warn,tiergate_billing=debug",
            "tiergate_billing",
        ] {
            Place::with("TIERGATE_LOG", text).read();
        }
    }
}

mod stripe {
    use super::*;

    #[test]
    fn several_secrets_are_separated_by_commas_or_listed_in_the_file() {
        let both = format!("{WEBHOOK}, {OTHER_WEBHOOK}");
        for place in [
            Place::with("STRIPE_WEBHOOK_SECRET", &both),
            Place::new().settings(&format!("stripe_webhook_secret: [{both}]\n")),
            Place::new().settings(&format!(
                "stripe_webhook_secret:\n  - {WEBHOOK}\n  - {OTHER_WEBHOOK}\n"
            )),
        ] {
            let secrets = place.read().stripe.webhook_secrets.unwrap();
            let now = Timestamp::from_seconds(1_790_000_000);
            for one in [WEBHOOK, OTHER_WEBHOOK] {
                let header = WebhookSecrets::parse(one).unwrap().sign(b"{}", now);
                assert_eq!(secrets.verify(header.as_bytes(), b"{}", now), Ok(()));
            }
        }
    }

    #[test]
    fn an_odd_webhook_secret_is_refused_and_not_repeated() {
        for (text, why) in [
            (format!("{WEBHOOK},"), "secret 2 is empty"),
            (",".to_owned(), "secret 1 is empty"),
            (
                format!("{WEBHOOK},{WEBHOOK}"),
                "secret 2 is the same as secret 1",
            ),
            (
                "sk_live_0123456789abcdefghijklmnop".to_owned(),
                "secret 1 does not start with `whsec_`",
            ),
            (
                "whsec_0123".to_owned(),
                "secret 1 has fewer than 24 characters",
            ),
            (
                "whsec_0123456789abcdef ghijklmnop".to_owned(),
                "secret 1 has white space",
            ),
        ] {
            let told = Place::with("STRIPE_WEBHOOK_SECRET", &text).refused();
            assert_one(&told, &["STRIPE_WEBHOOK_SECRET (", why]);
            assert!(!told.contains("0123"), "{told}");
        }
    }

    #[test]
    fn a_key_for_calls_is_refused_because_none_are_made() {
        let told = Place::with("STRIPE_SECRET_KEY", "sk_live_hush").refused();
        assert_one(&told, &["does not call Stripe", "do not set it"]);
        assert!(!told.contains("hush"));
    }

    #[test]
    fn a_secret_key_in_the_place_of_the_publishable_one_is_not_repeated() {
        let told = Place::with("STRIPE_PUBLISHABLE_KEY", "sk_live_hush").refused();
        assert_one(
            &told,
            &["STRIPE_PUBLISHABLE_KEY (", "does not start with `pk_`"],
        );
        assert!(!told.contains("hush"));
    }

    #[test]
    fn prices_of_each_source_come_together_and_the_strongest_wins() {
        let prices = Place::new()
            .settings("stripe_price_pro_monthly: price_file\nstripe_price_team_small_annual: price_team\nstripe_price_max_annual: price_file2\n")
            .env("STRIPE_PRICE_PRO_MONTHLY", "price_env")
            .env("STRIPE_PRICE_MAX_ANNUAL", "price_env2")
            .price("max_annual=price_flag")
            .read()
            .stripe
            .prices;
        let found: Vec<_> = prices
            .iter()
            .map(|(name, id)| (name.clone(), id.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (price("max", BillingCycle::Annual), "price_flag"),
                (price("pro", BillingCycle::Monthly), "price_env"),
                (price("team_small", BillingCycle::Annual), "price_team"),
            ]
        );
    }

    #[test]
    fn a_price_of_no_tier_or_cycle_is_refused_with_the_nearest() {
        for (variable, why) in [
            ("STRIPE_PRICE_PREMUM_MONTHLY", "did you mean `premium`?"),
            (
                "STRIPE_PRICE_GOLD_MONTHLY",
                "name a tier of the catalog: free, pro",
            ),
            ("STRIPE_PRICE_PRO_WEEKLY", "does not end in a billing cycle"),
            ("STRIPE_PRICE_MONTHLY", "does not end in a billing cycle"),
            ("STRIPE_PRICE_", "does not end in a billing cycle"),
        ] {
            let told = Place::with(variable, "price_1").refused();
            assert_one(&told, &[variable, why]);
        }
        let told = Place::new()
            .settings("stripe_price_prx_annual: price_1\n")
            .refused();
        assert_one(
            &told,
            &[
                "STRIPE_PRICE_PRX_ANNUAL (settings.yaml:1): the catalog has no tier `prx`\n    did you mean `pro`?",
            ],
        );
        let told = Place::new().price("pro_monthly").refused();
        assert_one(&told, &["(flag --stripe-price): `pro_monthly` has no `=`"]);
    }

    #[test]
    fn what_is_no_id_of_a_price_is_refused_and_not_repeated() {
        for (id, why) in [
            ("prod_hush", "is the id of a product"),
            ("sk_live_hush", "does not start with `price_`"),
            ("price_", "is not the id of a price"),
            ("price_hush hush", "is not the id of a price"),
            ("", "does not start with `price_`"),
        ] {
            let told = Place::with("STRIPE_PRICE_PRO_MONTHLY", id).refused();
            assert_one(&told, &["STRIPE_PRICE_PRO_MONTHLY (", why]);
            assert!(!told.contains("hush"), "{told}");
        }
    }

    #[test]
    fn one_price_for_two_tiers_is_refused() {
        let told = Place::with("STRIPE_PRICE_PRO_MONTHLY", "price_1")
            .env("STRIPE_PRICE_MAX_MONTHLY", "price_1")
            .refused();
        assert_one(&told, &["another price has the id `price_1` too"]);
    }

    #[test]
    fn one_price_set_twice_in_one_source_is_refused() {
        let told = Place::new()
            .price("pro_monthly=price_1")
            .price("pro_monthly=price_2")
            .refused();
        assert_one(&told, &["is set twice"]);
    }

    #[test]
    fn a_catalog_that_was_refused_brings_no_fault_about_tiers() {
        let told = Place::with("STRIPE_PRICE_GOLD_MONTHLY", "price_1")
            .env("TIERGATE_CATALOG", "absent.yaml")
            .refused();
        assert_one(&told, &["TIERGATE_CATALOG"]);
    }

    #[test]
    fn prices_are_of_the_catalog_in_use() {
        let catalog = include_str!("../../feature-flags.yaml").replace("max", "gold");
        let place = Place::with("STRIPE_PRICE_GOLD_MONTHLY", "price_1")
            .file("gold.yaml", &catalog)
            .env("TIERGATE_CATALOG", "gold.yaml");
        let prices = place.read().stripe.prices;
        assert!(prices.contains_key(&price("gold", BillingCycle::Monthly)));
    }
}

#[test]
fn a_variable_that_is_probably_misspelled_is_noticed() {
    let notices = Place::with("TIERGATE_LISTN", "127.0.0.1:1").notices();
    assert_eq!(
        notices,
        ["the environment variable TIERGATE_LISTN is not read; did you mean TIERGATE_LISTEN?"]
    );
}

#[test]
fn no_secret_is_shown_by_debug() {
    let settings = Place::with("TIERGATE_JWT_SECRET", SECRET)
        .env("STRIPE_WEBHOOK_SECRET", WEBHOOK)
        .env("DATABASE_URL", "postgres://pia:hush@db/x")
        .read();
    let shown = format!("{settings:?}");
    for secret in [SECRET, WEBHOOK, "hush"] {
        assert!(!shown.contains(secret));
    }
}
