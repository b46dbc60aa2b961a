//! Links of devices and modules: everything below `/devices`.
//!
//! All links of one identity on one connection are a session: one future owns
//! them, holds the identity's place in the hub, and leaves it with its last
//! link. It is polled in the connection's task. A newer session of the
//! identity, over whatever protocol, ends it with `amqp:link:stolen`.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`address`] | whose link it is, and what it carries |
//! | `nodes` | which session gets a link |
//! | `admission`, `owner`, `guard` | letting an identity in, who it is then, and what may end it |
//! | `session` | the future, and its links |
//! | `telemetry` | messages to the cloud |
//! | `messages_link` | messages from the cloud |
//! | [`twins`], `twin_links` | twin requests and changes: as messages, and on links |
//! | [`methods`], `method_links` | method calls and answers: as messages, and on links |
//! | `pair`, `body` | which two links belong together; JSON in bodies |
//! | `end` | why sessions and links end, as clients are told |
//!
//! Module inputs can be attached, and nothing is delivered on them: that takes
//! an edge gateway.

pub mod address;
mod admission;
mod body;
mod end;
mod guard;
mod messages_link;
mod method_links;
pub mod methods;
mod nodes;
mod owner;
mod pair;
mod session;
mod telemetry;
mod twin_links;
pub mod twins;

use std::sync::Arc;

use twinhub_amqp_server::{ConnectionContext, Container, Nodes};
use twinhub_core::access::Access;
use twinhub_core::c2d::CloudToDevice;
use twinhub_core::connection_events::ConnectionEvents;
use twinhub_core::connections::Connections;
use twinhub_core::faults::Faults;
use twinhub_core::methods::Methods;
use twinhub_core::telemetry::Telemetry;
use twinhub_core::twins::Twins;

use self::nodes::DeviceNodes;

/// The largest delivery that a device may send, in bytes: a batch of messages.
/// The C SDK sends nothing unless it is told a size.
pub const MAX_DELIVERY: u64 = 1024 * 1024;

/// What links of devices need of core.
pub struct DeviceServices {
    /// Who may connect.
    pub access: Arc<Access>,
    /// Twins.
    pub twins: Arc<Twins>,
    /// Messages to the cloud.
    pub telemetry: Arc<Telemetry>,
    /// Messages from the cloud.
    pub c2d: Arc<CloudToDevice>,
    /// Method calls.
    pub methods: Arc<Methods>,
    /// Faults that messages ask for.
    pub faults: Arc<Faults>,
    /// What readers of events are told of connections.
    pub connection_events: Arc<ConnectionEvents>,
    /// The way in for whoever was let in.
    pub connections: Arc<Connections>,
}

/// The links of all devices and modules of this process.
pub struct DeviceContainer {
    services: Arc<DeviceServices>,
}

impl DeviceContainer {
    /// Links over core's services.
    pub fn new(services: DeviceServices) -> Self {
        DeviceContainer {
            services: Arc::new(services),
        }
    }
}

impl Container for DeviceContainer {
    fn nodes(&self, connection: &Arc<ConnectionContext>) -> Box<dyn Nodes> {
        Box::new(DeviceNodes::new(self.services.clone(), connection.clone()))
    }
}
