//! Successes as answers.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::change::Reply;
use crate::record::Page;

/// `{"success": true, "data": …}`.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Answer<T> {
    /// Always true; an error has another shape.
    pub(super) success: bool,
    /// What was asked for.
    pub(super) data: T,
    /// The version of it, as an entity tag.
    #[serde(skip)]
    pub(super) version: Option<i64>,
}

impl<T> Answer<T> {
    /// An answer without a version.
    pub(super) fn new(data: T) -> Self {
        Self {
            success: true,
            data,
            version: None,
        }
    }

    /// An answer with the version of what it shows.
    pub(super) fn versioned(data: T, version: i64) -> Self {
        Self {
            version: Some(version),
            ..Self::new(data)
        }
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let version = self.version;
        let mut response = axum::Json(self).into_response();
        // What somebody's subscription is concerns nobody in between.
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        if let Some(version) = version
            && let Ok(tag) = HeaderValue::try_from(format!("\"{version}\""))
        {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

/// A page of a list: `{"success": true, "data": […], "page": {"next": …}}`.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ListAnswer<T> {
    /// Always true.
    pub(super) success: bool,
    /// The items.
    pub(super) data: Vec<T>,
    /// Where the list goes on.
    pub(super) page: PageInfo,
}

/// Where a list goes on.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(super) struct PageInfo {
    /// The `cursor` of the next page; null if there is none.
    #[schema(required)]
    pub(super) next: Option<String>,
}

impl<T> From<Page<T>> for ListAnswer<T> {
    fn from(page: Page<T>) -> Self {
        Self {
            success: true,
            data: page.items,
            page: PageInfo {
                next: page.next.map(|cursor| cursor.to_string()),
            },
        }
    }
}

impl<T: Serialize> IntoResponse for ListAnswer<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self).into_response();
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        response
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = (status, self.body).into_response();
        // Bytes come with a type of their own; the stored one is the right one.
        response.headers_mut().remove(http::header::CONTENT_TYPE);
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().insert(name, value);
            }
        }
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        response
    }
}
