//! A connection with a link to the address. It is not mended: who finds it
//! broken opens another.

use std::sync::Arc;
use std::time::Duration;

use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::link::SendError;
use fe2o3_amqp::link::delivery::DeliveryFut;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::types::messaging::{Data, Message, Outcome};
use fe2o3_amqp::{Sender, Session};
use fe2o3_amqp_cbs::client::CbsClient;
use fe2o3_amqp_cbs::token::CbsToken;
use fe2o3_amqp_management::error::Error as ManagementError;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use twinhub_core::ports::{DeliveryFailure, FailureReason};
use twinhub_core::time::Timestamp;
use twinhub_sas::SasToken;

use super::broker::{Broker, Login};
use super::line::{Hold, Line};
use super::refusal;
use crate::limits::CONNECT;
use crate::trust::Trust;

/// How long a token of our own is good for, and how long before its end the
/// connection is left.
const TOKEN_FOR: Duration = Duration::from_secs(3600);
const TOKEN_SPARE: Duration = Duration::from_secs(600);
/// The largest frame that is taken.
const MAX_FRAME: u32 = 64 * 1024;
/// The other side hears of us at least so often.
const IDLE: Duration = Duration::from_secs(120);

/// The outcome of a message, once there is one.
pub(super) type Pending = DeliveryFut<Result<Outcome, SendError>>;

/// A connection, its session and its link.
pub(super) struct Connection {
    sender: Sender,
    leave_at: Option<Timestamp>,
    // Dropping these ends them.
    _token: Option<CbsClient>,
    _session: SessionHandle<()>,
    _connection: ConnectionHandle<()>,
    // Last, so that there is time for a farewell.
    _hold: Hold,
}

impl Connection {
    /// Connects, logs in and attaches.
    pub(super) async fn open(
        broker: &Broker,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<Self, DeliveryFailure> {
        let stream = TcpStream::connect((broker.host.as_str(), broker.port));
        let stream = match tokio::time::timeout(CONNECT, stream).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(_)) | Err(_) => {
                return Err(DeliveryFailure::new(
                    FailureReason::Unreachable,
                    "the AMQP broker could not be reached",
                ));
            }
        };
        stream
            .set_nodelay(true)
            .map_err(|_| refusal::broken_off())?;
        if broker.has_tls {
            Self::over(with_tls(broker, trust, stream).await?, broker, now).await
        } else {
            Self::over(stream, broker, now).await
        }
    }

    async fn over<S>(stream: S, broker: &Broker, now: Timestamp) -> Result<Self, DeliveryFailure>
    where
        S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin + 'static,
    {
        let profile = match &broker.login {
            Login::User { name, password } => SaslProfile::Plain {
                username: name.clone(),
                password: password.clone(),
            },
            Login::Nobody | Login::Key { .. } | Login::Token(_) => SaslProfile::Anonymous,
        };
        let (line, hold) = Line::of(stream);
        let idle = u32::try_from(IDLE.as_millis()).unwrap_or(u32::MAX);
        let connection = fe2o3_amqp::Connection::builder()
            .container_id("twinhub")
            .hostname(broker.host.as_str())
            .max_frame_size(MAX_FRAME)
            .idle_time_out(idle)
            .sasl_profile(profile)
            .open_with_stream(line);
        let mut connection = connection.await.map_err(|e| refusal::not_opened(&e))?;
        let session = Session::begin(&mut connection).await;
        let mut session = session.map_err(|error| refusal::no_session(&error))?;
        let (token, leave_at) = log_in(broker, &mut session, now).await?;
        let name = format!("twinhub-{}", now.ticks());
        let sender = Sender::attach(&mut session, name, broker.address.as_str()).await;
        Ok(Connection {
            sender: sender.map_err(|error| refusal::not_attached(&error))?,
            leave_at,
            _token: token,
            _session: session,
            _connection: connection,
            _hold: hold,
        })
    }

    /// Whether nothing speaks against sending at this moment.
    pub(super) fn is_good_at(&self, now: Timestamp) -> bool {
        self.leave_at.is_none_or(|moment| now < moment)
    }

    /// Sends a message.
    pub(super) async fn send(
        &mut self,
        message: Message<Data>,
    ) -> Result<Pending, DeliveryFailure> {
        let sent = self.sender.send_batchable(message).await;
        sent.map_err(|error| refusal::not_sent(&error))
    }
}

/// Waits until a message is accepted.
pub(super) async fn accepted(pending: Pending) -> Result<(), DeliveryFailure> {
    let outcome = pending.await.map_err(|error| refusal::not_sent(&error))?;
    refusal::of_outcome(outcome)
}

async fn with_tls(
    broker: &Broker,
    trust: &Trust,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, DeliveryFailure> {
    let refused = |detail: &str| DeliveryFailure::new(FailureReason::Unreachable, detail);
    let name = ServerName::try_from(broker.host.clone())
        .map_err(|_| refused("the AMQP broker's name can't be used"))?;
    let connected = TlsConnector::from(Arc::new(trust.config()?)).connect(name, stream);
    connected.await.map_err(|_| {
        refused("TLS with the AMQP broker failed: is its certificate one that this machine trusts?")
    })
}

/// Shows a token, if that is how one logs in; tells when the connection is to
/// be left. The client is kept: some brokers forget what it said when it goes.
async fn log_in(
    broker: &Broker,
    session: &mut SessionHandle<()>,
    now: Timestamp,
) -> Result<(Option<CbsClient>, Option<Timestamp>), DeliveryFailure> {
    let resource = format!("sb://{}/{}", broker.host, broker.address);
    let (token, leave_at) = match &broker.login {
        Login::Nobody | Login::User { .. } => return Ok((None, None)),
        Login::Key { name, key } => {
            let expiry = now.plus(TOKEN_FOR);
            let seconds = u64::try_from(expiry.unix_seconds()).unwrap_or(0);
            let token = SasToken::sign(&resource, key, Some(name), seconds);
            (token, Some(now.plus(TOKEN_FOR - TOKEN_SPARE)))
        }
        Login::Token(token) => (token.clone(), None),
    };
    let mut client = CbsClient::attach(session)
        .await
        .map_err(|error| refusal::no_tokens(&error))?;
    let token = CbsToken::new(token, "servicebus.windows.net:sastoken", None);
    match client.put_token(resource, token).await {
        Ok(()) => {}
        // Service Bus answers 202, which alone counts for the client.
        Err(ManagementError::Status(told)) if told.code.0.get() == 200 => {}
        Err(error) => return Err(refusal::token_refused(&error)),
    }
    Ok((Some(client), leave_at))
}
