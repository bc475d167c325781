//! Parameters of paths and queries.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use tiergate_core::Subject;

use super::Problem;
use crate::record::{Cursor, PageRequest};
use crate::{BillingError, FieldFault};

/// An id in a path. What is no id names nothing, and so is answered like any id that names nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<BTreeMap<String, String>>::from_request_parts(parts, state).await;
        path.ok()
            .and_then(|Path(parameters)| parameters.get("id")?.parse().ok().map(Self))
            .ok_or_else(|| Problem::not_found("object"))
    }
}

/// Reads the owner in a path.
pub(super) fn valid_owner(subject: Subject, name: &'static str) -> Result<Subject, Problem> {
    if subject.is_valid() {
        return Ok(subject);
    }
    let detail = format!("expected 1 to {} bytes", Subject::MAX_ID_BYTES);
    Err(BillingError::Invalid(vec![FieldFault::new(name, detail)]).into())
}

/// The parameters of a query, each at most once; reading collects every fault.
#[derive(Debug)]
pub(super) struct Parameters {
    left: BTreeMap<String, String>,
    known: Vec<&'static str>,
    faults: Vec<FieldFault>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let fault = |pointer: String, detail: &str| {
            Problem::from(BillingError::Invalid(vec![FieldFault::new(
                pointer, detail,
            )]))
        };
        let Ok(Query(pairs)) =
            Query::<Vec<(String, String)>>::from_request_parts(parts, state).await
        else {
            return Err(fault("query".to_owned(), "not a query of names and values"));
        };
        let mut left = BTreeMap::new();
        for (name, value) in pairs {
            // PostgreSQL has no text with a NUL in it.
            if name.contains('\0') || value.contains('\0') {
                return Err(fault(name, "has a NUL character in it"));
            }
            if left.insert(name.clone(), value).is_some() {
                return Err(fault(name, "given more than once"));
            }
        }
        Ok(Self {
            left,
            known: Vec::new(),
            faults: Vec::new(),
        })
    }
}

impl Parameters {
    /// A parameter that may be absent. `expectation` ends the sentence "expected …".
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        expectation: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.known.push(name);
        let value = self.left.remove(name)?;
        let read = read(&value);
        if read.is_none() {
            self.fault(name, format!("expected {expectation}"));
        }
        read
    }

    /// The part of a list that is asked for, by `limit` and `cursor`.
    pub(super) fn page(&mut self) -> PageRequest {
        let limit = self.optional("limit", "a whole number from 1 to 100", |text| {
            let limit = text.parse().ok()?;
            (1..=PageRequest::MOST).contains(&limit).then_some(limit)
        });
        let after = self.optional(
            "cursor",
            "the value of `page.next` of the page before",
            |text| text.parse::<Cursor>().ok(),
        );
        PageRequest {
            limit: limit.unwrap_or(PageRequest::USUAL),
            after,
        }
    }

    /// Adds a fault of a parameter.
    pub(super) fn fault(&mut self, name: &'static str, detail: impl Into<String>) {
        self.faults.push(FieldFault::new(name, detail));
    }

    /// Refuses faults, and parameters that nobody asked for.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        let known = self.known.join("`, `");
        for name in std::mem::take(&mut self.left).into_keys() {
            let detail = if known.is_empty() {
                "unknown parameter; none is expected here".to_owned()
            } else {
                format!("unknown parameter; expected one of `{known}`")
            };
            self.faults.push(FieldFault::new(name, detail));
        }
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(BillingError::Invalid(self.faults).into())
        }
    }
}
