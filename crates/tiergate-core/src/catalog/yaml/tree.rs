use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle, Span as ParserSpan};

use super::syntax;
use crate::catalog::collect::Faults;
use crate::catalog::fault::FaultKind;
use crate::catalog::fields::{MAX_DEPTH, MAX_NODES};
use crate::catalog::scalar::{Meaning, plain_meaning};
use crate::catalog::source::Span;

/// A piece of YAML, and where it stands. What was said twice is there twice.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) span: Span,
    pub(super) content: Content<'t>,
}

#[derive(Debug)]
pub(super) enum Content<'t> {
    Scalar(Scalar<'t>),
    List(Vec<Node<'t>>),
    Map(Vec<Entry<'t>>),
    /// Something about which there is a fault already.
    Refused,
}

#[derive(Debug)]
pub(super) struct Entry<'t> {
    pub(super) key: Cow<'t, str>,
    pub(super) key_span: Span,
    pub(super) value: Node<'t>,
}

#[derive(Debug)]
pub(super) struct Scalar<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A bare word. What it means, its text decides.
    Plain,
    /// In quotes, or a block of text. Always text.
    Quoted,
}

impl Scalar<'_> {
    pub(super) fn meaning(&self) -> Meaning {
        if self.style == Style::Quoted {
            return Meaning::Text;
        }
        plain_meaning(&self.text)
    }
}

/// Reads a text into a tree. What catalogs do without is told and left out; only where the text is
/// not YAML at all, or is too much of it, does reading end there, and then there is no tree.
pub(super) fn parse<'t>(text: &'t str, faults: &mut Faults) -> Option<Node<'t>> {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        text,
        nodes: 0,
        open: Vec::new(),
        root: None,
        documents: 0,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => match builder.accept(event, &span, faults) {
                Next::Continue => {}
                Next::Stop => return builder.root,
                Next::GiveUp => return None,
            },
            Err(error) => {
                syntax::add(&error, text, faults);
                return None;
            }
        }
    }
    builder.root
}

enum Next {
    Continue,
    Stop,
    GiveUp,
}

struct Builder<'t> {
    text: &'t str,
    nodes: usize,
    open: Vec<Open<'t>>,
    root: Option<Node<'t>>,
    documents: usize,
}

/// A list or mapping whose end was not seen yet.
enum Open<'t> {
    List(Span, Vec<Node<'t>>),
    Map(Span, Vec<Entry<'t>>, PendingKey<'t>),
}

enum PendingKey<'t> {
    /// A key comes next.
    None,
    /// The value of this key comes next.
    Some(Cow<'t, str>, Span),
    /// The value of something that cannot be a key comes next.
    Refused,
}

impl<'t> Builder<'t> {
    fn accept(&mut self, event: Event<'t>, span: &ParserSpan, faults: &mut Faults) -> Next {
        let at = self.span(span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    faults.add(
                        FaultKind::Unsupported,
                        Some(at),
                        "a second document starts here",
                        "keep the whole catalog in one document: remove the line `---`",
                    );
                    return Next::Stop;
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                faults.add(
                    FaultKind::Unsupported,
                    Some(at),
                    "an alias (`*name`) cannot be used in a catalog",
                    "write the value out; a text that starts with `*` needs quotes",
                );
                return self.place(at, Content::Refused, faults);
            }
            Event::Anchor(..) => {
                faults.add(
                    FaultKind::Unsupported,
                    Some(at),
                    "an anchor (`&name`) cannot be used in a catalog",
                    "remove it; a text that starts with `&` needs quotes",
                );
            }
            Event::Scalar(text, style, _, _) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted
                    | ScalarStyle::DoubleQuoted
                    | ScalarStyle::Literal
                    | ScalarStyle::Folded => Style::Quoted,
                };
                let scalar = Content::Scalar(Scalar { text, style });
                self.refuse_tag(span, faults);
                return self.place(at, scalar, faults);
            }
            Event::SequenceStart(..) => {
                self.refuse_tag(span, faults);
                if self.open.is_empty() {
                    // A list is no catalog, whatever is in it.
                    self.root = Some(Node {
                        span: at,
                        content: Content::List(Vec::new()),
                    });
                    return Next::Stop;
                }
                self.open.push(Open::List(at, Vec::new()));
                return self.count(at, faults);
            }
            Event::MappingStart(..) => {
                self.refuse_tag(span, faults);
                self.open.push(Open::Map(at, Vec::new(), PendingKey::None));
                return self.count(at, faults);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (start, content) = match self.open.pop() {
                    Some(Open::List(start, items)) => (start, Content::List(items)),
                    Some(Open::Map(start, entries, _)) => (start, Content::Map(entries)),
                    None => return Next::Continue,
                };
                let whole = Span {
                    start: start.start,
                    end: at.end.max(start.end),
                };
                return self.place(whole, content, faults);
            }
            // What else there is carries no data: the ends of the stream and of documents.
            _ => {}
        }
        Next::Continue
    }

    fn span(&self, span: &ParserSpan) -> Span {
        let start = span.start.byte_offset().unwrap_or(0).min(self.text.len());
        let end = span.end.byte_offset().unwrap_or(start).min(self.text.len());
        Span {
            start,
            end: end.max(start),
        }
    }

    fn refuse_tag(&self, span: &ParserSpan, faults: &mut Faults) {
        if span.tag_start().is_none() {
            return;
        }
        let at = span.tag_span().unwrap_or(*span);
        faults.add(
            FaultKind::Unsupported,
            Some(self.span(&at)),
            "a tag (`!name`) cannot be used in a catalog",
            "remove it; a text that starts with `!` needs quotes",
        );
    }

    fn count(&mut self, at: Span, faults: &mut Faults) -> Next {
        self.nodes += 1;
        if self.open.len() > MAX_DEPTH {
            syntax::add_too_deep(at, faults);
            return Next::GiveUp;
        }
        if faults.is_full() {
            return Next::GiveUp;
        }
        if self.nodes > MAX_NODES {
            faults.add(
                FaultKind::TooMuch,
                Some(at),
                format!("the catalog has more than {MAX_NODES} keys and values"),
                "leave out what is not needed; a catalog of this size cannot be maintained by hand",
            );
            return Next::GiveUp;
        }
        Next::Continue
    }

    /// Puts a node where it belongs: as a key or a value of what is open.
    fn place(&mut self, span: Span, content: Content<'t>, faults: &mut Faults) -> Next {
        match self.open.last_mut() {
            None => self.root = Some(Node { span, content }),
            Some(Open::List(_, items)) => items.push(Node { span, content }),
            Some(Open::Map(_, entries, pending)) => {
                match std::mem::replace(pending, PendingKey::None) {
                    PendingKey::Some(key, key_span) => entries.push(Entry {
                        key,
                        key_span,
                        value: Node { span, content },
                    }),
                    PendingKey::Refused => {}
                    PendingKey::None => *pending = key(span, content, faults),
                }
            }
        }
        self.count(span, faults)
    }
}

fn key<'t>(span: Span, content: Content<'t>, faults: &mut Faults) -> PendingKey<'t> {
    match content {
        Content::Scalar(scalar) => PendingKey::Some(scalar.text, span),
        Content::List(_) | Content::Map(_) => {
            faults.add(
                FaultKind::WrongShape,
                Some(span),
                "a list or a mapping stands where a key must be",
                "write a word and a colon; a text that starts with `[` or `{` needs quotes",
            );
            PendingKey::Refused
        }
        Content::Refused => PendingKey::Refused,
    }
}
