//! One simulated device.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at, sleep};
use tokio_util::sync::CancellationToken;
use twinhub_core::time::{Clock as _, SystemClock};
use twinhub_mqtt_codec::{Packet, PacketId, Publish};

use super::Counts;
use super::mqtt::{Connection, Lost};
use super::payload::Template;
use crate::cli::{failure::Failure, hub::Hub};

/// How many messages may wait for their acknowledgement.
const WINDOW: usize = 64;
/// How often a device shows that it lives; below the keep-alive it promises.
const PING_EVERY: Duration = Duration::from_secs(120);
/// After how many messages it reports how many there were.
const REPORTED_EVERY: u64 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// How long the last acknowledgements are waited for.
const FAREWELL: Duration = Duration::from_secs(5);

/// What all devices of a fleet do.
#[derive(Debug)]
pub struct Behaviour {
    pub interval: Duration,
    pub messages: Option<u64>,
    pub template: Template,
    pub bag: String,
    pub method_status: i32,
    pub method_payload: String,
}

/// A device, and what it needs to run.
pub struct Device {
    pub hub: Arc<Hub>,
    pub port: u16,
    pub id: String,
    pub key: String,
    pub behaviour: Arc<Behaviour>,
    pub counts: Arc<Counts>,
    /// How long after its start it sends for the first time.
    pub first: Duration,
}

/// What outlives a connection.
#[derive(Default)]
struct Progress {
    /// How many messages were made.
    made: u64,
    /// How often a message was sent, repetitions included.
    sent: u64,
    /// Bodies that wait for their acknowledgement, oldest first.
    waiting: VecDeque<String>,
}

impl Progress {
    /// Takes what a connection left unacknowledged, each with the order in
    /// which it was sent: ahead of what that connection had no time for.
    fn put_back(&mut self, mut left: Vec<(u64, String)>) {
        left.sort_by_key(|(order, _)| *order);
        for (_, body) in left.into_iter().rev() {
            self.waiting.push_front(body);
        }
    }
}

impl Device {
    /// Sends until it is done or told to stop; fails if it is never let in.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        let mut progress = Progress::default();
        let mut pause = FIRST_PAUSE;
        let mut was_there = false;
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(self.first) => {}
        }
        loop {
            let opened = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                opened = Connection::open(&self.hub, self.port, &self.id, &self.key) => opened,
            };
            let lost = match opened {
                Ok(connection) => {
                    if was_there {
                        count(&self.counts.reconnects);
                    }
                    was_there = true;
                    pause = FIRST_PAUSE;
                    match self.converse(connection, &mut progress, &stop).await {
                        Ok(()) => return Ok(()),
                        Err(lost) => lost,
                    }
                }
                Err(lost) => lost,
            };
            match lost {
                Lost::Refused(failure) => return Err(failure),
                Lost::Gone(failure) if !was_there => return Err(failure),
                Lost::Gone(_) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    /// One connection, from its first message to its farewell.
    async fn converse(
        &self,
        connection: Connection,
        progress: &mut Progress,
        stop: &CancellationToken,
    ) -> Result<(), Lost> {
        let mut talk = Talk {
            device: self,
            connection,
            progress,
            unacknowledged: BTreeMap::new(),
            reports: 0,
        };
        let talked = talk.run(stop).await;
        // What is not acknowledged is sent anew by the next connection.
        let left = std::mem::take(&mut talk.unacknowledged);
        talk.progress.put_back(left.into_values().collect());
        talked?;
        talk.connection.close().await;
        Ok(())
    }
}

/// A conversation over one connection.
struct Talk<'a> {
    device: &'a Device,
    connection: Connection,
    progress: &'a mut Progress,
    /// By packet identifier: the order of sending, and the body.
    unacknowledged: BTreeMap<PacketId, (u64, String)>,
    reports: u64,
}

