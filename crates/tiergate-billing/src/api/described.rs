//! What the OpenAPI document says of many routes.

use std::collections::BTreeMap;

use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses, ToSchema};

use super::Problem;

/// The headers of a change.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what `Mutation` reads")]
pub(super) struct Preconditions {
    /// The same key and body are answered the same again.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
    /// The version that the change is for, as an entity tag.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// How a request is refused, or fails.
pub(super) struct Refused;

/// The same, where it takes an admin.
pub(super) struct RefusedAdmin;

/// The same, where an admin changes something.
pub(super) struct RefusedChange;

impl IntoResponses for Refused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(["4XX", "5XX"])
    }
}

impl IntoResponses for RefusedAdmin {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(["400", "401", "403", "4XX", "5XX"])
    }
}

impl IntoResponses for RefusedChange {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems([
            "400", "401", "403", "404", "409", "412", "422", "4XX", "5XX",
        ])
    }
}

fn problems<const N: usize>(statuses: [&str; N]) -> BTreeMap<String, RefOr<Response>> {
    let schema = Ref::from_schema_name(Problem::name());
    let problem = ResponseBuilder::new()
        .content(
            "application/problem+json",
            Content::new(Some(RefOr::Ref(schema))),
        )
        .build();
    statuses
        .map(|status| (status.to_owned(), RefOr::T(problem.clone())))
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::api::Api;

    #[test]
    fn what_is_said_of_many_routes_is_in_the_document() {
        let document = serde_json::to_value(Api::document()).unwrap();
        let refund = &document["paths"]["/api/admin/invoices/{id}/refund"]["post"];
        let problem = json!({
            "schema": { "$ref": "#/components/schemas/Problem" }
        });
        for status in ["401", "412", "4XX", "5XX"] {
            let content = &refund["responses"][status]["content"];
            assert_eq!(content["application/problem+json"], problem, "{status}");
        }
        assert!(document["components"]["schemas"]["Problem"].is_object());
        let headers: Vec<&Value> = refund["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|parameter| parameter["in"] == "header")
            .map(|header| &header["name"])
            .collect();
        assert_eq!(headers, ["Idempotency-Key", "If-Match"]);
        let reads = &document["paths"]["/api/invoices/{id}"]["get"]["responses"];
        assert!(reads["4XX"].is_object() && reads["412"].is_null());
    }
}
