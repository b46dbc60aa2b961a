//! Requests: their path, query and body, as clients really send them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use http_body_util::{BodyExt as _, Either, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use twinhub_core::etag::Precondition;

use crate::error_codes::{self, ErrorCode};
use crate::refusal::Refusal;

/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// A body that comes over a connection, or one that is there.
pub type RequestBody = Either<Incoming, Full<Bytes>>;

/// The path below the host: decoded segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

impl Path {
    /// Splits a raw path and decodes its segments, each once.
    ///
    /// A trailing slash does not count. A path of one segment may be encoded
    /// as a whole: IoT Explorer does so. `None` if a segment is not UTF-8.
    pub fn parse(raw: &str) -> Option<Self> {
        let raw = raw.strip_prefix('/').unwrap_or(raw);
        let raw = raw.strip_suffix('/').unwrap_or(raw);
        if !raw.contains('/') {
            let whole = decode(raw)?;
            let whole = whole.trim_matches('/');
            return Some(Path(whole.split('/').map(str::to_owned).collect()));
        }
        raw.split('/').map(decode).collect::<Option<_>>().map(Path)
    }

    /// The segments.
    pub fn segments(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

/// A query string as a set: order does not count, a name may lack a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Splits and decodes; `+` is a plus.
    pub fn parse(raw: Option<&str>) -> Self {
        let pairs = raw.unwrap_or_default().split('&');
        Query(
            pairs
                .filter(|pair| !pair.is_empty())
                .filter_map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    Some((decode(name)?, decode(value)?))
                })
                .collect(),
        )
    }

    /// The value of the first pair of that name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all pairs of that name, whatever its case.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text)
        .decode_utf8()
        .ok()
        .map(|text| text.into_owned())
}

/// The method that is meant: Java's service client sends PATCH as POST.
pub fn method_of(method: &Method, headers: &HeaderMap) -> Method {
    let overrides = headers
        .get("x-http-method-override")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"PATCH"));
    if *method == Method::POST && overrides {
        return Method::PATCH;
    }
    method.clone()
}

/// The host that the client dialled, without port.
pub fn host_of(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed.split_once(']').map(|(address, _)| address);
    }
    Some(host.rsplit_once(':').map_or(host, |(name, _)| name))
}

/// What `If-Match` demands: `W/` and one pair of quotes fall away, `*` is the
/// wildcard with and without them.
pub fn precondition_of(headers: &HeaderMap) -> Result<Precondition, Refusal> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(Precondition::None);
    };
    let value = value
        .to_str()
        .map_err(|_| Refusal::invalid("the If-Match header is not an etag"))?
        .trim();
    let value = value.strip_prefix("W/").unwrap_or(value);
    let unquoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    Ok(match unquoted.unwrap_or(value) {
        "" => Precondition::None,
        "*" => Precondition::Any,
        etag => Precondition::Etag(etag.to_owned()),
    })
}

/// Reads a body of at most `limit` bytes. What is announced to be larger is
/// refused before a byte of it is read.
pub async fn read_body(body: RequestBody, limit: usize) -> Result<Bytes, Refusal> {
    read_limited(body, limit, error_codes::REQUEST_ENTITY_TOO_LARGE).await
}

/// The same, for the body of a message.
pub async fn read_message(body: RequestBody, limit: usize) -> Result<Bytes, Refusal> {
    read_limited(body, limit, error_codes::MESSAGE_TOO_LARGE).await
}

async fn read_limited(
    body: RequestBody,
    limit: usize,
    larger: ErrorCode,
) -> Result<Bytes, Refusal> {
    let too_large = || {
        Refusal::new(
            larger,
            format!("the body is larger than the {limit} bytes that this request may have"),
        )
    };
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(too_large());
    }
    let collected = timeout(BODY_DEADLINE, Limited::new(body, limit).collect())
        .await
        .map_err(|_| {
            Refusal::new(
                error_codes::REQUEST_TIMED_OUT,
                format!(
                    "the body did not arrive within {} s",
                    BODY_DEADLINE.as_secs()
                ),
            )
        })?;
    match collected {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Refusal::new(
            error_codes::GENERIC_BAD_REQUEST,
            format!("the body could not be read: {error}"),
        )),
    }
}

/// Reads a body as a document, which is a JSON object.
pub fn parse_document<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    // A derived reader would take an array for the members in their order.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Refusal::invalid("the body must be a JSON object"));
    }
    parse_json(body)
}

/// Reads a body as JSON.
pub fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let code = match error.classify() {
            serde_json::error::Category::Data => error_codes::ARGUMENT_INVALID,
            _ => error_codes::FORMAT_ERROR,
        };
        Refusal::new(code, format!("the body is not what it should be: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn path(raw: &str) -> Vec<String> {
        Path::parse(raw).unwrap().0
    }

    #[test]
    fn segments_are_decoded_once() {
        assert_eq!(path("/devices/a%2525b"), ["devices", "a%25b"]);
        assert_eq!(path("/devices/a+b/"), ["devices", "a+b"]);
        assert_eq!(path("/devices/%24edgeHub"), ["devices", "$edgeHub"]);
    }

    #[test]
    fn a_path_of_one_segment_may_be_encoded_as_a_whole() {
        assert_eq!(path("/twins%2Fdev1"), ["twins", "dev1"]);
        assert_eq!(path("/%2Ftwins%2fa%25b"), ["twins", "a%b"]);
    }

    #[test]
    fn a_slash_within_a_segment_stays_there_otherwise() {
        assert_eq!(path("/devices/a%2Fb"), ["devices", "a/b"]);
    }

    #[test]
    fn what_is_not_utf8_has_no_path() {
        assert_eq!(Path::parse("/devices/%ff"), None);
    }

    #[test]
    fn etags_come_quoted_bare_weak_and_as_wildcard() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::from_static(value));
            precondition_of(&headers).unwrap()
        };

        assert_eq!(of("*"), Precondition::Any);
        assert_eq!(of("\"*\""), Precondition::Any);
        assert_eq!(of("MA=="), Precondition::Etag("MA==".to_owned()));
        assert_eq!(of("\"MA==\""), Precondition::Etag("MA==".to_owned()));
        assert_eq!(of("W/\"MA==\""), Precondition::Etag("MA==".to_owned()));
    }

    #[test]
    fn a_document_is_no_list_of_its_members() {
        #[derive(Debug, serde::Deserialize)]
        struct Document {
            _id: Option<String>,
        }

        assert!(parse_document::<Document>(br#" {"_id": "d"}"#).is_ok());
        assert!(parse_document::<Document>(br#" ["d"]"#).is_err());
    }

    #[test]
    fn a_query_is_a_set_of_pairs() {
        let query = Query::parse(Some("Top=5&reject&api-version=2021-04-12&x=a+b%20c"));

        assert_eq!(query.get("top"), Some("5"));
        assert_eq!(query.get("reject"), Some(""));
        assert_eq!(query.get("x"), Some("a+b c"));
        assert_eq!(query.get("missing"), None);
    }

    #[test]
    fn the_host_loses_its_port_and_brackets() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(value));
            host_of(&headers).map(str::to_owned)
        };

        assert_eq!(of("localhost:443").as_deref(), Some("localhost"));
        assert_eq!(of("localhost").as_deref(), Some("localhost"));
        assert_eq!(of("[::1]:443").as_deref(), Some("::1"));
    }
}
