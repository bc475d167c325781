//! The file of settings: one YAML mapping from keys to plain values.
//!
//! It is read from the parser's events: a reader on top of serde ends at the first fault and forgets
//! on which line a value stood, and here every fault is told with its line.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use secrecy::SecretString;

use super::fault::{Faults, Problem};
use super::nearest::nearest;
use super::origin::{Origin, Place};
use super::table::{self, price};
use super::text::echo;

/// How long a file of settings, or a mounted value, can be.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// What a file of settings says.
#[derive(Default)]
pub(crate) struct SettingsFile {
    values: BTreeMap<String, Value>,
    /// Reading ended early, so what is not there may be there after all.
    pub(crate) is_cut: bool,
}

/// A value, and where it stands.
pub(crate) struct Value {
    pub(crate) text: SecretString,
    pub(crate) place: Place,
}

impl SettingsFile {
    /// Reads a text. What is wrong with it is added to the faults; values are not judged here.
    pub(crate) fn parse(name: &str, text: &str, faults: &mut Faults) -> Self {
        let options = granit_parser::options! {
            emit_unresolved_aliases: true,
            emit_comments: false,
            flow_nesting_limit: 32,
            block_nesting_limit: 32,
        };
        let mut reader = FileReader {
            name,
            faults,
            file: Self::default(),
            depth: 0,
            key: None,
            items: None,
            documents: 0,
        };
        for event in Parser::new_from_str_with_options(text, options) {
            let next = match event {
                Ok((event, span)) => reader.accept(event, &span),
                Err(error) => reader.syntax(&error),
            };
            if let Next::Stop = next {
                reader.file.is_cut = true;
                break;
            }
        }
        reader.file
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// The keys of prices that are set.
    pub(crate) fn prices(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values
            .iter()
            .filter(|(key, _)| key.starts_with(price::KEY_PREFIX))
            .map(|(key, value)| (key.as_str(), value))
    }
}

enum Next {
    Continue,
    Stop,
}

struct FileReader<'a> {
    name: &'a str,
    faults: &'a mut Faults,
    file: SettingsFile,
    /// How many lists and mappings are open.
    depth: usize,
    /// The key whose value comes next or is under way.
    key: Option<Key>,
    /// The items so far of the list that is the value.
    items: Option<Vec<String>>,
    documents: usize,
}

struct Key {
    name: String,
    place: Place,
    takes: Takes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// A single value.
    One,
    /// A list too, as words with commas between them are one.
    Many,
    /// Anything: there is a fault about it already.
    Ignored,
}

