//! Lists, a page at a time.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::Time;

/// What part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The most items, from 1 to 100.
    pub limit: u32,
    /// Where the page before ended; none for the first.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The most that a page holds.
    pub const MOST: u32 = 100;
    /// What a page holds if nothing is said.
    pub const USUAL: u32 = 20;
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            limit: Self::USUAL,
            after: None,
        }
    }
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; none if this is the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Makes a page of one item more than was asked for, if there are so many: the one says that there
    /// is a next page.
    pub(crate) fn cut(
        mut items: Vec<T>,
        request: PageRequest,
        cursor: impl Fn(&T) -> Cursor,
    ) -> Self {
        let limit = request.limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = more.then(|| items.last().map(cursor)).flatten();
        Self { items, next }
    }
}

/// A place in a list that is ordered by time and id, newest first. Opaque to callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The time of the last item before it.
    pub at: Time,
    /// The id of that item.
    pub id: Uuid,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.at.as_micros(), self.id.simple())
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, id) = text.split_once('.').ok_or(InvalidCursorError)?;
        // `from_str_radix` would take a sign.
        let digits = at.bytes().all(|byte| byte.is_ascii_hexdigit());
        let at = digits.then(|| i64::from_str_radix(at, 16).ok()).flatten();
        Ok(Self {
            at: Time::from_micros(at.ok_or(InvalidCursorError)?),
            id: Uuid::try_parse(id).map_err(|_| InvalidCursorError)?,
        })
    }
}

/// The text is no cursor that this service gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the value of `page.next` of the page before")]
pub struct InvalidCursorError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_from_its_text() {
        let cursor = Cursor {
            at: Time("2026-01-31T12:00:00Z".parse().unwrap()),
            id: Uuid::from_u128(7),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in [
            "",
            ".",
            "1.",
            "+1.00000000000000000000000000000007",
            "zz.7",
            "1.7.7",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursorError), "{text}");
        }
    }
}
