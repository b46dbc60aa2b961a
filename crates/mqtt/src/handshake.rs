//! From the first byte to CONNACK.
//!
//! A [`Handshake`] has no identity and can do nothing but become a
//! [`LiveSession`]. What the client sends behind its CONNECT waits until then.

mod refusal;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use twinhub_core::access::{ClientCertificate, DevicePermit, Proof};
use twinhub_core::connections::{Before, Connected};
use twinhub_core::faults::Fault;
use twinhub_core::ports::SessionNumber;
use twinhub_mqtt_codec::{ConnAck, Connect, DecodeError, Packet, put_connack};

use self::refusal::Refusal;
use crate::end::End;
use crate::gateway::Gateway;
use crate::session::{Admitted, Keeping, LiveSession};
use crate::subscriptions::Subscriptions;
use crate::username::Username;
use crate::will::Will;
use crate::wire::Wire;

/// How long a refused or ended client is given to take what is left for it.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// A connection that is still introducing itself.
pub(crate) struct Handshake<'g, S> {
    gateway: &'g Gateway,
    wire: Wire<S>,
    /// What the client showed with TLS. Given back with the handshake.
    certificate: Option<Arc<ClientCertificate>>,
    shutdown: CancellationToken,
}

impl<'g, S: AsyncRead + AsyncWrite + Unpin> Handshake<'g, S> {
    pub(crate) fn new(
        gateway: &'g Gateway,
        stream: S,
        certificate: Option<Arc<ClientCertificate>>,
        shutdown: CancellationToken,
    ) -> Self {
        Handshake {
            gateway,
            wire: Wire::new(stream),
            certificate,
            shutdown,
        }
    }

