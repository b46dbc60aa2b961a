//! A session's messages to the cloud.

use std::mem;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use twinhub_core::access::DevicePermit;
use twinhub_core::faults::Fault;
use twinhub_mqtt_codec::{Front, PacketId, peek, put_puback};

use super::{LiveSession, Next};
use crate::end::End;
use crate::gateway::Services;
use crate::telemetry::{self, Taken, TelemetryStream};
use crate::topics::DeviceTopic;
use crate::will::{STORE_DEADLINE, Will, WillLost};

impl<S: AsyncRead + AsyncWrite + Unpin> LiveSession<'_, S> {
    /// Takes the telemetry that stands at the front of what was read, in
    /// place. Whatever comes behind it, what was taken is on its way.
    pub(super) fn take_telemetry(&mut self) -> Result<Next, End> {
        let mut taken = 0;
        let next = self.take_telemetry_from(&mut taken);
        if let Some(stream) = &mut self.telemetry {
            stream.hand_over();
        }
        self.wire.take(taken);
        next
    }

    fn take_telemetry_from(&mut self, taken: &mut usize) -> Result<Next, End> {
        let Self {
            gateway,
            wire,
            guard,
            telemetry,
            model_id,
            active,
            ..
        } = self;
        let services = &gateway.services;
        let unread = wire.unread();
        let beyond_quota =
            services.faults.lasting_for(guard.permit()) == Some(Fault::QuotaExceeded);
        loop {
            let publish = match peek(&unread[*taken..], gateway.settings.max_packet)? {
                Front::Incomplete => return Ok(Next::Read),
                Front::Other => return Ok(Next::Packet),
                Front::Publish(publish) => publish,
            };
            let permit = guard.permit();
            if beyond_quota && is_telemetry(publish.topic()?, permit)? {
                return Err(End::QuotaOnDemand);
            }
            let stream = match telemetry {
                Some(stream) => stream,
                // Other messages don't need one.
                None if !is_telemetry(publish.topic()?, permit)? => return Ok(Next::Packet),
                None => {
                    let max = gateway.settings.max_unstored;
                    let model_id = model_id.as_deref();
                    let stream = TelemetryStream::new(&services.telemetry, permit, model_id, max)?;
                    telemetry.insert(Box::new(stream))
                }
            };
            match stream.take(&publish, permit.id(), &services.faults)? {
                Taken::Sent => {}
                Taken::Fault(order) => guard.let_fail(order),
                Taken::Busy => return Ok(Next::Wait),
                Taken::NotTelemetry => return Ok(Next::Packet),
            }
            *taken += publish.size;
            if !mem::replace(active, true) {
                services.connection_events.active(guard.permit());
            }
        }
    }

    /// The client publishes or subscribes: from the first time on readers of
    /// events know it as connected.
    pub(super) fn counts_as_active(&mut self) {
        if !mem::replace(&mut self.active, true) {
            let events = &self.gateway.services.connection_events;
            events.active(self.permit());
        }
    }

    /// Acknowledges what is durable.
    pub(super) fn acknowledge(&mut self, durable: u64) {
        if let Some(stream) = &mut self.telemetry {
            stream.acknowledge(durable, self.wire.outbox());
        }
    }

    /// Acknowledges a PUBLISH that was no telemetry, behind what came before it.
    pub(super) fn acknowledge_in_turn(&mut self, id: PacketId) {
        match &mut self.telemetry {
            Some(stream) if stream.waits() => stream.acknowledge_behind(id),
            _ => put_puback(id, self.wire.outbox()),
        }
    }

    /// Waits until all telemetry is durable, and acknowledges it.
    pub(super) async fn settle(&mut self) -> Result<(), End> {
        while self.telemetry.as_ref().is_some_and(|stream| stream.waits()) {
            tokio::select! {
                biased;
                notice = self.guard.next() => self.postpone(notice?).await?,
                durable = telemetry::durable(&mut self.telemetry) => self.acknowledge(durable?),
            }
        }
        Ok(())
    }
}

/// Whether a session needs a stream to take what is published there.
fn is_telemetry(topic: &str, permit: &DevicePermit) -> Result<bool, End> {
    match DeviceTopic::parse(topic, permit.id()) {
        Ok(DeviceTopic::Telemetry { .. }) => Ok(true),
        Ok(
            DeviceTopic::GetTwin { .. }
            | DeviceTopic::PatchReported { .. }
            | DeviceTopic::MethodResponse { .. },
        ) => Ok(false),
        Err(_) => Err(End::forbidden_topic(topic)),
    }
}

/// Stores a will behind what the session sent. Nobody is left to be told if
/// that fails, except the log.
pub(super) async fn store_will(
    services: &Services,
    permit: &DevicePermit,
    stream: Option<Box<TelemetryStream>>,
    model_id: Option<&str>,
    will: &Will,
) {
    let bag = will.bag();
    let message = bag.message(will.payload());
    let store = async {
        let mut stream = match stream {
            Some(stream) if !stream.has_failed() => stream,
            _ => Box::new(TelemetryStream::new(
                &services.telemetry,
                permit,
                model_id,
                0,
            )?),
        };
        stream.finish(&message).await
    };
    let stored = timeout(STORE_DEADLINE, store).await;
    match stored.unwrap_or(Err(WillLost::TooSlow)) {
        Ok(()) => tracing::debug!("the client's will is stored"),
        Err(error) => tracing::error!(%error, "the client's will is lost"),
    }
}
