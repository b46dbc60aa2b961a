//! Connection events: `deviceConnected` and `deviceDisconnected`, for readers
//! of the event log.
//!
//! Told of those who do something: a connection counts from its first message
//! or subscription. A connection that takes another's place is no news.
//! Events of one identity alternate, and their sequence numbers grow, over
//! restarts, too, as long as the clock is not set back. They are appended
//! without waiting: a crash may lose the last ones.
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-non-telemetry-event-schema>

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::access::DevicePermit;
use crate::events::{EventSource, Origin};
use crate::ids::{HubName, IdentityId};
use crate::messages::{MessageRef, SystemProperty};
use crate::ports::{EventLog, Sessions};
use crate::time::{Clock, Timestamp};

/// The connection events of all hubs of this process.
pub struct ConnectionEvents {
    told: bool,
    log: Arc<dyn EventLog>,
    sessions: Arc<dyn Sessions>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    /// Whose last event is that it connected.
    connected: HashSet<(HubName, IdentityId)>,
    last_event: Timestamp,
}

impl ConnectionEvents {
    /// Events are appended to `log` if they are to be `told` at all.
    pub fn new(
        told: bool,
        log: Arc<dyn EventLog>,
        sessions: Arc<dyn Sessions>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        ConnectionEvents {
            told,
            log,
            sessions,
            clock,
            state: Mutex::new(State {
                connected: HashSet::new(),
                last_event: Timestamp::NEVER,
            }),
        }
    }

    /// The identity sends or subscribes. Cheap enough for the first such
    /// packet of each session; needless for the others.
    pub fn active(&self, permit: &DevicePermit) {
        if !self.told {
            return;
        }
        // Held while the event is appended, so that order is kept.
        let mut state = self.state();
        if state.connected.insert(key(permit)) {
            self.append(&mut state, permit, "deviceConnected");
        }
    }

    /// A session of the identity is over, and has left its place.
    pub fn ended(&self, permit: &DevicePermit) {
        if !self.told {
            return;
        }
        let mut state = self.state();
        // A newer session is in its place before it can be active: whoever is
        // not there now will find the set without its identity.
        let (hub, id) = (permit.hub().name(), permit.id());
        if !self.sessions.is_connected(hub, id) && state.connected.remove(&key(permit)) {
            self.append(&mut state, permit, "deviceDisconnected");
        }
    }

    fn append(&self, state: &mut State, permit: &DevicePermit, operation: &str) {
        let now = self.clock.now();
        let next = Timestamp::from_ticks(state.last_event.ticks().saturating_add(1));
        state.last_event = now.max(next);
        if let Err(error) = self.try_append(state.last_event, now, permit, operation) {
            tracing::warn!(identity = %permit.id(), %error, operation, "a connection event is lost");
        }
    }

    fn try_append(
        &self,
        number: Timestamp,
        now: Timestamp,
        permit: &DevicePermit,
        operation: &str,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let hub = permit.hub().name();
        let origin = Origin {
            identity: permit.id().clone(),
            generation: permit.generation(),
            auth_method: None,
            model_id: None,
            source: EventSource::ConnectionState,
        };
        let number = number.ticks();
        let system = [
            (SystemProperty::ContentType, "application/json".into()),
            (SystemProperty::ContentEncoding, "utf-8".into()),
            (SystemProperty::CorrelationId, format!("{number:x}").into()),
            (SystemProperty::UserId, hub.as_str().into()),
        ];
        let application = properties(permit, now, operation);
        let body = format!(r#"{{"sequenceNumber":"{number:064X}"}}"#);

        let mut producer = self.log.producer(hub, &origin)?;
        producer.append(
            &MessageRef {
                system: &system,
                application: &application,
                body: body.as_bytes(),
            },
            now,
        )?;
        producer.hand_over();
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Property<'a> = (Cow<'a, str>, Option<Cow<'a, str>>);

fn properties<'a>(
    permit: &'a DevicePermit,
    now: Timestamp,
    operation: &'a str,
) -> Vec<Property<'a>> {
    let id = permit.id();
    let mut properties: Vec<(&'static str, Cow<'a, str>)> = vec![
        ("hubName", permit.hub().name().as_str().into()),
        ("deviceId", id.device_id().as_str().into()),
    ];
    // Modules share the names of the operations; this tells them apart.
    if let Some(module) = id.module_id() {
        properties.push(("moduleId", module.as_str().into()));
    }
    properties.extend([
        ("operationTimestamp", now.to_string().into()),
        (
            "iothub-message-schema",
            "deviceConnectionStateNotification".into(),
        ),
        ("opType", operation.into()),
    ]);
    let properties = properties.into_iter();
    properties
        .map(|(name, value)| (name.into(), Some(value)))
        .collect()
}

fn key(permit: &DevicePermit) -> (HubName, IdentityId) {
    (permit.hub().name().clone(), permit.id().clone())
}