impl Talk<'_> {
    async fn run(&mut self, stop: &CancellationToken) -> Result<(), Lost> {
        while let Some(body) = self.progress.waiting.pop_front() {
            self.send(body).await?;
        }
        let mut due = ticking(self.device.behaviour.interval);
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        while !self.is_done() {
            let has_room = self.unacknowledged.len() < WINDOW && self.has_more();
            tokio::select! {
                () = stop.cancelled() => break,
                packet = self.connection.receive() => self.take(packet?).await?,
                _ = due.tick(), if has_room => self.send_next().await?,
                _ = ping.tick() => self.connection.send(&Packet::PingReq).await?,
            }
        }
        self.drain().await
    }

    fn has_more(&self) -> bool {
        let most = self.device.behaviour.messages;
        most.is_none_or(|most| self.progress.made < most)
    }

    fn is_done(&self) -> bool {
        !self.has_more() && self.unacknowledged.is_empty()
    }

    /// Waits for the last acknowledgements, for a while.
    async fn drain(&mut self) -> Result<(), Lost> {
        let end = Instant::now() + FAREWELL;
        while !self.unacknowledged.is_empty() {
            match tokio::time::timeout_at(end, self.connection.receive()).await {
                Ok(packet) => self.take(packet?).await?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    async fn send_next(&mut self) -> Result<(), Lost> {
        self.progress.made += 1;
        let number = self.progress.made;
        let time = SystemClock.now().to_string();
        let template = &self.device.behaviour.template;
        // Counted when it is made: it is sent again until it is acknowledged.
        count(&self.device.counts.sent);
        self.send(template.fill(&self.device.id, number, &time))
            .await?;
        if number % REPORTED_EVERY == 1 {
            let report = format!(r#"{{"messages": {number}, "lastMessage": "{time}"}}"#);
            self.report(&report).await?;
        }
        Ok(())
    }

    async fn send(&mut self, body: String) -> Result<(), Lost> {
        let mut id = self.connection.next_id();
        while self.unacknowledged.contains_key(&id) {
            id = self.connection.next_id();
        }
        let topic = format!(
            "devices/{}/messages/events/{}",
            self.device.id, self.device.behaviour.bag
        );
        self.progress.sent += 1;
        let order = self.progress.sent;
        let published = self.connection.publish(&topic, &body, Some(id)).await;
        self.unacknowledged.insert(id, (order, body));
        published
    }

    async fn report(&mut self, properties: &str) -> Result<(), Lost> {
        self.reports += 1;
        let topic = format!(
            "$iothub/twin/PATCH/properties/reported/?$rid={}",
            self.reports
        );
        self.connection.publish(&topic, properties, None).await
    }

    async fn take(&mut self, packet: Packet) -> Result<(), Lost> {
        match packet {
            Packet::PubAck(id) if self.unacknowledged.remove(&id).is_some() => {
                count(&self.device.counts.acknowledged);
            }
            Packet::Publish(publish) => self.hear(publish).await?,
            _ => {}
        }
        Ok(())
    }

    /// A method call, a change of the twin, or a message.
    async fn hear(&mut self, publish: Publish) -> Result<(), Lost> {
        if let Some(id) = publish.delivery.packet_id() {
            self.connection.send(&Packet::PubAck(id)).await?;
        }
        let topic: &str = &publish.topic;
        if let Some(call) = topic.strip_prefix("$iothub/methods/POST/") {
            let Some((_, request)) = call.split_once("/?$rid=") else {
                return Ok(());
            };
            let behaviour = &self.device.behaviour;
            let topic = format!(
                "$iothub/methods/res/{}/?$rid={request}",
                behaviour.method_status
            );
            self.connection
                .publish(&topic, &behaviour.method_payload, None)
                .await?;
            count(&self.device.counts.methods);
        } else if topic.starts_with("$iothub/twin/PATCH/properties/desired/") {
            count(&self.device.counts.desired);
            if let Some(properties) = without_version(&publish.payload) {
                self.report(&properties).await?;
            }
        } else {
            count(&self.device.counts.received);
        }
        Ok(())
    }
}

/// Desired properties as a device reports them: taken as they are.
fn without_version(payload: &[u8]) -> Option<String> {
    let mut properties: Value = serde_json::from_slice(payload).ok()?;
    properties.as_object_mut()?.remove("$version");
    Some(properties.to_string())
}

fn ticking(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_left_is_sent_first_and_in_its_order() {
        let mut progress = Progress::default();
        progress.waiting.push_back("no time for it".to_owned());

        progress.put_back(vec![(2, "second".to_owned()), (1, "first".to_owned())]);

        assert_eq!(progress.waiting, ["first", "second", "no time for it"]);
    }

    #[test]
    fn desired_properties_are_reported_without_their_version() {
        assert_eq!(
            without_version(br#"{"interval": 5, "$version": 3}"#).as_deref(),
            Some(r#"{"interval":5}"#)
        );
        assert_eq!(without_version(b"[]"), None);
    }
}
