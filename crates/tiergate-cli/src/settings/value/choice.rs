use crate::settings::fault::Problem;
use crate::settings::nearest::nearest;
use crate::settings::text::echo;

/// A value that is one of a few words.
pub(crate) trait Choice: Copy + 'static {
    /// Every value, with its word.
    const WORDS: &'static [(&'static str, Self)];
}

/// One of the words of `T`.
pub(crate) fn choice<T: Choice>(text: &str) -> Result<T, Problem> {
    let found = T::WORDS.iter().find(|(word, _)| *word == text);
    if let Some((_, value)) = found {
        return Ok(*value);
    }
    let words: Vec<String> = T::WORDS
        .iter()
        .map(|(word, _)| format!("`{word}`"))
        .collect();
    let choices = format!("write {}", words.join(" or "));
    let remedy = match nearest(text, T::WORDS.iter().map(|(word, _)| *word)) {
        Some(near) => format!("did you mean `{near}`? {choices}"),
        None => choices,
    };
    Err(Problem::new(
        format!("`{}` is not one of its words", echo(text)),
        remedy,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Side {
        Left,
        Right,
    }

    impl Choice for Side {
        const WORDS: &'static [(&'static str, Self)] =
            &[("left", Self::Left), ("right", Self::Right)];
    }

    #[test]
    fn a_word_is_taken_as_it_is_written() {
        assert_eq!(choice::<Side>("left").unwrap(), Side::Left);
        assert_eq!(choice::<Side>("right").unwrap(), Side::Right);
    }

    #[test]
    fn another_word_is_refused_with_the_words_there_are() {
        let problem = choice::<Side>("rihgt").unwrap_err();
        assert_eq!(
            problem.remedy,
            "did you mean `right`? write `left` or `right`"
        );
        let problem = choice::<Side>("up").unwrap_err();
        assert_eq!(problem.remedy, "write `left` or `right`");
    }
}
