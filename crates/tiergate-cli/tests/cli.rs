//! The program as it is run: in an empty folder, with an empty environment.

#![expect(clippy::unwrap_used, reason = "the helpers are part of the tests")]

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;

const SECRET: &str = "a-secret-of-thirty-two-bytes-or-more";
const WEBHOOK: &str = "whsec_0123456789abcdefghijklmnop";

struct Run {
    code: i32,
    out: String,
    err: String,
}

fn run(folder: &Path, args: &[&str], environment: &[(&str, &str)]) -> Run {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_tiergate"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn files(folder: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// What a token says, if it was signed with this secret. Shares no code with who signs.
fn verified(token: &str, secret: &str) -> Option<Value> {
    let (message, signature) = token.trim_end().rsplit_once('.')?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    mac.verify_slice(&base64url(signature)).ok()?;
    let (header, claims) = message.split_once('.')?;
    let header: Value = serde_json::from_slice(&base64url(header)).unwrap();
    assert_eq!(header, json!({"typ": "JWT", "alg": "HS256"}));
    Some(serde_json::from_slice(&base64url(claims)).unwrap())
}

/// RFC 4648, section 5, without padding.
fn base64url(text: &str) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for letter in text.bytes() {
        let value = LETTERS.iter().position(|one| *one == letter).unwrap();
        bits = (bits << 6 | u32::try_from(value).unwrap()) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}

#[track_caller]
fn assert_tells(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn help_lists_each_setting_with_its_names_default_and_example() {
    let folder = TempDir::new().unwrap();
    let help = run(folder.path(), &["serve", "--help"], &[]);
    assert_eq!(help.code, 0);
    assert_eq!(help.err, "");
    for (flag, variable) in [
        ("--config", "TIERGATE_CONFIG"),
        ("--catalog", "TIERGATE_CATALOG"),
        ("--listen", "TIERGATE_LISTEN"),
        ("--grace-days", "TIERGATE_GRACE_DAYS"),
        ("--database-url", "DATABASE_URL"),
        ("--database-url-file", "DATABASE_URL_FILE"),
        ("--migrate", "TIERGATE_MIGRATE"),
        ("--sqlite-synchronous", "TIERGATE_SQLITE_SYNCHRONOUS"),
        (
            "--database-max-connections",
            "TIERGATE_DATABASE_MAX_CONNECTIONS",
        ),
        (
            "--database-min-connections",
            "TIERGATE_DATABASE_MIN_CONNECTIONS",
        ),
        (
            "--database-acquire-timeout",
            "TIERGATE_DATABASE_ACQUIRE_TIMEOUT",
        ),
        ("--jwt-secret", "TIERGATE_JWT_SECRET"),
        ("--jwt-secret-file", "TIERGATE_JWT_SECRET_FILE"),
        ("--jwks-url", "TIERGATE_JWKS_URL"),
        ("--jwt-issuer", "TIERGATE_JWT_ISSUER"),
        ("--jwt-audience", "TIERGATE_JWT_AUDIENCE"),
        ("--rate-limit-users", "TIERGATE_RATE_LIMIT_USERS"),
        ("--rate-limit-services", "TIERGATE_RATE_LIMIT_SERVICES"),
        ("--max-connections", "TIERGATE_MAX_CONNECTIONS"),
        ("--header-read-timeout", "TIERGATE_HEADER_READ_TIMEOUT"),
        ("--body-read-timeout", "TIERGATE_BODY_READ_TIMEOUT"),
        ("--request-timeout", "TIERGATE_REQUEST_TIMEOUT"),
        ("--shutdown-grace", "TIERGATE_SHUTDOWN_GRACE"),
        ("--stripe-webhook-secret", "STRIPE_WEBHOOK_SECRET"),
        ("--stripe-webhook-secret-file", "STRIPE_WEBHOOK_SECRET_FILE"),
        ("--stripe-secret-key", "STRIPE_SECRET_KEY"),
        ("--stripe-publishable-key", "STRIPE_PUBLISHABLE_KEY"),
        ("--stripe-price", "STRIPE_PRICE_{TIER}_{MONTHLY,ANNUAL}"),
        ("--log", "TIERGATE_LOG"),
        ("--log-format", "TIERGATE_LOG_FORMAT"),
    ] {
        let start = help
            .out
            .find(&format!("{flag} <"))
            .unwrap_or_else(|| panic!("no {flag}"));
        let rest = &help.out[start + flag.len()..];
        let end = rest.find("\n      --").unwrap_or(rest.len());
        let entry = &rest[..end];
        assert_tells(entry, &["Example:", &format!("Environment: {variable}")]);
        assert!(
            entry.contains("Default: ") || entry.contains("Without it: "),
            "{entry}"
        );
    }
    assert_tells(
        &help.out,
        &[
            "Default: sqlite://tiergate.db",
            "Default: 127.0.0.1:3001",
            "Default: 300",
        ],
    );
    assert!(files(folder.path()).is_empty());
}

#[test]
fn help_and_version_are_results_and_a_wrong_call_is_not() {
    let folder = TempDir::new().unwrap();
    let version = run(folder.path(), &["--version"], &[]);
    assert_eq!(version.code, 0);
    assert_eq!(
        version.out,
        format!("tiergate {}\n", env!("CARGO_PKG_VERSION"))
    );
    let help = run(folder.path(), &["--help"], &[]);
    assert_eq!(help.code, 0);
    assert_tells(&help.out, &["serve", "migrate", "token", "check"]);
    for args in [
        &[][..],
        &["srve"],
        &["serve", "--listn", "x"],
        &["token"],
        &["token", "--user", ""],
        &["token", "--user", "pia", "--role", "boss"],
        &["token", "--user", "pia", "--organization", "eagle"],
        &["token", "--user", "pia", "--ttl", "1"],
    ] {
        let wrong = run(folder.path(), args, &[]);
        assert_eq!(wrong.code, 2, "{args:?}");
        assert_eq!(wrong.out, "", "{args:?}");
        assert!(!wrong.err.is_empty(), "{args:?}");
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn all_faults_are_told_at_once_and_nothing_is_created() {
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("settings.yaml"),
        "lisen: x\nmigrate: never\n",
    )
    .unwrap();
    let environment = [
        ("TIERGATE_CONFIG", "settings.yaml"),
        ("TIERGATE_LISTEN", "here"),
        ("TIERGATE_JWT_SECRET", "hush"),
        ("STRIPE_SECRET_KEY", "sk_live_hush"),
        ("STRIPE_PRICE_PRX_ANNUAL", "price_1"),
    ];
    let args = ["serve", "--request-timeout", "forever"];
    let refused = run(folder.path(), &args, &environment);
    assert_eq!(refused.code, 2);
    assert_eq!(refused.out, "");
    assert_tells(
        &refused.err,
        &[
            "error: 7 faults in the configuration, nothing was started",
            "lisen (settings.yaml:1): there is no such setting\n    did you mean `listen`?",
            "TIERGATE_MIGRATE (settings.yaml:2):",
            "TIERGATE_LISTEN (environment variable TIERGATE_LISTEN):",
            "TIERGATE_JWT_SECRET (environment variable TIERGATE_JWT_SECRET): is shorter than 32 bytes",
            "STRIPE_SECRET_KEY (",
            "STRIPE_PRICE_PRX_ANNUAL (",
            "TIERGATE_REQUEST_TIMEOUT (flag --request-timeout):",
        ],
    );
    assert!(!refused.err.contains("hush"), "{}", refused.err);
    assert_eq!(files(folder.path()), ["settings.yaml"]);
}

#[test]
fn with_postgres_and_no_key_nothing_starts_and_no_password_is_shown() {
    let folder = TempDir::new().unwrap();
    let environment = [("DATABASE_URL", "postgres://pia:hush@127.0.0.1:1/x")];
    for command in [&["serve"][..], &["token", "--user", "pia"]] {
        let refused = run(folder.path(), command, &environment);
        assert_eq!(refused.code, 2, "{command:?}");
        assert_tells(
            &refused.err,
            &["1 fault", "TIERGATE_JWT_SECRET", "TIERGATE_JWKS_URL"],
        );
        assert!(!refused.err.contains("hush"), "{}", refused.err);
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_token_is_signed_with_the_secret_and_says_what_was_asked_for() {
    let folder = TempDir::new().unwrap();
    let environment = [
        ("TIERGATE_JWT_SECRET", SECRET),
        ("TIERGATE_JWT_ISSUER", "us"),
        ("TIERGATE_JWT_AUDIENCE", "tiergate"),
    ];
    let args = [
        "token",
        "--user",
        "pia",
        "--organization",
        "eagle:owner",
        "--organization",
        "stork:member",
        "--role",
        "service",
        "--role",
        "admin",
        "--email",
        "pia@example.com",
        "--name",
        "Pia P.",
        "--ttl",
        "90s",
    ];
    let issued = run(folder.path(), &args, &environment);
    assert_eq!(issued.code, 0, "{}", issued.err);
    assert_eq!(issued.err, "");
    assert_eq!(issued.out.lines().count(), 1);
    assert!(verified(&issued.out, "another secret").is_none());
    let mut claims = verified(&issued.out, SECRET).unwrap();
    let issued_at = claims["iat"].take().as_i64().unwrap();
    let expires = claims["exp"].take().as_i64().unwrap();
    assert_eq!(expires - issued_at, 90);
    assert_eq!(claims["jti"].take().as_str().unwrap().len(), 36);
    assert_eq!(
        claims,
        json!({
            "sub": "pia",
            "email": "pia@example.com",
            "name": "Pia P.",
            "roles": ["service", "admin"],
            "organizations": [
                {"id": "eagle", "role": "owner"},
                {"id": "stork", "role": "member"},
            ],
            "permissions": ["read", "write"],
            "iat": null,
            "exp": null,
            "jti": null,
            "iss": "us",
            "aud": "tiergate",
        })
    );
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_token_uses_the_secret_wherever_it_is_set() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("mounted"), format!("{SECRET}\n")).unwrap();
    std::fs::write(
        folder.path().join("settings.yaml"),
        format!("jwt_secret: {SECRET}\n"),
    )
    .unwrap();
    for (args, environment) in [
        (&["--jwt-secret", SECRET][..], &[][..]),
        (&["--jwt-secret-file", "mounted"], &[]),
        (&["--config", "settings.yaml"], &[]),
        (&[], &[("TIERGATE_JWT_SECRET_FILE", "mounted")]),
    ] {
        let args = [&["token", "--user", "pia"], args].concat();
        let issued = run(folder.path(), &args, environment);
        assert_eq!(issued.code, 0, "{}", issued.err);
        assert!(verified(&issued.out, SECRET).is_some(), "{args:?}");
    }
}

#[test]
fn without_a_secret_one_is_made_shown_once_and_kept_for_its_owner() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let environment = [("DATABASE_URL", "sqlite://data/mine.db")];
    let args = ["token", "--user", "pia"];
    let first = run(folder.path(), &args, &environment);
    assert_eq!(first.code, 0, "{}", first.err);
    assert_eq!(files(&folder.path().join("data")), ["tiergate-dev.secret"]);
    let path = folder.path().join("data/tiergate-dev.secret");
    let secret = std::fs::read_to_string(&path).unwrap();
    let secret = secret.trim_end();
    assert_eq!(secret.len(), 64);
    assert_eq!(first.err.matches(secret).count(), 1, "{}", first.err);
    assert!(verified(&first.out, secret).is_some());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let second = run(folder.path(), &args, &environment);
    assert_eq!(second.err, "");
    assert!(verified(&second.out, secret).is_some());
}

#[test]
fn with_published_keys_no_token_is_issued() {
    let folder = TempDir::new().unwrap();
    let environment = [("TIERGATE_JWKS_URL", "https://id.example.com/jwks.json")];
    let refused = run(folder.path(), &["token", "--user", "pia"], &environment);
    assert_eq!(refused.code, 2);
    assert_eq!(refused.out, "");
    assert_tells(
        &refused.err,
        &["TIERGATE_JWKS_URL is set", "identity provider"],
    );
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_good_catalog_is_counted() {
    let folder = TempDir::new().unwrap();
    let built_in = run(folder.path(), &["check"], &[]);
    assert_eq!(built_in.code, 0, "{}", built_in.err);
    assert_eq!(
        built_in.out,
        "OK: 8 tiers, 22 features, 9 metrics in the catalog that comes with the program\n"
    );
    let shipped = include_str!("../feature-flags.yaml");
    std::fs::write(folder.path().join("feature-flags.yaml"), shipped).unwrap();
    let found = run(folder.path(), &["check"], &[]);
    assert_eq!(
        found.out,
        "OK: 8 tiers, 22 features, 9 metrics in feature-flags.yaml\n"
    );
}

#[test]
fn a_wrong_catalog_is_told_whole() {
    let folder = TempDir::new().unwrap();
    let shipped = include_str!("../feature-flags.yaml");
    let wrong = shipped
        .replace("default_tier: free", "default_tier: fre")
        .replace("currency: USD", "currency: US");
    std::fs::write(folder.path().join("wrong.yaml"), &wrong).unwrap();
    let refused = run(folder.path(), &["check", "--catalog", "wrong.yaml"], &[]);
    assert_eq!(refused.code, 2);
    assert_eq!(refused.out, "");
    let told = tiergate_core::Catalog::from_yaml_bytes("wrong.yaml", wrong.as_bytes()).unwrap_err();
    assert!(told.faults().len() >= 2);
    assert_eq!(refused.err, format!("error: {told}\n"));
    let absent = run(folder.path(), &["check", "--catalog", "absent.yaml"], &[]);
    assert_eq!(absent.code, 2);
    assert_tells(&absent.err, &["absent.yaml", "cannot be read"]);
}

#[test]
fn secrets_are_in_no_output_of_the_service() {
    let folder = TempDir::new().unwrap();
    let environment = [
        ("DATABASE_URL", "postgres://pia:hush@127.0.0.1:1/x"),
        ("TIERGATE_JWT_SECRET", SECRET),
        ("STRIPE_WEBHOOK_SECRET", WEBHOOK),
        ("TIERGATE_LOG", "trace"),
        // Neither this address nor that database is there, so the service ends wherever this runs.
        ("TIERGATE_LISTEN", "192.0.2.1:1"),
    ];
    let ended = run(folder.path(), &["serve"], &environment);
    assert_eq!(ended.code, 1, "{}", ended.err);
    for secret in ["hush", SECRET, WEBHOOK] {
        assert!(!ended.err.contains(secret), "{}", ended.err);
        assert!(!ended.out.contains(secret), "{}", ended.out);
    }
}

#[test]
fn a_misspelled_variable_is_noted_and_does_not_stop_anything() {
    let folder = TempDir::new().unwrap();
    let noted = run(folder.path(), &["check"], &[("TIERGATE_CATLOG", "x")]);
    assert_eq!(noted.code, 0);
    assert_tells(&noted.err, &["note: ", "did you mean TIERGATE_CATALOG?"]);
}

#[test]
fn migrating_makes_the_schema_once() {
    let folder = TempDir::new().unwrap();
    let first = run(folder.path(), &["migrate"], &[]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert_tells(&first.out, &["sqlite://tiergate.db is up to date, after "]);
    let second = run(folder.path(), &["migrate"], &[]);
    assert_eq!(second.code, 0, "{}", second.err);
    assert_eq!(second.out, "sqlite://tiergate.db was up to date\n");
}

#[test]
fn a_schema_that_is_behind_is_refused_where_it_is_migrated_by_hand() {
    let folder = TempDir::new().unwrap();
    let environment = [("TIERGATE_MIGRATE", "manual"), ("TIERGATE_LOG", "off")];
    let refused = run(folder.path(), &["serve"], &environment);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert_tells(
        &refused.err,
        &[
            "sqlite://tiergate.db lacks ",
            "run `tiergate migrate` first",
        ],
    );
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("tiergate.db"),
        "not a database".repeat(100),
    )
    .unwrap();
    for command in ["serve", "migrate"] {
        let refused = run(folder.path(), &[command], &[("TIERGATE_LOG", "off")]);
        assert_eq!(refused.code, 1, "{}", refused.err);
        assert_tells(
            &refused.err,
            &["sqlite://tiergate.db", "check DATABASE_URL"],
        );
    }
    let kept = std::fs::read(folder.path().join("tiergate.db")).unwrap();
    assert_eq!(kept, "not a database".repeat(100).as_bytes());
}

#[test]
fn an_address_that_is_taken_is_named_with_a_remedy() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let environment = [("TIERGATE_LISTEN", &*address), ("TIERGATE_LOG", "off")];
    let refused = run(folder.path(), &["serve"], &environment);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert_tells(&refused.err, &[&address, "TIERGATE_LISTEN"]);
}
