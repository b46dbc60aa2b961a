//! The HTTP client to Azure's containers.

use std::time::Duration;

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService,
};
use reqwest::header::{HeaderValue, IF_NONE_MATCH};
use reqwest::redirect::Policy;

/// A block of some megabytes has this long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to where an address leads, and not on from there: a back end
/// chooses addresses, and must not get the hub to ask for others, with or
/// without encryption, by way of an answer.
#[derive(Debug)]
pub(crate) struct NoDetours {
    /// Whether the address is one without encryption.
    pub in_the_clear: bool,
}

impl HttpConnector for NoDetours {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .https_only(!self.in_the_clear)
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build();
        let client = client.map_err(|error| object_store::Error::Generic {
            store: "Azure",
            source: error.into(),
        })?;
        Ok(HttpClient::new(ConditionalClient(client)))
    }
}

/// An extension of requests: their blob is to be a new one.
///
/// The store asks for no condition when it makes a blob of blocks. The client
/// does, which it can because signatures of addresses cover no headers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnlyNew;

#[derive(Debug)]
struct ConditionalClient(reqwest::Client);

#[async_trait]
impl HttpService for ConditionalClient {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let makes_the_blob = || {
            let query = request.uri().query().unwrap_or_default();
            query.split('&').any(|part| part == "comp=blocklist")
        };
        if request.extensions().get::<OnlyNew>().is_some() && makes_the_blob() {
            let any = HeaderValue::from_static("*");
            request.headers_mut().insert(IF_NONE_MATCH, any);
        }
        HttpService::call(&self.0, request).await
    }
}
