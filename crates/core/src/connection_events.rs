//! Connection events: `deviceConnected` and `deviceDisconnected`.
//!
//! Told while a route is about them, and of those who do something: a
//! connection counts from its first message or subscription. A connection that
//! takes another's place is no news. Events of one identity alternate, and
//! their sequence numbers grow, over restarts, too, as long as the clock is not
//! set back. They are appended without waiting: a crash may lose the last ones.
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-non-telemetry-event-schema>

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::queue::{ConnectionEvent, Queue};
use crate::access::DevicePermit;
use crate::events::{EventSource, Origin};
use crate::ids::{HubName, IdentityId};
use crate::messages::SystemProperty;
use crate::notifications::{Naming, WantedEvents};
use crate::ports::Sessions;
use crate::routing::Router;
use crate::time::{Clock, Timestamp};

mod queue;

/// The connection events of all hubs of this process.
pub struct ConnectionEvents {
    wanted: Arc<WantedEvents>,
    queue: Arc<Queue>,
    sessions: Arc<dyn Sessions>,
    clock: Arc<dyn Clock>,
    naming: Naming,
    state: Mutex<State>,
}

/// What became of a connection.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Connected,
    Disconnected,
}

struct State {
    /// Whose last event is that it connected.
    connected: HashSet<(HubName, IdentityId)>,
    last_event: Timestamp,
}

impl ConnectionEvents {
    /// By a router's routes; none are told as long as there is no route for
    /// them.
    pub fn new(router: Arc<Router>, sessions: Arc<dyn Sessions>, clock: Arc<dyn Clock>) -> Self {
        ConnectionEvents {
            wanted: router.wanted(),
            queue: Arc::new(Queue::new(router)),
            sessions,
            clock,
            naming: Naming::default(),
            state: Mutex::new(State {
                connected: HashSet::new(),
                last_event: Timestamp::NEVER,
            }),
        }
    }

    /// The same, naming connections of modules in this way.
    pub fn naming(mut self, naming: Naming) -> Self {
        self.naming = naming;
        self
    }

    /// The identity sends or subscribes. Cheap enough for the first such
    /// packet of each session; needless for the others.
    pub fn active(&self, permit: &DevicePermit) {
        if !self.is_wanted(permit) {
            return;
        }
        // Held while the event is appended, so that order is kept.
        let mut state = self.state();
        if state.connected.insert(key(permit)) {
            self.tell(&mut state, permit, Happening::Connected);
        }
    }

    /// A session of the identity is over, and has left its place.
    pub fn ended(&self, permit: &DevicePermit) {
        let mut state = self.state();
        if state.connected.is_empty() {
            return;
        }
        // A newer session is in its place before it can be active: whoever is
        // not there now will find the set without its identity.
        let (hub, id) = (permit.hub().name(), permit.id());
        if !self.sessions.is_connected(hub, id)
            && state.connected.remove(&key(permit))
            && self.is_wanted(permit)
        {
            self.tell(&mut state, permit, Happening::Disconnected);
        }
    }

    fn is_wanted(&self, permit: &DevicePermit) -> bool {
        let hub = permit.hub().name();
        self.wanted.wants(hub, EventSource::ConnectionState)
    }

    fn tell(&self, state: &mut State, permit: &DevicePermit, happening: Happening) {
        let of_module = permit.id().module_id().is_some();
        let operation = happening.operation(of_module && self.naming == Naming::AsModules);
        let now = self.clock.now();
        let next = Timestamp::from_ticks(state.last_event.ticks().saturating_add(1));
        state.last_event = now.max(next);
        self.queue
            .append(event(permit, state.last_event, now, operation));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Happening {
    fn operation(self, named_as_module: bool) -> &'static str {
        match (self, named_as_module) {
            (Happening::Connected, false) => "deviceConnected",
            (Happening::Connected, true) => "moduleConnected",
            (Happening::Disconnected, false) => "deviceDisconnected",
            (Happening::Disconnected, true) => "moduleDisconnected",
        }
    }
}

fn event(
    permit: &DevicePermit,
    number: Timestamp,
    now: Timestamp,
    operation: &'static str,
) -> ConnectionEvent {
    let hub = permit.hub().name();
    let number = number.ticks();
    ConnectionEvent {
        hub: hub.clone(),
        origin: Origin {
            identity: permit.id().clone(),
            generation: permit.generation(),
            auth_method: None,
            model_id: None,
            source: EventSource::ConnectionState,
        },
        operation,
        at: now,
        system: vec![
            (SystemProperty::ContentType, "application/json".into()),
            (SystemProperty::ContentEncoding, "utf-8".into()),
            (SystemProperty::CorrelationId, format!("{number:x}").into()),
            (SystemProperty::UserId, hub.to_string().into()),
        ],
        application: properties(permit, now, operation),
        body: format!(r#"{{"sequenceNumber":"{number:064X}"}}"#),
    }
}

type Property = (Cow<'static, str>, Option<Cow<'static, str>>);

fn properties(permit: &DevicePermit, now: Timestamp, operation: &'static str) -> Vec<Property> {
    let id = permit.id();
    let mut properties: Vec<(&'static str, Cow<'static, str>)> = vec![
        ("hubName", permit.hub().name().to_string().into()),
        ("deviceId", id.device_id().to_string().into()),
    ];
    // Modules may share the names of the operations; this tells them apart.
    if let Some(module) = id.module_id() {
        properties.push(("moduleId", module.to_string().into()));
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
