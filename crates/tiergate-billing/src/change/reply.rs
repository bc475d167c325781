use bytes::Bytes;
use serde::Serialize;

/// What a success looks like.
#[derive(Serialize)]
struct Success<'a, T> {
    success: bool,
    data: &'a T,
}

/// What is answered to a request that changed something. It is complete before the change is committed,
/// so that it can be kept with it and given again to a retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers that belong to the answer itself, such as `etag` and `location`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// It was done, and this is how it is now.
    pub fn done(data: &impl Serialize) -> Self {
        Self::success(200, data)
    }

    /// It was made, and this is how it is now.
    pub fn created(data: &impl Serialize, location: String) -> Self {
        Self::success(201, data).with_header("location", location)
    }

    /// Adds the version of what is answered, as an entity tag.
    #[must_use]
    pub fn with_version(self, version: i64) -> Self {
        self.with_header("etag", format!("\"{version}\""))
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: String) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    fn success(status: u16, data: &impl Serialize) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            // Records are made of text, numbers and the like: they are always JSON.
            body: serde_json::to_vec(&Success {
                success: true,
                data,
            })
            .unwrap_or_default()
            .into(),
        }
    }
}
