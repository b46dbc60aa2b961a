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

/// How long a container may take, and how long it is asked again.
///
/// A container that is not reached, or gives no answer, is asked again with
/// growing breaks until [`again_for`](TimeLimits::again_for) has passed since
/// the first time. So is one that says that it is overloaded or has failed.
/// Where somebody waits for a first look at a container, or repeats himself
/// what fails, that is repeated [`briefly`](TimeLimits::briefly).
#[derive(Debug, Clone, Copy)]
pub struct TimeLimits {
    /// Until there is a connection.
    pub connect: Duration,
    /// Until an answer begins, and between any two parts of it.
    pub answer: Duration,
    /// To take a block of some megabytes, and answer.
    pub block: Duration,
    /// How long what has failed is repeated.
    pub again_for: Duration,
    /// How long that is where somebody waits.
    pub briefly: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        TimeLimits {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(15),
            block: Duration::from_secs(60),
            again_for: Duration::from_secs(90),
            briefly: Duration::from_secs(3),
        }
    }
}

/// Connects to where an address leads, and not on from there: a back end
/// chooses addresses, and must not get the hub to ask for others, with or
/// without encryption, by way of an answer.
#[derive(Debug)]
pub(crate) struct NoDetours {
    /// Whether the address is one without encryption.
    pub in_the_clear: bool,
    /// Whom it trusts.
    pub authorities: Authorities,
    /// How long it waits.
    pub limits: TimeLimits,
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

impl NoDetours {
    /// Both clients, which share nothing but their rules.
    pub(crate) fn client(&self) -> reqwest::Result<Connected> {
        let limits = self.limits;
        let client = || {
            reqwest::Client::builder()
                .redirect(Policy::none())
                .https_only(!self.in_the_clear)
                .tls_certs_merge(self.authorities.0.iter().cloned())
                .http1_only()
                .connect_timeout(limits.connect)
        };
        Ok(Connected(HttpClient::new(TwoClients {
            asking: client().read_timeout(limits.answer).build()?,
            sending: client().timeout(limits.block).build()?,
        })))
    }
}

/// What stores of one address connect with.
#[derive(Debug, Clone)]
pub(crate) struct Connected(HttpClient);

impl HttpConnector for Connected {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

/// An extension of requests: their blob is to be a new one.
///
/// The store asks for no condition when it makes a blob of blocks. The client
/// does, which it can because signatures of addresses cover no headers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnlyNew;

#[derive(Debug)]
struct TwoClients {
    /// For what is asked: a long answer may take its time, silence may not.
    asking: reqwest::Client,
    /// For what is sent: nothing is heard while a block is under way.
    sending: reqwest::Client,
}

#[async_trait]
impl HttpService for TwoClients {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let makes_the_blob = || {
            let query = request.uri().query().unwrap_or_default();
            query.split('&').any(|part| part == "comp=blocklist")
        };
        if request.extensions().get::<OnlyNew>().is_some() && makes_the_blob() {
            let any = HeaderValue::from_static("*");
            request.headers_mut().insert(IF_NONE_MATCH, any);
        }
        // The library has it the wrong way round whether a payload is empty.
        let client = if request.body().content_length() == 0 {
            &self.asking
        } else {
            &self.sending
        };
        HttpService::call(client, request).await
    }
}