impl FileReader<'_> {
    fn accept(&mut self, event: Event<'_>, span: &Span) -> Next {
        match event {
            Event::DocumentStart(..) => {
                self.documents = self.documents.saturating_add(1);
                if self.documents > 1 {
                    self.add_here(
                        span,
                        "a second document starts here",
                        "keep all settings in one document: remove the line `---`",
                    );
                    return Next::Stop;
                }
            }
            Event::MappingStart(..) => {
                if self.depth == 0 {
                    self.depth = 1;
                    return Next::Continue;
                }
                return self.refuse_shape(span, "a mapping");
            }
            Event::SequenceStart(..) => {
                if self.depth == 0 {
                    self.not_a_mapping(span);
                    return Next::Stop;
                }
                let takes_list = self
                    .key
                    .as_ref()
                    .is_some_and(|key| key.takes == Takes::Many);
                if self.depth > 1 || !takes_list {
                    return self.refuse_shape(span, "a list");
                }
                self.items = Some(Vec::new());
                self.depth = self.depth.saturating_add(1);
            }
            Event::MappingEnd | Event::SequenceEnd => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 1 {
                    self.end_of_value();
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse_notation(span, "an alias (`*name`)");
                if self.depth > 1 {
                    return Next::Continue;
                }
                // Where it stands for a key, what follows would be taken for one.
                return match self.key.take() {
                    Some(_) => Next::Continue,
                    None => Next::Stop,
                };
            }
            Event::Scalar(text, style, _, tag) => {
                if self.depth == 0 {
                    // A file with nothing in it but comments sets nothing.
                    if is_nothing(&text, style) {
                        return Next::Continue;
                    }
                    self.not_a_mapping(span);
                    return Next::Stop;
                }
                if tag.is_some() {
                    self.refuse_notation(span, "a tag (`!name`)");
                }
                self.scalar(&text, style, span);
            }
            // What else there is carries no values.
            _ => {}
        }
        Next::Continue
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: &Span) {
        if self.depth > 1 {
            if let Some(items) = &mut self.items {
                items.push(text.to_owned());
            }
            return;
        }
        let Some(key) = self.key.take() else {
            self.key = Some(self.open_key(text, span));
            return;
        };
        if key.takes == Takes::Ignored {
            return;
        }
        if is_nothing(text, style) {
            self.faults.add(
                key.name,
                Origin::File(key.place),
                Problem::new("has no value", "write a value, or remove the line"),
            );
            return;
        }
        let place = self.place(span);
        self.keep(key.name, text, place);
    }

    /// What comes after this is the value of `name`.
    fn open_key(&mut self, name: &str, span: &Span) -> Key {
        let place = self.place(span);
        let mut takes = takes(name);
        if takes == Takes::Ignored {
            self.unknown(name, &place);
        } else if let Some(first) = self.file.values.get(name) {
            let what = format!("is set twice, first in line {}", first.place.line);
            self.faults.add(
                name,
                Origin::File(place.clone()),
                Problem::new(what, "keep one of the two lines"),
            );
            takes = Takes::Ignored;
        }
        Key {
            name: name.to_owned(),
            place,
            takes,
        }
    }

    fn unknown(&mut self, name: &str, place: &Place) {
        let remedy = match nearest(name, known_keys()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "remove it; `tiergate serve --help` lists every key".to_owned(),
        };
        self.faults.add(
            echo(name),
            Origin::File(place.clone()),
            Problem::new("there is no such setting", remedy),
        );
    }

    fn end_of_value(&mut self) {
        if let (Some(key), Some(items)) = (self.key.take(), self.items.take()) {
            self.keep(key.name, &items.join(","), key.place);
        }
    }

    fn keep(&mut self, name: String, text: &str, place: Place) {
        let text = SecretString::from(text);
        self.file.values.insert(name, Value { text, place });
    }

    /// Goes on behind a list or mapping where none may be.
    fn refuse_shape(&mut self, span: &Span, found: &str) -> Next {
        self.items = None;
        self.depth = self.depth.saturating_add(1);
        match &mut self.key {
            Some(key) if key.takes == Takes::Ignored => {}
            Some(key) => {
                self.faults.add(
                    key.name.clone(),
                    Origin::File(key.place.clone()),
                    Problem::new(
                        format!("is {found}"),
                        "write a single value behind the colon",
                    ),
                );
                // One fault for one value, whatever is in it.
                key.takes = Takes::Ignored;
            }
            None => {
                let what = format!("{found} stands where a key must be");
                self.add_here(span, &what, "write the name of a setting and a colon");
                return Next::Stop;
            }
        }
        Next::Continue
    }

    fn refuse_notation(&mut self, span: &Span, found: &str) {
        let what = format!("{found} cannot be used here");
        self.add_here(
            span,
            &what,
            "write the value out; a text that starts with `*`, `&` or `!` needs quotes",
        );
    }

    fn not_a_mapping(&mut self, span: &Span) {
        self.add_here(
            span,
            "the file is not a mapping from settings to values",
            "write each setting as a line like `listen: 127.0.0.1:3001`",
        );
    }

    fn syntax(&mut self, error: &ScanError) -> Next {
        let place = self.place_at(error.marker().line());
        self.faults.add(
            table::CONFIG.variable,
            Origin::File(place),
            Problem::new(
                format!("is not YAML: {}", error.info()),
                "mend this line; a value with `: `, ` #` or a bracket at its start needs quotes",
            ),
        );
        Next::Stop
    }

    fn add_here(&mut self, span: &Span, what: &str, remedy: &str) {
        let origin = Origin::File(self.place(span));
        let problem = Problem::new(what, remedy);
        self.faults.add(table::CONFIG.variable, origin, problem);
    }

    fn place(&self, span: &Span) -> Place {
        self.place_at(span.start.line())
    }

    fn place_at(&self, line: usize) -> Place {
        Place {
            file: self.name.into(),
            line,
        }
    }
}

