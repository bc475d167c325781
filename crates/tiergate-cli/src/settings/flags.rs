//! The flags of each command, and their help, made from the table of settings.

use std::marker::PhantomData;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::sources::FlagValues;
use super::table::{self, Fallback, Mounted, Setting, price};

/// Which settings a command has flags for.
pub(crate) trait Scope {
    /// Those of the table.
    fn settings() -> &'static [&'static Setting];

    /// Whether prices are among them.
    const PRICES: Prices = Prices::Absent;
}

/// Whether a command has the flag of prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prices {
    Present,
    Absent,
}

/// `tiergate serve` has a flag for everything.
pub(crate) struct ServeFlags;

impl Scope for ServeFlags {
    fn settings() -> &'static [&'static Setting] {
        table::ALL
    }

    const PRICES: Prices = Prices::Present;
}

/// `tiergate migrate` needs the database.
pub(crate) struct MigrateFlags;

impl Scope for MigrateFlags {
    fn settings() -> &'static [&'static Setting] {
        static SETTINGS: &[&Setting] = &[
            &table::CONFIG,
            &table::DATABASE_URL,
            &table::SQLITE_SYNCHRONOUS,
            &table::DATABASE_MAX_CONNECTIONS,
            &table::DATABASE_MIN_CONNECTIONS,
            &table::DATABASE_ACQUIRE_TIMEOUT,
            &table::LOG,
            &table::LOG_FORMAT,
        ];
        SETTINGS
    }
}

/// `tiergate token` needs what tokens are signed with.
pub(crate) struct TokenFlags;

impl Scope for TokenFlags {
    fn settings() -> &'static [&'static Setting] {
        static SETTINGS: &[&Setting] = &[
            &table::CONFIG,
            &table::DATABASE_URL,
            &table::JWT_SECRET,
            &table::JWKS_URL,
            &table::JWT_ISSUER,
            &table::JWT_AUDIENCE,
        ];
        SETTINGS
    }
}

/// `tiergate check` needs the catalog.
pub(crate) struct CheckFlags;

impl Scope for CheckFlags {
    fn settings() -> &'static [&'static Setting] {
        static SETTINGS: &[&Setting] = &[&table::CONFIG, &table::CATALOG];
        SETTINGS
    }
}

/// `tiergate report` needs the catalog and the database.
pub(crate) struct ReportFlags;

impl Scope for ReportFlags {
    fn settings() -> &'static [&'static Setting] {
        static SETTINGS: &[&Setting] = &[
            &table::CONFIG,
            &table::CATALOG,
            &table::DATABASE_URL,
            &table::SQLITE_SYNCHRONOUS,
            &table::DATABASE_MAX_CONNECTIONS,
            &table::DATABASE_MIN_CONNECTIONS,
            &table::DATABASE_ACQUIRE_TIMEOUT,
            &table::LOG,
            &table::LOG_FORMAT,
        ];
        SETTINGS
    }
}

/// What was given of the flags of a command.
pub(crate) struct Flags<S> {
    values: FlagValues,
    scope: PhantomData<S>,
}

impl<S> Flags<S> {
    pub(crate) fn into_values(self) -> FlagValues {
        self.values
    }
}

impl<S: Scope> Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        let settings = S::settings().iter().copied();
        let mut command = command.args(settings.flat_map(flags_of));
        if S::PRICES == Prices::Present {
            command = command.arg(price_flag());
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: Scope> FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut values = FlagValues::default();
        let mut take = |flag: &'static str| {
            if let Some(value) = matches.get_one::<String>(flag) {
                values.insert(flag, value.clone());
            }
        };
        for setting in S::settings() {
            take(setting.flag);
            if let Some(mounted) = setting.mounted {
                take(mounted.flag);
            }
        }
        if S::PRICES == Prices::Present {
            for assignment in matches
                .get_many::<String>(price::FLAG)
                .into_iter()
                .flatten()
            {
                values.add_price(assignment.clone());
            }
        }
        Ok(Self {
            values,
            scope: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn flags_of(setting: &'static Setting) -> impl Iterator<Item = Arg> {
    let own = Arg::new(setting.flag)
        .long(setting.flag)
        .value_name(setting.placeholder)
        .help(setting.purpose)
        .long_help(long_help(setting))
        .help_heading(setting.heading);
    let mounted = setting
        .mounted
        .map(|mounted| mounted_flag(setting, mounted));
    std::iter::once(own).chain(mounted)
}

fn long_help(setting: &Setting) -> String {
    let default = match setting.default {
        Fallback::Value(value) => format!("Default: {value}"),
        Fallback::Without(meaning) => format!("Without it: {meaning}"),
    };
    let key = if setting.key == table::CONFIG.key {
        String::new()
    } else {
        format!("\nIn the file: {}", setting.key)
    };
    format!(
        "{}.\n{default}\nExample: {}\nEnvironment: {}{key}",
        setting.purpose, setting.example, setting.variable
    )
}

fn mounted_flag(setting: &Setting, mounted: Mounted) -> Arg {
    let help = format!("A file that holds the value of --{}", setting.flag);
    let long = format!(
        "{help}, as container platforms mount secrets.\nDefault: none\nExample: \
         /run/secrets/{}\nEnvironment: {}\nIn the file: {}",
        setting.key, mounted.variable, mounted.key
    );
    Arg::new(mounted.flag)
        .long(mounted.flag)
        .value_name("FILE")
        .help(help)
        .long_help(long)
        .help_heading(setting.heading)
}

fn price_flag() -> Arg {
    let help = "Stripe's price of a tier and billing cycle, where the lookup keys in Stripe do not \
                say it. Can be given many times";
    let long = format!(
        "{help}.\nWithout it: prices are found by their lookup keys, such as \
         `pro_monthly`\nExample: pro_monthly=price_1PqR2sT3uV\nEnvironment: \
         {}{{TIER}}_{{MONTHLY,ANNUAL}}, such as {0}PRO_MONTHLY\nIn the file: \
         {}{{tier}}_{{monthly,annual}}, such as {1}pro_monthly",
        price::VARIABLE_PREFIX,
        price::KEY_PREFIX,
    );
    Arg::new(price::FLAG)
        .long(price::FLAG)
        .value_name("TIER_CYCLE=PRICE")
        .action(ArgAction::Append)
        .help(help)
        .long_help(long)
        .help_heading(price::HEADING)
}
