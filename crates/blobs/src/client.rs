//! The HTTP client to Azure's containers.

use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector};
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
        Ok(HttpClient::new(client))
    }
}
