//! Which session gets a link.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::Instrument as _;
use twinhub_amqp_engine::performatives::condition;
use twinhub_amqp_server::{Attached, ConnectionContext, HubError, Nodes, PendingLink};
use twinhub_core::ids::IdentityId;

use super::DeviceServices;
use super::address::{DeviceLink, NoSuchLink, Purpose};
use super::end::codes;
use super::session;

/// How many links of an identity may wait until its session takes them; SDKs
/// attach seven at most.
const WAITING_LINKS: usize = 32;

/// Over how many sessions those that are over are looked for.
const FIRST_CLEANING: usize = 64;

/// A link whose address was read.
pub(super) struct Attaching {
    pub(super) purpose: Purpose,
    pub(super) link: PendingLink,
}

/// The sessions of one connection.
pub(super) struct DeviceNodes {
    services: Arc<DeviceServices>,
    connection: Arc<ConnectionContext>,
    /// In boxes, since queues make room for many links and have one.
    sessions: HashMap<IdentityId, mpsc::Sender<Box<Attaching>>>,
    /// With so many sessions, those that are over are forgotten.
    cleaning: usize,
}

impl DeviceNodes {
    pub(super) fn new(services: Arc<DeviceServices>, connection: Arc<ConnectionContext>) -> Self {
        DeviceNodes {
            services,
            connection,
            sessions: HashMap::new(),
            cleaning: FIRST_CLEANING,
        }
    }

    fn hand_over(&mut self, identity: IdentityId, mut attaching: Box<Attaching>) -> Attached {
        if let Some(session) = self.sessions.get(&identity) {
            attaching = match session.try_send(attaching) {
                Ok(()) => return Attached::Served,
                Err(TrySendError::Full(attaching)) => {
                    let error = HubError::new(
                        condition::RESOURCE_LIMIT_EXCEEDED,
                        codes::THROTTLED,
                        "too many links of this identity wait to be attached",
                    );
                    attaching.link.refuse(self.connection.error(error));
                    return Attached::Served;
                }
                // It ends, or has ended: this link begins the next one.
                Err(TrySendError::Closed(attaching)) => attaching,
            };
        }
        let (sender, receiver) = mpsc::channel(WAITING_LINKS);
        sender
            .try_send(attaching)
            .unwrap_or_else(|_| unreachable!("a new queue has room"));
        self.forget_those_over();
        self.sessions.insert(identity.clone(), sender);
        let span = tracing::info_span!("device", %identity);
        let session = session::serve(
            self.services.clone(),
            self.connection.clone(),
            identity,
            receiver,
        );
        Attached::By(Box::pin(session.instrument(span)))
    }

    fn forget_those_over(&mut self) {
        if self.sessions.len() >= self.cleaning {
            self.sessions.retain(|_, session| !session.is_closed());
            self.cleaning = FIRST_CLEANING.max(2 * self.sessions.len());
        }
    }
}

impl Nodes for DeviceNodes {
    fn attach(&mut self, link: PendingLink) -> Attached {
        let segments = link.address().segments();
        match DeviceLink::parse(&segments, link.direction()) {
            None => Attached::NotMine(link),
            Some(Ok(DeviceLink { identity, purpose })) => {
                self.hand_over(identity, Box::new(Attaching { purpose, link }))
            }
            Some(Err(error)) => {
                let refusal = match error {
                    NoSuchLink::Address => HubError::no_such_address(link.address()),
                    NoSuchLink::Direction => HubError::new(
                        condition::NOT_ALLOWED,
                        codes::METHOD_NOT_ALLOWED,
                        error.to_string(),
                    ),
                };
                link.refuse(self.connection.error(refusal));
                Attached::Served
            }
        }
    }
}
