//! The AMQP server, and what its links lead to: devices and modules, back
//! ends, readers of events. None of them knows another.

use std::sync::Arc;

use twinhub_amqp::device::{DeviceContainer, DeviceServices};
use twinhub_amqp::service::{ServiceContainer, ServiceServices};
use twinhub_amqp_server::{Container, Server};
use twinhub_eventhubs::EventHubContainer;

use super::core::Core;

/// The AMQP server. Readers that ask the hub are sent to `port`.
pub fn server(core: &Core, port: u16) -> Server {
    let containers: Vec<Arc<dyn Container>> = vec![
        Arc::new(devices(core)),
        Arc::new(back_ends(core)),
        Arc::new(readers(core, port)),
    ];
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

fn devices(core: &Core) -> DeviceContainer {
    DeviceContainer::new(DeviceServices {
        access: core.access.clone(),
        twins: core.twins.clone(),
        telemetry: core.telemetry.clone(),
        c2d: core.cloud_to_device.clone(),
        methods: core.methods.clone(),
        faults: core.faults.clone(),
        connection_events: core.connection_events.clone(),
        connections: core.connections.clone(),
    })
}

fn back_ends(core: &Core) -> ServiceContainer {
    ServiceContainer::new(ServiceServices {
        c2d: core.cloud_to_device.clone(),
    })
}

fn readers(core: &Core, port: u16) -> EventHubContainer {
    let services = twinhub_eventhubs::Services {
        hubs: core.hubs.clone(),
        log: core.logs.events.clone(),
        clock: core.clock.clone(),
    };
    EventHubContainer::new(services, twinhub_eventhubs::Settings { port })
}
