//! What back ends attach: messages to devices, and feedback on them.
//!
//! | Address | Peer | Served by |
//! |---|---|---|
//! | `/messages/devicebound` | sends | `sending`: queued when durable, several at once |
//! | `/messages/serviceBound/feedback` | receives | `feedback`: a batch for each message |
//! | `/messages/serviceBound/filenotifications` | receives | `notifications`: quiet, until there are files |
//!
//! Each link asks for the right to connect as a service, asks again when its
//! token expires, and ends with `amqp:unauthorized-access` once nothing that
//! the connection has shown opens the door any more. The tokens of devices
//! never do.

mod destination;
mod errors;
mod feedback;
mod feedback_message;
mod lanes;
mod notifications;
mod sending;

use std::sync::Arc;

use twinhub_amqp_engine::performatives::AmqpError;
use twinhub_amqp_server::{
    Attached, ConnectionContext, Container, Direction, Nodes, PendingLink, PermitWatch,
};
use twinhub_core::c2d::CloudToDevice;

/// What the links of back ends need of core.
#[derive(Clone)]
pub struct ServiceServices {
    /// The queues and the feedback.
    pub c2d: Arc<CloudToDevice>,
}

/// Serves the links of back ends.
pub struct ServiceContainer {
    services: ServiceServices,
}

impl ServiceContainer {
    /// With these parts of core.
    pub fn new(services: ServiceServices) -> Self {
        ServiceContainer { services }
    }
}

impl Container for ServiceContainer {
    fn nodes(&self, connection: &Arc<ConnectionContext>) -> Box<dyn Nodes> {
        Box::new(ServiceNodes {
            services: self.services.clone(),
            connection: connection.clone(),
        })
    }
}

/// What back ends can attach to on one connection.
struct ServiceNodes {
    services: ServiceServices,
    connection: Arc<ConnectionContext>,
}

/// Who asks, and for what.
struct Asker {
    connection: Arc<ConnectionContext>,
    path: &'static [&'static str],
}

impl Asker {
    /// Asks for the right to serve back ends.
    async fn ask(self) -> Result<PermitWatch, AmqpError> {
        let asked = PermitWatch::obtain(self.connection.clone(), self.path).await;
        asked.map_err(|refused| self.connection.error(&refused))
    }
}

/// A link of a back end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    DeviceBound,
    Feedback,
    FileNotifications,
}

const NODES: [(&[&str], Direction, Node); 3] = [
    (
        &["messages", "devicebound"],
        Direction::ToHub,
        Node::DeviceBound,
    ),
    (
        &["messages", "servicebound", "feedback"],
        Direction::FromHub,
        Node::Feedback,
    ),
    (
        &["messages", "servicebound", "filenotifications"],
        Direction::FromHub,
        Node::FileNotifications,
    ),
];

impl Nodes for ServiceNodes {
    fn attach(&mut self, link: PendingLink) -> Attached {
        let (address, way) = (link.address(), link.direction());
        let found = NODES.iter().find(|(path, _, _)| address.is(path));
        let Some(&(path, direction, node)) = found else {
            return Attached::NotMine(link);
        };
        if way != direction {
            link.refuse(self.connection.error(errors::wrong_way(direction)));
            return Attached::Served;
        }
        let asker = Asker {
            connection: self.connection.clone(),
            path,
        };
        let c2d = self.services.c2d.clone();
        Attached::By(match node {
            Node::DeviceBound => Box::pin(sending::serve(link, asker, c2d)),
            Node::Feedback => Box::pin(feedback::serve(link, asker, c2d)),
            Node::FileNotifications => Box::pin(notifications::serve(link, asker)),
        })
    }
}