    /// Lets the client in, or refuses it and closes. `admitted` is called as
    /// soon as the client has authenticated.
    pub(crate) async fn finish(
        mut self,
        admitted: impl FnOnce(),
    ) -> Result<LiveSession<'g, S>, End> {
        let connect = match self.connect_in_time().await {
            Ok(connect) => connect,
            Err(End::Malformed(DecodeError::UnsupportedProtocolLevel(level))) => {
                return Err(self.refuse(Refusal::ProtocolLevel(level)).await);
            }
            Err(end) => return Err(end),
        };
        let before = self.gateway.services.connections.before();
        let outcome = match self.authenticate(&connect).await {
            Ok((permit, introduction)) => {
                admitted();
                self.open(permit, before, &connect, introduction).await
            }
            Err(refusal) => Err(refusal),
        };
        match outcome {
            Ok(admitted) => Ok(LiveSession::new(
                self.gateway,
                self.wire,
                admitted,
                self.shutdown,
            )),
            Err(refusal) => Err(self.refuse(refusal).await),
        }
    }

    async fn connect_in_time(&mut self) -> Result<Box<Connect>, End> {
        let settings = &self.gateway.settings;
        let (wire, max) = (&mut self.wire, settings.max_connect);
        tokio::select! {
            () = self.shutdown.cancelled() => Err(End::ShuttingDown),
            connect = tokio::time::timeout(settings.connect_deadline, first_packet(wire, max)) => {
                match connect.map_err(|_| End::NoConnect)?? {
                    Packet::Connect(connect) => Ok(connect),
                    other => Err(End::Unexpected(other.packet_type())),
                }
            }
        }
    }

    /// Who the client is, and what it brings along.
    async fn authenticate<'a>(
        &mut self,
        connect: &'a Connect,
    ) -> Result<(DevicePermit, Introduction<'a>), Refusal> {
        let introduction = Introduction::parse(connect)?;
        let username = &introduction.username;
        // Whoever sends a token means it, whatever certificate it also shows.
        let proof = match (introduction.token, &self.certificate) {
            (Some(token), _) => Proof::Token(token),
            (None, Some(certificate)) => Proof::Certificate(certificate),
            (None, None) => return Err(Refusal::NoProof),
        };
        let services = &self.gateway.services;
        let hub = services
            .hubs
            .by_host(username.host)
            .ok_or(Refusal::NoSuchHub)?;
        tracing::Span::current()
            .record("hub", hub.name().as_str())
            .record("identity", tracing::field::display(&username.identity));
        let permit = services
            .access
            .connect(&hub, proof, &username.identity)
            .await?;
        match services.faults.lasting_for(&permit) {
            Some(fault @ (Fault::Unauthorized | Fault::Throttled)) => Err(Refusal::OnDemand(fault)),
            _ => Ok((permit, introduction)),
        }
    }

    /// Takes the identity's place, and makes sure that nothing has changed
    /// between the look at its keys and the moment from which it is told.
    async fn open(
        &mut self,
        permit: DevicePermit,
        before: Before,
        connect: &Connect,
        introduction: Introduction<'_>,
    ) -> Result<Admitted, Refusal> {
        let services = &self.gateway.services;
        let Connected {
            mailbox,
            presence,
            in_doubt,
        } = services.connections.enter(&permit, before);
        if in_doubt {
            services.access.still_holds(&permit).await?;
        }

        let keeping = match connect.clean_session {
            true => Keeping::Nothing,
            false => Keeping::Subscriptions,
        };
        let stored = self
            .stored_subscriptions(&permit, mailbox.session(), keeping)
            .await?;
        if keeping == Keeping::Nothing {
            services.c2d.release(&permit).await?;
        }
        let model_id = introduction.username.model_id;
        if let Some(model_id) = &model_id {
            services.twins.announce_model(&permit, model_id).await?;
        }
        Ok(Admitted {
            permit,
            mailbox,
            presence,
            keeping,
            session_present: stored.is_some(),
            subscriptions: stored.unwrap_or_default(),
            keep_alive: connect.keep_alive,
            model_id: model_id.map(Into::into),
            will: introduction.will,
        })
    }

    /// What the identity subscribed earlier; `None` if there is no stored
    /// session, or none any more.
    async fn stored_subscriptions(
        &mut self,
        permit: &DevicePermit,
        session: SessionNumber,
        keeping: Keeping,
    ) -> Result<Option<Subscriptions>, Refusal> {
        let stored = &self.gateway.services.stored;
        let Some(record) = stored.load(permit).await? else {
            return Ok(None);
        };
        match keeping {
            Keeping::Nothing => {
                stored.discard(permit, session).await?;
                Ok(None)
            }
            // A client that starts anew can help itself; one that is refused
            // for ever can't.
            Keeping::Subscriptions => Ok(Subscriptions::from_record(&record)
                .inspect_err(|error| tracing::error!(%error, "a stored session is lost"))
                .ok()),
        }
    }

    /// Says no, and why to the log alone.
    async fn refuse(mut self, refusal: Refusal) -> End {
        refusal.log();
        put_connack(ConnAck::Refused(refusal.code()), self.wire.outbox());
        // Whether the client takes it is up to the client.
        let _ = tokio::time::timeout(CLOSE_DEADLINE, self.wire.close()).await;
        End::Refused
    }
}

async fn first_packet<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    max: usize,
) -> Result<Packet, End> {
    loop {
        if let Some(packet) = wire.next_packet(max)? {
            return Ok(packet);
        }
        if wire.fill().await? == 0 {
            return Err(End::Lost(None));
        }
    }
}

/// What a CONNECT says, before any of it is believed.
struct Introduction<'a> {
    username: Username<'a>,
    /// The password, if there is one.
    token: Option<&'a str>,
    will: Option<Box<Will>>,
}

impl<'a> Introduction<'a> {
    fn parse(connect: &'a Connect) -> Result<Self, Refusal> {
        let username = connect.username.as_deref().ok_or(Refusal::NoUsername)?;
        let username = Username::parse(username)?;
        if *connect.client_id != username.identity.to_string() {
            return Err(Refusal::ClientId);
        }
        let will = match &connect.will {
            Some(will) => Some(Box::new(Will::parse(will, &username.identity)?)),
            None => None,
        };
        let password = connect.password.as_deref().unwrap_or_default();
        let token = std::str::from_utf8(password).map_err(|_| Refusal::NoToken)?;
        Ok(Introduction {
            username,
            will,
            token: Some(token).filter(|token| !token.is_empty()),
        })
    }
}
