//! Calls of the hub's API with the credential of a visit.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use twinhub_core::access::Peer;
use twinhub_core::time::Clock;
use twinhub_sas::{SasToken, SigningKey};

use crate::api::{Api, Spelling};
use crate::sessions::Credential;

/// How long the token of one call counts, in seconds.
const CALL_SECONDS: u64 = 300;
/// How long the token of a stream counts, in seconds: as long as a session.
const STREAM_SECONDS: u64 = 8 * 3600;
/// The largest answer that a page is made of: a page of a hundred twins, each
/// as large as twins can be.
const MAX_ANSWER: usize = 64 * 1024 * 1024;
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
    method: Method,
    plane: Plane,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    spelling: Spelling,
    body: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plane {
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

/// What the API answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value, ApiError> {
        self.read()
    }

    /// The body as a document.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(ApiError::Unexpected)
    }

    /// The same, if the API did what it was asked to.
    pub fn accepted(self) -> Result<Self, ApiError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let named = self.header("iothub-errorcode");
        Err(refused(self.status, named, &self.body))
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The API refused it. The message is a sentence that says what to do.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The hub's name for the error, such as `DeviceNotFound`.
        code: String,
        /// What the hub says.
        message: String,
    },
    /// The session is no operator's.
    #[error("only operators may do this: sign in with the link that `twinhub portal-link` prints")]
    NotOperator,
    /// No policy has what the operator's call needs.
    #[error("the hub has no shared access policy; create one on the page of policies")]
    NoPolicy,
    /// The answer is too large for a page.
    #[error("the answer is larger than a page can show; ask for less at once")]
    TooLarge,
    /// The answer is not what was expected: a defect.
    #[error("the hub's answer could not be read")]
    Unexpected(#[source] serde_json::Error),
}

impl ApiError {
    /// What the API would refuse was not even asked.
    fn unasked(status: StatusCode, sentence: &str) -> Self {
        ApiError::Refused {
            status,
            code: String::new(),
            message: sentence.to_owned(),
        }
    }

    /// The status of a page about it.
    pub fn status(&self) -> StatusCode {
        match self {
            ApiError::Refused { status, .. } => *status,
            ApiError::NotOperator | ApiError::NoPolicy => StatusCode::FORBIDDEN,
            ApiError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::Unexpected(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// The hub's name for the error, if it gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            ApiError::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// What all visits' calls have in common.
#[derive(Clone)]
pub struct Hub {
    /// The API.
    pub api: Arc<dyn Api>,
    /// The hub's name as a resource.
    pub name: String,
    /// The time, for tokens' expiry.
    pub clock: Arc<dyn Clock>,
}

/// The API, as one visitor may use it.
#[derive(Clone)]
pub struct Client {
    hub: Hub,
    credential: Credential,
    host: String,
    peer: Peer,
}

impl Client {
    /// Calls with a credential, to the hub of a host name, on behalf of a peer.
    pub fn new(hub: Hub, credential: Credential, host: String, peer: Peer) -> Self {
        Client {
            hub,
            credential,
            host,
            peer,
        }
    }

    /// Does a call.
    pub async fn call(&self, call: Call) -> Result<Reply, ApiError> {
        self.answer(call).await?.accepted()
    }

    /// Does a call whose refusal tells more than one sentence: the page reads it.
    pub async fn answer(&self, call: Call) -> Result<Reply, ApiError> {
        let token = self.authorization(call.plane, CALL_SECONDS).await?;
        read(self.send(call, &token).await?).await
    }

    /// Does a call whose answer goes on for long, and hands the answer over.
    pub async fn stream(&self, call: Call) -> Result<Response<Body>, ApiError> {
        let token = self.authorization(call.plane, STREAM_SECONDS).await?;
        let response = self.send(call, &token).await?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(reply(response).await.err().unwrap_or(ApiError::TooLarge)),
        }
    }

    async fn send(&self, call: Call, authorization: &str) -> Result<Response<Body>, ApiError> {
        let request = self.request(call, authorization)?;
        Ok(self.hub.api.call(request, &self.peer).await)
    }

    fn request(&self, call: Call, authorization: &str) -> Result<Request<Bytes>, ApiError> {
        if call.path.contains("//") || call.path.ends_with('/') {
            return Err(ApiError::unasked(
                StatusCode::NOT_FOUND,
                "the address does not say which one is meant: go back and choose it from the list",
            ));
        }
        let mut target = match call.plane {
            Plane::Data | Plane::Operator => call.path,
            Plane::Resource => format!("{}{}", self.resource(), call.path),
        };
        let version = match call.plane {
            Plane::Data | Plane::Operator => "2021-04-12",
            Plane::Resource => "2023-06-30",
        };
        target.push_str("?api-version=");
        target.push_str(version);
        for (name, value) in &call.query {
            target.push_str(&format!("&{}={}", encoded(name), encoded(value)));
        }
        let mut request = Request::new(call.body);
        *request.method_mut() = call.method;
        // Every segment is encoded: nothing but the length can be wrong.
        *request.uri_mut() = target.parse().map_err(|_| {
            ApiError::unasked(
                StatusCode::URI_TOO_LONG,
                "a name or condition is longer than the hub takes: shorten it",
            )
        })?;
        *request.headers_mut() = call.headers;
        if !call.spelling.0.is_empty() {
            request.extensions_mut().insert(call.spelling);
        }
        let mut add = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                request.headers_mut().insert(name, value);
            }
        };
        add(header::HOST, &self.host);
        add(header::AUTHORIZATION, authorization);
        Ok(request)
    }

    /// Subscription and group are accepted as sent.
    fn resource(&self) -> String {
        format!(
            "/subscriptions/twinhub/resourceGroups/twinhub/providers/Microsoft.Devices/IotHubs/{}",
            encoded(&self.hub.name)
        )
    }

    async fn authorization(&self, plane: Plane, seconds: u64) -> Result<String, ApiError> {
        match (plane, &self.credential) {
            (Plane::Data, Credential::Policy { name, key }) => {
                Ok(self.signature(name, key.expose(), seconds))
            }
            (Plane::Data, Credential::Operator { .. }) => {
                let (name, key) = self.mightiest_policy().await?;
                Ok(self.signature(&name, &key, seconds))
            }
            (Plane::Resource | Plane::Operator, Credential::Operator { token }) => {
                Ok(format!("Bearer {}", token.expose()))
            }
            (Plane::Resource | Plane::Operator, Credential::Policy { .. }) => {
                Err(ApiError::NotOperator)
            }
        }
    }

    /// The policy with the most rights. Operators may list the keys of all, and
    /// use them as command-line tools do.
    async fn mightiest_policy(&self) -> Result<(String, String), ApiError> {
        let call = Call::resource(Method::POST, ["listkeys"]);
        let Credential::Operator { token } = &self.credential else {
            return Err(ApiError::NotOperator);
        };
        let authorization = format!("Bearer {}", token.expose());
        let policies = reply(self.send(call, &authorization).await?)
            .await?
            .json()?;
        let text = |policy: &Value, member: &str| policy[member].as_str().map(str::to_owned);
        policies["value"]
            .as_array()
            .into_iter()
            .flatten()
            .max_by_key(|policy| {
                policy["rights"]
                    .as_str()
                    .map_or(0, |rights| rights.split(',').count())
            })
            .and_then(|policy| Some((text(policy, "keyName")?, text(policy, "primaryKey")?)))
            .ok_or(ApiError::NoPolicy)
    }

    fn signature(&self, policy: &str, key: &str, seconds: u64) -> String {
        let expiry = self.hub.clock.now().unix_seconds().unsigned_abs() + seconds;
        match SigningKey::from_base64(key) {
            Ok(key) => SasToken::sign(&self.host, &key, Some(policy), expiry),
            // What is no key opens nothing: the API says so.
            Err(_) => String::new(),
        }
    }
}

async fn reply(response: Response<Body>) -> Result<Reply, ApiError> {
    read(response).await?.accepted()
}

async fn read(response: Response<Body>) -> Result<Reply, ApiError> {
    let (head, body) = response.into_parts();
    let body = match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(ApiError::TooLarge),
        Err(_) => Bytes::new(),
    };
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body,
    })
}

