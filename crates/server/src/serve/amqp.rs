//! The AMQP server, and what its links lead to: devices and modules, back
//! ends, readers of events. None of them knows another.

use std::sync::Arc;

use twinhub_amqp_server::{Container, Server};

use super::core::Core;

/// The AMQP server. Readers that ask the hub are sent to `port`.
pub fn server(core: &Core, port: u16) -> Server {
    let containers: Vec<Arc<dyn Container>> =
        vec![Arc::new(back_ends(core)), Arc::new(readers(core, port))];
    let services = twinhub_amqp_server::Services {
        hubs: core.hubs.clone(),
        access: core.access.clone(),
        clock: core.clock.clone(),
    };
    Server::new(
        services,
        containers,
        twinhub_amqp_server::Settings::default(),
    )
}

fn back_ends(core: &Core) -> twinhub_amqp::service::ServiceContainer {
    twinhub_amqp::service::ServiceContainer::new(twinhub_amqp::service::ServiceServices {
        c2d: core.cloud_to_device.clone(),
        access: core.access.clone(),
    })
}

fn readers(core: &Core, port: u16) -> twinhub_eventhubs::EventHubContainer {
    let services = twinhub_eventhubs::Services {
        hubs: core.hubs.clone(),
        access: core.access.clone(),
        log: core.event_log.clone(),
        clock: core.clock.clone(),
    };
    twinhub_eventhubs::EventHubContainer::new(services, twinhub_eventhubs::Settings { port })
}
