//! Answers.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;
use twinhub_core::etag::Etag;

/// A whole body.
pub type Body = Full<Bytes>;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// A JSON answer.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(body) {
        Ok(bytes) => with_type(status, JSON, bytes.into()),
        Err(error) => {
            tracing::error!(%error, "could not write an answer as JSON");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// A text answer.
pub fn text(status: StatusCode, body: String) -> Response<Body> {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    with_type(status, plain, body.into())
}

/// A JSON answer with an ETag: quoted in the header, as clients expect it.
pub fn json_with_etag(body: &impl Serialize, etag: &Etag) -> Response<Body> {
    let mut response = json(StatusCode::OK, body);
    if let Ok(value) = HeaderValue::try_from(format!("\"{etag}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// An answer without body.
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

fn with_type(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// What every answer carries.
pub fn finish(mut response: Response<Body>, request_id: Option<HeaderValue>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static("Twinhub"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(request_id) = request_id {
        headers.insert(
            HeaderName::from_static("x-ms-client-request-id"),
            request_id,
        );
    }
    response
}
