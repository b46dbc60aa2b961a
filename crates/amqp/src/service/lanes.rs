//! Messages on their way into the queues: those for one identity one after
//! the other, those for others beside them.
//!
//! Their commits share a flush of the disk; two for one queue would only race
//! each other, and might come out in the wrong order.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use twinhub_amqp_server::links::DeliveryId;
use twinhub_core::access::ServicePermit;
use twinhub_core::c2d::{CloudToDevice, NewMessage, SendError};
use twinhub_core::ids::IdentityId;

use super::destination::Destination;

/// Messages of one link that are taken and not answered, at most. Those that
/// come meanwhile wait in the link.
const MAX_IN_LANES: usize = 64;

/// A message to be queued.
pub(super) struct Order {
    /// The delivery to answer; nothing if its sender wants no answer.
    pub answer: Option<DeliveryId>,
    pub to: Destination,
    pub message: NewMessage,
    pub permit: ServicePermit,
}

/// What became of an order.
pub(super) struct Done {
    pub answer: Option<DeliveryId>,
    pub result: Result<u64, SendError>,
}

/// Messages on their way into the queues.
pub(super) struct Lanes {
    c2d: Arc<CloudToDevice>,
    /// The first of each lane.
    running: FuturesUnordered<BoxFuture<'static, (IdentityId, Done)>>,
    /// The others, by the identity that they name.
    waiting: HashMap<IdentityId, VecDeque<Order>>,
    count: usize,
}

impl Lanes {
    pub fn new(c2d: Arc<CloudToDevice>) -> Self {
        Lanes {
            c2d,
            running: FuturesUnordered::new(),
            waiting: HashMap::new(),
            count: 0,
        }
    }

    pub fn has_room(&self) -> bool {
        self.count < MAX_IN_LANES
    }

    /// Queues a message, behind others for the same identity.
    pub fn push(&mut self, order: Order) {
        self.count += 1;
        match self.waiting.get_mut(&order.to.identity) {
            Some(lane) => lane.push_back(order),
            None => {
                let lane = order.to.identity.clone();
                self.waiting.insert(lane, VecDeque::new());
                self.start(order);
            }
        }
    }

    /// The next that is done; never while there are none. Safe to cancel.
    pub async fn next(&mut self) -> Done {
        let Some((lane, done)) = self.running.next().await else {
            return std::future::pending().await;
        };
        self.count -= 1;
        match self.waiting.get_mut(&lane).and_then(VecDeque::pop_front) {
            Some(order) => self.start(order),
            None => drop(self.waiting.remove(&lane)),
        }
        done
    }

    /// Waits until all are done, for whom nobody waits any more.
    pub async fn finish(mut self) {
        while self.count > 0 {
            self.next().await;
        }
    }

    fn start(&self, order: Order) {
        let c2d = self.c2d.clone();
        self.running.push(Box::pin(async move {
            let Order {
                answer,
                to,
                message,
                permit,
            } = order;
            let result = queue(&c2d, &permit, &to, message).await;
            (to.identity, Done { answer, result })
        }));
    }
}

async fn queue(
    c2d: &CloudToDevice,
    permit: &ServicePermit,
    to: &Destination,
    message: NewMessage,
) -> Result<u64, SendError> {
    let Some(otherwise) = &to.otherwise else {
        return c2d.send(permit, &to.identity, message).await;
    };
    match c2d.send(permit, &to.identity, message.clone()).await {
        Err(SendError::NoSuchDevice(_) | SendError::NoSuchModule(_)) => {
            c2d.send(permit, otherwise, message).await
        }
        sent => sent,
    }
}
