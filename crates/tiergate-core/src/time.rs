//! Points in time, and the time zone that calendar windows are cut in.
//!
//! The core never asks what time it is; it is told. These are the types it is told with. They wrap
//! the calendar library so that its types, and its major versions, stay out of the public surface.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::tz;

/// A moment, to the microsecond, without a time zone.
///
/// Written and read as RFC 3339 in UTC.
///
/// ```
/// use std::time::Duration;
/// use tiergate_core::time::Timestamp;
///
/// let start: Timestamp = "2026-02-28T12:00:00Z".parse()?;
/// let later = start.saturating_add(Duration::from_secs(60));
/// assert_eq!(later.to_string(), "2026-02-28T12:01:00Z");
/// assert_eq!(later.duration_since(start), Duration::from_secs(60));
/// assert_eq!(start.duration_since(later), Duration::ZERO);
/// # Ok::<(), tiergate_core::time::ParseTimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    micros: i64,
}

impl Timestamp {
    /// The earliest moment: the first of the year -9999.
    pub const MIN: Self = Self {
        micros: -377_705_023_201_000_000,
    };
    /// The latest moment: the last of the year 9999.
    pub const MAX: Self = Self {
        micros: 253_402_207_200_999_999,
    };

    /// The moment `micros` microseconds after 1970-01-01T00:00:00Z, brought into the range from
    /// [`MIN`](Self::MIN) to [`MAX`](Self::MAX).
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.micros {
            Self::MIN
        } else if micros > Self::MAX.micros {
            Self::MAX
        } else {
            Self { micros }
        }
    }

    /// The moment `seconds` seconds after 1970-01-01T00:00:00Z, brought into range.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_micros(seconds.saturating_mul(1_000_000))
    }

    /// The moment that the operating system's clock calls `time`, brought into range.
    #[must_use]
    pub fn from_system_time(time: SystemTime) -> Self {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Self::from_micros(0).saturating_add(since),
            Err(before) => Self::from_micros(0).saturating_sub(before.duration()),
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z; negative before it.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.micros
    }

    /// The moment `by` later, at most [`MAX`](Self::MAX). Anything under a microsecond is dropped.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.micros.saturating_add(by))
    }

    /// The moment `by` earlier, at least [`MIN`](Self::MIN). Anything under a microsecond is
    /// dropped.
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.micros.saturating_sub(by))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn duration_since(self, earlier: Self) -> Duration {
        let micros = i128::from(self.micros) - i128::from(earlier.micros);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    pub(crate) fn to_jiff(self) -> jiff::Timestamp {
        // In range by construction; the fallback is unreachable and harmless. Not from
        // microseconds, which jiff 0.2.46 refuses within the last second of the range, and not from
        // nanoseconds, which takes a division of 128 bits.
        let (seconds, rest) = (self.micros / 1_000_000, self.micros % 1_000_000);
        i32::try_from(rest * 1_000)
            .ok()
            .and_then(|nanos| jiff::Timestamp::new(seconds, nanos).ok())
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    pub(crate) fn from_jiff(timestamp: jiff::Timestamp) -> Self {
        Self::from_micros(timestamp.as_microsecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_jiff(), f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads RFC 3339, with any offset.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>()
            .map(Self::from_jiff)
            .map_err(|_| ParseTimestampError { _private: () })
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is not a moment in RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time in RFC 3339, like 2026-01-31T12:00:00Z")]
pub struct ParseTimestampError {
    _private: (),
}

/// A time zone from the IANA database, such as `Europe/Berlin`.
///
/// The database is compiled in, so that two machines cut the same month at the same moment.
///
/// ```
/// use tiergate_core::time::TimeZone;
///
/// let zone: TimeZone = "America/New_York".parse()?;
/// assert_eq!(zone.name(), "America/New_York");
/// assert!("Middle/Nowhere".parse::<TimeZone>().is_err());
/// # Ok::<(), tiergate_core::time::UnknownTimeZoneError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TimeZone {
    name: Box<str>,
    zone: tz::TimeZone,
}

impl TimeZone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            name: "UTC".into(),
            zone: tz::TimeZone::UTC,
        }
    }

    /// The name in the IANA database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its clocks always show coordinated universal time, by the database's word.
    pub(crate) fn is_utc(&self) -> bool {
        self.zone == tz::TimeZone::UTC
    }

    pub(crate) fn as_jiff(&self) -> &tz::TimeZone {
        &self.zone
    }
}

impl FromStr for TimeZone {
    type Err = UnknownTimeZoneError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name.eq_ignore_ascii_case("utc") {
            return Ok(Self::utc());
        }
        let zone = tz::TimeZoneDatabase::bundled()
            .get(name)
            .map_err(|_| UnknownTimeZoneError { name: name.into() })?;
        let name = zone.iana_name().unwrap_or(name).into();
        Ok(Self { name, zone })
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TimeZone").field(&self.name).finish()
    }
}

/// The IANA database has no zone of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone `{name}`, expected a name from the IANA database like `Europe/Berlin`")]
pub struct UnknownTimeZoneError {
    name: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_are_those_of_the_calendar() {
        assert_eq!(Timestamp::from_jiff(jiff::Timestamp::MIN), Timestamp::MIN);
        assert_eq!(Timestamp::from_jiff(jiff::Timestamp::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_micros(i64::MIN), Timestamp::MIN);
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
    }

    #[test]
    fn moments_survive_the_calendar_up_to_the_extremes() {
        for moment in [Timestamp::MIN, Timestamp::from_micros(-1), Timestamp::MAX] {
            assert_eq!(Timestamp::from_jiff(moment.to_jiff()), moment);
        }
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T22:00:00.999999Z");
    }

    #[test]
    fn offsets_are_read_and_utc_is_written() {
        let moment: Timestamp = "2026-03-01T01:30:00+02:00".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-02-28T23:30:00Z");
    }

    #[test]
    fn a_date_alone_is_not_a_moment() {
        assert!("2026-03-01".parse::<Timestamp>().is_err());
        assert!("".parse::<Timestamp>().is_err());
    }

    #[test]
    fn json_is_rfc_3339() {
        let moment: Timestamp = serde_json::from_str("\"2026-03-01T00:00:00Z\"").unwrap();
        assert_eq!(
            serde_json::to_string(&moment).unwrap(),
            "\"2026-03-01T00:00:00Z\""
        );
    }
}
