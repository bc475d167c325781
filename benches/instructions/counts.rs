//! Counts that are kept in a file, and what is said of those that differ from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// By how much a count may differ from the one that is kept, as a part of it.
const TOLERATED: f64 = 0.05;

/// What was counted, by name: how many it takes for one.
///
/// As text it has a line for each, in the order of their names, so that a change of one is a change of
/// its line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts(BTreeMap<String, f64>);

/// Counts held against those that are kept.
#[derive(Debug)]
pub struct Changes(Vec<(String, Change)>);

/// What became of one count.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    /// It is kept, and was counted.
    Counted { kept: f64, now: f64 },
    /// It was counted for the first time.
    New { now: f64 },
    /// It was not counted any more.
    Gone { kept: f64 },
}

/// What is to be done about changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Alike,
    /// Some are lower than what is kept, which would let them rise again unseen.
    Lower,
    /// Some are higher, or what is counted is not what is kept.
    Refused,
}

impl Counts {
    /// Counts as they are kept.
    ///
    /// # Errors
    ///
    /// When the text is not an object of numbers.
    pub fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    /// The text to keep.
    #[must_use]
    pub fn to_text(&self) -> String {
        let lines: Vec<String> = self
            .0
            .iter()
            // Instructions are counted in whole ones, of many times; more digits would say nothing.
            .map(|(name, count)| format!("  {}: {count:.1}", serde_json::Value::from(&**name)))
            .collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }

    /// Adds one.
    pub fn insert(&mut self, name: String, count: f64) {
        self.0.insert(name, count);
    }

    /// What changed since `kept`.
    #[must_use]
    pub fn since(&self, kept: &Self) -> Changes {
        let names: BTreeSet<&String> = self.0.keys().chain(kept.0.keys()).collect();
        let change = |name: &String| match (kept.0.get(name), self.0.get(name)) {
            (Some(&kept), Some(&now)) => Some(Change::Counted { kept, now }),
            (None, Some(&now)) => Some(Change::New { now }),
            (Some(&kept), None) => Some(Change::Gone { kept }),
            (None, None) => None,
        };
        let changes = names
            .into_iter()
            .filter_map(|name| Some((name.clone(), change(name)?)));
        Changes(changes.collect())
    }
}

impl Change {
    fn verdict(self) -> Verdict {
        match self {
            Self::Counted { kept, now } if now > kept * (1.0 + TOLERATED) => Verdict::Refused,
            Self::Counted { kept, now } if now < kept * (1.0 - TOLERATED) => Verdict::Lower,
            Self::Counted { .. } => Verdict::Alike,
            Self::New { .. } | Self::Gone { .. } => Verdict::Refused,
        }
    }
}

impl Changes {
    /// The verdict about all of them.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let all = || self.0.iter().map(|(_, change)| change.verdict());
        if all().any(|verdict| verdict == Verdict::Refused) {
            Verdict::Refused
        } else if all().any(|verdict| verdict == Verdict::Lower) {
            Verdict::Lower
        } else {
            Verdict::Alike
        }
    }

    /// A table of them, as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = "| | kept | now | change |\n|---|--:|--:|--:|\n".to_owned();
        for (name, change) in &self.0 {
            let (kept, now, told) = match *change {
                Change::Counted { kept, now } => {
                    let share = format!("{:+.1} %", (now / kept - 1.0) * 100.0);
                    let told = match change.verdict() {
                        Verdict::Alike => share,
                        Verdict::Lower | Verdict::Refused => format!("**{share}**"),
                    };
                    (Some(kept), Some(now), told)
                }
                Change::New { now } => (None, Some(now), "**not kept**".to_owned()),
                Change::Gone { kept } => (Some(kept), None, "**not counted**".to_owned()),
            };
            let cell = |count: Option<f64>| match count {
                Some(count) => format!("{count:.1}"),
                None => "–".to_owned(),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {name} | {} | {} | {told} |", cell(kept), cell(now));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, f64)]) -> Counts {
        let own = counts
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        Counts(own.collect())
    }

    fn verdict(kept: f64, now: f64) -> Verdict {
        let kept = counts(&[("one", 7.0), ("other", kept)]);
        counts(&[("one", 7.0), ("other", now)])
            .since(&kept)
            .verdict()
    }

    #[test]
    fn text_is_read_as_it_was_written_and_has_a_line_for_each() {
        let written = counts(&[("a \"b\"", 1.5), ("c", 2_000_000.0)]);
        let text = written.to_text();
        assert_eq!(text, "{\n  \"a \\\"b\\\"\": 1.5,\n  \"c\": 2000000.0\n}\n");
        assert_eq!(Counts::from_text(&text).unwrap(), written);
        assert!(Counts::from_text("[1]").is_err());
    }

    #[test]
    fn a_count_may_differ_by_a_twentieth() {
        assert_eq!(verdict(1_000.0, 1_050.0), Verdict::Alike);
        assert_eq!(verdict(1_000.0, 1_051.0), Verdict::Refused);
        assert_eq!(verdict(1_000.0, 950.0), Verdict::Alike);
        assert_eq!(verdict(1_000.0, 949.0), Verdict::Lower);
    }

    #[test]
    fn one_that_rose_is_not_made_up_for_by_one_that_fell() {
        let kept = counts(&[("one", 10.0), ("other", 10.0)]);
        let now = counts(&[("one", 20.0), ("other", 1.0)]);
        assert_eq!(now.since(&kept).verdict(), Verdict::Refused);
    }

    #[test]
    fn what_is_counted_is_what_is_kept() {
        let (one, both) = (
            counts(&[("one", 10.0)]),
            counts(&[("one", 10.0), ("other", 1.0)]),
        );
        assert_eq!(both.since(&one).verdict(), Verdict::Refused);
        assert_eq!(one.since(&both).verdict(), Verdict::Refused);
        assert_eq!(one.since(&one).verdict(), Verdict::Alike);
    }

    #[test]
    fn the_table_shows_what_became_of_each() {
        let kept = counts(&[("alike", 100.0), ("gone", 3.0), ("rose", 100.0)]);
        let now = counts(&[("alike", 101.0), ("new", 4.0), ("rose", 150.0)]);
        let table = now.since(&kept).markdown();
        for row in [
            "| alike | 100.0 | 101.0 | +1.0 % |",
            "| gone | 3.0 | – | **not counted** |",
            "| new | – | 4.0 | **not kept** |",
            "| rose | 100.0 | 150.0 | **+50.0 %** |",
        ] {
            assert!(table.lines().any(|line| line == row), "{row}\n{table}");
        }
    }
}
