//! What a client's packets do.

use tokio::io::{AsyncRead, AsyncWrite};
use twinhub_mqtt_codec::{
    Delivery, Packet, PacketType, Publish, SubAckCode, Subscribe, Unsubscribe, put_pingresp,
    put_puback, put_suback, put_unsuback,
};

use super::{Keeping, LiveSession};
use crate::end::End;
use crate::errors::Failure;
use crate::methods;
use crate::subscriptions::{Grant, Subscriptions};
use crate::topics::{DeviceTopic, Filter, RequestId};
use crate::twins::{self, Answer};

impl<S: AsyncRead + AsyncWrite + Unpin> LiveSession<'_, S> {
    pub(super) async fn take_packet(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Publish(publish) => self.take_publish(publish).await,
            Packet::Subscribe(subscribe) => self.subscribe(subscribe).await,
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe).await,
            Packet::PubAck(id) => self.acknowledged(id).await,
            Packet::PingReq => {
                put_pingresp(self.wire.outbox());
                Ok(())
            }
            Packet::Disconnect => Err(End::Disconnected),
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp => Err(End::Unexpected(packet.packet_type())),
        }
    }

    /// Everything but telemetry, which never comes this far. The PUBACK follows
    /// what was asked for, and stands before the answer.
    async fn take_publish(&mut self, publish: Publish) -> Result<(), End> {
        let acknowledge = match publish.delivery {
            Delivery::AtMostOnce => None,
            Delivery::AtLeastOnce { id, .. } => Some(id),
            // IoT Hub closes the connection on QoS 2 rather than downgrading it.
            Delivery::ExactlyOnce { .. } => return Err(End::ExactlyOnce),
        };
        let topic = DeviceTopic::parse(&publish.topic, self.permit().id())
            .map_err(|_| End::forbidden_topic(&publish.topic))?;
        self.counts_as_active();
        let answer = match topic {
            DeviceTopic::GetTwin { request } => self.get_twin(request).await,
            DeviceTopic::PatchReported { request, version } => {
                let report = self.report(version, &publish.payload).await;
                Some((request, report))
            }
            DeviceTopic::MethodResponse { request, status } => {
                let services = &self.gateway.services;
                let (permit, payload) = (self.guard.permit(), &publish.payload);
                methods::reply(&services.methods, permit, request, status, payload);
                if let Some(id) = acknowledge {
                    self.acknowledge_in_turn(id);
                }
                return Ok(());
            }
            DeviceTopic::Telemetry { .. } => return Err(End::Unexpected(PacketType::Publish)),
        };
        if let Some(id) = acknowledge {
            self.settle().await?;
            put_puback(id, self.wire.outbox());
        }
        match (answer, self.subscriptions.grant(&Filter::TwinResponses)) {
            (Some((request, answer)), Some(grant)) => {
                self.publish(answer.topic(request), answer.body.into(), grant)
            }
            _ => Ok(()),
        }
    }

    /// No answer if nobody listens: then there is no need to read.
    async fn get_twin<'a>(&mut self, request: RequestId<'a>) -> Option<(RequestId<'a>, Answer)> {
        self.subscriptions.grant(&Filter::TwinResponses)?;
        let read = twins::get(&self.gateway.services.twins, self.permit()).await;
        let answer = read.unwrap_or_else(|failure| self.answer_failure(&failure));
        Some((request, answer))
    }

    async fn report(&mut self, version: Option<&str>, payload: &[u8]) -> Answer {
        let twins = &self.gateway.services.twins;
        let written = twins::report(twins, self.permit(), version, payload).await;
        written.unwrap_or_else(|failure| self.answer_failure(&failure))
    }

    fn answer_failure(&self, failure: &Failure) -> Answer {
        let now = self.gateway.services.clock.now();
        let tracking_id = self.gateway.tracking_id(now);
        tracing::debug!(tracking_id, ?failure, "a twin request was refused");
        Answer::of_failure(failure, &tracking_id, now)
    }

    /// All filters or none; SUBACK only once they are stored.
    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), End> {
        let mut next = self.subscriptions.clone();
        let mut codes = Vec::with_capacity(subscribe.subscriptions.len());
        for wanted in &subscribe.subscriptions {
            // IoT Hub closes on a forbidden filter; most SDKs overlook 0x80.
            let filter = Filter::parse(&wanted.filter, self.permit().id())
                .map_err(|_| End::forbidden_filter(&wanted.filter))?;
            let grant = Grant::of(wanted.max_qos);
            next.insert(filter, grant)?;
            codes.push(SubAckCode::Granted(grant.qos()));
        }
        let changed = self.change_subscriptions(next).await?;
        self.counts_as_active();
        put_suback(subscribe.id, &codes, self.wire.outbox())?;
        match changed {
            true => self.listen().await,
            false => Ok(()),
        }
    }

    async fn unsubscribe(&mut self, unsubscribe: Unsubscribe) -> Result<(), End> {
        let mut next = self.subscriptions.clone();
        for filter in &unsubscribe.filters {
            // What is forbidden was never subscribed.
            if let Ok(filter) = Filter::parse(filter, self.permit().id()) {
                next.remove(&filter);
            }
        }
        let changed = self.change_subscriptions(next).await?;
        put_unsuback(unsubscribe.id, self.wire.outbox());
        match changed {
            true => self.listen().await,
            false => Ok(()),
        }
    }

    /// Tells whether the set changed, and stores it if it did and is kept: clients that subscribe
    /// at each connection write nothing.
    async fn change_subscriptions(&mut self, next: Subscriptions) -> Result<bool, End> {
        if next == self.subscriptions {
            return Ok(false);
        }
        match self.keeping {
            Keeping::Nothing => {}
            Keeping::Subscriptions => {
                let stored = &self.gateway.services.stored;
                let session = self.guard.session();
                stored
                    .save(self.permit(), session, next.to_record())
                    .await?;
            }
        }
        self.subscriptions = next;
        Ok(true)
    }
}
