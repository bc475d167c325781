//! Reads the operations of a document, with a pointer to each schema.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::Value;

use super::place::{At, follow};
use super::{Operation, Parameter, Place, RequestBody, route};

/// The methods that a path can have, as OpenAPI names them.
const METHODS: [(&str, Method); 8] = [
    ("get", Method::GET),
    ("put", Method::PUT),
    ("post", Method::POST),
    ("delete", Method::DELETE),
    ("options", Method::OPTIONS),
    ("head", Method::HEAD),
    ("patch", Method::PATCH),
    ("trace", Method::TRACE),
];

/// An operation, and where its schemas are.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) operation: Operation,
    pub(super) request: Vec<Content>,
    pub(super) responses: Vec<Response>,
}

/// What is documented for a status.
#[derive(Debug)]
pub(super) struct Response {
    status: String,
    pub(super) headers: Vec<Parameter>,
    pub(super) content: Vec<Content>,
}

/// A type of content.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) media: String,
    pub(super) schema: Value,
    /// Where the schema is; none if anything goes.
    pub(super) pointer: Option<String>,
}

impl Described {
    /// Where every schema of it is.
    pub(super) fn schemas(&self) -> impl Iterator<Item = &str> {
        let responses = self.responses.iter();
        let content = responses.clone().flat_map(|response| &response.content);
        let headers = responses.flat_map(|response| &response.headers);
        let parameters = self.operation.parameters.iter().chain(headers);
        parameters
            .map(|parameter| &parameter.pointer)
            .chain(content.chain(&self.request).map(|content| &content.pointer))
            .filter_map(Option::as_deref)
    }

    /// What is documented for a status: itself, else its hundred, else what is the default.
    pub(super) fn response(&self, status: StatusCode) -> Option<&Response> {
        let code = status.as_str();
        let hundred = format!("{}XX", status.as_u16() / 100);
        [code, &hundred, "default"].into_iter().find_map(|wanted| {
            let mut responses = self.responses.iter();
            responses.find(|response| response.status == wanted)
        })
    }
}

/// The operations of a document, and what is wrong with it.
pub(super) fn read(document: &Value) -> (Vec<Described>, Vec<String>) {
    let mut reader = Reader {
        document,
        faults: Vec::new(),
    };
    let version = document.get("openapi").and_then(Value::as_str);
    if !version.is_some_and(|version| version.starts_with("3.1.")) {
        reader.fault("#/openapi", "has to be 3.1");
    }
    let described = reader.paths();
    (described, reader.faults)
}

struct Reader<'a> {
    document: &'a Value,
    faults: Vec<String>,
}

impl<'a> Reader<'a> {
    fn fault(&mut self, place: &str, what: impl AsRef<str>) {
        self.faults.push(format!("{place} {}", what.as_ref()));
    }

