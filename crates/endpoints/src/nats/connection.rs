//! A connection to a server, and what goes wrong with it.

use async_nats::header::HeaderMap;
use async_nats::jetstream::context::{Context, ContextBuilder, PublishAckFuture};
use async_nats::jetstream::message::PublishMessage;
use async_nats::{Client, ConnectOptions, Event, ServerError};
use bytes::Bytes;
use tokio::sync::watch;
use twinhub_core::ports::{DeliveryFailure, FailureReason};

use super::refusal;
use super::servers::{Login, Servers};
use crate::limits::{ANSWER, CONNECT};
use crate::told::shown;
use crate::trust::Trust;

/// A connection. It is not mended: who finds it broken opens another.
pub(super) struct Connection {
    client: Client,
    jetstream: Context,
    trouble: watch::Receiver<Trouble>,
}

/// What the server or the network has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    Nothing,
    Gone,
    /// The server says that something is not allowed.
    Forbidden(String),
}

impl Trouble {
    fn of(event: Event) -> Self {
        match event {
            Event::Disconnected | Event::Closed => Trouble::Gone,
            Event::ServerError(ServerError::AuthorizationViolation) => {
                Trouble::Forbidden("the login is not accepted any more".to_owned())
            }
            Event::ServerError(ServerError::Other(text))
                if text.to_ascii_lowercase().contains("permissions violation") =>
            {
                Trouble::Forbidden(shown(&text))
            }
            Event::ServerError(_)
            | Event::ClientError(_)
            | Event::Connected
            | Event::LameDuckMode
            | Event::Draining
            | Event::SlowConsumer(_) => Trouble::Nothing,
        }
    }

    fn failure(&self) -> Result<(), DeliveryFailure> {
        match self {
            Trouble::Nothing => Ok(()),
            Trouble::Gone => Err(refusal::broken_off()),
            Trouble::Forbidden(text) => Err(DeliveryFailure::new(
                FailureReason::Unauthorized,
                format!("the NATS server says: {text}"),
            )),
        }
    }
}

impl Connection {
    /// Connects to one of the servers.
    pub(super) async fn open(servers: &Servers, trust: &Trust) -> Result<Self, DeliveryFailure> {
        let (told, trouble) = watch::channel(Trouble::Nothing);
        let options = ConnectOptions::new()
            .name("twinhub")
            .connection_timeout(CONNECT)
            // Once around the servers: it neither goes on for ever nor mends
            // itself after this connection was given up.
            .max_reconnects(servers.addresses.len())
            .ignore_discovered_servers()
            .event_callback(move |event| {
                let trouble = Trouble::of(event);
                if trouble != Trouble::Nothing {
                    told.send_if_modified(|now| {
                        let is_first = *now == Trouble::Nothing;
                        if is_first {
                            *now = trouble;
                        }
                        is_first
                    });
                }
                std::future::ready(())
            });
        let options = match &servers.login {
            Login::Nobody => options,
            Login::User { name, password } => {
                options.user_and_password(name.clone(), password.clone())
            }
            Login::Token(token) => options.token(token.clone()),
        };
        // A server may want TLS though its address does not say so.
        let options = match trust.config() {
            Ok(config) => options.tls_client_config(config),
            Err(failure) if servers.want_tls() => return Err(failure),
            Err(_) => options,
        };
        let client = options.connect(servers.addresses.as_slice()).await;
        let client = client.map_err(|error| refusal::not_connected(&error))?;
        let jetstream = ContextBuilder::new().timeout(ANSWER).build(client.clone());
        Ok(Connection {
            client,
            jetstream,
            trouble,
        })
    }

    /// Whether it still works, as far as one knows.
    pub(super) fn check(&self) -> Result<(), DeliveryFailure> {
        self.trouble.borrow().failure()
    }

    /// Sends a message that a stream is to store.
    pub(super) async fn store(
        &self,
        subject: String,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<PublishAckFuture, DeliveryFailure> {
        let message = PublishMessage::build().headers(headers).payload(body);
        let sent = self.jetstream.send_publish(subject, message).await;
        sent.map_err(|error| refusal::not_stored(&error))
    }

    /// Sends a message to whoever listens.
    pub(super) async fn publish(
        &self,
        subject: String,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(), DeliveryFailure> {
        let sent = self.client.publish_with_headers(subject, headers, body);
        sent.await.map_err(|error| refusal::not_sent(&error))
    }

    /// Waits until a message is stored.
    pub(super) async fn acknowledged(
        &mut self,
        ack: PublishAckFuture,
    ) -> Result<(), DeliveryFailure> {
        tokio::select! {
            biased;
            stored = ack.into_future() => {
                stored.map(|_| ()).map_err(|error| refusal::not_stored(&error))
            }
            failure = failing(&mut self.trouble) => Err(failure),
        }
    }

    /// Waits until everything has left.
    pub(super) async fn flush(&mut self) -> Result<(), DeliveryFailure> {
        tokio::select! {
            flushed = self.client.flush() => flushed.map_err(|_| refusal::broken_off())?,
            failure = failing(&mut self.trouble) => return Err(failure),
        }
        self.check()
    }
}

/// Waits for trouble.
async fn failing(trouble: &mut watch::Receiver<Trouble>) -> DeliveryFailure {
    let found = trouble.wait_for(|now| *now != Trouble::Nothing).await;
    let found = found.map(|trouble| trouble.failure());
    found
        .ok()
        .and_then(Result::err)
        .unwrap_or_else(refusal::broken_off)
}
