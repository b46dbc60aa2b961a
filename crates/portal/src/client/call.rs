//! What is asked of the API.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::api::Spelling;

/// What need not be encoded in a path or query.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Encodes a text for a path or a query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The operation that is asked for.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) method: Method,
    pub(super) plane: Plane,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) spelling: Spelling,
    pub(super) body: Bytes,
}

/// Which credential an operation wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plane {
    /// The REST API, with a shared access signature.
    Data,
    /// The hub as a resource, with the operator token.
    Resource,
    /// Our own calls for operators.
    Operator,
}

impl Call {
    fn new<'a>(plane: Plane, method: Method, segments: impl IntoIterator<Item = &'a str>) -> Self {
        let path = segments.into_iter().fold(String::new(), |path, segment| {
            path + "/" + &encoded(segment)
        });
        Call {
            method,
            plane,
            path,
            query: Vec::new(),
            headers: HeaderMap::new(),
            spelling: Spelling::default(),
            body: Bytes::new(),
        }
    }

    /// An operation of the REST API, by the segments of its path.
    pub fn data<'a>(method: Method, segments: impl IntoIterator<Item = &'a str>) -> Self {
        Call::new(Plane::Data, method, segments)
    }

    /// Reads something of the REST API.
    pub fn get<'a>(segments: impl IntoIterator<Item = &'a str>) -> Self {
        Call::data(Method::GET, segments)
    }

    /// An operation on the hub as a resource, by the segments below the hub.
    /// Only operators may.
    pub fn resource<'a>(method: Method, segments: impl IntoIterator<Item = &'a str>) -> Self {
        Call::new(Plane::Resource, method, segments)
    }

    /// One of our own calls for operators, by the whole path.
    pub fn operator<'a>(method: Method, segments: impl IntoIterator<Item = &'a str>) -> Self {
        Call::new(Plane::Operator, method, segments)
    }

    /// Adds a parameter to the query.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends JSON.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json; charset=utf-8", body.to_string())
    }

    /// Sends a body.
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let content_type = HeaderValue::from_static(content_type);
        self.headers.insert(header::CONTENT_TYPE, content_type);
        self.body = body.into();
        self
    }

    /// Only if it still has this ETag; `*` for whatever is there.
    pub fn if_match(self, etag: &str) -> Self {
        let quoted = match etag {
            "*" => etag.to_owned(),
            etag => format!("\"{}\"", etag.trim_matches('"')),
        };
        self.header(header::IF_MATCH, &quoted)
    }

    /// Adds a header whose name keeps its case, beside those of the same name.
    /// What no header can be is left out.
    pub fn spelt(mut self, name: &str, value: &str) -> Self {
        let known = HeaderName::from_bytes(name.as_bytes()).ok();
        let value = HeaderValue::from_bytes(value.as_bytes()).ok();
        if let Some((known, value)) = known.zip(value) {
            self.headers.append(known, value);
            self.spelling.0.push(name.to_owned());
        }
        self
    }

    /// Adds a header. A value that no header can have is left out: it is the
    /// API that tells what is missing.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// What tests of forms look at.
#[cfg(test)]
impl Call {
    /// The path below the plane's own.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The body as JSON, null if there is none.
    pub fn sent(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_with_any_letter_fit_into_a_path() {
        let call = Call::get(["devices", "a/b?c#d%e ü", ".."]);

        assert_eq!(call.path, "/devices/a%2Fb%3Fc%23d%25e%20%C3%BC/..");
    }

    #[test]
    fn an_etag_is_sent_with_one_pair_of_quotes() {
        let etag = |given: &str| {
            let call = Call::get(["twins"]).if_match(given);
            call.headers[header::IF_MATCH].to_str().unwrap().to_owned()
        };

        assert_eq!(etag("AAAB"), "\"AAAB\"");
        assert_eq!(etag("\"AAAB\""), "\"AAAB\"");
        assert_eq!(etag("*"), "*");
    }
}
