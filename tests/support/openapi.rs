//! An OpenAPI 3.1 document as a contract: what a service answers is held against it.
//!
//! What the document does not name is a fault: a path, a method, a status, a type of content. So is a
//! body that its schema refuses.

use std::collections::BTreeMap;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::Reply;

mod document;
mod media;
mod place;
mod route;
mod schemas;
mod text;

use document::{Content, Described};
use route::{Route, split};
use schemas::Schemas;

/// What a service promises by an OpenAPI 3.1 document.
#[derive(Debug)]
pub struct Contract {
    document: Value,
    schemas: Schemas,
    described: Vec<Described>,
    routes: Vec<Route>,
}

/// One method of one path.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: String,
    /// The name that the document gives it.
    pub id: Option<String>,
    /// The parameters of the path and of the operation.
    pub parameters: Vec<Parameter>,
    /// The schemes of authentication that a request needs: one of these sets. Empty when it needs none.
    pub security: Vec<Vec<String>>,
    /// The body of a request, if it has one.
    pub request: Option<RequestBody>,
    /// The statuses that are documented, as they are written: `200`, `4XX`, `default`.
    pub statuses: Vec<String>,
}

/// What a request carries besides its body.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// Whether a request is refused without it.
    pub required: bool,
    /// What it may be; see [`Contract::resolve`].
    pub schema: Value,
    pub(crate) pointer: Option<String>,
}

/// Where a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub struct RequestBody {
    /// Whether a request is refused without it.
    pub required: bool,
    /// The schema for each type of content; see [`Contract::resolve`].
    pub content: BTreeMap<String, Value>,
}

impl Operation {
    /// Whether a request is refused without a credential.
    #[must_use]
    pub fn needs_credential(&self) -> bool {
        !self.security.is_empty() && self.security.iter().all(|schemes| !schemes.is_empty())
    }
}

impl Contract {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it: another version than 3.1, a reference to nothing, a schema
    /// that is none or has an unknown format, a parameter that its path does not have.
    pub fn from_json(document: Value) -> Result<Self, Vec<String>> {
        let (described, mut faults) = document::read(&document);
        let pointers = described.iter().flat_map(Described::schemas);
        let schemas = Schemas::compile(&document, pointers, &mut faults);
        if !faults.is_empty() {
            faults.dedup();
            return Err(faults);
        }
        let mut routes: Vec<_> = described
            .iter()
            .map(|described| Route::new(&described.operation.path))
            .collect();
        routes.sort();
        routes.dedup();
        Ok(Self {
            document,
            schemas,
            described,
            routes,
        })
    }

