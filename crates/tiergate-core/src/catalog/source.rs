use std::ops::Range;
use std::sync::Arc;

/// Where something stands in a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A value, and where it was read; nowhere when it was given in code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) span: Option<Span>,
}

impl<T> Located<T> {
    pub(super) fn new(value: T, span: Span) -> Self {
        Self {
            value,
            span: Some(span),
        }
    }

    pub(super) fn in_code(value: T) -> Self {
        Self { value, span: None }
    }
}

/// A text that a catalog was read from.
#[derive(Debug)]
pub(super) struct Source {
    name: Box<str>,
    text: Box<str>,
    line_starts: Vec<usize>,
}

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Arc<Self> {
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Arc::new(Self {
            name: name.into(),
            text: text.into(),
            line_starts,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The place of a line and a column, both from one, the column in bytes; the nearest one that
    /// there is.
    pub(super) fn point(&self, line: usize, column: usize) -> Span {
        let last = self.line_starts.len().saturating_sub(1);
        let line = line.saturating_sub(1).min(last);
        let range = self.line_range(line);
        let mut at = (range.start + column.saturating_sub(1)).min(range.end);
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        Span { start: at, end: at }
    }

    fn line_index(&self, at: usize) -> usize {
        self.line_starts
            .partition_point(|start| *start <= at)
            .saturating_sub(1)
    }

    /// The bytes of a line, by index, without what ends it.
    fn line_range(&self, index: usize) -> Range<usize> {
        let start = self.line_starts.get(index).copied().unwrap_or(0);
        let end = self
            .line_starts
            .get(index + 1)
            .map_or(self.text.len(), |next| next - 1);
        let text = self.text.get(start..end).unwrap_or("");
        start..start + text.strip_suffix('\r').unwrap_or(text).len()
    }
}

/// A span of a source.
#[derive(Clone, Debug)]
pub(super) struct Place {
    source: Arc<Source>,
    span: Span,
}

impl Place {
    pub(super) fn new(source: &Arc<Source>, span: Span) -> Self {
        Self {
            source: Arc::clone(source),
            span,
        }
    }

    pub(super) fn file(&self) -> &str {
        self.source.name()
    }

    /// Whether there is no text to show, because there is none or because it was not read.
    pub(super) fn is_of_nothing(&self) -> bool {
        self.source.text.is_empty()
    }

    /// Where it starts, in bytes.
    pub(super) fn start(&self) -> usize {
        self.span.start
    }

    /// The line, from one.
    pub(super) fn line(&self) -> usize {
        self.source.line_index(self.span.start) + 1
    }

    /// The column in characters, from one.
    pub(super) fn column(&self) -> usize {
        let line = self
            .source
            .line_range(self.source.line_index(self.span.start));
        let before = self.source.text.get(line.start..self.span.start);
        before.map_or(0, |before| before.chars().count()) + 1
    }

    /// The text of the line, and the part of it that is meant.
    pub(super) fn excerpt(&self) -> (&str, Range<usize>) {
        let line = self
            .source
            .line_range(self.source.line_index(self.span.start));
        let text = self.source.text.get(line.clone()).unwrap_or("");
        let start = self.span.start.clamp(line.start, line.end) - line.start;
        let end = self.span.end.clamp(line.start, line.end) - line.start;
        (text, start..end.max(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, start: usize, end: usize) -> Place {
        Place::new(&Source::new("test", text), Span { start, end })
    }

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let place = place("a: 1\nö: ü\r\nz", 8, 9);
        assert_eq!((place.line(), place.column()), (2, 3));
        assert_eq!(place.excerpt(), ("ö: ü", 3..4));
    }

    #[test]
    fn a_place_past_the_end_is_on_the_last_line() {
        let place = place("a\nb", 90, 99);
        assert_eq!(place.line(), 2);
        assert_eq!(place.excerpt(), ("b", 1..1));
    }

    #[test]
    fn a_point_never_splits_a_character() {
        let source = Source::new("test", "ö\nü");
        for line in 0..5 {
            for column in 0..5 {
                let at = source.point(line, column).start;
                assert!(source.text().is_char_boundary(at));
            }
        }
    }
}
