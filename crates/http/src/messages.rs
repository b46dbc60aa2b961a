//! Messages and events: who may ask, and what is called then.
//!
//! Devices come with their own key, a policy's, or a certificate; back ends
//! with a policy's. Nothing of a body is read before that is known.

use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response, header};
use twinhub_core::access::{DevicePermit, Peer, Proof, ServicePermit};
use twinhub_core::c2d::CloudToDevice;
use twinhub_core::faults::Faults;
use twinhub_core::ids::IdentityId;
use twinhub_core::messages::{MAX_CLOUD_TO_DEVICE, MAX_DEVICE_TO_CLOUD};
use twinhub_core::telemetry::Telemetry;

use crate::api::{Api, check_api_version, unauthorized};
use crate::connection::Connection;
use crate::error_codes;
use crate::events::EventStreams;
use crate::refusal::Refusal;
use crate::request::{Query, RequestBody, read_message};
use crate::response::Body;
use crate::router::MessageEndpoint;
use crate::{c2d, telemetry};

/// What is called for messages and events.
pub struct MessageServices {
    /// Messages from devices.
    pub telemetry: Arc<Telemetry>,
    /// Faults on demand.
    pub faults: Arc<Faults>,
    /// Messages to devices and modules.
    pub c2d: Arc<CloudToDevice>,
    /// Followers of events.
    pub streams: EventStreams,
}

/// A request whose operation is known, and nothing else yet.
pub(crate) struct Asked<'a> {
    head: Parts,
    body: RequestBody,
    query: Query,
    segments: &'a [&'a str],
    connection: &'a Connection,
}

impl<'a> Asked<'a> {
    /// A request on a connection, to the path of these segments.
    pub fn new(
        request: Request<RequestBody>,
        segments: &'a [&'a str],
        connection: &'a Connection,
    ) -> Self {
        let (head, body) = request.into_parts();
        Asked {
            query: Query::parse(head.uri.query()),
            head,
            body,
            segments,
            connection,
        }
    }
}

impl Api {
    /// An operation on messages or events.
    pub(crate) async fn messages(
        &self,
        endpoint: MessageEndpoint,
        asked: Asked<'_>,
    ) -> Result<Response<Body>, Refusal> {
        if endpoint != MessageEndpoint::FollowEvents {
            check_api_version(&asked.query)?;
        }
        let services = &self.services().messages;
        let c2d = &*services.c2d;
        match endpoint {
            MessageEndpoint::SendTelemetry(device) => {
                let permit = self.device(&asked, device.into()).await?;
                let body = read_message(asked.body, MAX_DEVICE_TO_CLOUD).await?;
                let (telemetry, faults) = (&*services.telemetry, &*services.faults);
                let done = telemetry::accept(telemetry, faults, &permit, &asked.head, body).await?;
                Ok(self.heard_of(&permit, done).await)
            }
            MessageEndpoint::Receive(device) => {
                let permit = self.device(&asked, device.into()).await?;
                let done = c2d::receive(c2d, &permit, &asked.query, &asked.head.headers).await?;
                Ok(self.heard_of(&permit, done).await)
            }
            MessageEndpoint::CompleteOrReject(device, lock) => {
                let permit = self.device(&asked, device.into()).await?;
                let done = c2d::complete_or_reject(c2d, &permit, &lock, &asked.query).await?;
                Ok(self.heard_of(&permit, done).await)
            }
            MessageEndpoint::Abandon(device, lock) => {
                let permit = self.device(&asked, device.into()).await?;
                let done = c2d::abandon(c2d, &permit, &lock).await?;
                Ok(self.heard_of(&permit, done).await)
            }
            MessageEndpoint::Send(to) => {
                let permit = self.back_end(&asked).await?;
                let body = read_message(asked.body, MAX_CLOUD_TO_DEVICE).await?;
                c2d::send(c2d, &permit, &to, &asked.head, body).await
            }
            MessageEndpoint::Purge(of) => {
                let permit = self.back_end(&asked).await?;
                c2d::purge(c2d, &permit, &of).await
            }
            MessageEndpoint::ReceiveFeedback => {
                let permit = self.back_end(&asked).await?;
                c2d::receive_feedback(c2d, &permit).await
            }
            MessageEndpoint::CompleteFeedback(lock) => {
                let permit = self.back_end(&asked).await?;
                c2d::complete_feedback(c2d, &permit, &lock).await
            }
            MessageEndpoint::AbandonFeedback(lock) => {
                let permit = self.back_end(&asked).await?;
                c2d::abandon_feedback(c2d, &permit, &lock).await
            }
            MessageEndpoint::FollowEvents => {
                let permit = self.back_end(&asked).await?;
                let stop = asked.connection.shutdown.clone();
                let streams = &services.streams;
                streams
                    .follow(permit, &asked.query, &asked.head.headers, stop)
                    .await
            }
        }
    }

    /// Admits a back end.
    async fn back_end(&self, asked: &Asked<'_>) -> Result<ServicePermit, Refusal> {
        let caller = self.admit(&asked.head.headers, asked.segments).await?;
        asked.connection.admitted();
        Ok(caller.service()?)
    }

    /// Admits a device.
    async fn device(&self, asked: &Asked<'_>, id: IdentityId) -> Result<DevicePermit, Refusal> {
        let services = self.services();
        let hub = self.hub_of(&asked.head.headers)?;
        let proof = proof_of(&asked.head, &asked.connection.peer)?;
        let permit = services.access.connect(&hub, proof, &id).await?;
        asked.connection.admitted();
        Ok(permit)
    }

    /// Notes that a device was heard of, once what it asked for is done: then
    /// that this can't be noted is no reason to refuse it.
    async fn heard_of(&self, permit: &DevicePermit, done: Response<Body>) -> Response<Body> {
        if let Err(error) = self.services().registry.heard_of(permit).await {
            tracing::warn!(%error, identity = %permit.id(), "could not note the activity");
        }
        done
    }
}

/// A token where there is one, else the certificate of the connection.
fn proof_of<'a>(head: &'a Parts, peer: &'a Peer) -> Result<Proof<'a>, Refusal> {
    match (head.headers.get(header::AUTHORIZATION), &peer.certificate) {
        (Some(token), _) => token
            .to_str()
            .map(Proof::Token)
            .map_err(|_| unauthorized("header Authorization is not a shared access signature")),
        (None, Some(certificate)) => Ok(Proof::Certificate(certificate)),
        (None, None) => Err(Refusal::new(
            error_codes::UNAUTHORIZED_ACCESS,
            "show a shared access signature in header Authorization, or a certificate",
        )),
    }
}
