//! Answers.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, Full};
use serde::Serialize;
use thiserror::Error;
use twinhub_core::etag::Etag;

/// A whole body, or one that is written while it comes to be. If that fails, the
/// connection is broken off, so that nobody takes what came for the whole.
pub type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Broken>>;

/// Why a body can't be written to its end.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct Broken(Box<dyn std::error::Error + Send + Sync>);

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
    let mut response = Response::new(whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A body that is there.
pub fn whole(body: Bytes) -> Body {
    Either::Left(Full::new(body))
}

/// A body that is written while it comes to be, at the speed of its reader.
pub fn streaming<B>(body: B) -> Body
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Either::Right(body.map_err(|error| Broken(error.into())).boxed_unsync())
}

fn with_type(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Body> {
    let mut response = Response::new(whole(body));
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
