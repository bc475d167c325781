use std::fmt;
use std::time::Duration;

/// The longest time that any setting may be.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The most lookups that may be allowed at once.
const MOST_FLIGHTS: usize = 65_536;

/// How a [`CachedLookup`](super::CachedLookup) treats what it learns.
///
/// ```
/// use std::time::Duration;
/// use tiergate_lookup::CacheConfig;
///
/// let config = CacheConfig::builder()
///     .fresh_for(Duration::from_secs(60))
///     .stale_for(Duration::from_secs(3_600))
///     .build()?;
/// assert_eq!(config.fresh_for(), Duration::from_secs(60));
/// # Ok::<(), tiergate_lookup::CacheConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    fresh_for: Duration,
    stale_for: Duration,
    absent_for: Duration,
    first_back_off: Duration,
    longest_back_off: Duration,
    flight_deadline: Duration,
    confirm_age: Duration,
    confirm_interval: Duration,
    max_flights: usize,
    max_waiting_flights: usize,
    max_entries: u64,
    max_bytes: u64,
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr;)*) => {
        impl CacheConfig {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(&self) -> $type {
                    self.$name
                }
            )*
        }

        impl CacheConfigBuilder {
            $(
                $(#[$doc])*
                pub fn $name(mut self, $name: $type) -> Self {
                    self.config.$name = $name;
                    self
                }
            )*
        }

        impl Default for CacheConfig {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }
    };
}

settings! {
    /// How long a found subscription is used without asking again, give or take a tenth that is
    /// drawn for each answer. Default: 5 minutes.
    fresh_for: Duration = Duration::from_secs(5 * 60);
    /// How long after the source's last answer a subscription may still be used while no newer one
    /// can be had. It is never used beyond the subscription's own end. Default: 24 hours.
    stale_for: Duration = Duration::from_secs(24 * 60 * 60);
    /// How long "no subscription" is used without asking again. It is never used longer. Default:
    /// 5 seconds.
    absent_for: Duration = Duration::from_secs(5);
    /// For how long a subject is not asked about after one failure; doubled with each more in a
    /// row. Up to a fifth is added at random. Default: 1 second.
    first_back_off: Duration = Duration::from_secs(1);
    /// The longest time that a subject is not asked about after failures. Default: 15 seconds.
    longest_back_off: Duration = Duration::from_secs(15);
    /// How long one lookup may take, waiting for its turn included. Default: 1 second.
    flight_deadline: Duration = Duration::from_secs(1);
    /// Up to which age an answer is good enough to deny by. Default: 2 seconds.
    confirm_age: Duration = Duration::from_secs(2);
    /// How much time passes at least between two re-reads of one subject before a denial. Default:
    /// 5 seconds.
    confirm_interval: Duration = Duration::from_secs(5);
    /// How many lookups are under way at once. Default: 64.
    max_flights: usize = 64;
    /// How many lookups may wait for their turn. Beyond that they fail at once. Default: 4,096.
    max_waiting_flights: usize = 4_096;
    /// How many subjects are remembered at most. Default: 50,000.
    max_entries: u64 = 50_000;
    /// How many bytes the remembered subscriptions take at most, by estimate. Default: 64 MiB.
    max_bytes: u64 = 64 * 1024 * 1024;
}

impl CacheConfig {
    /// Starts from the defaults.
    pub fn builder() -> CacheConfigBuilder {
        CacheConfigBuilder {
            config: Self::default(),
        }
    }

    fn fault(&self) -> Option<CacheConfigError> {
        let durations = [
            ("fresh_for", self.fresh_for),
            ("stale_for", self.stale_for),
            ("absent_for", self.absent_for),
            ("first_back_off", self.first_back_off),
            ("longest_back_off", self.longest_back_off),
            ("flight_deadline", self.flight_deadline),
            ("confirm_age", self.confirm_age),
            ("confirm_interval", self.confirm_interval),
        ];
        for (setting, value) in durations {
            if value.is_zero() && setting != "confirm_age" {
                return Some(CacheConfigError::new(
                    setting,
                    "must be longer than nothing",
                ));
            }
            if value > LONGEST {
                return Some(CacheConfigError::new(setting, "must be at most 366 days"));
            }
        }
        let complaints = [
            (
                self.stale_for < self.fresh_for,
                "stale_for",
                "must be at least `fresh_for`",
            ),
            (
                self.longest_back_off < self.first_back_off,
                "longest_back_off",
                "must be at least `first_back_off`",
            ),
            (
                !(1..=MOST_FLIGHTS).contains(&self.max_flights),
                "max_flights",
                "must be from 1 to 65536",
            ),
            (self.max_entries == 0, "max_entries", "must be at least 1"),
            (
                self.max_bytes < self.max_entries,
                "max_bytes",
                "must be at least one for each entry",
            ),
        ];
        complaints
            .into_iter()
            .find(|(applies, ..)| *applies)
            .map(|(_, setting, complaint)| CacheConfigError::new(setting, complaint))
    }
}

/// Makes a [`CacheConfig`]. What is not set keeps its default.
#[derive(Clone, Debug)]
#[must_use]
pub struct CacheConfigBuilder {
    config: CacheConfig,
}

impl CacheConfigBuilder {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When a time is zero or longer than 366 days, when an upper bound is below its lower one, or
    /// when there is room for nothing.
    pub fn build(self) -> Result<CacheConfig, CacheConfigError> {
        match self.config.fault() {
            None => Ok(self.config),
            Some(fault) => Err(fault),
        }
    }
}

/// Settings that contradict each other or make no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfigError {
    setting: &'static str,
    complaint: &'static str,
}

impl CacheConfigError {
    fn new(setting: &'static str, complaint: &'static str) -> Self {
        Self { setting, complaint }
    }

    /// The name of the setting at fault.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for CacheConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.setting, self.complaint)
    }
}

impl std::error::Error for CacheConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(
            CacheConfig::builder().build().unwrap(),
            CacheConfig::default()
        );
    }

    #[test]
    fn each_mistake_names_its_setting() {
        let b = CacheConfig::builder;
        let second = Duration::from_secs(1);
        let table = [
            ("fresh_for", b().fresh_for(Duration::ZERO)),
            ("stale_for", b().stale_for(Duration::MAX)),
            ("stale_for", b().stale_for(second)),
            ("longest_back_off", b().first_back_off(second * 60)),
            ("max_flights", b().max_flights(0)),
            ("max_flights", b().max_flights(usize::MAX)),
            ("max_entries", b().max_entries(0)),
            ("max_bytes", b().max_bytes(10)),
        ];
        for (setting, builder) in table {
            assert_eq!(builder.build().unwrap_err().setting(), setting);
        }
        assert!(b().confirm_age(Duration::ZERO).build().is_ok());
    }
}
