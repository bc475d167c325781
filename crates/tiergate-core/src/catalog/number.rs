//! Numbers as people write them, read exactly or refused with a reason.

use super::fault::FaultKind;

/// Why a text is not a number of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Negative,
    LeadingZero,
    Plus,
    Underscore,
    Exponent,
    Fraction,
    /// More digits after the point than the currency has.
    TooPrecise {
        digits: u8,
    },
    TooLarge,
    NotANumber,
}

impl Refusal {
    pub(super) fn kind(self) -> FaultKind {
        match self {
            Self::Negative => FaultKind::NegativeNumber,
            Self::NotANumber => FaultKind::WrongValue,
            Self::LeadingZero
            | Self::Plus
            | Self::Underscore
            | Self::Exponent
            | Self::Fraction
            | Self::TooPrecise { .. }
            | Self::TooLarge => FaultKind::BadNumber,
        }
    }

    /// What is said after "`text`, ".
    pub(super) fn reason(self) -> String {
        match self {
            Self::Negative => "which is below zero".into(),
            Self::LeadingZero => "which starts with a zero".into(),
            Self::Plus => "which has a sign".into(),
            Self::Underscore => "which has underscores".into(),
            Self::Exponent => "which is not in plain digits".into(),
            Self::Fraction => "which is not a whole number".into(),
            Self::TooPrecise { digits: 0 } => {
                "but the currency has no digits after the point".into()
            }
            Self::TooPrecise { digits } => {
                format!("but the currency has only {digits} digits after the point")
            }
            Self::TooLarge => "which is too large".into(),
            Self::NotANumber => "which is not a number".into(),
        }
    }

    /// The same number as it should be written, where that is plain.
    pub(super) fn rewritten(self, text: &str) -> Option<String> {
        let candidate = match self {
            Self::LeadingZero => text.trim_start_matches('0').to_owned(),
            Self::Plus => text.trim_start_matches('+').to_owned(),
            Self::Underscore => text.replace('_', ""),
            Self::Negative
            | Self::Exponent
            | Self::Fraction
            | Self::TooPrecise { .. }
            | Self::TooLarge
            | Self::NotANumber => return None,
        };
        whole(&candidate).is_ok().then_some(candidate)
    }
}

/// Reads a whole number of plain digits.
pub(super) fn whole(text: &str) -> Result<u64, Refusal> {
    if !is_digits(text) {
        return Err(refuse(text));
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(Refusal::LeadingZero);
    }
    text.parse().map_err(|_| Refusal::TooLarge)
}

/// Reads decimal text as minor units of a currency with so many digits after the point. Fewer digits
/// are filled up with zeros; nothing is rounded.
pub(super) fn minor_units(text: &str, digits: u8) -> Result<i64, Refusal> {
    let (whole_part, fraction) = text.split_once('.').unwrap_or((text, ""));
    let pointed = text.contains('.');
    if !is_digits(whole_part) || (pointed && !is_digits(fraction)) {
        return Err(match refuse(text) {
            Refusal::Fraction => Refusal::NotANumber,
            other => other,
        });
    }
    if whole_part.len() > 1 && whole_part.starts_with('0') {
        return Err(Refusal::LeadingZero);
    }
    let missing = usize::from(digits)
        .checked_sub(fraction.len())
        .ok_or(Refusal::TooPrecise { digits })?;
    let all = format!("{whole_part}{fraction}{}", "0".repeat(missing));
    all.parse().map_err(|_| Refusal::TooLarge)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Why `text`, which is not plain digits, is refused.
fn refuse(text: &str) -> Refusal {
    let unsigned = text.trim_start_matches(['-', '+']);
    let starts = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !starts || !unsigned.bytes().any(|byte| byte.is_ascii_digit()) {
        return Refusal::NotANumber;
    }
    let allowed = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | '_' | '+' | '-' | 'x' | 'o');
    if !unsigned.chars().all(allowed) {
        return Refusal::NotANumber;
    }
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_');
    if !unsigned.chars().all(plain) {
        return match unsigned.parse::<f64>() {
            Ok(_) if text.starts_with('-') => Refusal::Negative,
            Ok(_) => Refusal::Exponent,
            Err(_) if unsigned.starts_with("0x") || unsigned.starts_with("0o") => Refusal::Exponent,
            Err(_) => Refusal::NotANumber,
        };
    }
    if unsigned.matches('.').count() > 1 {
        Refusal::NotANumber
    } else if text.starts_with('-') {
        Refusal::Negative
    } else if text.starts_with('+') {
        Refusal::Plus
    } else if unsigned.contains('_') {
        Refusal::Underscore
    } else {
        Refusal::Fraction
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_notation_has_its_own_refusal() {
        for (text, refusal) in [
            ("-1", Refusal::Negative),
            ("-1.5", Refusal::Negative),
            ("-1e3", Refusal::Negative),
            ("007", Refusal::LeadingZero),
            ("+5", Refusal::Plus),
            ("1_000", Refusal::Underscore),
            ("1e3", Refusal::Exponent),
            ("0x1F", Refusal::Exponent),
            ("1.5", Refusal::Fraction),
            ("5.", Refusal::Fraction),
            (".5", Refusal::Fraction),
            ("18446744073709551616", Refusal::TooLarge),
            ("", Refusal::NotANumber),
            ("-", Refusal::NotANumber),
            ("...", Refusal::NotANumber),
            ("1.2.3", Refusal::NotANumber),
            ("5 GB", Refusal::NotANumber),
            ("5GB", Refusal::NotANumber),
            ("٣", Refusal::NotANumber),
            ("many", Refusal::NotANumber),
        ] {
            assert_eq!(whole(text), Err(refusal), "{text}");
        }
        assert_eq!(whole("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(whole("0"), Ok(0));
    }

    #[test]
    fn prices_are_exact() {
        assert_eq!(minor_units("12.00", 2), Ok(1200));
        assert_eq!(minor_units("12.5", 2), Ok(1250));
        assert_eq!(minor_units("12", 2), Ok(1200));
        assert_eq!(minor_units("0.10", 2), Ok(10));
        assert_eq!(minor_units("0.001", 3), Ok(1));
        assert_eq!(minor_units("1200", 0), Ok(1200));
        assert_eq!(
            minor_units("12.005", 2),
            Err(Refusal::TooPrecise { digits: 2 })
        );
        assert_eq!(
            minor_units("1.0", 0),
            Err(Refusal::TooPrecise { digits: 0 })
        );
        for text in ["12.", ".5", "12,50", "1.2.3", "$12", ""] {
            assert_eq!(minor_units(text, 2), Err(Refusal::NotANumber), "{text}");
        }
        assert_eq!(minor_units("-1.00", 2), Err(Refusal::Negative));
        assert_eq!(
            minor_units("92233720368547758.08", 2),
            Err(Refusal::TooLarge)
        );
        assert_eq!(minor_units("92233720368547758.07", 2), Ok(i64::MAX));
    }

    proptest! {
        #[test]
        fn every_whole_number_is_read_as_itself(number: u64) {
            prop_assert_eq!(whole(&number.to_string()), Ok(number));
        }

        #[test]
        fn every_amount_is_read_as_it_is_written(units in 0_i64..) {
            for currency in crate::money::Currency::ALL {
                let money = crate::money::Money::new(units, *currency);
                prop_assert_eq!(minor_units(&money.decimal(), currency.minor_digits()), Ok(units));
            }
        }

        #[test]
        fn no_text_panics(text: String, digits in 0_u8..4) {
            let _ = whole(&text);
            let _ = minor_units(&text, digits);
        }
    }
}