    /// What is at a place, or what that refers to.
    fn follow(&mut self, place: At<'a>) -> Option<At<'a>> {
        match follow(self.document, place.value) {
            Ok((_, None)) => Some(place),
            Ok((value, Some(pointer))) => Some(At {
                value,
                pointer: pointer.to_owned(),
            }),
            Err(why) => {
                self.fault(&format!("#{}", place.pointer), why);
                None
            }
        }
    }

    fn paths(&mut self) -> Vec<Described> {
        let root = At {
            value: self.document,
            pointer: String::new(),
        };
        let Some(paths) = root.get("paths") else {
            self.fault("#/paths", "is missing");
            return Vec::new();
        };
        let mut described = Vec::new();
        let mut shapes = BTreeSet::new();
        for (path, item) in paths.members() {
            if !shapes.insert(route::Route::new(path).shape()) {
                self.fault(&format!("#{}", item.pointer), "is there twice");
            }
            let Some(item) = self.follow(item) else {
                continue;
            };
            for (name, method) in &METHODS {
                if let Some(operation) = item.get(name) {
                    described.push(self.operation(&root, path, &item, method, &operation));
                }
            }
        }
        described
    }

    fn operation(
        &mut self,
        root: &At<'a>,
        path: &str,
        item: &At<'a>,
        method: &Method,
        operation: &At<'a>,
    ) -> Described {
        let mut parameters: Vec<Parameter> = Vec::new();
        // What the operation says of a parameter is said last, and holds.
        for own in [item, operation] {
            let listed = own.get("parameters");
            for listed in listed.iter().flat_map(At::items) {
                let Some(parameter) = self.parameter(listed) else {
                    continue;
                };
                let same = |other: &Parameter| {
                    (&other.name, other.place) == (&parameter.name, parameter.place)
                };
                parameters.retain(|other| !same(other));
                parameters.push(parameter);
            }
        }
        self.check_path_parameters(path, &operation.pointer, &parameters);
        let body = operation.get("requestBody");
        let body = body.and_then(|body| self.follow(body));
        let request = body.as_ref().map(|body| self.content(body));
        let responses = self.responses(operation);
        let security = operation.get("security").or_else(|| root.get("security"));
        Described {
            operation: Operation {
                method: method.clone(),
                path: path.to_owned(),
                id: operation.text("operationId").map(str::to_owned),
                parameters,
                security: security.iter().flat_map(alternatives).collect(),
                request: body
                    .zip(request.as_deref())
                    .map(|(body, content)| RequestBody {
                        required: body.is("required"),
                        content: content
                            .iter()
                            .map(|content| (content.media.clone(), content.schema.clone()))
                            .collect(),
                    }),
                statuses: responses.iter().map(|found| found.status.clone()).collect(),
            },
            request: request.unwrap_or_default(),
            responses,
        }
    }

    fn check_path_parameters(&mut self, path: &str, pointer: &str, parameters: &[Parameter]) {
        let in_path: BTreeSet<_> = route::names(path).collect();
        let documented: BTreeSet<_> = parameters
            .iter()
            .filter(|parameter| parameter.place == Place::Path)
            .map(|parameter| parameter.name.as_str())
            .collect();
        for name in in_path.symmetric_difference(&documented) {
            let what = if in_path.contains(name) {
                "is not among the parameters"
            } else {
                "is a parameter that the path does not have"
            };
            self.fault(&format!("#{pointer}"), format!("`{name}` {what}"));
        }
    }

    fn parameter(&mut self, listed: At<'a>) -> Option<Parameter> {
        let parameter = self.follow(listed)?;
        let place = match parameter.text("in") {
            Some("path") => Place::Path,
            Some("query") => Place::Query,
            Some("header") => Place::Header,
            Some("cookie") => Place::Cookie,
            _ => {
                self.fault(&format!("#{}/in", parameter.pointer), "is no place");
                return None;
            }
        };
        let Some(name) = parameter.text("name") else {
            self.fault(&format!("#{}/name", parameter.pointer), "is missing");
            return None;
        };
        Some(of_text(name, place, &parameter))
    }

    fn responses(&mut self, operation: &At<'a>) -> Vec<Response> {
        let Some(listed) = operation.get("responses") else {
            self.fault(&format!("#{}/responses", operation.pointer), "is missing");
            return Vec::new();
        };
        let mut responses = Vec::new();
        for (status, response) in listed.members() {
            let Some(response) = self.follow(response) else {
                continue;
            };
            responses.push(Response {
                status: status.to_owned(),
                headers: self.headers(&response),
                content: self.content(&response),
            });
        }
        responses
    }

    fn headers(&mut self, response: &At<'a>) -> Vec<Parameter> {
        let listed = response.get("headers");
        let mut headers = Vec::new();
        for (name, header) in listed.iter().flat_map(At::members) {
            // OpenAPI tells to ignore it: the content is described elsewhere.
            if name.eq_ignore_ascii_case("content-type") {
                continue;
            }
            let header = self.follow(header);
            headers.extend(header.map(|header| of_text(name, Place::Header, &header)));
        }
        headers
    }

    fn content(&mut self, holder: &At<'a>) -> Vec<Content> {
        let listed = holder.get("content");
        let listed = listed.iter().flat_map(At::members);
        listed
            .map(|(media, content)| {
                let schema = content.get("schema");
                Content {
                    media: media.to_owned(),
                    schema: schema_of(schema.as_ref()),
                    pointer: schema.map(|schema| schema.pointer),
                }
            })
            .collect()
    }
}

/// A parameter or a header.
fn of_text(name: &str, place: Place, described: &At<'_>) -> Parameter {
    let schema = described.get("schema");
    Parameter {
        name: name.to_owned(),
        place,
        required: described.is("required"),
        schema: schema_of(schema.as_ref()),
        pointer: schema.map(|schema| schema.pointer),
    }
}

/// A schema that is not there lets everything pass, as `true` does.
fn schema_of(schema: Option<&At<'_>>) -> Value {
    schema.map_or(Value::Bool(true), |schema| schema.value.clone())
}

/// The sets of schemes of which one is needed.
fn alternatives(security: &At<'_>) -> Vec<Vec<String>> {
    let sets = security.items().into_iter();
    sets.map(|set| {
        let schemes = set.members().into_iter();
        schemes.map(|(scheme, _)| scheme.to_owned()).collect()
    })
    .collect()
}
