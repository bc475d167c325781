use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::settings::fault::Problem;
use crate::settings::text::echo;

/// A whole number in plain digits, within a range.
pub(crate) fn number<T>(range: RangeInclusive<T>) -> impl FnOnce(&str) -> Result<T, Problem>
where
    T: FromStr + PartialOrd + Display,
{
    move |text| {
        let remedy = || {
            let (least, most) = (range.start(), range.end());
            format!("write a whole number from {least} to {most}, in plain digits")
        };
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_plain {
            let what = format!("`{}` is not a whole number", echo(text));
            return Err(Problem::new(what, remedy()));
        }
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => {
                let what = format!("`{}` is out of range", echo(text));
                Err(Problem::new(what, remedy()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_range_are_read() {
        assert_eq!(number(1..=1024_u32)("1").unwrap(), 1);
        assert_eq!(number(1..=1024_u32)("1024").unwrap(), 1024);
        assert_eq!(number(0..=9_u16)("0").unwrap(), 0);
    }

    #[test]
    fn other_texts_are_refused_with_the_range() {
        for text in [
            "", "-1", "+1", "1.5", "1_000", "1,000", "0x10", "ten", " 1", "1 ",
        ] {
            let problem = number(1..=1024_u32)(text).unwrap_err();
            assert!(problem.what.contains("not a whole number"), "{text:?}");
            assert!(problem.remedy.contains("from 1 to 1024"), "{text:?}");
        }
        for text in ["0", "1025", "99999999999999999999"] {
            let problem = number(1..=1024_u32)(text).unwrap_err();
            assert!(problem.what.contains("out of range"), "{text:?}");
        }
    }
}
