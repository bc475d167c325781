//! What is known of a segment without reading it.

/// The end of the names of segments.
const SUFFIX: &str = ".segment";

/// The end of the names of segments that were set aside.
const DAMAGED: &str = ".damaged";

/// How long the number in a name is, so that names sort as numbers do.
const DIGITS: usize = 20;

/// No sequence is beyond this, so that none overflows. A name with a greater number is not ours.
pub(crate) const MAX_SEQUENCE: u64 = u64::MAX / 2;

/// A file of records that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The sequence of the first record, which is its name as well.
    pub(crate) first: u64,
    /// The sequence behind the last record.
    pub(crate) end: u64,
    /// How much of the file is good, with its header.
    pub(crate) bytes: u64,
    pub(crate) state: State,
}

/// Whether all of a segment could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// As far as is known.
    Sound,
    /// Not all of it. It is not removed but set aside when its time comes.
    Damaged,
}

impl Segment {
    pub(crate) fn name(&self) -> String {
        name(self.first)
    }

    pub(crate) fn name_when_set_aside(&self) -> String {
        damaged_name(self.first)
    }
}

pub(crate) fn name(first: u64) -> String {
    format!("{first:0DIGITS$}{SUFFIX}")
}

pub(crate) fn damaged_name(first: u64) -> String {
    format!("{first:0DIGITS$}{DAMAGED}")
}

/// The number in the name of a segment.
pub(crate) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let all_digits = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = all_digits.then(|| digits.parse().ok()).flatten();
    number.filter(|number| *number <= MAX_SEQUENCE)
}

pub(crate) fn is_set_aside(name: &str) -> bool {
    name.ends_with(DAMAGED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_their_numbers_do() {
        let numbers = [0, 9, 10, 1_000_000, MAX_SEQUENCE];
        let names = numbers.map(name);
        assert!(names.is_sorted());
        assert_eq!(names.map(|name| number(&name)), numbers.map(Some));
    }

    #[test]
    fn other_names_are_not_ours() {
        for other in [
            "lock",
            "1.segment",
            "00000000000000000001.damaged",
            ".segment",
        ] {
            assert_eq!(number(other), None, "{other}");
        }
        assert_eq!(number(&format!("{}.segment", u64::MAX)), None);
        assert_eq!(number("+0000000000000000001.segment"), None);
    }
}
