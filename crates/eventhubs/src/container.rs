//! What a connection finds on the Event Hubs side.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use twinhub_amqp_server::{Attached, ConnectionContext, Container, Nodes, PendingLink};
use twinhub_core::hubs::Hubs;
use twinhub_core::ports::EventLog;
use twinhub_core::time::{Clock, Timestamp};

use crate::encoder::EventEncoder;
use crate::management;
use crate::node::Node;
use crate::places::Places;
use crate::refusal::Refusal;
use crate::{reader, redirect};

/// What the endpoint needs of core.
pub struct Services {
    /// The hubs; their names are the entities.
    pub hubs: Arc<Hubs>,
    /// Where the events are.
    pub log: Arc<dyn EventLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// How the endpoint is found.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The port that clients which ask the hub are sent to: 5671.
    pub port: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { port: 5671 }
    }
}

/// The Event Hubs-compatible endpoint of all hubs of this process.
pub struct EventHubContainer {
    shared: Arc<Shared>,
}

/// What all connections share.
pub(crate) struct Shared {
    pub services: Services,
    pub settings: Settings,
    pub places: Arc<Places>,
    pub encoder: EventEncoder,
    /// Since when entities are served.
    pub since: Timestamp,
}

impl EventHubContainer {
    /// The endpoint over these services.
    pub fn new(services: Services, settings: Settings) -> Self {
        EventHubContainer {
            shared: Arc::new(Shared {
                since: services.clock.now(),
                services,
                settings,
                places: Arc::default(),
                encoder: EventEncoder::new(),
            }),
        }
    }
}

impl Container for EventHubContainer {
    fn nodes(&self, connection: &Arc<ConnectionContext>) -> Box<dyn Nodes> {
        Box::new(ConnectionNodes {
            shared: self.shared.clone(),
            connection: connection.clone(),
            management: None,
        })
    }
}

/// What one connection can attach to.
struct ConnectionNodes {
    shared: Arc<Shared>,
    connection: Arc<ConnectionContext>,
    /// The way to the future that answers questions, once there was one.
    management: Option<mpsc::Sender<management::Arrival>>,
}

impl Nodes for ConnectionNodes {
    fn attach(&mut self, link: PendingLink) -> Attached {
        let Some(node) = Node::at(link.address(), link.direction()) else {
            return Attached::NotMine(link);
        };
        let (shared, connection) = (self.shared.clone(), self.connection.clone());
        match node {
            Node::Partition(node) => {
                Attached::By(Box::pin(reader::serve(shared, connection, link, node)))
            }
            Node::Management { entity } => self.manage(management::Arrival { link, entity }),
            Node::Redirect { tail } => {
                let port = shared.settings.port;
                Attached::By(Box::pin(redirect::serve(connection, link, tail, port)))
            }
            Node::Producer { entity } => {
                Attached::By(Box::pin(refuse_producer(connection, link, entity)))
            }
        }
    }
}

impl ConnectionNodes {
    /// All links for questions and answers are served by one future, which
    /// ends with the last of them.
    fn manage(&mut self, arrival: management::Arrival) -> Attached {
        let arrival = match &self.management {
            None => arrival,
            Some(management) => match management.try_send(arrival) {
                Ok(()) => return Attached::Served,
                Err(TrySendError::Closed(arrival)) => arrival,
                Err(TrySendError::Full(arrival)) => {
                    let error = self.connection.plain_error(&Refusal::TooManyAnswers);
                    arrival.link.refuse(error);
                    return Attached::Served;
                }
            },
        };
        let (sender, arrivals) = mpsc::channel(management::MAX_ARRIVALS);
        self.management = Some(sender);
        let (shared, connection) = (self.shared.clone(), self.connection.clone());
        Attached::By(Box::pin(management::serve(
            shared, connection, arrival, arrivals,
        )))
    }
}

/// Says no to somebody who would send, and in the words that fit.
async fn refuse_producer(connection: Arc<ConnectionContext>, link: PendingLink, entity: String) {
    let refusal = match connection.credentials.service_for(&[&entity]).await {
        Err(refused) => Refusal::Unauthorized(refused),
        Ok(permit) if entity.eq_ignore_ascii_case(permit.hub().name().as_str()) => {
            Refusal::Producer(entity)
        }
        Ok(_) => Refusal::NotFound(entity),
    };
    link.refuse(connection.plain_error(&refusal));
}