    /// Every operation, in the order of the document.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.described.iter().map(|described| &described.operation)
    }

    /// What a schema says, or what it refers to says.
    #[must_use]
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        // A reference to itself was refused with the document.
        place::follow(&self.document, schema).map_or(schema, |(found, _)| found)
    }

    /// Holds a response against the document. `path` may have a query.
    ///
    /// # Errors
    ///
    /// Everything in which they differ.
    pub fn check(
        &self,
        method: &Method,
        path: &str,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        if let Some((described, _)) = self.find(method, path, &mut faults) {
            match described.response(status) {
                None => faults.push(format!(
                    "the status is not documented, only {}",
                    described.operation.statuses.join(", ")
                )),
                Some(response) => {
                    for header in &response.headers {
                        let values = headers.get_all(&header.name);
                        let values = values.iter().map(|value| value.to_str().unwrap_or(""));
                        self.check_text(header, &values.collect::<Vec<_>>(), &mut faults);
                    }
                    self.check_body(&response.content, headers, body, &mut faults);
                }
            }
        }
        told(&format!("{method} {path} -> {}", status.as_u16()), faults)
    }

    /// Holds a response against the document, as [`check`](Self::check) does.
    ///
    /// # Errors
    ///
    /// Everything in which they differ.
    pub fn check_reply(
        &self,
        method: &Method,
        path: &str,
        reply: &Reply,
    ) -> Result<(), Vec<String>> {
        self.check(method, path, reply.status, &reply.headers, &reply.body)
    }

    /// Holds a request against the document: its parameters and its body. Whether it is allowed to
    /// whoever sends it is not asked.
    ///
    /// # Errors
    ///
    /// Everything in which they differ.
    pub fn check_request(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        if let Some((described, in_path)) = self.find(method, path, &mut faults) {
            let operation = &described.operation;
            let query = split(path).1;
            for parameter in &operation.parameters {
                let named = |pairs: &[(String, String)]| -> Vec<String> {
                    let own = pairs.iter().filter(|(name, _)| *name == parameter.name);
                    own.map(|(_, value)| value.clone()).collect()
                };
                let values = match parameter.place {
                    Place::Path => named(&in_path),
                    Place::Query => named(&query),
                    Place::Header => {
                        let values = headers.get_all(&parameter.name).iter();
                        let text = values.map(|value| value.to_str().unwrap_or("").to_owned());
                        text.collect()
                    }
                    Place::Cookie => continue,
                };
                let values: Vec<_> = values.iter().map(String::as_str).collect();
                self.check_text(parameter, &values, &mut faults);
            }
            let known = |name: &str| {
                let mut parameters = operation.parameters.iter();
                parameters.any(|known| known.place == Place::Query && known.name == name)
            };
            for (name, _) in query.iter().filter(|(name, _)| !known(name)) {
                faults.push(format!("the query has `{name}`, which is not documented"));
            }
            match &operation.request {
                Some(request) if body.is_empty() && !request.required => {}
                _ => self.check_body(&described.request, headers, body, &mut faults),
            }
        }
        told(&format!("{method} {path}"), faults)
    }

    /// The operation of a path, and what the path's parameters are.
    fn find(
        &self,
        method: &Method,
        path: &str,
        faults: &mut Vec<String>,
    ) -> Option<(&Described, Vec<(String, String)>)> {
        // They are sorted so that the first that fits is the most exact.
        let mut matching = self.routes.iter();
        let found = matching.find_map(|route| Some((route, route.captures(split(path).0)?)));
        let Some((route, captures)) = found else {
            faults.push("the path is not documented".to_owned());
            return None;
        };
        let of_path = || {
            let all = self.described.iter();
            all.filter(|described| described.operation.path == route.template())
        };
        let found = of_path().find(|described| described.operation.method == *method);
        if found.is_none() {
            let methods: Vec<_> = of_path()
                .map(|described| described.operation.method.as_str())
                .collect();
            faults.push(format!(
                "the method is not documented for {}, only {}",
                route.template(),
                methods.join(", ")
            ));
        }
        Some((found?, captures))
    }

    /// Checks a parameter or header that was sent so many times.
    fn check_text(&self, parameter: &Parameter, values: &[&str], faults: &mut Vec<String>) {
        let Parameter { name, place, .. } = parameter;
        let place = match place {
            Place::Path => "the path's",
            Place::Query => "the query's",
            Place::Header => "the header",
            Place::Cookie => "the cookie",
        };
        if values.is_empty() {
            if parameter.required {
                faults.push(format!("{place} `{name}` is missing"));
            }
            return;
        }
        let Some(pointer) = &parameter.pointer else {
            return;
        };
        if let Err(why) = self.schemas.check_text(pointer, values) {
            faults.push(format!("{place} `{name}` is {}: {why}", values.join(", ")));
        }
    }

    fn check_body(
        &self,
        content: &[Content],
        headers: &HeaderMap,
        body: &[u8],
        faults: &mut Vec<String>,
    ) {
        if content.is_empty() {
            if !body.is_empty() {
                faults.push("there is a body, and none is documented".to_owned());
            }
            return;
        }
        let sent = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let Some(content) = media::best(content, sent) else {
            let documented: Vec<_> = content.iter().map(|content| &*content.media).collect();
            faults.push(format!(
                "the content type `{sent}` is not documented, only {}",
                documented.join(", ")
            ));
            return;
        };
        let Some(pointer) = &content.pointer else {
            return;
        };
        match media::read(sent, body) {
            Ok(value) => faults.extend(self.schemas.check(pointer, &value)),
            Err(why) => faults.push(why),
        }
    }
}

/// The faults, each with what it is a fault of.
fn told(what: &str, faults: Vec<String>) -> Result<(), Vec<String>> {
    if faults.is_empty() {
        return Ok(());
    }
    let told = faults.into_iter().map(|fault| format!("{what}: {fault}"));
    Err(told.collect())
}
