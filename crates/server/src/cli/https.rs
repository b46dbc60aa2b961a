//! One HTTPS request after the other, each on its own connection.
//!
//! hyper's client connection is used directly: commands send one or two
//! requests, so a pool, redirects and cookies would be weight without use.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Request, Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{net::TcpStream, task::JoinHandle};
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
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        self.send_patiently(request, Duration::ZERO).await
    }

    /// As [`send`](Self::send), with the headers of the answer.
    pub async fn ask(&self, request: Request<Full<Bytes>>) -> Result<(HeaderMap, Bytes), Failure> {
        self.exchange(request, Duration::ZERO).await
    }

    /// As [`send`](Self::send); the hub may take so much longer to answer.
    pub async fn send_patiently(
        &self,
        request: Request<Full<Bytes>>,
        patience: Duration,
    ) -> Result<Bytes, Failure> {
        let (_, body) = self.exchange(request, patience).await?;
        Ok(body)
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        patience: Duration,
    ) -> Result<(HeaderMap, Bytes), Failure> {
        let request = self.addressed(request)?;
        let stream = self.connect_to(self.endpoint.port).await?;
        within(
            ANSWER_WITHIN.saturating_add(patience),
            exchange(stream, request),
            "gave no answer",
        )
        .await
    }

    /// Sends a request whose answer goes on for long, once it has begun.
    pub async fn open(&self, request: Request<Full<Bytes>>) -> Result<OpenAnswer, Failure> {
        let request = self.addressed(request)?;
        let stream = self.connect_to(self.endpoint.port).await?;
        within(ANSWER_WITHIN, begin(stream, request), "gave no answer").await
    }

    fn addressed(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let host = header::HeaderValue::try_from(self.endpoint.to_string())
            .map_err(|_| Failure::Usage(format!("{} is no host name", self.endpoint)))?;
        request.headers_mut().insert(header::HOST, host);
        Ok(request)
    }

    /// A connection to a port of the hub, whatever is spoken there.
    pub async fn connect_to(&self, port: u16) -> Result<TlsStream<TcpStream>, Failure> {
        let endpoint = Endpoint {
            port,
            address: self
                .endpoint
                .address
                .map(|address| SocketAddr::new(address.ip(), port)),
            hostname: self.endpoint.hostname.clone(),
        };
        let connecting = self.connect(&endpoint);
        within(CONNECT_WITHIN, connecting, "took no connection").await
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<TlsStream<TcpStream>, Failure> {
        let Endpoint {
            hostname,
            port,
            address,
        } = endpoint;
        let tcp = match address {
            Some(address) => TcpStream::connect(address).await,
            None => TcpStream::connect((hostname.as_str(), *port)).await,
        };
        let tcp = tcp.map_err(|error| unreachable(endpoint, &error))?;
        let name = ServerName::try_from(hostname.clone())
            .map_err(|_| Failure::Usage(format!("{hostname:?} is no host name")))?;
        self.tls
            .connect(name, tcp)
            .await
            .map_err(|error| self.untrusted(&error))
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

fn unreachable(endpoint: &Endpoint, error: &std::io::Error) -> Failure {
    let place = endpoint
        .address
        .map_or_else(|| endpoint.to_string(), |address| address.to_string());
    Failure::NoHub(format!(
        "no hub answers on {place} ({error}): start one with `twinhub serve`"
    ))
}

/// A successful answer whose body is still to come. Dropping it closes the
/// connection.
pub struct OpenAnswer {
    body: Incoming,
    driver: JoinHandle<hyper::Result<()>>,
    _sender: SendRequest<Full<Bytes>>,
}

impl OpenAnswer {
    /// The next part of the body; `None` at its end, and when it breaks off.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                return Some(data);
            }
        }
    }
}

impl Drop for OpenAnswer {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn begin(
    stream: TlsStream<TcpStream>,
    request: Request<Full<Bytes>>,
) -> Result<OpenAnswer, Failure> {
    let (mut sender, connection) = http1::Builder::new()
        .preserve_header_case(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    if response.status().is_success() {
        return Ok(OpenAnswer {
            body: response.into_body(),
            driver,
            _sender: sender,
        });
    }
    let refused = whole(response).await;
    driver.abort();
    Err(refused
        .err()
        .unwrap_or_else(|| Failure::NoHub("the hub answered with what is no refusal".to_owned())))
}

async fn exchange(
    stream: TlsStream<TcpStream>,
    request: Request<Full<Bytes>>,
) -> Result<(HeaderMap, Bytes), Failure> {
    let (mut sender, connection) = http1::Builder::new()
        .preserve_header_case(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    let answer = whole(response).await;
    driver.abort();
    answer
}

/// A successful answer, or the refusal that the answer is.
async fn whole(response: Response<Incoming>) -> Result<(HeaderMap, Bytes), Failure> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER)
        .collect()
        .await
        .map_err(|error| Failure::NoHub(format!("the hub's answer broke off: {error}")))?
        .to_bytes();
    if head.status.is_success() {
        return Ok((head.headers, body));
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
