//! The HTTP client to Azure's containers.

use std::time::Duration;

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService,
};
use reqwest::Certificate;
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
    /// Whom it trusts.
    pub authorities: Authorities,
}

/// Authorities that are trusted besides the system's.
#[derive(Debug, Clone, Default)]
pub struct Authorities(Vec<Certificate>);

/// It holds no certificate that can be read.
#[derive(Debug, thiserror::Error)]
#[error("there is no certificate in it that can be read")]
pub struct InvalidAuthorities(#[source] Option<reqwest::Error>);

impl Authorities {
    /// From certificates in PEM.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidAuthorities> {
        let certificates =
            Certificate::from_pem_bundle(pem).map_err(|error| InvalidAuthorities(Some(error)))?;
        if certificates.is_empty() {
            return Err(InvalidAuthorities(None));
        }
        Ok(Authorities(certificates))
    }
}

impl HttpConnector for NoDetours {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .https_only(!self.in_the_clear)
            .tls_certs_merge(self.authorities.0.iter().cloned())
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
