use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn event(kind: &str, data: &str, last_id: &str) -> Parsed {
    Parsed::Event(StreamEvent {
        kind: kind.to_owned(),
        data: data.to_owned(),
        last_id: last_id.to_owned(),
    })
}

fn parsed_at_once(stream: &[u8]) -> Vec<Parsed> {
    EventStreamParser::default().feed(stream)
}

/// The same rules, the simple way: all of it decoded, cut into lines, cut into events.
fn oracle(stream: &[u8]) -> Vec<Parsed> {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<_> = text.split('\n').collect();
    // What follows the last line end is no line yet.
    lines.pop();
    let mut last_id = String::new();
    let mut parsed = Vec::new();
    let mut fields: Vec<&str> = Vec::new();
    for line in lines {
        if !line.is_empty() {
            if !line.starts_with(':') {
                fields.push(line);
            }
            continue;
        }
        let fields = mem::take(&mut fields);
        if fields.iter().map(|line| line.len()).sum::<usize>() > MAX_EVENT_BYTES {
            parsed.push(Parsed::Oversized);
            continue;
        }
        let values = |name: &str| -> Vec<String> {
            let read = |line: &&str| -> Option<String> {
                let rest = line.strip_prefix(name)?;
                match rest.chars().next() {
                    None => Some(String::new()),
                    Some(':') => Some(rest[1..].strip_prefix(' ').unwrap_or(&rest[1..]).to_owned()),
                    Some(_) => None,
                }
            };
            fields.iter().filter_map(read).collect()
        };
        if let Some(id) = values("id").into_iter().rfind(|id| !id.contains('\0')) {
            last_id = id;
        }
        let data = values("data");
        if data.is_empty() {
            continue;
        }
        let kind = values("event").pop().filter(|kind| !kind.is_empty());
        let kind = kind.as_deref().unwrap_or("message");
        parsed.push(event(kind, &data.join("\n"), &last_id));
    }
    parsed
}

#[test]
fn the_examples_of_the_standard_are_read_as_it_says() {
    let table: [(&str, Vec<Parsed>); 8] = [
        (
            "data: This is the first message.\n\ndata: This is the second message, it\n\
             data: has two lines.\n\ndata: This is the third message.\n\n",
            vec![
                event("message", "This is the first message.", ""),
                event(
                    "message",
                    "This is the second message, it\nhas two lines.",
                    "",
                ),
                event("message", "This is the third message.", ""),
            ],
        ),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
            vec![
                event("message", "first event", "1"),
                event("message", "second event", ""),
            ],
        ),
        (
            "data\n\ndata\ndata\n\ndata:",
            vec![event("message", "", ""), event("message", "\n", "")],
        ),
        (
            "data:test\n\ndata: test\n\n",
            vec![event("message", "test", ""), event("message", "test", "")],
        ),
        (
            "event: add\rdata: 73857293\r\revent: remove\r\ndata: 2153\r\n\r\n",
            vec![event("add", "73857293", ""), event("remove", "2153", "")],
        ),
        // An id of its own is remembered, one with NUL is none.
        (
            "id: 7\n\nid: 8\u{0}\ndata: x\n\n",
            vec![event("message", "x", "7")],
        ),
        ("\u{feff}data: x\n\n", vec![event("message", "x", "")]),
        (
            "\u{feff}\u{feff}data: x\n\n \ndata : x\nDATA: x\nretry: 5\n\n",
            vec![],
        ),
    ];
    for (stream, expected) in table {
        assert_eq!(parsed_at_once(stream.as_bytes()), expected, "{stream:?}");
        assert_eq!(oracle(stream.as_bytes()), expected, "{stream:?}");
    }
}

#[test]
fn an_event_that_is_too_large_is_skipped_and_the_next_is_read() {
    let long = "x".repeat(MAX_EVENT_BYTES);
    let fits = "x".repeat(MAX_EVENT_BYTES - "data:".len());
    let table: [(String, Vec<Parsed>); 6] = [
        (format!("id: 1\ndata: {long}\n\n"), vec![Parsed::Oversized]),
        (
            format!("data:{fits}\n\n"),
            vec![event("message", &fits, "")],
        ),
        (
            format!("\u{feff}data:{fits}\n\n"),
            vec![event("message", &fits, "")],
        ),
        (format!("data:{fits}\nid\n\n"), vec![Parsed::Oversized]),
        (
            "data: a piece of it\n".repeat(100_000) + "\n",
            vec![Parsed::Oversized],
        ),
        // A comment is no part of the event.
        (
            format!("data: x\n: {long}\n\n"),
            vec![event("message", "x", "")],
        ),
    ];
    for (stream, mut expected) in table {
        let stream = format!("{stream}data: after\n\n");
        expected.push(event("message", "after", ""));
        for size in [1, 1_000, stream.len()] {
            let mut parser = EventStreamParser::default();
            let parsed: Vec<_> = stream
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| parser.feed(piece))
                .collect();
            assert!(parsed == expected, "{} in {size}", &stream[..20]);
        }
    }
}

#[test]
fn what_is_held_stays_within_the_bound_while_a_line_has_no_end() {
    let mut parser = EventStreamParser::default();
    for _ in 0..1_000 {
        assert!(parser.feed(&[b'x'; 10_000]).is_empty());
    }
    assert!(matches!(parser.line, Line::Skipped(LineKind::Field)));
}

/// Pieces of streams, from which every kind of line and of line end comes about.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "\n", "\r", "\r\n", "\n\n", ":", " ", "data", "data:", "data: ", "event: ", "id: ",
            "id", "x", "\u{feff}", "\u{e9}", "\0", "retry: 1", ": comment",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_stream_means_what_the_simple_reading_of_all_of_it_says(stream in stream()) {
        prop_assert_eq!(parsed_at_once(&stream), oracle(&stream));
    }

    #[test]
    fn where_a_stream_is_cut_makes_no_difference(stream in stream()) {
        let whole = oracle(&stream);
        for at in 0..=stream.len() {
            let (one, other) = stream.split_at(at);
            let mut parser = EventStreamParser::default();
            let mut parsed = parser.feed(one);
            parsed.extend(parser.feed(other));
            prop_assert_eq!(&parsed, &whole, "cut at {}", at);
        }
        let mut parser = EventStreamParser::default();
        let bytes: Vec<_> = stream.chunks(1).flat_map(|byte| parser.feed(byte)).collect();
        prop_assert_eq!(bytes, whole);
    }
}
