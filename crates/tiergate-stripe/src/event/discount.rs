use std::fmt;

use serde_json::Value;

use super::fault::Expected;
use super::fields::Fields;

/// A share of a whole, in parts per million, from nothing to all: 12.5 % are 125,000.
///
/// No float: two machines have to take the same number of cents off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent {
    parts_per_million: u32,
}

const WHOLE: u32 = 1_000_000;

impl Percent {
    /// Parts per million, from 0 to 1,000,000.
    #[must_use]
    pub const fn parts_per_million(self) -> u32 {
        self.parts_per_million
    }

    /// Reads a decimal number from 0 to 100. Anything under a ten-thousandth of a percent is
    /// dropped.
    fn read(value: &Value) -> Option<Self> {
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            _ => return None,
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        let fraction: String = fraction.chars().chain("0000".chars()).take(4).collect();
        let parts_per_million = whole
            .parse::<u32>()
            .ok()?
            .checked_mul(10_000)?
            .checked_add(fraction.parse().ok()?)?;
        (parts_per_million <= WHOLE).then_some(Self { parts_per_million })
    }

    /// What two discounts take off when the second is taken from what the first has left, which is
    /// how Stripe applies several.
    fn then(self, other: Self) -> Self {
        let left = u64::from(WHOLE - self.parts_per_million)
            * u64::from(WHOLE - other.parts_per_million)
            / u64::from(WHOLE);
        let taken = u64::from(WHOLE) - left;
        Self {
            parts_per_million: u32::try_from(taken).unwrap_or(WHOLE),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (
            self.parts_per_million / 10_000,
            self.parts_per_million % 10_000,
        );
        let fraction = format!("{rest:04}");
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{whole} %"),
            fraction => write!(f, "{whole}.{fraction} %"),
        }
    }
}

impl fmt::Debug for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What all percentages together take off a subscription; none if there is none.
///
/// They are in `discount` or `discounts`, and in those in `coupon` or, since 2025-09-30, in
/// `source.coupon`. A coupon or discount that isn't expanded is only an id and says nothing.
pub(super) fn read(fields: Fields<'_>) -> Option<Percent> {
    // The older field repeats the first of the list where both are there.
    let mut percents = fields.elements("discounts", of_discount);
    if percents.is_empty() {
        percents.extend(fields.expanded("discount", of_discount));
    }
    percents.into_iter().reduce(Percent::then)
}

fn of_discount(discount: Fields<'_>) -> Option<Percent> {
    discount
        .expanded("coupon", of_coupon)
        .or_else(|| discount.object("source", |source| source.expanded("coupon", of_coupon)))
}

fn of_coupon(coupon: Fields<'_>) -> Option<Percent> {
    coupon.read("percent_off", Expected::Percent, Percent::read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(json: &str) -> Option<String> {
        let value = serde_json::from_str(json).unwrap();
        Percent::read(&value).map(|percent| percent.to_string())
    }

    #[test]
    fn decimals_are_read_exactly() {
        for (json, expected) in [
            ("50", "50 %"),
            ("50.0", "50 %"),
            ("12.5", "12.5 %"),
            ("33.3333", "33.3333 %"),
            ("33.33333", "33.3333 %"),
            ("0.05", "0.05 %"),
            ("100", "100 %"),
            ("\"12.5\"", "12.5 %"),
        ] {
            assert_eq!(percent(json).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn what_is_no_share_of_a_whole_is_refused() {
        for json in [
            "-1", "100.0001", "101", "1e9", "\"\"", "\".5\"", "\"5 %\"", "true",
        ] {
            assert_eq!(percent(json), None, "{json}");
        }
    }

    #[test]
    fn the_second_discount_is_taken_from_what_the_first_has_left() {
        let half = Percent {
            parts_per_million: 500_000,
        };
        let tenth = Percent {
            parts_per_million: 100_000,
        };
        assert_eq!(half.then(tenth).to_string(), "55 %");
        assert_eq!(half.then(tenth), tenth.then(half));
    }
}
