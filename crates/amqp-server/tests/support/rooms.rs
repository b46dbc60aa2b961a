//! What the tests' connections lead to.
//!
//! | Address | Link |
//! |---|---|
//! | `devices/{d}/in` | takes and accepts, for whoever may be the device |
//! | `entity/...` | the same, for back ends |
//! | `devices/{d}/out` | sends numbers without end |
//! | `lazy` | takes nothing until the door is opened |
//! | `alone` | takes, and only one link at a time |
//! | `stubborn` | goes on after its link is gone, for ever |
//! | `abort`, `close` | ends the connection |

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use twinhub_amqp_engine::performatives::{AmqpError, condition};
use twinhub_amqp_server::{
    Attached, ConnectionContext, Container, Direction, Gone, HubError, IncomingTerms, NewDelivery,
    Nodes, OutgoingTerms, PendingLink,
};
use twinhub_core::access::Refused;
use twinhub_core::ids::DeviceId;
use twinhub_core::time::Timestamp;

const TERMS: IncomingTerms = IncomingTerms {
    credit: 10_000,
    max_message_size: 0,
};

/// What all connections' links have seen.
#[derive(Default)]
pub struct Rooms {
    pub taken: AtomicUsize,
    pub sent: AtomicUsize,
    pub door: Notify,
    /// Somebody is where only one can be.
    pub occupied: AtomicBool,
    /// The last permit's end.
    pub expires: Mutex<Option<Timestamp>>,
    /// Why links ended, in their order.
    pub gone: Mutex<Vec<Option<Gone>>>,
}

/// Rooms as a container: links outlive the borrow.
pub struct SharedRooms(pub Arc<Rooms>);

impl Container for SharedRooms {
    fn nodes(&self, connection: &Arc<ConnectionContext>) -> Box<dyn Nodes> {
        Box::new(Doors {
            rooms: self.0.clone(),
            connection: connection.clone(),
        })
    }
}

struct Doors {
    rooms: Arc<Rooms>,
    connection: Arc<ConnectionContext>,
}

impl Nodes for Doors {
    fn attach(&mut self, link: PendingLink) -> Attached {
        let segments = link.address().segments().join("/");
        let (rooms, connection) = (self.rooms.clone(), self.connection.clone());
        let parts: Vec<&str> = segments.split('/').collect();
        match (&parts[..], link.direction()) {
            (["devices", device, "in"], Direction::ToHub) => {
                let device = DeviceId::parse(device).unwrap();
                Attached::By(Box::pin(take_of_device(rooms, connection, link, device)))
            }
            (["devices", _, "out"], Direction::FromHub) => {
                Attached::By(Box::pin(count(rooms, link)))
            }
            (["entity", ..], Direction::ToHub) => {
                Attached::By(Box::pin(take_of_back_end(rooms, connection, link)))
            }
            (["lazy"], Direction::ToHub) => Attached::By(Box::pin(be_lazy(rooms, link))),
            (["alone"], Direction::ToHub) => {
                if rooms.occupied.swap(true, Ordering::Relaxed) {
                    link.refuse(AmqpError::new(condition::RESOURCE_LOCKED, "taken"));
                    return Attached::Served;
                }
                Attached::By(Box::pin(be_alone(rooms, link)))
            }
            (["stubborn"], Direction::ToHub) => Attached::By(Box::pin(async move {
                let _link = link.accept_incoming(TERMS);
                std::future::pending().await
            })),
            (["abort"], _) => {
                connection.abort();
                Attached::Served
            }
            (["close"], _) => {
                connection.close(AmqpError::new(condition::RESOURCE_DELETED, "as was asked"));
                Attached::Served
            }
            _ => Attached::NotMine(link),
        }
    }
}

async fn take_of_device(
    rooms: Arc<Rooms>,
    connection: Arc<ConnectionContext>,
    link: PendingLink,
    device: DeviceId,
) {
    match connection.credentials.device(&device.into()).await {
        Ok(permit) => {
            *rooms.expires.lock().unwrap() = Some(permit.expires());
            take(rooms, link).await;
        }
        Err(refused) => refuse(&connection, link, &refused),
    }
}

async fn take_of_back_end(
    rooms: Arc<Rooms>,
    connection: Arc<ConnectionContext>,
    link: PendingLink,
) {
    let address = link.address().clone();
    match connection
        .credentials
        .service_for(&address.segments())
        .await
    {
        Ok(_permit) => take(rooms, link).await,
        Err(refused) => refuse(&connection, link, &refused),
    }
}

fn refuse(connection: &ConnectionContext, link: PendingLink, refused: &Refused) {
    link.refuse(connection.error(HubError::from(refused)));
}

async fn take(rooms: Arc<Rooms>, link: PendingLink) {
    let mut link = link.accept_incoming(TERMS);
    while let Some(delivery) = link.next().await {
        rooms.taken.fetch_add(1, Ordering::Relaxed);
        link.accept(delivery.id, delivery.id);
    }
    rooms.gone.lock().unwrap().push(link.gone());
}

async fn be_alone(rooms: Arc<Rooms>, link: PendingLink) {
    let mut link = link.accept_incoming(TERMS);
    while link.next().await.is_some() {}
    rooms.occupied.store(false, Ordering::Relaxed);
}

async fn be_lazy(rooms: Arc<Rooms>, link: PendingLink) {
    let mut link = link.accept_incoming(TERMS);
    rooms.door.notified().await;
    while let Some(delivery) = link.next().await {
        rooms.taken.fetch_add(1, Ordering::Relaxed);
        link.accept(delivery.id, delivery.id);
    }
}

/// Sends messages of a kilobyte that begin with their number.
async fn count(rooms: Arc<Rooms>, link: PendingLink) {
    let mut link = link.accept_outgoing(OutgoingTerms::default());
    while link.ready().await.is_ok() {
        let number = rooms.sent.fetch_add(1, Ordering::Relaxed);
        let tag = number.to_be_bytes();
        let delivery = NewDelivery {
            tag: &tag,
            settled: true,
            message_format: 0,
        };
        let mut body = [0; 1000];
        body[..8].copy_from_slice(&tag);
        let sent = link.send(delivery, |out| out.extend_from_slice(&body));
        sent.expect("a link that is ready takes a message");
    }
}
