//! The data plane of a hub, as a client with a policy's key.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use twinhub_http::header_case::learn_also;
use twinhub_sas::{Credential, SasToken, SigningKey};

use super::{
    failure::Failure,
    https::{HttpsClient, OpenAnswer},
};
use crate::clock;

const API_VERSION: &str = "2021-04-12";
const PAGE_SIZE: HeaderName = HeaderName::from_static("x-ms-max-item-count");
const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
const ITEM_TYPE: HeaderName = HeaderName::from_static("x-ms-item-type");
/// Our own hub tells the columns in their order to who sends it.
const COLUMNS: HeaderName = HeaderName::from_static("x-twinhub-columns");
const TOKEN_LIFE: Duration = Duration::from_secs(600);
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A hub and the right to use it.
pub struct Hub {
    client: HttpsClient,
    policy: Option<String>,
    credential: Credential,
}

/// A page of the answer to a query.
pub struct QueryPage {
    /// The rows.
    pub rows: Vec<Value>,
    /// Whether they are twins rather than columns.
    pub whole_twins: bool,
    /// The columns as the query has them, if the hub tells.
    pub columns: Option<Vec<String>>,
    /// What brings the next page.
    pub continuation: Option<String>,
}

/// A request to the data plane.
pub struct Call<'a> {
    /// The verb.
    pub method: Method,
    /// The segments of the path, plain.
    pub path: &'a [&'a str],
    /// More of the query, such as `top=10`.
    pub query: Option<String>,
    /// What is compared, bare; `*` for anything.
    pub if_match: Option<&'a str>,
    /// The document to send.
    pub body: Option<&'a Value>,
    /// How long the hub may take beyond what every request may.
    pub patience: Duration,
}

impl<'a> Call<'a> {
    /// A call without query, precondition and body.
    pub fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self {
            method,
            path,
            query: None,
            if_match: None,
            body: None,
            patience: Duration::ZERO,
        }
    }
}

impl Hub {
    /// A hub that lets `credential` in, under `policy`'s name if it is a key.
    pub fn new(client: HttpsClient, policy: Option<String>, credential: Credential) -> Self {
        Self {
            client,
            policy,
            credential,
        }
    }

    /// Reads a document.
    pub async fn get(&self, path: &[&str]) -> Result<Value, Failure> {
        self.send(Call::new(Method::GET, path)).await
    }

    /// Sends a call and returns the document of the answer, null when empty.
    pub async fn send(&self, call: Call<'_>) -> Result<Value, Failure> {
        let patience = call.patience;
        let request = self.request(call)?;
        let body = self.client.send_patiently(request, patience).await?;
        document(&body)
    }

    /// A page of the answer to a query: at most `size` rows, those after the
    /// page that `continuation` came with.
    pub async fn query(
        &self,
        text: &str,
        size: usize,
        continuation: Option<&str>,
    ) -> Result<QueryPage, Failure> {
        let question = json!({ "query": text });
        let call = Call {
            body: Some(&question),
            ..Call::new(Method::POST, &["devices", "query"])
        };
        let mut request = self.request(call)?;
        let headers = request.headers_mut();
        headers.insert(PAGE_SIZE, HeaderValue::from(size));
        headers.insert(COLUMNS, HeaderValue::from_static("true"));
        if let Some(token) = continuation {
            let token = HeaderValue::try_from(token).map_err(|_| {
                Failure::Other(anyhow::anyhow!("the hub's continuation token is none"))
            })?;
            headers.insert(CONTINUATION, token);
        }
        let (headers, body) = self.client.ask(request).await?;
        let text_of = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Value::Array(rows) = document(&body)? else {
            return Err(Failure::Other(anyhow::anyhow!(
                "the answer is no list of rows: is this a hub?"
            )));
        };
        Ok(QueryPage {
            rows,
            whole_twins: text_of(ITEM_TYPE) == Some("Twin"),
            columns: text_of(COLUMNS).and_then(|names| serde_json::from_str(names).ok()),
            continuation: text_of(CONTINUATION).map(str::to_owned),
        })
    }

