use std::borrow::Cow;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::fault::Fault;
use super::source::Place;

/// A longer line is not shown, only where it is: nobody could read it.
const MAX_LINE_BYTES: usize = 4_000;

/// A fault with its line, a marker and its help, without colours.
pub(super) fn fault(fault: &Fault) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(&*fault.message));
    if let Some(place) = &fault.place {
        group = show(group, place, AnnotationKind::Primary, None);
    }
    if let Some(first) = &fault.first {
        group = show(
            group,
            first,
            AnnotationKind::Context,
            Some("the first is here"),
        );
    }
    let group = group.element(Level::HELP.message(&*fault.help));
    let text = Renderer::plain().render(&[group]);
    // The line of a file may end in spaces, and so may the marker beneath it.
    let mut tidy = String::with_capacity(text.len());
    for line in text.lines() {
        if !tidy.is_empty() {
            tidy.push('\n');
        }
        tidy.push_str(line.trim_end());
    }
    tidy
}

fn show<'a>(
    group: Group<'a>,
    place: &'a Place,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Group<'a> {
    let file = file_name(place.file());
    if place.is_of_nothing() {
        return group.element(Origin::path(file));
    }
    let (text, span) = place.excerpt();
    if text.len() > MAX_LINE_BYTES {
        let origin = Origin::path(file)
            .line(place.line())
            .char_column(place.column());
        return group.element(origin);
    }
    group.element(
        Snippet::source(text)
            .path(file)
            .line_start(place.line())
            .annotation(kind.span(span).label(label)),
    )
}

/// A path may hold anything; a terminal must not obey it.
fn file_name(name: &str) -> Cow<'_, str> {
    if name.chars().any(char::is_control) {
        name.escape_debug().to_string().into()
    } else {
        name.into()
    }
}
