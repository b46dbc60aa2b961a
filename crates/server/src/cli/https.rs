//! One HTTPS request after the other, each on its own connection.
//!
//! hyper's client connection is used directly: commands send one or two
//! requests, so a pool, redirects and cookies would be weight without use.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{failure::Failure, refusal::Refusal};
use crate::{certificates::provider, trust::HubVerifier};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// The longest answer is a list of a thousand devices with their parts.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Where a hub is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The name that its certificate must bear.
    pub hostname: String,
    /// The HTTPS port.
    pub port: u16,
    /// The address to connect to, when it isn't the name's.
    pub address: Option<SocketAddr>,
}

impl Endpoint {
    /// The `HostName` of a connection string, which may carry a port.
    pub fn of_hostname(text: &str) -> Result<Self, Failure> {
        let (hostname, port) = match text.rsplit_once(':') {
            Some((hostname, port)) if !hostname.contains(':') || hostname.ends_with(']') => {
                let port = port.parse().map_err(|_| {
                    Failure::Usage(format!("{text:?} has no port number after its colon"))
                })?;
                (hostname, port)
            }
            _ => (text, 443),
        };
        Ok(Self {
            hostname: hostname.trim_matches(['[', ']']).to_owned(),
            port,
            address: None,
        })
    }
}

/// The name with its port, unless that is the usual one.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hostname = if self.hostname.contains(':') {
            format!("[{}]", self.hostname)
        } else {
            self.hostname.clone()
        };
        match self.port {
            443 => f.write_str(&hostname),
            port => write!(f, "{hostname}:{port}"),
        }
    }
}

/// A client of one hub.
pub struct HttpsClient {
    endpoint: Endpoint,
    tls: TlsConnector,
}

impl HttpsClient {
    /// A client that trusts `roots`, and `own` if that is what the hub shows.
    pub fn new(
        endpoint: Endpoint,
        roots: RootCertStore,
        own: Option<CertificateDer<'static>>,
    ) -> anyhow::Result<Self> {
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(HubVerifier::new(roots, own)?)
            .with_no_client_auth();
        Ok(Self {
            endpoint,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Where the hub is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends a request and returns the body of a successful answer.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        let host = header::HeaderValue::try_from(self.endpoint.to_string())
            .map_err(|_| Failure::Usage(format!("{} is no host name", self.endpoint)))?;
        request.headers_mut().insert(header::HOST, host);
        let stream = within(CONNECT_WITHIN, self.connect(), "took no connection").await?;
        within(ANSWER_WITHIN, exchange(stream, request), "gave no answer").await
    }

    async fn connect(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let Endpoint {
            hostname,
            port,
            address,
        } = &self.endpoint;
        let tcp = match address {
            Some(address) => TcpStream::connect(address).await,
            None => TcpStream::connect((hostname.as_str(), *port)).await,
        };
        let tcp = tcp.map_err(|error| self.unreachable(&error))?;
        let name = ServerName::try_from(hostname.clone())
            .map_err(|_| Failure::Usage(format!("{hostname:?} is no host name")))?;
        self.tls
            .connect(name, tcp)
            .await
            .map_err(|error| self.untrusted(&error))
    }

    fn unreachable(&self, error: &std::io::Error) -> Failure {
        let endpoint = &self.endpoint;
        let place = endpoint
            .address
            .map_or_else(|| endpoint.to_string(), |address| address.to_string());
        Failure::NoHub(format!(
            "no hub answers on {place} ({error}): start one with `twinhub serve`"
        ))
    }

    fn untrusted(&self, error: &std::io::Error) -> Failure {
        let endpoint = &self.endpoint;
        let source = error
            .get_ref()
            .and_then(|source| source.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(reason)) = source {
            let reason = match reason.to_string() {
                told if told.contains("CaUsedAsEndEntity") => {
                    "it is marked as an authority, CA:TRUE, and not as a server's".to_owned()
                }
                told => told,
            };
            return Failure::NoHub(format!(
                "the certificate of {endpoint} is not trusted ({reason}): set TWINHUB_CA_FILE to the hub's CA file, or name the hub's --data-dir"
            ));
        }
        Failure::NoHub(format!(
            "{endpoint} does not speak TLS as a hub does ({error}): check host name and port"
        ))
    }
}

async fn exchange(
    stream: TlsStream<TcpStream>,
    request: Request<Full<Bytes>>,
) -> Result<Bytes, Failure> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER)
        .collect()
        .await
        .map_err(|error| Failure::NoHub(format!("the hub's answer broke off: {error}")))?
        .to_bytes();
    driver.abort();
    if head.status.is_success() {
        return Ok(body);
    }
    let named = head
        .headers
        .get("iothub-errorcode")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    Err(Refusal::read(head.status.as_u16(), named, &body).into())
}

fn broken(error: hyper::Error) -> Failure {
    Failure::NoHub(format!("the connection to the hub broke: {error}"))
}

async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, Failure>>,
    what: &str,
) -> Result<T, Failure> {
    tokio::time::timeout(limit, step).await.unwrap_or_else(|_| {
        Err(Failure::NoHub(format!(
            "the hub {what} within {} s: see whether it is overloaded or a firewall is between",
            limit.as_secs()
        )))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_may_carry_a_port() {
        for (text, hostname, port, shown) in [
            ("localhost", "localhost", 443, "localhost"),
            ("localhost:8443", "localhost", 8443, "localhost:8443"),
            ("::1", "::1", 443, "[::1]"),
            ("[::1]:8443", "::1", 8443, "[::1]:8443"),
        ] {
            let endpoint = Endpoint::of_hostname(text).unwrap();

            assert_eq!(
                (endpoint.hostname.as_str(), endpoint.port),
                (hostname, port)
            );
            assert_eq!(endpoint.to_string(), shown);
        }
        assert!(Endpoint::of_hostname("localhost:https").is_err());
    }
}