/// Whether a scalar is YAML's word for no value, or no word at all.
fn is_nothing(text: &str, style: ScalarStyle) -> bool {
    style == ScalarStyle::Plain && matches!(text, "" | "~" | "null")
}

/// What a key takes, by its name.
fn takes(name: &str) -> Takes {
    if name == table::STRIPE_WEBHOOK_SECRET.key {
        Takes::Many
    } else if name.starts_with(price::KEY_PREFIX) || known_keys().any(|known| known == name) {
        Takes::One
    } else {
        Takes::Ignored
    }
}

fn known_keys() -> impl Iterator<Item = &'static str> {
    let mounted = table::ALL.iter().filter_map(|setting| setting.mounted);
    table::ALL
        .iter()
        .map(|setting| setting.key)
        // A file cannot name another one.
        .filter(|key| *key != table::CONFIG.key)
        .chain(mounted.map(|mounted| mounted.key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn parse(text: &str) -> (SettingsFile, String) {
        let mut faults = Faults::default();
        let file = SettingsFile::parse("settings.yaml", text, &mut faults);
        let told = match faults.give(Ok(())) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        (file, told)
    }

    fn value<'f>(file: &'f SettingsFile, key: &str) -> &'f str {
        file.get(key).map_or("", |value| value.text.expose_secret())
    }

    #[test]
    fn plain_and_quoted_values_are_read_as_they_stand() {
        let (file, told) = parse(
            "# a comment\nlisten: 127.0.0.1:80\nmax_connections: 0123\nlog: \"off\"\njwt_issuer: 'a: b'\n",
        );
        assert_eq!(told, "");
        assert_eq!(value(&file, "listen"), "127.0.0.1:80");
        assert_eq!(value(&file, "max_connections"), "0123");
        assert_eq!(value(&file, "log"), "off");
        assert_eq!(value(&file, "jwt_issuer"), "a: b");
        assert_eq!(file.get("log").unwrap().place.line, 4);
    }

    #[test]
    fn an_empty_file_sets_nothing() {
        for text in ["", "# only a comment\n", "---\n", "{}\n"] {
            let (file, told) = parse(text);
            assert_eq!(told, "", "{text:?}");
            assert!(file.values.is_empty());
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
        let (_, told) =
            parse("listen: 127.0.0.1:80\nlisten_adress: x\njwt_secert: hush\nfoo: bar\n");
        assert!(told.starts_with("3 faults"), "{told}");
        assert!(told.contains("jwt_secert (settings.yaml:3): there is no such setting\n    did you mean `jwt_secret`?"), "{told}");
        assert!(told.contains("foo (settings.yaml:4)"), "{told}");
        assert!(!told.contains("hush"), "{told}");
    }

    #[test]
    fn a_key_that_is_there_twice_is_refused_with_both_lines() {
        let (file, told) = parse("listen: a\nlog: info\nlisten: b\n");
        assert!(
            told.contains("listen (settings.yaml:3): is set twice, first in line 1"),
            "{told}"
        );
        assert_eq!(value(&file, "listen"), "a");
    }

    #[test]
    fn a_file_cannot_name_another_file() {
        let (_, told) = parse("config: other.yaml\n");
        assert!(
            told.contains("config (settings.yaml:1): there is no such"),
            "{told}"
        );
    }

    #[test]
    fn a_key_without_a_value_is_refused() {
        for text in ["jwt_secret:\n", "jwt_secret: ~\n", "jwt_secret: null\n"] {
            assert!(parse(text).1.contains("has no value"), "{text:?}");
        }
    }

    #[test]
    fn several_secrets_can_be_a_list() {
        let (file, told) = parse("stripe_webhook_secret: [a, b]\nlog: info\n");
        assert_eq!(told, "");
        assert_eq!(value(&file, "stripe_webhook_secret"), "a,b");
        assert_eq!(value(&file, "log"), "info");
    }

    #[test]
    fn other_shapes_are_refused_once_and_reading_goes_on() {
        let text =
            "listen: [a, [b]]\nlog: {a: {b: c}}\nstripe_webhook_secret: [a, [b]]\nmigrate: auto\n";
        let (file, told) = parse(text);
        assert!(told.starts_with("3 faults"), "{told}");
        for part in [
            "listen (settings.yaml:1): is a list",
            "log (settings.yaml:2): is a mapping",
            "stripe_webhook_secret (settings.yaml:3): is a list",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(value(&file, "migrate"), "auto");
        assert!(file.get("stripe_webhook_secret").is_none());
    }

    #[test]
    fn reading_ends_where_a_key_is_no_word_so_that_no_value_is_taken_for_one() {
        for text in [
            "log: &a info\n? [x]\n: hush\n",
            "log: &a info\n? {x: y}\n: hush\n",
            "log: &a info\n*a : hush\n",
        ] {
            let (file, told) = parse(text);
            assert!(told.starts_with("1 fault in"), "{told}");
            assert!(
                told.contains("TIERGATE_CONFIG (settings.yaml:2):"),
                "{told}"
            );
            assert!(!told.contains("hush"), "{told}");
            assert!(file.is_cut);
        }
    }

    #[test]
    fn tags_and_aliases_are_refused() {
        let (file, told) =
            parse("log: &a info\nlisten: *a\njwt_issuer: !secret x\nmigrate: auto\n");
        assert!(told.starts_with("2 faults"), "{told}");
        assert!(told.contains("settings.yaml:2): an alias"), "{told}");
        assert!(told.contains("settings.yaml:3): a tag"), "{told}");
        assert_eq!(value(&file, "migrate"), "auto");
    }

    #[test]
    fn what_is_not_yaml_or_not_a_mapping_is_told_with_its_line() {
        for (text, at) in [
            ("log: info\nlisten: [\n", "settings.yaml:"),
            ("- a\n", "settings.yaml:1): the file is not a mapping"),
            ("word\n", "settings.yaml:1): the file is not a mapping"),
            (
                "log: info\n---\nlog: warn\n",
                "settings.yaml:2): a second document",
            ),
        ] {
            let (file, told) = parse(text);
            assert!(told.contains(at), "{text:?}: {told}");
            assert!(file.is_cut, "{text:?}");
        }
    }

    #[test]
    fn a_fault_of_syntax_repeats_no_value() {
        let (_, told) = parse("jwt_secret: \"hush hush\n");
        assert!(told.contains("is not YAML"), "{told}");
        assert!(!told.contains("hush"), "{told}");
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "([a-z]{1,4}|[-?:,*&!#|>'\"%@`{}\\[\\] \n\t~]){0,60}") {
            let (file, told) = parse(&text);
            // What ends early is told, so nothing is missed in silence.
            prop_assert!(!file.is_cut || !told.is_empty(), "{text:?}");
        }

        #[test]
        fn a_secret_that_is_quoted_is_read_as_it_was_and_never_repeated(
            secret in "[ -~]{8,40}",
            broken in any::<bool>(),
        ) {
            let quoted = secret.replace('\'', "\'\'");
            let end = if broken { "" } else { "'" };
            let (file, told) = parse(&format!("jwt_secret: '{quoted}{end}\nlsten: x\n"));
            if !broken {
                prop_assert_eq!(value(&file, "jwt_secret"), &secret);
            }
            prop_assert!(!told.is_empty());
            prop_assert!(!told.contains(&secret), "{told}");
        }
    }
}
