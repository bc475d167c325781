//! Amounts of money, in whole minor units.

use std::fmt;

/// An amount in the minor unit of its currency, such as cents. Never a fraction, never a float.
///
/// ```
/// use tiergate_core::money::{Currency, Money};
///
/// let price = Money::new(1200, "USD".parse()?);
/// assert_eq!(price.to_string(), "12.00 USD");
/// # Ok::<(), tiergate_core::money::UnknownCurrencyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    minor_units: i64,
    currency: Currency,
}

impl Money {
    /// An amount in minor units.
    #[must_use]
    pub const fn new(minor_units: i64, currency: Currency) -> Self {
        Self {
            minor_units,
            currency,
        }
    }

    /// The amount in minor units: 1200 for twelve dollars.
    #[must_use]
    pub const fn minor_units(self) -> i64 {
        self.minor_units
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount as decimal text without the currency: `12.00`.
    #[must_use]
    pub fn decimal(self) -> String {
        let digits = usize::from(self.currency.minor_digits());
        let magnitude = self.minor_units.unsigned_abs();
        let sign = if self.minor_units < 0 { "-" } else { "" };
        if digits == 0 {
            return format!("{sign}{magnitude}");
        }
        let text = format!("{magnitude:0>width$}", width = digits + 1);
        let (whole, fraction) = text.split_at(text.len() - digits);
        format!("{sign}{whole}.{fraction}")
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

macro_rules! currencies {
    ($($name:ident $digits:literal,)*) => {
        /// A currency of ISO 4217 that catalogs can be priced in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Currency {
            $(
                #[doc = concat!("`", stringify!($name), "`, with ", stringify!($digits), " digits after the point.")]
                $name,
            )*
        }

        impl Currency {
            /// Every currency, by code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The three letters.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// How many digits stand after the point.
            #[must_use]
            pub const fn minor_digits(self) -> u8 {
                match self {
                    $(Self::$name => $digits,)*
                }
            }
        }
    };
}

currencies! {
    AUD 2, BRL 2, CAD 2, CHF 2, CNY 2, CZK 2, DKK 2, EUR 2, GBP 2, HKD 2, HUF 2, IDR 2, ILS 2,
    INR 2, JPY 0, KRW 0, KWD 3, MXN 2, MYR 2, NOK 2, NZD 2, PHP 2, PLN 2, RON 2, SEK 2, SGD 2,
    THB 2, TRY 2, TWD 2, USD 2, ZAR 2,
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::str::FromStr for Currency {
    type Err = UnknownCurrencyError;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|currency| currency.code() == code)
            .ok_or_else(|| UnknownCurrencyError { code: code.into() })
    }
}

/// No currency that catalogs can be priced in has that code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown currency `{code}`, expected a code of ISO 4217 like `USD`")]
pub struct UnknownCurrencyError {
    code: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_follow_the_currency() {
        assert_eq!(Money::new(5, Currency::USD).to_string(), "0.05 USD");
        assert_eq!(Money::new(-1205, Currency::EUR).to_string(), "-12.05 EUR");
        assert_eq!(Money::new(1200, Currency::JPY).to_string(), "1200 JPY");
        assert_eq!(Money::new(1, Currency::KWD).to_string(), "0.001 KWD");
        assert_eq!(
            Money::new(i64::MIN, Currency::USD).to_string(),
            "-92233720368547758.08 USD"
        );
    }
}
