//! Which known name an unknown one was probably meant to be.

/// A longer name is a mistake of another sort, and comparing is quadratic.
const MAX_LEN: usize = 80;

/// The known name nearest to `name`, if at most a third of its letters differ. Case, and `-` for `_`,
/// make no difference.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_LEN {
        return None;
    }
    let name = name.to_ascii_lowercase().replace('-', "_");
    let letters = name.chars().count();
    let allowed = (letters / 3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            let distance = strsim::osa_distance(&name, &candidate.to_ascii_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= allowed && *distance < letters)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_found() {
        let known = ["listen", "jwt_secret", "PRO"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("JWT-Secert", known), Some("jwt_secret"));
        assert_eq!(nearest("pro", known), Some("PRO"));
    }

    #[test]
    fn other_words_are_not() {
        assert_eq!(nearest("gold", ["free", "pro"]), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("", ["y"]), None);
        assert_eq!(nearest(&"y".repeat(100), ["y"]), None);
    }
}
