//! Reads the format `text/event-stream` piece by piece, however it is cut into pieces (WHATWG HTML,
//! section "Server-sent events", "Parsing an event stream"). No I/O, no clock.

use std::mem;

/// The most bytes that the lines of one event may have, their ends and comments not counted.
pub(super) const MAX_EVENT_BYTES: usize = 256 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What a stream brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Event(StreamEvent),
    /// An event had more than [`MAX_EVENT_BYTES`]. Nothing of it counts, not even its id.
    Oversized,
}

/// An event that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamEvent {
    /// Its type; `message` if it names none.
    pub(super) kind: String,
    pub(super) data: String,
    /// The id that it or one before it named last; empty if none did.
    pub(super) last_id: String,
}

/// Reads one stream. Holds no more than one event.
#[derive(Debug, Default)]
pub(super) struct EventStreamParser {
    line: Line,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
    is_past_first_line: bool,
    event: Draft,
    last_id: String,
}

/// The line that is being read.
#[derive(Debug)]
enum Line {
    Kept(Vec<u8>),
    /// It became too long. Only whether it is a comment still matters.
    Skipped(LineKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineKind {
    Comment,
    Field,
}

/// The event that is being read.
#[derive(Debug, Default)]
struct Draft {
    kind: String,
    data: String,
    id: Option<String>,
    bytes: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self::Kept(Vec::new())
    }
}

impl EventStreamParser {
    /// Takes the next piece of the stream and gives what it completes.
    pub(super) fn feed(&mut self, mut piece: &[u8]) -> Vec<Parsed> {
        let mut parsed = Vec::new();
        if mem::take(&mut self.after_cr) {
            match piece.split_first() {
                Some((b'\n', rest)) => piece = rest,
                Some(_) => {}
                None => self.after_cr = true,
            }
        }
        while let Some(end) = piece.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let (line, rest) = piece.split_at(end);
            self.line.extend(line);
            parsed.extend(self.end_line());
            piece = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.line.extend(piece);
        parsed
    }

    fn end_line(&mut self) -> Option<Parsed> {
        let is_first = !mem::replace(&mut self.is_past_first_line, true);
        match mem::take(&mut self.line) {
            Line::Skipped(LineKind::Comment) => None,
            Line::Skipped(LineKind::Field) => {
                self.event.grow(usize::MAX);
                None
            }
            Line::Kept(line) => {
                let line = match line.strip_prefix(BYTE_ORDER_MARK) {
                    Some(rest) if is_first => rest,
                    _ => &line,
                };
                match line {
                    [] => self.dispatch(),
                    [b':', ..] => None,
                    line => {
                        self.event.grow(line.len());
                        if !self.event.is_oversized() {
                            self.event.take_field(&String::from_utf8_lossy(line));
                        }
                        None
                    }
                }
            }
        }
    }

    fn dispatch(&mut self) -> Option<Parsed> {
        let mut event = mem::take(&mut self.event);
        if event.is_oversized() {
            return Some(Parsed::Oversized);
        }
        if let Some(id) = event.id {
            self.last_id = id;
        }
        // The last of the line ends that were put behind each line of data.
        event.data.pop()?;
        Some(Parsed::Event(StreamEvent {
            kind: if event.kind.is_empty() {
                "message".to_owned()
            } else {
                event.kind
            },
            data: event.data,
            last_id: self.last_id.clone(),
        }))
    }
}

impl Line {
    fn extend(&mut self, bytes: &[u8]) {
        let Self::Kept(line) = self else {
            return;
        };
        // Room for a byte order mark, which does not count.
        let most = MAX_EVENT_BYTES.saturating_add(BYTE_ORDER_MARK.len());
        if bytes.len() <= most.saturating_sub(line.len()) {
            line.extend_from_slice(bytes);
            return;
        }
        let mut start = line.iter().chain(bytes).take(BYTE_ORDER_MARK.len() + 1);
        // A mark elsewhere than at the start of the stream makes no comment; that such a line is
        // taken for one does no harm, as it would be ignored as well.
        let is_comment = start.clone().next() == Some(&b':')
            || start
                .clone()
                .take(BYTE_ORDER_MARK.len())
                .eq(BYTE_ORDER_MARK)
                && start.nth(BYTE_ORDER_MARK.len()) == Some(&b':');
        *self = Self::Skipped(if is_comment {
            LineKind::Comment
        } else {
            LineKind::Field
        });
    }
}

impl Draft {
    fn grow(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.is_oversized() {
            // It is given up already, and may go on for long.
            *self = Self {
                bytes: self.bytes,
                ..Self::default()
            };
        }
    }

    fn is_oversized(&self) -> bool {
        self.bytes > MAX_EVENT_BYTES
    }

    fn take_field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // `retry` as well: how long to wait is decided here.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
