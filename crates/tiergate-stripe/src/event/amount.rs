use std::fmt;

use tiergate_core::money::{Currency, Money};

/// The longest code of a currency. ISO 4217 has three letters; Stripe's codes for stablecoins more.
const MAX_CODE_BYTES: usize = 8;

/// The code of a currency, in upper case, whether or not this version knows the currency.
///
/// Stripe's amounts are whole minor units. For the currencies that
/// [`Currency`] knows, Stripe's minor unit is that of the catalog. For others it may not be that of
/// ISO 4217 (Stripe counts Icelandic krónur in hundredths), so their amounts stay bare numbers:
/// they can be kept and shown beside the code, but not be turned into [`Money`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CurrencyCode(Box<str>);

impl CurrencyCode {
    pub(super) fn new(code: &str) -> Option<Self> {
        let known = |byte: u8| byte.is_ascii_alphanumeric();
        ((3..=MAX_CODE_BYTES).contains(&code.len()) && code.bytes().all(known))
            .then(|| Self(code.to_ascii_uppercase().into()))
    }

    /// The code, in upper case: `USD`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The currency, if amounts in it can be turned into [`Money`].
    #[must_use]
    pub fn known(&self) -> Option<Currency> {
        self.0.parse().ok()
    }

    /// An amount of Stripe's in this currency, if the currency is known.
    #[must_use]
    pub fn money(&self, minor_units: i64) -> Option<Money> {
        Some(Money::new(minor_units, self.known()?))
    }
}

impl fmt::Display for CurrencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CurrencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_currency_makes_money_and_another_keeps_its_code() {
        let dollars = CurrencyCode::new("usd").unwrap();
        assert_eq!(dollars.money(1200).unwrap().to_string(), "12.00 USD");
        let kronur = CurrencyCode::new("isk").unwrap();
        assert_eq!((kronur.as_str(), kronur.money(1200)), ("ISK", None));
    }

    #[test]
    fn what_cannot_be_a_code_is_none() {
        for code in ["", "us", "u$d", "usd ", "waytoolong"] {
            assert_eq!(CurrencyCode::new(code), None, "{code:?}");
        }
    }
}