    /// Sends a message: properties as headers, and a body of bytes.
    pub async fn post_message(
        &self,
        path: &[&str],
        properties: &[(String, String)],
        body: Bytes,
    ) -> Result<(), Failure> {
        let uri = format!("{}?api-version={API_VERSION}", path_of(path));
        let mut request = Request::post(uri).header(header::AUTHORIZATION, self.authorization()?);
        for (name, value) in properties {
            request = request.header(name, value.as_bytes());
        }
        let mut request = request.body(Full::from(body)).map_err(unsendable)?;
        // Names of properties have a case, though those of headers don't.
        let names: Vec<&str> = properties.iter().map(|(name, _)| name.as_str()).collect();
        *request.extensions_mut() = learn_also(&names).await;
        self.client.send(request).await.map(drop)
    }

    /// Opens an answer that goes on for long; `resume` is the ID of the last
    /// event that was seen.
    pub async fn follow(
        &self,
        path: &[&str],
        query: &str,
        resume: Option<&str>,
    ) -> Result<OpenAnswer, Failure> {
        let uri = format!("{}?{query}", path_of(path));
        let mut request = Request::get(uri).header(header::AUTHORIZATION, self.authorization()?);
        if let Some(id) = resume {
            request = request.header("Last-Event-ID", id);
        }
        let request = request.body(Full::default()).map_err(unsendable)?;
        self.client.open(request).await
    }

    /// The connections of this client, also for other protocols.
    pub fn client(&self) -> &HttpsClient {
        &self.client
    }

    fn request(&self, call: Call<'_>) -> Result<Request<Full<Bytes>>, Failure> {
        let mut uri = path_of(call.path);
        uri.push_str("?api-version=");
        uri.push_str(API_VERSION);
        if let Some(query) = call.query {
            uri.push('&');
            uri.push_str(&query);
        }
        let mut request = Request::builder()
            .method(call.method)
            .uri(uri)
            .header(header::AUTHORIZATION, self.authorization()?);
        if let Some(etag) = call.if_match {
            request = request.header(header::IF_MATCH, format!("\"{etag}\""));
        }
        with_document(request, call.body)
    }

    fn authorization(&self) -> Result<String, Failure> {
        match &self.credential {
            Credential::SharedAccessKey(key) => Ok(sign(
                &self.client.endpoint().hostname,
                key,
                self.policy.as_deref(),
                TOKEN_LIFE,
            )?),
            Credential::SharedAccessSignature(token) => Ok(token.clone()),
            Credential::X509 => Err(Failure::Usage(
                "a hub's policies sign in with a key: use a connection string with SharedAccessKey"
                    .into(),
            )),
        }
    }
}

/// A token for `resource` that is good for `life` from now.
pub fn sign(
    resource: &str,
    key: &str,
    policy: Option<&str>,
    life: Duration,
) -> Result<String, Failure> {
    let key = SigningKey::from_base64(key)
        .map_err(|error| Failure::Usage(format!("the key can't sign: {error}")))?;
    let expiry = clock::now()
        .duration_since(UNIX_EPOCH)
        .map_err(anyhow::Error::from)?
        .saturating_add(life);
    Ok(SasToken::sign(resource, &key, policy, expiry.as_secs()))
}

/// `["devices", "a b"]` is `/devices/a%20b`.
pub fn path_of(segments: &[&str]) -> String {
    segments
        .iter()
        .map(|segment| format!("/{}", utf8_percent_encode(segment, UNRESERVED)))
        .collect()
}

/// Completes a request with a JSON body, or with none.
pub fn with_document(
    request: hyper::http::request::Builder,
    body: Option<&Value>,
) -> Result<Request<Full<Bytes>>, Failure> {
    let request = match body {
        Some(value) => request
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Full::from(value.to_string())),
        None => request.body(Full::default()),
    };
    request.map_err(unsendable)
}

fn unsendable(error: hyper::http::Error) -> Failure {
    Failure::Usage(format!("this can't be sent to a hub: {error}"))
}

/// Text as a part of a query.
pub fn query_encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The document of an answer, null when it is empty.
pub fn document(body: &[u8]) -> Result<Value, Failure> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| {
        Failure::Other(anyhow::anyhow!(
            "the answer is no JSON ({error}): is this a hub?"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded_in_paths() {
        assert_eq!(
            path_of(&["devices", "a%2F$?#=", "modules", "ü"]),
            "/devices/a%252F%24%3F%23%3D/modules/%C3%BC"
        );
    }
}
