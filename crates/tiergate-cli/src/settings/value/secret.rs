use secrecy::SecretString;

use crate::settings::fault::Problem;

/// A secret of at least so many bytes. Messages never repeat it, not even how long it is.
pub(crate) fn secret(
    least_bytes: usize,
    how_to_make_one: &'static str,
) -> impl Fn(&str) -> Result<SecretString, Problem> {
    move |text| {
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err(Problem::new(
                "has white space at an end, or control characters in it",
                "copy it again, without them",
            ));
        }
        if text.len() < least_bytes {
            return Err(Problem::new(
                format!("is shorter than {least_bytes} bytes"),
                how_to_make_one,
            ));
        }
        Ok(SecretString::from(text))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_long_enough_text_is_a_secret() {
        let read = secret(4, "make one")("a=b/").unwrap();
        assert_eq!(read.expose_secret(), "a=b/");
    }

    #[test]
    fn a_short_or_odd_one_is_refused_and_not_repeated() {
        for text in ["", "hus", "hush ", "\nhush", "hu\u{0}sh"] {
            let problem = secret(4, "make one")(text).unwrap_err();
            assert!(!format!("{problem:?}").contains("hus"), "{text:?}");
        }
    }
}
