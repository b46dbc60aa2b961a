//! Files that pages hand out.

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header;

/// A file to keep. Its name is of our own letters, digits, dots and hyphens.
pub fn file(name: &str, content_type: &'static str, content: impl Into<Bytes>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, content.into()).into_response()
}

/// A file of JSON.
pub fn json_file(name: &str, content: impl Into<Bytes>) -> Response {
    file(name, "application/json", content)
}
