use std::ops::RangeInclusive;
use std::time::Duration;

use crate::settings::fault::Problem;
use crate::settings::text::echo;

/// The units, longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A duration as people write it, `30s` or `1m30s`, within a range.
pub(crate) fn duration(
    range: RangeInclusive<Duration>,
) -> impl FnOnce(&str) -> Result<Duration, Problem> {
    move |text| {
        let remedy = || {
            let (least, most) = (written(*range.start()), written(*range.end()));
            format!(
                "write whole numbers with units (d, h, m, s, ms), like `30s` or `1m30s`, \
                 from {least} to {most}"
            )
        };
        let Some(duration) = parse(text) else {
            let text = echo(text);
            let what = if text.bytes().all(|byte| byte.is_ascii_digit()) {
                format!("`{text}` has no unit")
            } else {
                format!("`{text}` is not a duration")
            };
            return Err(Problem::new(what, remedy()));
        };
        if range.contains(&duration) {
            return Ok(duration);
        }
        let what = format!("`{}` is out of range", echo(text));
        Err(Problem::new(what, remedy()))
    }
}

/// Each unit at most once, the longest first. What is too long for a number is no duration.
fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = 0_u64;
    loop {
        let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (digits, tail) = rest.split_at_checked(end)?;
        let count: u64 = digits.parse().ok()?;
        let end = tail
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end)?;
        let (_, millis) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(count.checked_mul(*millis)?)?;
        if tail.is_empty() {
            return Some(Duration::from_millis(total));
        }
        rest = tail;
    }
}

/// As [`parse`] reads it.
fn written(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    for (unit, millis) in UNITS {
        let count = rest / millis;
        rest %= millis;
        if count > 0 {
            out.push_str(&format!("{count}{unit}"));
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANY: RangeInclusive<Duration> = Duration::ZERO..=Duration::MAX;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("0s", 0),
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1d12h", 129_600_000),
            ("90s", 90_000),
            ("1s500ms", 1_500),
        ] {
            let read = duration(ANY)(text).unwrap();
            assert_eq!(read, Duration::from_millis(millis), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "s",
            "30 s",
            "1.5s",
            "-1s",
            "30sec",
            "30S",
            "30s1m",
            "1s1s",
            "1s5",
            "9999999999999999999d",
            "99999999999999999999s",
            "1é",
        ] {
            let problem = duration(ANY)(text).unwrap_err();
            assert!(problem.remedy.contains("like `30s`"), "{text:?}");
        }
    }

    #[test]
    fn a_number_without_a_unit_is_told_so() {
        assert_eq!(duration(ANY)("30").unwrap_err().what, "`30` has no unit");
    }

    #[test]
    fn the_range_is_part_of_the_remedy() {
        let range = Duration::from_secs(1)..=Duration::from_secs(90);
        let problem = duration(range.clone())("2m").unwrap_err();
        assert_eq!(problem.what, "`2m` is out of range");
        assert!(problem.remedy.ends_with("from 1s to 1m30s"));
        assert!(duration(range.clone())("1s").is_ok());
        assert!(duration(range.clone())("90s").is_ok());
        assert!(duration(range)("999ms").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(millis in 0..u64::MAX / 2) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&written(duration)), Some(duration));
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,20}") {
            let _ = parse(&text);
        }
    }
}
