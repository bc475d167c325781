use std::time::Duration;

/// How long to measure, and what.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
    quick: bool,
    only: Option<&'static str>,
}

impl Effort {
    /// A quick look with `--quick`, or when cargo runs benches as tests; otherwise long enough to
    /// quote. With `--only WORD`, nothing is measured whose title and population do not have the word.
    #[must_use]
    pub fn from_args() -> Self {
        Self::of(std::env::args())
    }

    fn of(arguments: impl Iterator<Item = String>) -> Self {
        let (mut quick, mut only) = (false, None);
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" | "--test" => quick = true,
                "--only" => only = arguments.next(),
                // Cargo has some of its own.
                _ => {}
            }
        }
        let (rounds, slice) = if quick { (5, 2) } else { (31, 30) };
        Self {
            rounds,
            slice: Duration::from_millis(slice),
            quick,
            // Kept for as long as the program runs.
            only: only.map(|word| &*word.to_lowercase().leak()),
        }
    }

    /// Whether this is only a look, for which large populations are too much.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        self.quick
    }

    /// The same with no more rounds than that, for work that takes long.
    #[must_use]
    pub fn at_most_rounds(mut self, rounds: usize) -> Self {
        self.rounds = self.rounds.min(rounds);
        self
    }

    /// Whether a population of a table is to be measured.
    #[must_use]
    pub fn wants(&self, title: &str, population: &str) -> bool {
        let Some(word) = self.only else {
            return true;
        };
        format!("{title} {population}")
            .to_lowercase()
            .contains(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &str) -> Effort {
        Effort::of(arguments.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_word_is_looked_for_in_title_and_population() {
        let effort = of("bench --bench --only ZIPF");
        assert!(effort.wants("A decision", "100 k, Zipf"));
        assert!(effort.wants("Zipf", "100 k"));
        assert!(!effort.wants("A decision", "100 k, uniform"));
        assert!(of("bench --bench").wants("A decision", "100 k, uniform"));
    }

    #[test]
    fn a_quick_look_is_short() {
        assert!(of("bench --quick").is_quick());
        assert!(of("bench --quick").rounds < of("bench").rounds);
    }
}
