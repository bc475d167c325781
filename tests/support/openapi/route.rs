//! Paths with parameters.

use percent_encoding::percent_decode_str;

/// A path of which some segments are parameters. The order is that in which paths are tried: a fixed
/// segment before a parameter, from the left, as OpenAPI wants it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    segments: Vec<Segment>,
    template: String,
}

/// Between two slashes. A parameter may have fixed text on both sides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Fixed(String),
    Parameter {
        before: String,
        after: String,
        name: String,
    },
}

impl Route {
    pub(super) fn new(template: &str) -> Self {
        Self {
            segments: template.split('/').map(Segment::new).collect(),
            template: template.to_owned(),
        }
    }

    pub(super) fn template(&self) -> &str {
        &self.template
    }

    /// The path without the names of its parameters: two paths of one shape are the same to a server.
    pub(super) fn shape(&self) -> String {
        let shapes: Vec<_> = self
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Fixed(text) => text.clone(),
                Segment::Parameter { before, after, .. } => format!("{before}{{}}{after}"),
            })
            .collect();
        shapes.join("/")
    }

    /// What the parameters are in a path; none if it is another path.
    pub(super) fn captures(&self, path: &str) -> Option<Vec<(String, String)>> {
        let sent: Vec<_> = path.split('/').collect();
        if sent.len() != self.segments.len() {
            return None;
        }
        let mut captures = Vec::new();
        for (segment, sent) in self.segments.iter().zip(sent) {
            match segment {
                Segment::Fixed(text) => (decode(sent) == *text).then_some(())?,
                Segment::Parameter {
                    before,
                    after,
                    name,
                } => {
                    let value = sent.strip_prefix(&**before)?.strip_suffix(&**after)?;
                    if value.is_empty() {
                        return None;
                    }
                    captures.push((name.clone(), decode(value)));
                }
            }
        }
        Some(captures)
    }
}

impl Segment {
    fn new(text: &str) -> Self {
        let parameter = text.split_once('{').and_then(|(before, rest)| {
            let (name, after) = rest.split_once('}')?;
            Some(Self::Parameter {
                before: before.to_owned(),
                after: after.to_owned(),
                name: name.to_owned(),
            })
        });
        parameter.unwrap_or_else(|| Self::Fixed(text.to_owned()))
    }
}

/// The names of the parameters of a path.
pub(super) fn names(template: &str) -> impl Iterator<Item = &str> {
    template
        .split('/')
        .filter_map(|segment| Some(segment.split_once('{')?.1.split_once('}')?.0))
}

/// A path without its query, and the query's names and values.
pub(super) fn split(path: &str) -> (&str, Vec<(String, String)>) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |text: &str| decode(&text.replace('+', " "));
        (plain(name), plain(value))
    });
    (path, pairs.collect())
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