/// What the API says of a refusal, which stands in one of three envelopes.
fn refused(status: StatusCode, named: Option<&str>, body: &[u8]) -> ApiError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let (code, message) = said(&body);
    let unnamed = || format!("the hub answered with status {status}");
    ApiError::Refused {
        status,
        code: named.map(str::to_owned).or(code).unwrap_or_default(),
        message: message
            .filter(|text| !text.is_empty())
            .unwrap_or_else(unnamed),
    }
}

fn said(body: &Value) -> (Option<String>, Option<String>) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(message) = body["Message"].as_str() {
        // Methods say theirs as JSON within JSON.
        if let Ok(inner @ Value::Object(_)) = serde_json::from_str(message) {
            return (None, text(&inner["message"]));
        }
        let named = message.strip_prefix("ErrorCode:");
        return match named.and_then(|rest| rest.split_once(';')) {
            Some((code, sentence)) => (Some(code.to_owned()), Some(sentence.to_owned())),
            None => (None, Some(message.to_owned())),
        };
    }
    if let Some(item) = body.pointer("/errors/0") {
        return (text(&item["errorCode"]), text(&item["errorStatus"]));
    }
    (text(&body["code"]), text(&body["message"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn every_envelope_of_a_refusal_is_understood() {
        let method = json!({"message": "no answer in time", "errorCode": 404_103}).to_string();
        for (body, code, message) in [
            (
                json!({"Message": "ErrorCode:DeviceNotFound;no such device"}),
                "DeviceNotFound",
                "no such device",
            ),
            (json!({"Message": method}), "", "no answer in time"),
            (
                json!({"code": "ResourceNotFound", "message": "no such hub"}),
                "ResourceNotFound",
                "no such hub",
            ),
            (
                json!({"errors": [{"errorCode": "DeviceAlreadyExists", "errorStatus": "it is there"}]}),
                "DeviceAlreadyExists",
                "it is there",
            ),
            (
                json!("what?"),
                "",
                "the hub answered with status 404 Not Found",
            ),
        ] {
            let refused = refused(StatusCode::NOT_FOUND, None, body.to_string().as_bytes());

            assert_eq!(refused.code(), Some(code), "{body}");
            assert_eq!(refused.to_string(), message, "{body}");
        }
    }
}
